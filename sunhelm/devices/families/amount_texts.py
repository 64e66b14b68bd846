"""Numbers that a cloud writes as text with their unit: "58.5V", "0.93 kWh", "4,0%"."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from sunhelm.devices.units import BASE_UNITS, Conversion

_AMOUNT: Final = re.compile(
    r"([+-]?[0-9]{1,18}(?:\.[0-9]{1,18}|,[0-9]{1,2})?)[ \u00a0\u202f]*([A-Za-z%\u00b0\u2103/]{0,6})"
)
"""A comma is a decimal one with one or two digits behind it; with three it might part thousands."""

_SPELT: Final = {
    **{name.casefold(): name for name in BASE_UNITS if name.casefold() != "mwh"},
    "\u2103": "degC",
    "\u00b0c": "degC",
}
_NOTHING: Final = frozenset({"", "-", "--", "---", "n/a", "na", "nan", "null", "none"})


def says_nothing(text: str) -> bool:
    """Whether a text stands for a value that is not there."""
    return text.strip().casefold() in _NOTHING


def amount(text: str, conversion: Conversion, scale: Fraction = Fraction(1)) -> float | None:
    """Return what a text says, times `scale`, in the base unit of `conversion`.

    A number without a unit is in that of `conversion`; one with another unit of the same kind is converted.
    None for what is no number, or of another kind.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = match.groups()
    if unit:
        name = unit if unit in BASE_UNITS else _SPELT.get(unit.casefold(), "")
        own = BASE_UNITS.get(name) if name else None
        if own is None or own.base != conversion.base:
            return None
        conversion = own
    exact = Fraction(number.replace(",", "."))
    return float(exact * scale * conversion.factor + conversion.offset)
