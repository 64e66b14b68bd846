"""Where things stand in a configuration file."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sunhelm.configuration.mistakes import one_line

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value; empty for the whole file."""


class Mark(Protocol):
    """Where the YAML parser stood; both count from 0."""

    line: int
    column: int


class Place(NamedTuple):
    """Where something stands in the file; both count from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: Mark | None) -> Place:
        """Return the place of a mark of the parser, which counts from 0."""
        return cls(1, 1) if mark is None else cls(mark.line + 1, mark.column + 1)


def dotted(path: KeyPath) -> str:
    """Return the path as a person would say it: "devices.gx.units.battery[0]"."""
    steps = (f"[{key}]" if isinstance(key, int) else f".{one_line(key)}" for key in path)
    return "".join(steps).removeprefix(".")
