"""PV: strings of modules on a roof, and what their electronics make of the sun."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.sun import on_plane
from sunhelm.simulator.weather import Conditions

_OPEN_OVER_BEST: Final = 1.22  # open-circuit voltage over that of the best power
_WARMING_K_M2_PER_W: Final = 0.031  # a module above the air: 45 degrees at 800 W/m2 and 20 degrees


@dataclass(frozen=True, slots=True)
class PvString:
    """Modules in series on one roof; `azimuth` is where they look, in degrees from north over east."""

    name: str
    modules: int
    tilt: float
    azimuth: float
    module_w: float = 400.0
    module_v: float = 34.5

    @property
    def peak_w(self) -> float:
        """The power at 1000 W/m2 and 25 degrees."""
        return self.modules * self.module_w


@dataclass(frozen=True, slots=True)
class StringState:
    """One string now; `available_w` is what the sun offers, `power_w` what is taken of it."""

    power_w: float
    voltage_v: float
    current_a: float
    available_w: float
    cell_c: float


@dataclass(frozen=True, slots=True)
class StringOffer:
    """What a string could give now, and where its voltages lie."""

    available_w: float
    best_v: float
    open_v: float
    cell_c: float

    def taken(self, share: float) -> StringState:
        """Return the string when this share of its power is taken: the rest drives the voltage up."""
        power = self.available_w * share
        voltage = self.best_v + (self.open_v - self.best_v) * (1.0 - share)
        return StringState(
            power_w=power,
            voltage_v=voltage,
            current_a=power / voltage if voltage > 0.0 else 0.0,
            available_w=self.available_w,
            cell_c=self.cell_c,
        )


def offer(string: PvString, weather: Conditions) -> StringOffer:
    """Return what the string offers in this weather."""
    light = on_plane(weather.light, weather.sun, string.tilt, string.azimuth)
    cell = weather.air + _WARMING_K_M2_PER_W * light
    if light < 1.0:
        return StringOffer(0.0, 0.0, 0.0, cell)
    power = string.peak_w * light / 1000.0 * (1.0 - 0.0035 * (cell - 25.0))
    best = (
        string.modules * string.module_v * (1.0 - 0.0027 * (cell - 25.0) + 0.025 * math.log(light / 1000.0))
    )
    return StringOffer(max(0.0, power), best, best * _OPEN_OVER_BEST, cell)
