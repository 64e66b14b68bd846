"""Members of answers, read leniently: what has another shape than it should is not there."""

from __future__ import annotations

from collections.abc import Mapping


def mapping(value: object) -> Mapping[str, object]:
    """Return an object of JSON; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def member(members: object, key: str, wanted: str) -> Mapping[str, object]:
    """Return the object of a list whose `key` is this; an empty one where there is none."""
    for each in members if isinstance(members, list) else ():
        if isinstance(each, dict) and each.get(key) == wanted:
            return each
    return {}


def number(value: object) -> float | None:
    """Return a number; None for anything else, true and false too."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(value: object) -> str:
    """Return a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""
