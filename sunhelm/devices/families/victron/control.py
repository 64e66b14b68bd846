"""What can be commanded on a GX: limits, battery, mode, and every writable register by its name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    CurrentLimits,
    Handle,
    Limit,
    Mode,
    PowerLimit,
    Promise,
    SocLimits,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings
from sunhelm.devices.families.control import CommandedDevice, by_key, export_promise, known_serial, promise
from sunhelm.devices.families.register_board import RegisterBoard, open_board
from sunhelm.devices.families.register_task import RegisterTask
from sunhelm.devices.families.setting import settings
from sunhelm.devices.families.values import as_currents, as_limit, as_minimum, as_mode, check_range
from sunhelm.devices.families.victron.battery import ESS_MODE, EXTERNAL, ExternalBattery, SetpointBattery

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

EXTERNAL_CONTROL: Final = "external_control"
"""What `control.allow` of a device names to have its battery commanded by ESS mode 3."""

_NO_LIMIT: Final = -1
_ILLEGAL_ADDRESS: Final = 2
_ROUNDING: Final = 1e-6

_STATE: Final = "settings.ess_state"
_KEPT_CHARGED: Final = Mode("backup")
_WITH: Final = Mode("native:with_battery_life")
_WITHOUT: Final = Mode("native:without_battery_life")
_SELF_CONSUMPTION: Final = Mode("self_consumption")
_CHOICE: Final = {_WITH: 1, _KEPT_CHARGED: 9, _WITHOUT: 10, _SELF_CONSUMPTION: 10}
"""What is written for a mode: the state moves on by itself from there."""


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the GX, opened for control; its parts are looked for when they are used."""
    assert isinstance(family, RegisterFamily)
    spec = family.spec
    board = open_board(family, config, surroundings)
    export = export_promise(spec.controls["export_limit"], config)
    external = EXTERNAL_CONTROL in config.control.allow
    battery = promise("battery", spec.controls["battery_external" if external else "battery"])
    handles: tuple[Handle, ...] = (
        RegisterLimit(export, board, spec.controls["export_limit"].registers),
        (ExternalBattery if external else SetpointBattery)(battery, board),
        RegisterLimit(
            promise("setting:discharge_limit", spec.controls["setting:discharge_limit"]),
            board,
            spec.controls["setting:discharge_limit"].registers,
        ),
        ChargeCurrent(promise("current_limits", spec.controls["current_limits"]), board),
        MinimumSoc(promise("soc_limits", spec.controls["soc_limits"]), board),
        EssState(promise("mode", spec.controls["mode"]), board),
        *settings(board, spec),
    )
    return CommandedDevice(
        name=config.name,
        link=board.link,
        serial=partial(_serial, board),
        handles=by_key(handles),
        state_of_charge=partial(board.read_value, "system.battery_state_of_charge"),
        tasks={"restart": RegisterTask(promise("restart", spec.tasks["restart"]), board, "vebus.reset", 1)},
    )


async def _serial(board: RegisterBoard, deadline: Deadline) -> str:
    """Return the portal id. Raises Rejected when the site file names another one."""
    return known_serial(board.config, await board.read_text("system.serial", deadline))


@dataclass(slots=True, eq=False)
class RegisterLimit:
    """A power limit of the GX: a 32-bit register in watts, and a coarse one that older firmware has instead.

    `registers` are these two. The coarse one shows 0 for no limit as well. So a 0 there means what we wrote
    last, and is UNKNOWN when we wrote nothing that shows as 0. While something else regulates, no limit is in
    force and it is UNKNOWN.
    """

    promise: Promise
    board: RegisterBoard
    registers: tuple[str, ...]
    _old: bool = False
    _told: PowerLimit | Unknown = UNKNOWN

    def check(self, value: Value) -> None:
        self._raw(as_limit(self.promise, value))

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> PowerLimit | Unknown:
        if await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            return UNKNOWN
        raw = await self._read(deadline)
        if raw > 0 or (raw == 0 and not self._old):
            return Limit(float(raw * self._step))
        if not self._old:
            return UNLIMITED if raw == _NO_LIMIT else UNKNOWN
        shows_as_0 = self._told is not UNKNOWN and self._raw(self._told) <= 0
        return self._told if shows_as_0 else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        limit = as_limit(self.promise, value)
        await self._read(deadline)  # tells which register there is
        self._told = UNKNOWN
        await self.board.write(self._place, self._raw(limit), deadline)
        self._told = limit

    @property
    def _place(self) -> str:
        fine, coarse = self.registers
        return coarse if self._old else fine

    @property
    def _step(self) -> int:
        return int(self.board.register(self._place).scale)

    def _raw(self, limit: Value) -> int:
        """Return what is written for a limit: whole steps, and never a looser one; anything else is none."""
        if not isinstance(limit, Limit):
            return _NO_LIMIT
        raw = math.floor(limit.watts / self._step + _ROUNDING)
        register = self.board.register(self._place)
        most = 2 ** (16 * register.type.words - 1) - 1
        if raw > most:
            raise ValueError(f"{self.promise.key}: {limit.watts:g} W; {most * self._step} W is the most")
        return raw

    async def _read(self, deadline: Deadline) -> int:
        fine, coarse = self.registers
        if not self._old:
            try:
                return await self.board.read(fine, deadline)
            except Rejected as error:
                if error.code != _ILLEGAL_ADDRESS:
                    raise
        raw = await self.board.read(coarse, deadline)
        self._old = True
        return raw


@dataclass(slots=True, eq=False)
class ChargeCurrent:
    """The most current that charges the battery; for discharging there is no limit in amperes."""

    promise: Promise
    board: RegisterBoard
    place: str = "settings.maximum_charge_current"

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> CurrentLimits | Unknown:
        raw = await self.board.read(self.place, deadline)
        if raw < _NO_LIMIT:
            return UNKNOWN
        return CurrentLimits(charge=None if raw == _NO_LIMIT else float(raw))

    async def write(self, value: Value, deadline: Deadline) -> None:
        await self.board.write(self.place, self._raw(value), deadline)

    def _raw(self, value: Value) -> int:
        limits = as_currents(self.promise, value)
        if limits.discharge is not None:
            raise ValueError(
                "current_limits: discharging has no limit in amperes; discharge_limit is in watts"
            )
        if limits.charge is None:
            return _NO_LIMIT
        check_range(self.promise, limits.charge, "A")
        return math.floor(limits.charge + _ROUNDING)


@dataclass(slots=True, eq=False)
class MinimumSoc:
    """The least state of charge; there is no greatest one."""

    promise: Promise
    board: RegisterBoard
    place: str = "settings.minimum_state_of_charge"

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> SocLimits:
        return SocLimits(minimum=await self.board.read_value(self.place, deadline))

    async def write(self, value: Value, deadline: Deadline) -> None:
        await self.board.write(self.place, self._raw(value), deadline)

    def _raw(self, value: Value) -> int:
        return round(as_minimum(self.promise, value) * 1000)


@dataclass(slots=True, eq=False)
class EssState:
    """With BatteryLife, without, or kept charged; the state moves by itself within what was chosen."""

    promise: Promise
    board: RegisterBoard

    def check(self, value: Value) -> None:
        self._chosen(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed or (wanted == _SELF_CONSUMPTION and observed in (_WITH, _WITHOUT))

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        """Return what was chosen; UNKNOWN while something else regulates."""
        if await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            return UNKNOWN
        state = await self.board.read(_STATE, deadline)
        if 1 <= state <= 8:
            return _WITH
        if 10 <= state <= 12:
            return _WITHOUT
        return _KEPT_CHARGED if state == 9 else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        state = self._chosen(value)
        if await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            raise Rejected(f"{self.board.config.name}: something else regulates (ESS mode 3)")
        await self.board.write(_STATE, state, deadline)

    def _chosen(self, value: Value) -> int:
        """Return the state that is written to choose a mode."""
        return _CHOICE[as_mode(value, (mode.name for mode in _CHOICE))]
