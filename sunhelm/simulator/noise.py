"""Noise that depends on nothing but a seed and the time, so that weather repeats from any start."""

from __future__ import annotations

import hashlib
import math
from typing import Final

_REMEMBERED: Final = 4096


def chance(*parts: object) -> float:
    """Return a number from 0 to below 1 that these parts always bring, on every machine."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def smooth(low: float, high: float, value: float) -> float:
    """Return 0 below `low`, 1 above `high`, and a smooth rise between."""
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return share * share * (3.0 - 2.0 * share)


class Noise:
    """A smooth random curve from 0 to 1 over time that turns about once in `period_s` seconds.

    It is a function of time, not a process with memory: however time is stepped, the curve is the same.
    """

    def __init__(self, seed: int, name: str, period_s: float) -> None:
        self._seed = seed
        self._name = name
        self._period_s = period_s
        self._points: dict[int, float] = {}
        self._index: int | None = None
        self._before = self._after = 0.0

    def at(self, time: float) -> float:
        """Return the curve at Unix time `time`."""
        place = time / self._period_s
        index = math.floor(place)
        if index != self._index:  # most steps stay between the same two points
            self._index = index
            self._before, self._after = self._point(index), self._point(index + 1)
        share = place - index
        return self._before + (self._after - self._before) * (share * share * (3.0 - 2.0 * share))

    def _point(self, index: int) -> float:
        point = self._points.get(index)
        if point is None:
            if len(self._points) >= _REMEMBERED:
                self._points.clear()
            point = self._points[index] = chance(self._seed, self._name, index)
        return point
