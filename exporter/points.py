"""Readings as points of InfluxDB, in line protocol.

Measurement `solar`; tags device, site, family, group and the labels of the sub-device; a field is the
metric's name without `solar_`. One point for each group and set of labels. Values are always floats: a
field has one type for ever, and an integer written once would refuse every float after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Final

from sunhelm.devices.reading import Outcome, Reading, Sample

MEASUREMENT: Final = "solar"

_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})

Tags = tuple[tuple[str, str], ...]


class Points:
    """Makes points of readings, and leaves out what it has made points of before.

    A slow group is served from memory with the time at which it was read: it is written once. Times are
    whole seconds, so that of two readings within one second the first is written: a point never gets
    another value.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, str], int] = {}

    def lines(self, labels: Mapping[str, str], reading: Reading) -> list[str]:
        """Return a line for every point of the groups that are new; `labels` tell the device."""
        times: dict[str, int] = {}
        for group, outcome in reading.groups.items():
            if (taken_at := _taken_at(outcome, reading)) is None:
                continue
            if self._written.get((reading.device, group)) != taken_at:
                self._written[reading.device, group] = times[group] = taken_at
        points: dict[tuple[str, Tags], dict[str, float]] = {}
        for sample in reading.samples:
            if sample.group in times and _writable(sample):
                fields = points.setdefault((sample.group, _tags(sample)), {})
                fields.setdefault(sample.quantity.field, sample.value)
        return [
            line({**dict(tags), **labels, "group": group}, fields, times[group])
            for (group, tags), fields in points.items()
        ]


def line(tags: Mapping[str, str], fields: Mapping[str, float], unix_seconds: int) -> str:
    """Return one point of the measurement `solar`, with its time in seconds.

    Names of tags and fields are our own and need no escape. A tag without text is left out, as InfluxDB
    has no such thing. `fields` must not be empty, and its values finite.
    """
    head = "".join(f",{name}={text}" for name, text in _escaped(tags))
    body = ",".join(f"{name}={_number(value)}" for name, value in sorted(fields.items()))
    return f"{MEASUREMENT}{head} {body} {unix_seconds}"


def _taken_at(outcome: Outcome, reading: Reading) -> int | None:
    if not outcome.ok:
        return None
    return int(reading.taken_at if outcome.taken_at is None else outcome.taken_at)


def _tags(sample: Sample) -> Tags:
    return tuple(zip(sample.quantity.labels, sample.labels, strict=True))


def _writable(sample: Sample) -> bool:
    return isfinite(sample.value) and len(sample.labels) == len(sample.quantity.labels)


def _escaped(tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in sorted(tags.items()):
        if value := _tag_value(text):
            yield name, value


def _tag_value(text: str) -> str:
    r"""Escape the value of a tag.

    The protocol cannot say a line break, nor a backslash before the end of a value: control characters
    become spaces, and a backslash at the end is left out, with the spaces around the text.
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return text.rstrip("\\ ").lstrip().translate(_ESCAPES)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
