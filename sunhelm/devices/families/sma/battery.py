"""What the battery of an SMA device does: a power, or no charging, no discharging, neither."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    BatteryOrder,
    Charge,
    Discharge,
    Mode,
    Promise,
    SelfConsumption,
    Unknown,
    Value,
)
from sunhelm.devices.families.sma.panel import RELATIVE_WINDOW, Kind, Panel
from sunhelm.devices.families.sma.ways import LimitsWay, SetpointWay, Target, Way, WindowWay
from sunhelm.devices.families.values import as_mode, as_order, discharged, order_of

_SHARE: Final = 0.1
"""The power of the battery may differ from what was asked by this share: conversion takes its part."""

_SELF_CONSUMPTION: Final = Mode("self_consumption")
_HELD: Final = {
    Mode("idle"): Target(0.0, 0.0),
    Mode("native:no_discharge"): Target(-math.inf, 0.0),
    Mode("native:no_charge"): Target(0.0, math.inf),
}
_BY_SETPOINT: Final = (Kind.ISLAND, Kind.TRIPOWER_HYBRID)
_UNLIMITED: Final = (math.inf, math.inf)


@dataclass(slots=True, eq=False)
class Ways:
    """The ways of one device, shared by the handles that use them."""

    panel: Panel
    setpoint: SetpointWay
    limits: LimitsWay
    window: WindowWay

    async def for_power(self, deadline: Deadline) -> Way:
        """Return the way by which this device is given a power."""
        if RELATIVE_WINDOW in self.panel.allowed:
            return self.window
        return self.setpoint if await self.panel.kind(deadline) in _BY_SETPOINT else self.limits

    async def for_limits(self, deadline: Deadline) -> Way:
        """Return the way by which this device is held from something."""
        del deadline
        return self.window if RELATIVE_WINDOW in self.panel.allowed else self.limits


@dataclass(slots=True, eq=False)
class _Commanded:
    """What both handles share: nothing can be read, so that what is told is what is known."""

    promise: Promise
    ways: Ways
    _told: Value | None = field(default=None, init=False)
    _reach: tuple[float, float] = field(default=_UNLIMITED, init=False)

    async def _send(self, target: Target, value: Value, way: Way, deadline: Deadline) -> None:
        panel = self.ways.panel
        if self._told is None:
            self.promise = await panel.ready_for_battery(self.promise, deadline)
        if self._told != value:
            self._reach = await panel.battery_limits(deadline)
        await way.send(target.within(self._reach), self.promise.key, deadline)
        self._told = value

    async def _release(self, way: Way, deadline: Deadline) -> None:
        await way.release(self.promise.key, deadline)
        self._told = None


@dataclass(slots=True, eq=False)
class Battery(_Commanded):
    """Charge or discharge with a power; more than the device allows is what it allows."""

    def check(self, value: Value) -> None:
        order = as_order(self.promise, value)
        if isinstance(order, SelfConsumption) and order.native:
            raise ValueError(f"battery: {order.native}; it tells no kind of self-consumption")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, SelfConsumption) or isinstance(observed, SelfConsumption):
            return wanted == observed
        charge, discharge = self._reach
        asked = min(max(discharged(wanted), -charge), discharge)
        return abs(asked - discharged(observed)) <= max(self.promise.tolerance, _SHARE * abs(asked))

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        """Return what the battery does while it does what it was told; UNKNOWN when it was told nothing."""
        if not isinstance(self._told, Charge | Discharge):
            return UNKNOWN
        power = await self.ways.panel.battery_power(deadline)
        return UNKNOWN if power is None else order_of(power)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        way = await self.ways.for_power(deadline)
        if isinstance(value, SelfConsumption):
            await self._release(way, deadline)
        else:
            watts = discharged(value)
            await self._send(Target(watts, watts), value, way, deadline)


@dataclass(slots=True, eq=False)
class BatteryMode(_Commanded):
    """Hold the battery from charging, from discharging, or from both; else the device uses it as it likes."""

    def check(self, value: Value) -> None:
        as_mode(value, (mode.name for mode in (_SELF_CONSUMPTION, *_HELD)))

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        """Return the mode that was told while the battery keeps to it, self consumption when it does not.

        UNKNOWN when nothing was told.
        """
        told = self._told
        if not isinstance(told, Mode):
            return UNKNOWN
        power = await self.ways.panel.battery_power(deadline)
        if power is None:
            return UNKNOWN
        target, slack = _HELD[told], self.promise.tolerance
        return told if target.low - slack <= power <= target.high + slack else _SELF_CONSUMPTION

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        way = await self.ways.for_limits(deadline)
        if value == _SELF_CONSUMPTION:
            await self._release(way, deadline)
        else:
            assert isinstance(value, Mode)
            await self._send(_HELD[value], value, way, deadline)
