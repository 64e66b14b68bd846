"""What is wrong with a configuration file, so that a person can put it right."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType
from typing import Final

HIDDEN: Final = "(hidden)"
"""Stands in a message for what it must not show."""

_LONGEST: Final = 60
_USER_OF_URL: Final = re.compile(r"//[^/@\s]*@")
_KINDS: Final[dict[type, str]] = {NoneType: "nothing", list: "a list", tuple: "a list", dict: "a mapping"}
_SHARPNESS: Final = 0.6


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake and its place. Never holds a secret.

    `line` and `column` count from 1; both are 0 when the whole file is meant. `path` is the key as a
    person would say it, "devices.roof.model"; empty when none can be named.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class Hidden(str):
    """Text that no message shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


class ConfigurationError(Exception):
    """A configuration file is wrong. `mistakes` has them all, in the order of the file, each once."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def found(value: object) -> str:
    """Return `value` as a message shows it: one line, short, without the user part of an URL."""
    if isinstance(value, Hidden):
        return HIDDEN
    if isinstance(value, str):
        text = _USER_OF_URL.sub("//...@", value)
        short = f"{text[:_LONGEST]}..." if len(text) > _LONGEST else text
        return one_line(json.dumps(short, ensure_ascii=False))
    for kind, words in _KINDS.items():
        if isinstance(value, kind):
            return words
    return json.dumps(value, default=str)[:_LONGEST]


def one_line(text: str) -> str:
    """Return the text with everything escaped that could break or hide a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def did_you_mean(word: object, allowed: Iterable[str]) -> str:
    """Return " Did you mean ...?" with the nearest of `allowed`; nothing when none is near."""
    near = nearest(word, allowed)
    return f" Did you mean {found(near)}?" if near else ""


def with_guess(sentence: str, word: object, allowed: Iterable[str]) -> str:
    """Return a sentence, and behind it which of `allowed` may have been meant; alone when none is near."""
    guess = did_you_mean(word, allowed)
    return f"{sentence}.{guess}" if guess else sentence


def nearest(word: object, allowed: Iterable[str]) -> str:
    """Return which of `allowed` somebody may have meant, whatever the case; empty when none is near."""
    if not isinstance(word, str):
        return ""
    by_lower = {name.lower(): name for name in allowed}
    near = difflib.get_close_matches(word[:_LONGEST].lower(), by_lower, n=1, cutoff=_SHARPNESS)
    return by_lower[near[0]] if near else ""


def listed(names: Iterable[str]) -> str:
    """Return the names in one line, "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
