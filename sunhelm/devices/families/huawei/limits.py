"""Limits of the power that goes into the grid, and of the power that the inverter gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, UNLIMITED, Limit, PowerLimit, Promise, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.huawei.regulator import EMMA, INVERTER, Regulator
from sunhelm.devices.families.values import as_limit

_UNLIMITED, _DIGITAL_INPUTS, _ZERO, _WATTS, _PERCENT = 0, 1, 5, 6, 7
_WHOLE: Final = 1000
"""100 % in tenths of a percent."""

_METER_ONLINE: Final = 1
_ROUNDING: Final = 1e-6
_CAPACITY: Final = {INVERTER: "inverter.maximum_power", EMMA: "emma.inverter_rated_power"}
_STEP_OF_OLDER: Final = 100


def _equal(promise: Promise, wanted: Value, observed: Value) -> bool:
    if isinstance(wanted, Limit) and isinstance(observed, Limit):
        return abs(_whole(wanted.watts) - observed.watts) <= promise.tolerance
    return wanted == observed


def _whole(watts: float) -> int:
    """Return what is written for a limit: never a looser one."""
    return math.floor(watts + _ROUNDING)


@dataclass(slots=True, eq=False)
class ExportLimit:
    """The limit at the grid point. What was found in percent is put back in percent."""

    promise: Promise
    regulator: Regulator
    _found: tuple[Limit, int] | None = None

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return _equal(self.promise, wanted, observed)

    async def observe(self, deadline: Deadline) -> PowerLimit | Unknown:
        """Return the limit in force; UNKNOWN while digital inputs set it, and for a negative one."""
        board, part = self.regulator.board, await self.regulator.part(deadline)
        mode = await board.read(f"{part}.export_limit_mode", deadline)
        if mode == _UNLIMITED:
            return UNLIMITED
        if mode == _ZERO:
            return Limit(0.0)
        if mode == _WATTS:
            watts = await board.read(f"{part}.export_limit", deadline)
            return Limit(float(watts)) if watts >= 0 else UNKNOWN
        if mode != _PERCENT:
            return UNKNOWN
        share = await board.read(f"{part}.relative_export_limit", deadline)
        limit = Limit(share * await board.read(_CAPACITY[part], deadline) / _WHOLE)
        self._found = limit, share
        return limit

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Write the limit first and its mode last; to have none, the mode first.

        Raises Rejected while the meter is offline: the inverter would ignore a limit, or take it for one of
        all it gives.
        """
        self.check(value)
        part = await self.regulator.part(deadline)
        mode = await self.regulator.board.read(f"{part}.export_limit_mode", deadline)
        if isinstance(value, Limit):
            await self._limit(part, mode, value, deadline)
        else:
            await self._release(part, deadline)

    async def _limit(self, part: str, mode: int, limit: Limit, deadline: Deadline) -> None:
        name = self.regulator.board.config.name
        if mode == _DIGITAL_INPUTS:
            raise Rejected(f"{name}: digital inputs limit the export (mode 1); that is the grid operator's")
        if part == INVERTER and await self.regulator.board.read("meter.status", deadline) != _METER_ONLINE:
            raise Rejected(f"{name}: its meter is offline; a limit of the export would be ignored")
        if self._found is not None and self._found[0] == limit:
            setting, raw, wanted = "relative_export_limit", self._found[1], _PERCENT
        else:
            setting, raw = "export_limit", _whole(limit.watts)
            wanted = _WATTS if raw else _ZERO
        await self.regulator.write_if_other(f"{part}.{setting}", raw, deadline)
        if mode != wanted:
            await self.regulator.board.write(f"{part}.export_limit_mode", wanted, deadline)

    async def _release(self, part: str, deadline: Deadline) -> None:
        await self.regulator.board.write(f"{part}.export_limit_mode", _UNLIMITED, deadline)
        for setting in ("export_limit", "relative_export_limit"):
            await self.regulator.write_if_other(f"{part}.{setting}", 0, deadline)


@dataclass(slots=True, eq=False)
class ProductionLimit:
    """The limit of what the inverter gives, in watts (40126), beside one in percent that is the owner's."""

    promise: Promise
    regulator: Regulator

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return _equal(self.promise, wanted, observed)

    async def observe(self, deadline: Deadline) -> PowerLimit | Unknown:
        """Return the stricter of both limits; one that reaches the inverter's maximum is none."""
        maximum = await self.regulator.board.read("inverter.maximum_power", deadline)
        _, watts = await self._fixed(deadline)
        limit = min(watts, await self._share(deadline) * maximum / _WHOLE)
        return UNLIMITED if limit >= maximum else Limit(limit)

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Write the watts. Raises Rejected where the limit in percent is stricter: it is not ours to lift."""
        self.check(value)
        board = self.regulator.board
        maximum = await board.read("inverter.maximum_power", deadline)
        share = await self._share(deadline)
        wanted = maximum if not isinstance(value, Limit) else min(maximum, _whole(value.watts))
        if share * maximum / _WHOLE < wanted - self.promise.tolerance:
            raise Rejected(
                f"{board.config.name}: {share / 10:g} % is set at 40125, stricter than {wanted} W; `set` "
                "inverter.power_derating changes it"
            )
        place, present = await self._fixed(deadline)
        step = _STEP_OF_OLDER if place.endswith("_old") else 1
        if present // step != wanted // step:
            await board.write(place, wanted // step, deadline)

    async def _fixed(self, deadline: Deadline) -> tuple[str, int]:
        """Return where the limit in watts stands, and what it is; older models count in steps of 100 W."""
        new, old = "inverter.fixed_power_derating", "inverter.fixed_power_derating_old"
        watts = await self.regulator.read_if_there(new, deadline)
        if watts is not None:
            return new, watts
        return old, _STEP_OF_OLDER * await self.regulator.board.read(old, deadline)

    async def _share(self, deadline: Deadline) -> int:
        share = await self.regulator.read_if_there("inverter.power_derating", deadline)
        return _WHOLE if share is None else share
