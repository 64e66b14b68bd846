"""What a value has to be that a handle is put to, and when two of them are the same to a device.

Each `as_...` returns a value as what it has to be. It raises ValueError, with what is allowed, for any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sunhelm.devices.control import (
    UNLIMITED,
    BatteryOrder,
    Charge,
    CurrentLimits,
    Discharge,
    Limit,
    Mode,
    Number,
    PowerLimit,
    Promise,
    SelfConsumption,
    SocLimits,
    Value,
)


def check_range(what: Promise, amount: float, unit: str) -> None:
    """Raise ValueError, with what is allowed, for an amount beyond the ends of a promise."""
    low = float("-inf") if what.low is None else what.low
    high = float("inf") if what.high is None else what.high
    if not low <= amount <= high:
        raise ValueError(f"{what.key}: {amount:g} {unit}; {low:g} to {high:g} {unit} is possible")


def as_limit(what: Promise, value: Value) -> PowerLimit:
    """Return a limit of power within the ends of the promise, or UNLIMITED."""
    if value is UNLIMITED:
        return UNLIMITED
    if not isinstance(value, Limit):
        raise ValueError(f"{what.key}: {value} is no limit")  # noqa: TRY004 - the contract's error
    check_range(what, value.watts, "W")
    return value


def as_number(what: Promise, value: Value, unit: str) -> float:
    """Return a number within the ends of the promise."""
    if not isinstance(value, Number):
        raise ValueError(f"{what.key}: {value} is no number")  # noqa: TRY004 - the contract's error
    check_range(what, value.value, unit)
    return value.value


def as_minimum(what: Promise, value: Value) -> float:
    """Return the least state of charge, 0 to 1, of a device that knows no greatest one."""
    if not isinstance(value, SocLimits) or value.minimum is None or value.maximum is not None:
        raise ValueError(f"{what.key}: a minimum is needed; nothing else can be set")
    check_range(what, value.minimum, "as a ratio")
    return value.minimum


def as_currents(what: Promise, value: Value) -> CurrentLimits:
    """Return limits of currents; whether each is within the promise is for the caller."""
    if not isinstance(value, CurrentLimits):
        raise ValueError(f"{what.key}: {value} are no limits of currents")  # noqa: TRY004 - the contract's error
    return value


def as_mode(value: Value, names: Iterable[str]) -> Mode:
    """Return a mode with one of these names."""
    allowed = tuple(names)
    if not isinstance(value, Mode) or value.name not in allowed:
        name = value.name if isinstance(value, Mode) else value
        raise ValueError(f"mode: {name} is none of {', '.join(allowed)}")
    return value


def as_order(what: Promise, value: Value, natives: Collection[str] | None = None) -> BatteryOrder:
    """Return an order for a battery, a power within the ends of the promise.

    With `natives`, self-consumption is of one of these kinds, or of none that is named.
    """
    match value:
        case SelfConsumption(native) if natives is not None and native not in ("", *natives):
            raise ValueError(f"{what.key}: {native} is none of {', '.join(natives)}")
        case SelfConsumption():
            return value
        case Charge(watts) | Discharge(watts):
            check_range(what, watts, "W")
            return value
        case _:
            raise ValueError(f"{what.key}: {value} is no order for a battery")


def discharged(order: Value) -> float:
    """Return the power out of the battery that an order means, in watts."""
    match order:
        case Charge(watts):
            return -watts
        case Discharge(watts):
            return watts
        case _:
            raise ValueError(f"{order} gives a battery no power")


def order_of(power: float) -> Charge | Discharge:
    """Return the order that means so many watts out of the battery."""
    return Discharge(power) if power > 0 else Charge(abs(power))


def is_same_order(wanted: Value, observed: Value, *, tolerance: float, share: float = 0.0) -> bool:
    """Whether a device that shows its order shows the one that is wanted.

    Powers of one direction may be `tolerance` watts apart, or that share of what is wanted. Self-consumption
    of any kind is what is wanted where none is named.
    """
    match wanted, observed:
        case SelfConsumption(native), SelfConsumption(is_now):
            return native in ("", is_now)
        case (Charge(asked), Charge(watts)) | (Discharge(asked), Discharge(watts)):
            return abs(asked - watts) <= max(tolerance, share * asked)
    return False


def whole_percent(share: float | None, step: int = 1) -> int:
    """Return a share as a device has it that keeps whole percent, in such steps; None is 0."""
    return step * round((share or 0.0) * 100 / step)


def is_same_minimum(wanted: Value, observed: Value, step: int = 1) -> bool:
    """Whether a device that keeps whole percent, in such steps, shows the least charge that is wanted."""
    return (
        isinstance(wanted, SocLimits)
        and isinstance(observed, SocLimits)
        and whole_percent(wanted.minimum, step) == whole_percent(observed.minimum, step)
    )


def is_same_whole_number(wanted: Value, observed: Value) -> bool:
    """Whether a device that keeps whole numbers shows the one that is wanted."""
    return (
        isinstance(wanted, Number)
        and isinstance(observed, Number)
        and round(wanted.value) == round(observed.value)
    )
