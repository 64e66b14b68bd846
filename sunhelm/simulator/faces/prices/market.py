"""The price of energy in a simulated land: dear in the evening, and below nothing on a sunny noon."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from sunhelm.simulator.plant import Plant

HOUR_S: Final = 3600.0
_ROUNDING_S: Final = 1e-3
_NUMBERS: Final = (
    78,
    74,
    71,
    70,
    76,
    95,
    124,
    118,
    84,
    41,
    6,
    -18,
    -31,
    -27,
    -9,
    22,
    66,
    119,
    151,
    142,
    117,
    101,
    92,
    84,
)
"""EUR for a MWh by the hour of the day in UTC."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a MWh costs between two moments of Unix time, in EUR."""

    start: float
    end: float
    eur_per_mwh: float


@dataclass(slots=True)
class Market:
    """Prices hour by hour of the plant's time, told by the time of those who ask.

    Where the plant lives faster, its hours are as much shorter. `told` are prices that hold instead, by the
    time of those who ask: they make the price turn when a test wants it to.
    """

    plant: Plant
    unix_time: Callable[[], float] = time.time
    told: list[Price] = field(default_factory=list)

    def prices(self, start: float, end: float) -> Iterator[Price]:
        """Yield the prices between two moments, one after the other, each for an hour at most."""
        hours = (self._moment(hour) for hour in range(self._hour(start) + 1, self._hour(end) + 1))
        turns = (moment for price in self.told for moment in (price.start, price.end))
        inside = {moment for moment in (*hours, *turns) if start < moment < end}
        for begin, until in pairwise((start, *sorted(inside), end)):
            yield Price(begin, until, self.at((begin + until) / 2))

    def at(self, unix_time: float) -> float:
        """Return the price of one moment, in EUR for a MWh."""
        for price in reversed(self.told):
            if price.start <= unix_time < price.end:
                return price.eur_per_mwh
        return float(_NUMBERS[self._hour(unix_time) % 24])

    def begin_of_hour(self, unix_time: float) -> float:
        """Return when the plant's hour began that lasts at a moment."""
        return self._moment(self._hour(unix_time))

    def _hour(self, unix_time: float) -> int:
        passed = (unix_time - self.unix_time()) * self.plant.pace
        return math.floor((self.plant.state.time + passed + _ROUNDING_S) / HOUR_S)

    def _moment(self, hour: int) -> float:
        return self.unix_time() + (hour * HOUR_S - self.plant.state.time) / self.plant.pace
