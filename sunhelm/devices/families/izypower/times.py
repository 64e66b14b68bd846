"""Times as the cloud writes them: local, with an offset behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_MOMENT: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?"
    r"\s*(?:\(?(Z|UTC|GMT)?\s*(?:([+-])(\d{1,2}):?(\d{2})?)?\)?)",
    re.ASCII | re.IGNORECASE,
)
_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d{2})(?::00)?", re.ASCII)


def unix_time(text: object, zone: tzinfo) -> float | None:
    """Return the Unix time of "2026-06-21 12:33:29 UTC+02:00"; None for what is no time.

    A time without an offset is one of `zone`.
    """
    match = _MOMENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    *date, hour, minute, second, word, sign, hours, minutes = match.groups()
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        where = timezone(-offset if sign == "-" else offset) if sign else UTC if word else zone
        year, month, day = map(int, date)
        moment = datetime(year, month, day, int(hour), int(minute), int(second or 0), tzinfo=where)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None


def seconds_of_day(text: object) -> int | None:
    """Return the seconds since midnight of "02:30"; None for what is no time of a day."""
    match = _OF_DAY.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    return 3600 * hour + 60 * minute if hour < 24 and minute < 60 else None


def time_of_day(seconds: float) -> str:
    """Return "02:30" of seconds since midnight."""
    minutes = round(seconds) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
