"""The house: what is built into it. The default is a Dutch one with an east, a west and a south roof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.simulator.battery import BatterySpec
from sunhelm.simulator.converter import Converter
from sunhelm.simulator.pv import PvString
from sunhelm.simulator.weather import Location

UTRECHT: Final = Location(52.1, 5.1, ZoneInfo("Europe/Amsterdam"))


@dataclass(frozen=True, slots=True)
class House:
    """What a plant is made of.

    `ac_strings` feed the PV inverter, which is spread over all phases; `dc_strings` feed the solar
    charger beside the battery. Ratings are in watts: that of the PV inverter's and the battery inverter's
    AC side (the latter a phase), and that of the charger's battery side. The battery inverter's converter
    has AC as its output side.
    """

    location: Location = UTRECHT
    phases: int = 3
    ac_strings: tuple[PvString, ...] = (
        PvString("east", modules=6, tilt=38.0, azimuth=112.0),
        PvString("west", modules=7, tilt=38.0, azimuth=248.0),
    )
    dc_strings: tuple[PvString, ...] = (PvString("south", modules=6, tilt=35.0, azimuth=178.0),)
    pv_inverter: Converter = field(default=Converter(12.0, 0.018, 3.0e-6))
    pv_inverter_rating_w: float = 4_000.0
    charger: Converter = field(default=Converter(4.0, 0.012, 4.0e-6))
    charger_rating_w: float = 2_900.0
    inverter: Converter = field(default=Converter(33.0, 0.02, 3.0e-6))
    inverter_rating_w: float = 2_400.0
    inverter_lag_s: float = 1.5
    battery: BatterySpec = field(default=BatterySpec())

    def __post_init__(self) -> None:
        if self.phases not in (1, 3):
            raise ValueError(f"a house has 1 or 3 phases, not {self.phases}")

    @property
    def peak_w(self) -> float:
        """The power of all modules at 1000 W/m2 and 25 degrees."""
        return sum(string.peak_w for string in (*self.ac_strings, *self.dc_strings))

    def spread(self, total: float) -> tuple[float, float, float]:
        """Return a total spread evenly over the phases of this house."""
        if self.phases == 1:
            return total, 0.0, 0.0
        return total / 3.0, total / 3.0, total / 3.0
