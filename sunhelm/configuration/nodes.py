"""The parser's events as plain values, with the place of each.

What is read is the part of YAML 1.2 that people write by hand: mappings, lists, text, numbers, true,
false and null. Anchors, aliases, merge keys and tags are refused: they hide where a value comes from,
and a few lines of them can stand for gigabytes. `yes`, `no`, `on`, `off`, dates and numbers that begin
with 0 are text, so no serial number loses a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from sunhelm.configuration.mistakes import ConfigurationError, Mistake, found
from sunhelm.configuration.places import KeyPath, Place, dotted

DEEPEST: Final = 32

_WHOLE_NUMBER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})|0x[0-9a-fA-F]{1,16}")
_DECIMAL_NUMBER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Nodes:
    """Makes values of the parser's events, and notes where each of them stands."""

    file: str
    places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    refused: set[KeyPath] = field(default_factory=set)

    def build(self, events: Iterator[yaml.Event]) -> dict[str, object]:
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse((), event, "a second YAML document begins; one file is one document")
                    break
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, ())
        if isinstance(value, dict):
            return value
        if not self.mistakes:
            self.mistakes.append(Mistake(self.file, 1, 1, "", f"holds {found(value)}, not a mapping"))
        raise ConfigurationError(self.mistakes)

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: KeyPath) -> object:
        self.places[path] = Place.of(event.start_mark)
        if len(path) > DEEPEST:
            self._refuse(path, event, f"nested deeper than {DEEPEST} levels")
            raise ConfigurationError(self.mistakes)
        match event:
            case yaml.ScalarEvent():
                self._refuse_marks(event, path)
                return self._scalar(event, path)
            case yaml.SequenceStartEvent():
                self._refuse_marks(event, path)
                return self._list(events, path)
            case yaml.MappingStartEvent():
                self._refuse_marks(event, path)
                return self._mapping(events, path)
            case _:
                self._refuse(path, event, "aliases (*) are not supported; write the value out", hide=True)
                return None

    def _refuse_marks(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: KeyPath) -> None:
        if event.anchor is not None:
            self._refuse(path, event, "anchors (&) are not supported; write the value out where it is used")
        if event.tag not in (None, "!"):
            self._refuse(path, event, "tags (!) are not supported", hide=True)

    def _list(self, events: Iterator[yaml.Event], path: KeyPath) -> list[object]:
        items: list[object] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[yaml.Event], path: KeyPath) -> dict[str, object]:
        items: dict[str, object] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, events, path)
            if key is None:
                _skip(next(events), events)
            elif key in items:
                line = self.key_places[*path, key].line
                self._refuse((*path, key), event, f"is given twice; it stands already in line {line}")
                _skip(next(events), events)
            else:
                self.key_places[*path, key] = Place.of(event.start_mark)
                items[key] = self._node(next(events), events, (*path, key))
        return items

    def _key(self, event: yaml.Event, events: Iterator[yaml.Event], path: KeyPath) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            _skip(event, events)
            self._refuse(path, event, "a key is not text")
            return None
        if event.anchor is not None or event.tag not in (None, "!"):
            self._refuse(path, event, "a key cannot have an anchor (&) or a tag (!)")
            return None
        key = self._scalar(event, path)
        if key == "<<" and event.style is None:
            self._refuse(path, event, "merge keys (<<) are not supported; write the keys out")
            return None
        if not isinstance(key, str):
            self._refuse(path, event, f"the key {found(key)} is not text; write it in quotes")
            return None
        return key

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> object:
        text = event.value
        if event.style is None:
            if text in _WORDS:
                return _WORDS[text]
            if _WHOLE_NUMBER.fullmatch(text):
                return int(text, 0)
            if _DECIMAL_NUMBER.fullmatch(text):
                return float(text)
        if _SURROGATE.search(text):
            self._refuse(path, event, "half a surrogate pair is no character", hide=True)
            return _SURROGATE.sub("?", text)
        return text

    def _refuse(self, path: KeyPath, event: yaml.Event, message: str, *, hide: bool = False) -> None:
        if hide:
            self.refused.add(path)
        self.mistakes.append(Mistake(self.file, *Place.of(event.start_mark), dotted(path), message))


def _skip(event: yaml.Event, events: Iterator[yaml.Event]) -> None:
    """Pass over a whole node, of any depth."""
    depth = 0
    while True:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth == 0:
            return
        event = next(events)
