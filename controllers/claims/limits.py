"""Limits beside each other: the strictest wins, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Final

from sunhelm.devices.control import (
    UNLIMITED,
    CurrentLimits,
    Limit,
    PowerLimit,
    SocLimits,
    Unlimited,
    Value,
)

_KINDS: Final = (Unlimited, Limit, CurrentLimits, SocLimits)


def is_limit(value: Value) -> bool:
    """Return whether the value limits, so that several may ask for one at once."""
    return isinstance(value, _KINDS)


def looseness(limit: PowerLimit) -> float:
    """Return how much a limit lets through, in watts; infinity without one."""
    return limit.watts if isinstance(limit, Limit) else float("inf")


def strictest(limits: Iterable[PowerLimit]) -> PowerLimit:
    """Return the strictest of power limits; UNLIMITED when there is none."""
    return min(limits, key=looseness, default=UNLIMITED)


def together(first: Value, second: Value) -> Value:
    """Return what satisfies both limits. Raises TypeError unless both are limits of one kind."""
    match first, second:
        case (Unlimited() | Limit(), Unlimited() | Limit()):
            return strictest((first, second))
        case CurrentLimits(), CurrentLimits():
            return CurrentLimits(
                _either(min, first.charge, second.charge), _either(min, first.discharge, second.discharge)
            )
        case SocLimits(), SocLimits():
            return SocLimits(
                _either(max, first.minimum, second.minimum), _either(min, first.maximum, second.maximum)
            )
        case _:
            raise TypeError(f"{first} and {second} are not limits of one kind")


def all_together(values: Iterable[Value]) -> Value:
    """Return what satisfies all of one or more limits. Raises TypeError as `together` does."""
    return reduce(together, values)


def loosens(value: Value, than: Value) -> bool:
    """Return whether a limit allows anything that the other one forbids."""
    return together(value, than) != value


def _either(
    choose: Callable[[float, float], float], first: float | None, second: float | None
) -> float | None:
    if first is None or second is None:
        return second if first is None else first
    return choose(first, second)
