"""Limits of SMA devices: what the PV may produce, and what may go into the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, Limit, PowerLimit, Promise, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.sma.panel import Panel
from sunhelm.devices.families.values import as_limit

_ILLEGAL_ADDRESS: Final = 2
_INVERTER_ITSELF: Final = 3547
_SHARE: Final = 0.02
_ROUNDING: Final = 1e-6
_EXPORT: Final = "settings.grid_export_limit"


def _keeps(promise: Promise, wanted: Value, observed: Value) -> bool:
    """Whether the power that is observed keeps the limit that is wanted."""
    if not (isinstance(wanted, Limit) and isinstance(observed, Limit)):
        return wanted == observed
    return observed.watts <= wanted.watts + max(promise.tolerance, _SHARE * wanted.watts)


def _share(limit: PowerLimit, whole_w: float, steps: int) -> int:
    """Return how many steps of the whole a limit is: rounded down, so that it is never a looser one."""
    if not isinstance(limit, Limit):
        return steps
    return min(steps, math.floor(limit.watts / whole_w * steps + _ROUNDING))


@dataclass(slots=True, eq=False)
class ProductionLimit:
    """40023, or 40016 on firmware without it: a share of the device's own limit (40915).

    It cannot be read; what can be seen is that no more comes out of the device.
    """

    promise: Promise
    panel: Panel
    _told: PowerLimit | None = field(default=None, init=False)
    _coarse: bool = field(default=False, init=False)

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return _keeps(self.promise, wanted, observed)

    async def observe(self, deadline: Deadline) -> Limit | Unknown:
        """Return what comes out of the device while a limit of ours is in force; else UNKNOWN."""
        if not isinstance(self._told, Limit):
            return UNKNOWN
        power = await self.panel.tell("power", deadline)
        return UNKNOWN if power is None else Limit(max(0.0, power))

    async def write(self, value: Value, deadline: Deadline) -> None:
        limit = as_limit(self.promise, value)
        if isinstance(limit, Limit):
            if not (await self.panel.kind(deadline)).has_strings:
                raise Rejected(f"{self.panel.name}: no PV is connected to it")
            if self._told is None:
                self.promise = await self.panel.ready(self.promise, deadline)
        whole = await self.panel.tell("power_limit", deadline) or await self.panel.rated_power(deadline)
        await self._put(limit, whole, deadline)
        self._told = limit if isinstance(limit, Limit) else None

    async def _put(self, limit: PowerLimit, whole_w: float, deadline: Deadline) -> None:
        if not self._coarse:
            try:
                raw = _share(limit, whole_w, 10_000)
                await self.panel.board.write("control.power_limit_percent_fine", raw, deadline)
            except Rejected as error:
                if error.code != _ILLEGAL_ADDRESS:
                    raise
                self._coarse = True
            else:
                return
        raw = _share(limit, whole_w, 100)
        await self.panel.board.write("control.power_limit_percent_whole", raw, deadline)


@dataclass(slots=True, eq=False)
class ExportLimit:
    """41217: what the device lets into the grid by its meter; stored, and without a word for no limit."""

    promise: Promise
    panel: Panel

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return (
            isinstance(wanted, Limit)
            and isinstance(observed, Limit)
            and math.floor(wanted.watts + _ROUNDING) == round(observed.watts)
        )

    async def observe(self, deadline: Deadline) -> Limit | Unknown:
        """Return the limit; UNKNOWN where the device has none, or holds its own output against it."""
        if await self.panel.tell("meter_source", deadline) == _INVERTER_ITSELF:
            return UNKNOWN
        board = self.panel.board
        try:
            raw = await board.read(_EXPORT, deadline)
        except Rejected as error:
            if error.code != _ILLEGAL_ADDRESS:
                raise
            return UNKNOWN
        return UNKNOWN if raw in board.register(_EXPORT).absent else Limit(float(raw))

    async def write(self, value: Value, deadline: Deadline) -> None:
        raw = self._raw(value)
        if await self.panel.tell("meter_source", deadline) == _INVERTER_ITSELF:
            raise Rejected(
                f"{self.panel.name}: its limit is held against its own output, not the grid (41187)"
            )
        await self.panel.board.write(_EXPORT, raw, deadline)

    def _raw(self, value: Value) -> int:
        """Return what is written: whole watts, and never a looser limit."""
        limit = as_limit(self.promise, value)
        if not isinstance(limit, Limit):
            raise ValueError(  # noqa: TRY004 - the contract's error
                "export_limit: the device knows a limit in watts, and no word for none"
            )
        return math.floor(limit.watts + _ROUNDING)


@dataclass(slots=True, eq=False)
class PlantLimit:
    """40016 of a Home Manager: the share of the plant's power that may go into the grid, in whole percent."""

    promise: Promise
    board: RegisterBoard
    whole_w: float
    _told: PowerLimit | None = field(default=None, init=False)

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return _keeps(self.promise, wanted, observed)

    async def observe(self, deadline: Deadline) -> Limit | Unknown:
        """Return what goes into the grid while a limit of ours is in force; else UNKNOWN."""
        if not isinstance(self._told, Limit):
            return UNKNOWN
        names = ("grid_import_power", "grid_export_power")
        _, export = await self.board.read_row("plant", names, deadline)
        absent = self.board.register("plant.grid_export_power").absent
        return UNKNOWN if export in absent else Limit(float(max(0, export)))

    async def write(self, value: Value, deadline: Deadline) -> None:
        limit = as_limit(self.promise, value)
        await self.board.write("plant.power_limit", _share(limit, self.whole_w, 100), deadline)
        self._told = limit if isinstance(limit, Limit) else None
