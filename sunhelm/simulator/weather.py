"""The weather at one place: sun, clouds and air."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.simulator.clouds import Clouds, Sky
from sunhelm.simulator.noise import Noise
from sunhelm.simulator.sun import Irradiance, SunPosition, clear_sky, position

_YEAR_S: Final = 365.2425 * 86_400.0
_DAY_S: Final = 86_400.0
_COLDEST: Final = 20.0 * _DAY_S  # about 20 January


@dataclass(frozen=True, slots=True)
class Location:
    """A place on earth: degrees, north and east positive, and the zone of its clocks."""

    latitude: float
    longitude: float
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather of one moment; `air` is in degrees Celsius, `light` in W/m2."""

    sun: SunPosition
    sky: Sky
    light: Irradiance
    air: float


class Weather:
    """The weather of a place for a seed, at any moment, without memory."""

    def __init__(self, location: Location, seed: int) -> None:
        self.location = location
        self._clouds = Clouds(seed)
        self._warmth = Noise(seed, "warm and cold days", 2.5 * _DAY_S)

    def air(self, time: float) -> float:
        """Return the temperature of the air at Unix time `time`, degrees Celsius."""
        season = 10.5 - 7.5 * math.cos(2 * math.pi * (time - _COLDEST) / _YEAR_S)
        warmest = 14.5 * 3600.0 - self.location.longitude * 240.0
        day = 4.0 * math.cos(2 * math.pi * (time - warmest) / _DAY_S)
        return season + day + 8.0 * (self._warmth.at(time) - 0.5)

    def at(self, time: float) -> Conditions:
        """Return the weather at Unix time `time`."""
        sun = position(time, self.location.latitude, self.location.longitude)
        sky = self._clouds.at(time)
        return Conditions(sun, sky, sky.through(clear_sky(sun), sun), self.air(time))
