"""Numbers that hold from one moment to another, such as prices, and are not known beyond."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Period(NamedTuple):
    """A number that holds between two moments of Unix time; a forecast may still change."""

    start: float
    end: float
    value: float
    forecast: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Periods in the order of their start, none within another."""

    periods: tuple[Period, ...] = ()

    @classmethod
    def of(cls, periods: Iterable[Period]) -> Timeline:
        """Put periods in order; of two that begin together the later counts, and one ends the one before."""
        by_start = {period.start: period for period in periods if period.start < period.end}
        ordered = [by_start[start] for start in sorted(by_start)]
        for index, later in enumerate(ordered[1:]):
            ordered[index] = ordered[index]._replace(end=min(ordered[index].end, later.start))
        return cls(tuple(ordered))

    def value(self, unix_time: float) -> float | None:
        """Return the number of this time, forecasts too; None when it is not known."""
        period = self.at(unix_time)
        return None if period is None else period.value

    def at(self, unix_time: float) -> Period | None:
        """Return the period of this moment."""
        place = bisect_right(self.periods, unix_time, key=lambda period: period.start) - 1
        if place < 0 or unix_time >= self.periods[place].end:
            return None
        return self.periods[place]

    def next_change(self, unix_time: float) -> float | None:
        """Return when the number becomes another one; None when that is not known."""
        now = self.value(unix_time)
        return next(
            (period.start for period in self.periods if period.start > unix_time and period.value != now),
            None,
        )

    def known_until(self, unix_time: float) -> float:
        """Return until when the number is known from this time on without a gap, and is no forecast."""
        until = unix_time
        while (period := self.at(until)) is not None and not period.forecast:
            until = period.end
        return until
