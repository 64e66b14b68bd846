"""When a clock on the wall shows a time, and when it changes between summer and winter.

A time that a change of the clocks leaves out means the first instant after it. Of a time that comes twice,
something begins at the first one and ends at the second.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MINUTES_A_DAY: Final = 24 * 60


def begin(day: date, minute: int, zone: ZoneInfo) -> float:
    """Return the Unix time at which something begins so many minutes after a local midnight.

    `minute` may be past the end of the day.
    """
    return begin_at(_wall(day, minute), zone)


def end(day: date, minute: int, zone: ZoneInfo) -> float:
    """Return the Unix time at which something ends so many minutes after a local midnight.

    `minute` may be past the end of the day.
    """
    return end_at(_wall(day, minute), zone)


def begin_at(wall: datetime, zone: ZoneInfo) -> float:
    """Return the Unix time at which something begins when the clock on the wall shows this."""
    first, second = _occurrences(wall, zone)
    return min(first, second) if _is_shown(first, wall, zone) else _change(second, first, zone)


def end_at(wall: datetime, zone: ZoneInfo) -> float:
    """Return the Unix time at which something ends when the clock on the wall shows this."""
    first, second = _occurrences(wall, zone)
    return max(first, second) if _is_shown(first, wall, zone) else _change(second, first, zone)


def local_day(unix_time: float, zone: ZoneInfo) -> date:
    """Return the date on the calendar at this time."""
    return datetime.fromtimestamp(unix_time, zone).date()


def _wall(day: date, minute: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def _occurrences(wall: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Return the time by the offset before and by the offset after a change; equal when there is none."""
    local = wall.replace(tzinfo=zone, fold=0)
    return int(local.timestamp()), int(local.replace(fold=1).timestamp())


def _is_shown(unix_time: int, wall: datetime, zone: ZoneInfo) -> bool:
    shown = datetime.fromtimestamp(unix_time, zone).replace(tzinfo=None, fold=0)
    return shown == wall.replace(microsecond=0, fold=0)


def _change(earliest: int, latest: int, zone: ZoneInfo) -> float:
    """Return the first instant of the offset that is in force at `latest`."""
    after = datetime.fromtimestamp(latest, zone).utcoffset()

    def is_after(unix_time: int) -> bool:
        return datetime.fromtimestamp(unix_time, zone).utcoffset() == after

    return float(earliest + bisect_left(range(earliest, latest + 1), True, key=is_after))
