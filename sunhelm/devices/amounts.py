"""Amounts as people write them: a number with its unit, "12kW", "10 kWh", "100ms".

A bare number is refused: whether 12 means watts or kilowatts is not for us to guess.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator

from sunhelm.configuration.mistakes import found
from sunhelm.devices.units import BASE_UNITS

_AMOUNT: Final = re.compile(r"\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z%/]+)\s*")

_ALIASES: Final = {("seconds", "m"): "min"}
"""In a time, m is a minute; everywhere else it is a metre."""


def parse_amount(text: object, base: str) -> float:
    """Return the amount in the base unit `base` ("watts", "joules", "seconds", "amperes", "ratio").

    Raises ValueError with a sentence that says what is allowed.
    """
    allowed = [unit for unit, conversion in BASE_UNITS.items() if conversion.base == base and unit]
    allowed += [alias for aliased, alias in _ALIASES if aliased == base]
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in allowed:
        raise ValueError(
            f"{found(text)} is not an amount in {base}; write a number with one of {', '.join(allowed)}"
        )
    conversion = BASE_UNITS[_ALIASES.get((base, match[2]), match[2])]
    return float(Fraction(match[1]) * conversion.factor + conversion.offset)


def _amount(base: str, *, minimum: float | None = None) -> BeforeValidator:
    def validate(value: object) -> float:
        amount = parse_amount(value, base)
        if minimum is not None and amount < minimum:
            raise ValueError(f"{found(value)} is too small; at least {minimum:g} {base}")
        return amount

    return BeforeValidator(validate)


Watts = Annotated[float, _amount("watts")]
Joules = Annotated[float, _amount("joules")]
Amperes = Annotated[float, _amount("amperes")]
Ratio = Annotated[float, _amount("ratio")]
Seconds = Annotated[float, _amount("seconds", minimum=0)]
