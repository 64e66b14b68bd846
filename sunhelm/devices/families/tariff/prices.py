"""Which price is in force at a moment, and until when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.tariffs import DAYS, Rate
from sunhelm.devices.wall_clock import begin, end, local_day

_AROUND: Final = range(-2, 2)
"""A rate that is in force may have begun the day before yesterday, where the clocks are set back over
midnight, or tomorrow by the calendar."""

_AHEAD: Final = range(-2, 16)
"""A week later the prices are the same again, but a change of the clocks may leave one out that is short."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The rates of one direction in the local time of a zone; they leave no time without a price."""

    rates: Sequence[Rate]
    zone: ZoneInfo

    def value(self, unix_time: float) -> float:
        """Return the price for a kWh at this time."""
        today = local_day(unix_time, self.zone)
        return next(
            rate.price
            for rate in self.rates
            for began, ended in self._periods(rate, today, _AROUND)
            if began <= unix_time < ended
        )

    def next_change(self, unix_time: float) -> float | None:
        """Return when the price becomes another one; None when it never does."""
        today = local_day(unix_time, self.zone)
        now = self.value(unix_time)
        moments = {
            moment
            for rate in self.rates
            for period in self._periods(rate, today, _AHEAD)
            for moment in period
            if moment > unix_time
        }
        return next((moment for moment in sorted(moments) if self.value(moment) != now), None)

    def _periods(self, rate: Rate, today: date, days: range) -> Iterator[tuple[float, float]]:
        for offset in days:
            day = today + timedelta(offset)
            if DAYS[day.weekday()] in rate.days:
                yield begin(day, rate.from_, self.zone), end(day, rate.end, self.zone)
