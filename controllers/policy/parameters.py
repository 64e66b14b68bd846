"""What stands under `with` of a policy: one model for each action, and the value it asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from sunhelm.configuration.mistakes import found
from sunhelm.configuration.validation import Section
from sunhelm.devices.amounts import Amperes, Ratio, Watts, parse_amount
from sunhelm.devices.control import (
    Action,
    Charge,
    CurrentLimits,
    Discharge,
    Limit,
    Mode,
    Number,
    SocLimits,
    Value,
)
from sunhelm.devices.units import BASE_UNITS

MODES: Final = ("self_consumption", "backup", "time_of_use", "feed_in_first", "idle")
NATIVE: Final = re.compile(r"native:[A-Za-z0-9_. -]{1,60}")
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]{1,15}(\.[0-9]{1,15})?\s*")
_MOST: Final = 1e15
_UNIT: Final = re.compile(r"[A-Za-z%/]+[0-9]?\s*$")


class NoRatedPower(ValueError):
    """A share of a power that the site file does not give."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the rated power, 0 to 1."""

    ratio: float


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in the base unit that was written with it; None where it was written without."""

    number: float
    unit: str | None = None


def _power_or_share(value: object) -> float | Share:
    if isinstance(value, str) and value.rstrip().endswith("%"):
        share = parse_amount(value, "ratio")
        if not 0 <= share <= 1:
            raise ValueError(f"{found(value)} is not from 0% to 100%")
        return Share(share)
    return _at_least_nothing(value)


def _at_least_nothing(value: object) -> float:
    watts = parse_amount(value, "watts")
    if watts < 0:
        raise ValueError(f"{found(value)} is too small; at least 0W")
    return watts


def _mode(value: object) -> object:
    if isinstance(value, str) and value not in MODES and not NATIVE.fullmatch(value):
        raise ValueError(f"{found(value)} is not a mode; there are {', '.join(MODES)} and native:NAME")
    return value


def _setting_value(value: object) -> Amount:
    """Read an amount of whatever unit, or a number that has none."""
    if isinstance(value, Amount):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= _MOST:
            raise ValueError(f"{found(value)} is not a number that a device could take")
        return Amount(float(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Amount(float(value))
    unit = _UNIT.search(value) if isinstance(value, str) else None
    conversion = BASE_UNITS.get(unit[0].strip()) if unit is not None else None
    if conversion is None:
        raise ValueError(f"{found(value)} is not a number with or without a unit")
    return Amount(parse_amount(value, conversion.base), conversion.base)


class LimitParameters(Section):
    """For `limit_export` and `limit_production`: in watts, or as a share of the rated power."""

    limit: Annotated[float | Share, PlainValidator(_power_or_share)]

    def value(self, rated_power: float | None) -> Value:
        """Return the limit. Raises NoRatedPower."""
        if not isinstance(self.limit, Share):
            return Limit(self.limit)
        if rated_power is None:
            raise NoRatedPower("is a share of the rated power, and the device has no rated_power")
        return Limit(self.limit.ratio * rated_power)


class ChargeParameters(Section):
    """For `charge`."""

    power: Annotated[Watts, Field(gt=0)]

    def value(self, rated_power: float | None) -> Value:
        """Return the order."""
        del rated_power
        return Charge(self.power)


class DischargeParameters(Section):
    """For `discharge`."""

    power: Annotated[Watts, Field(gt=0)]

    def value(self, rated_power: float | None) -> Value:
        """Return the order."""
        del rated_power
        return Discharge(self.power)


class CurrentParameters(Section):
    """For `set_current_limits`."""

    charge: Annotated[Amperes, Field(ge=0)] | None = None
    discharge: Annotated[Amperes, Field(ge=0)] | None = None

    def value(self, rated_power: float | None) -> Value:
        """Return the limits."""
        del rated_power
        return CurrentLimits(self.charge, self.discharge)


class SocParameters(Section):
    """For `set_soc_limits`."""

    minimum: Annotated[Ratio, Field(ge=0, le=1)] | None = None
    maximum: Annotated[Ratio, Field(ge=0, le=1)] | None = None

    def value(self, rated_power: float | None) -> Value:
        """Return the limits."""
        del rated_power
        return SocLimits(self.minimum, self.maximum)


class ModeParameters(Section):
    """For `set_mode`."""

    mode: Annotated[str, BeforeValidator(_mode)]

    def value(self, rated_power: float | None) -> Value:
        """Return the mode."""
        del rated_power
        return Mode(self.mode)


class EvModeParameters(Section):
    """For `ev_mode`."""

    mode: Literal["off", "grid", "solar", "hybrid"]

    def value(self, rated_power: float | None) -> Value:
        """Return the mode."""
        del rated_power
        return Mode(self.mode)


class SetParameters(Section):
    """For `set`: a setting of the family, and its value with its unit."""

    setting: str
    to: Annotated[Amount, PlainValidator(_setting_value)] = Field(alias="value")

    def value(self, rated_power: float | None) -> Value:
        """Return the number in its base unit."""
        del rated_power
        return Number(self.to.number)


Parameters = (
    LimitParameters
    | ChargeParameters
    | DischargeParameters
    | CurrentParameters
    | SocParameters
    | ModeParameters
    | EvModeParameters
    | SetParameters
)

PARAMETERS: Final[dict[Action, type[Parameters]]] = {
    Action.LIMIT_EXPORT: LimitParameters,
    Action.LIMIT_PRODUCTION: LimitParameters,
    Action.CHARGE: ChargeParameters,
    Action.DISCHARGE: DischargeParameters,
    Action.SET_CURRENT_LIMITS: CurrentParameters,
    Action.SET_SOC_LIMITS: SocParameters,
    Action.SET_MODE: ModeParameters,
    Action.EV_MODE: EvModeParameters,
    Action.SET: SetParameters,
}
"""The actions that a policy may ask for."""
