"""Units: what vendors write, and the base unit each becomes.

Conversions are exact fractions, so that a word of the wire becomes the nearest float in one rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a vendor's unit becomes ours: base value = vendor's value x `factor` + `offset`."""

    base: str
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


def in_whole_numbers(slope: Fraction, start: Fraction) -> tuple[int, int, int]:
    """Return multiplier, addend and divisor, so that slope x n + start = (multiplier x n + addend) / divisor.

    Whole numbers are far quicker than fractions, and as exact.
    """
    divisor = lcm(slope.denominator, start.denominator)
    return int(slope * divisor), int(start * divisor), divisor


def _scaled(base: str, factor: str = "1", offset: str = "0") -> Conversion:
    return Conversion(base, Fraction(factor), Fraction(offset))


BASE_UNITS: Mapping[str, Conversion] = MappingProxyType(
    {
        "": _scaled(""),
        "W": _scaled("watts"),
        "kW": _scaled("watts", "1000"),
        "VA": _scaled("volt_amperes"),
        "kVA": _scaled("volt_amperes", "1000"),
        "var": _scaled("vars"),
        "kvar": _scaled("vars", "1000"),
        "Wh": _scaled("joules", "3600"),
        "kWh": _scaled("joules", "3600000"),
        "MWh": _scaled("joules", "3600000000"),
        "VAh": _scaled("volt_ampere_seconds", "3600"),
        "varh": _scaled("var_seconds", "3600"),
        "kvarh": _scaled("var_seconds", "3600000"),
        "V": _scaled("volts"),
        "mV": _scaled("volts", "1/1000"),
        "A": _scaled("amperes"),
        "mA": _scaled("amperes", "1/1000"),
        "Ah": _scaled("coulombs", "3600"),
        "Hz": _scaled("hertz"),
        "mHz": _scaled("hertz", "1/1000"),
        "rpm": _scaled("hertz", "1/60"),
        "degC": _scaled("celsius"),
        "degF": _scaled("celsius", "5/9", "-160/9"),
        "K": _scaled("celsius", "1", "-5463/20"),
        "%": _scaled("ratio", "1/100"),
        "ratio": _scaled("ratio"),
        "ppm": _scaled("ratio", "1/1000000"),
        "%/s": _scaled("ratio_per_second", "1/100"),
        "%/min": _scaled("ratio_per_second", "1/6000"),
        "V/degC": _scaled("volts_per_celsius"),
        "ms": _scaled("seconds", "1/1000"),
        "s": _scaled("seconds"),
        "min": _scaled("seconds", "60"),
        "h": _scaled("seconds", "3600"),
        "d": _scaled("seconds", "86400"),
        "timestamp": _scaled("timestamp_seconds"),
        "ohm": _scaled("ohms"),
        "kohm": _scaled("ohms", "1000"),
        "Mohm": _scaled("ohms", "1000000"),
        "deg": _scaled("degrees"),
        "m": _scaled("meters"),
        "m3": _scaled("cubic_meters"),
        "m/s": _scaled("meters_per_second"),
        "km/h": _scaled("meters_per_second", "5/18"),
        "mph": _scaled("meters_per_second", "1397/3125"),
        "Pa": _scaled("pascals"),
        "hPa": _scaled("pascals", "100"),
        "kPa": _scaled("pascals", "1000"),
        "lux": _scaled("lux"),
        "ug/m3": _scaled("grams_per_cubic_meter", "1/1000000"),
        "W/m2": _scaled("watts_per_square_meter"),
        "kWh/m2": _scaled("joules_per_square_meter", "3600000"),
        "MJ/m2": _scaled("joules_per_square_meter", "1000000"),
        "MB": _scaled("bytes", "1000000"),
        "kg": _scaled("grams", "1000"),
        "kg/kWh": _scaled("grams_per_joule", "1/3600"),
        "dBm": _scaled("dbm"),
    }
)
"""Every unit that a register map may use, with the base unit it becomes. `rpm` becomes revolutions a
second, `%` a ratio from 0 to 1, `Ah` coulombs."""
