"""Times as people write them: with an offset, in the zone of the site, or as the next time of the day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.configuration.mistakes import found
from sunhelm.devices.wall_clock import begin, begin_at, end, end_at, local_day

_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_NOW: Final = "now"
_YEARS: Final = (1971, 2090)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written: "now", "13:00", "2026-07-01T13:00" or "2026-07-01T13:00:00+02:00".

    Of a local time that comes twice a start means the first one and an end the second; one that the change
    of the clocks leaves out means the first instant after it.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text != _NOW and not _OF_DAY.fullmatch(self.text):
            _parsed(self.text)

    def starts(self, now: float, zone: ZoneInfo) -> float:
        """Return the Unix time at which something starts, the next one for a time of the day."""
        of_day = _OF_DAY.fullmatch(self.text)
        if self.text == _NOW:
            return now
        if of_day is not None:
            day, minute = local_day(now, zone), int(of_day[1]) * 60 + int(of_day[2])
            start = begin(day, minute, zone)
            return start if start >= now else begin(day + timedelta(days=1), minute, zone)
        wall = _parsed(self.text)
        return wall.timestamp() if wall.tzinfo is not None else begin_at(wall, zone)

    def ends(self, start: float, zone: ZoneInfo) -> float:
        """Return the Unix time at which something ends that starts then."""
        of_day = _OF_DAY.fullmatch(self.text)
        if self.text == _NOW:
            raise ValueError("something that ends now does not begin")
        if of_day is not None:
            day, minute = local_day(start, zone), int(of_day[1]) * 60 + int(of_day[2])
            first = end(day, minute, zone)
            return first if first > start else end(day + timedelta(days=1), minute, zone)
        wall = _parsed(self.text)
        return wall.timestamp() if wall.tzinfo is not None else end_at(wall, zone)


def moment(value: object) -> Moment:
    """Return what was written as a time. Raises ValueError with a sentence that says what is allowed."""
    if isinstance(value, Moment):
        return value
    if not isinstance(value, str):
        raise ValueError(_wrong(value))  # noqa: TRY004 - pydantic wants ValueError
    return Moment(value.strip())


def _parsed(text: str) -> datetime:
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_wrong(text)) from None
    if len(text) < len("2026-07-01T13:00") or not _YEARS[0] <= wall.year <= _YEARS[1]:
        raise ValueError(_wrong(text))
    return wall


def _wrong(value: object) -> str:
    return (
        f"{found(value)} is not a time; write one like 2026-07-01T13:00:00+02:00, without an offset in the"
        " zone of the site, 13:00 for the next one, or now"
    )
