"""Times of day as the inverters keep them: one decimal number, 1830 for half past six."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

DAY: Final = 24 * 60


def minutes(word: int) -> int | None:
    """Return the minutes since midnight; None for what is no time, such as 60."""
    hours, rest = divmod(word, 100)
    return 60 * hours + rest if hours <= 24 and rest < 60 and word <= 2400 else None


def word(minute: int) -> int:
    """Return the word of so many minutes since midnight; a whole day later is the same time."""
    hours, rest = divmod(minute % DAY, 60)
    return 100 * hours + rest


def length(start: int, end: int) -> int:
    """Return how many minutes lie between two words; 0 where that is no slot."""
    first, last = minutes(start), minutes(end)
    return 0 if first is None or last is None else (last - first) % DAY


def slot_from(now: datetime, minutes_long: int) -> tuple[int, int]:
    """Return the words of a slot that begins in this minute."""
    start = now.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=minutes_long)
    return 100 * start.hour + start.minute, 100 * end.hour + end.minute
