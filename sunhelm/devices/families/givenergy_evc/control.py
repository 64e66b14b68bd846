"""What can be commanded on the charger: its limit, whether it charges, Plug and Go, its clock.

All addresses rest on one program, and some firmware is known to ignore writes: each is proven where the
charger reports it, which is another register than the one that is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.devices.charging import LEAST_A
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, CurrentLimits, Handle, Mode, Number, Promise, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings
from sunhelm.devices.families.board_clock import BoardClock
from sunhelm.devices.families.control import CommandedDevice, by_key, known_serial, promise
from sunhelm.devices.families.givenergy_evc.charger import BoardCharger
from sunhelm.devices.families.givenergy_evc.family import PART, amperes, greatest
from sunhelm.devices.families.register_board import RegisterBoard, open_board
from sunhelm.devices.families.values import as_mode

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_CHARGING: Final = 4
_BOUNDS: Final = ("hardware_maximum", "hardware_minimum")
_READY, _START, _STOP = 0, 1, 2
_MODES: Final = {"native:ready": _READY, "native:start": _START, "native:stop": _STOP}
_ON, _OFF = 0, 1
"""Plug and Go counts the other way round."""


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the charger, opened for control; nothing is sent yet."""
    assert isinstance(family, RegisterFamily)
    spec = family.spec
    board = open_board(family, config, surroundings)
    controls = spec.controls
    handles: tuple[Handle, ...] = (
        ChargeLimit(promise("current_limits", controls["current_limits"]), board),
        ChargeControl(promise("mode", controls["mode"]), board),
        PlugAndGo(promise("setting:plug_and_go", controls["setting:plug_and_go"]), board),
    )
    clock = promise("set_clock", spec.tasks["set_clock"])
    return CommandedDevice(
        name=config.name,
        link=board.link,
        serial=partial(_serial, board),
        handles=by_key(handles),
        tasks={"set_clock": BoardClock(clock, board, f"{PART}.clock", surroundings.zone, surroundings.clock)},
        charger=BoardCharger(board),
    )


async def _serial(board: RegisterBoard, deadline: Deadline) -> str:
    """Return the serial number. Raises Rejected when the site file names another one."""
    return known_serial(board.config, await board.read_text(f"{PART}.serial", deadline))


@dataclass(slots=True, eq=False)
class ChargeLimit:
    """The current that is offered to the vehicle: written at 91, in force at 36."""

    promise: Promise
    board: RegisterBoard

    def check(self, value: Value) -> None:
        if not isinstance(value, CurrentLimits) or value.charge is None or value.discharge is not None:
            raise ValueError("current_limits: a charge current and nothing else is possible")
        high = self.promise.high or LEAST_A
        if not LEAST_A <= value.charge <= high:
            raise ValueError(f"current_limits: {value.charge:g} A; {LEAST_A:g} to {high:g} A is possible")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return (
            isinstance(wanted, CurrentLimits)
            and isinstance(observed, CurrentLimits)
            and _tenths(wanted) == _tenths(observed)
        )

    async def observe(self, deadline: Deadline) -> CurrentLimits | Unknown:
        limit = await self.board.read_value(f"{PART}.charge_limit", deadline)
        return CurrentLimits(charge=limit)

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Write the limit. Raises Rejected, before anything is sent, for what the hardware cannot offer."""
        self.check(value)
        assert isinstance(value, CurrentLimits)
        told = await self.board.read_over(PART, _BOUNDS, deadline)
        least, most = amperes(told["hardware_minimum"]), greatest(told["hardware_maximum"])
        if (value.charge or 0.0) > most:
            raise Rejected(f"{self.board.config.name}: its hardware offers {most:g} A at most")
        if (value.charge or 0.0) < least <= most:
            raise Rejected(f"{self.board.config.name}: its hardware offers {least:g} A at least")
        await self.board.write(f"{PART}.charge_limit_written", _tenths(value), deadline)


@dataclass(slots=True, eq=False)
class ChargeControl:
    """Whether the charger charges: written at 95, reported at 94; one that charges was started."""

    promise: Promise
    board: RegisterBoard

    def check(self, value: Value) -> None:
        as_mode(value, _MODES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        if await self.board.read(f"{PART}.charging_state", deadline) == _CHARGING:
            return Mode("native:start")
        told = await self.board.read(f"{PART}.charge_control", deadline)
        return next((Mode(name) for name, number in _MODES.items() if number == told), UNKNOWN)

    async def write(self, value: Value, deadline: Deadline) -> None:
        mode = as_mode(value, _MODES)
        await self.board.write(f"{PART}.charge_control_written", _MODES[mode.name], deadline)


@dataclass(slots=True, eq=False)
class PlugAndGo:
    """Whether a vehicle is charged as soon as it is plugged in: 1 is on, whatever the register says."""

    promise: Promise
    board: RegisterBoard

    def check(self, value: Value) -> None:
        if value not in (Number(0), Number(1)):
            raise ValueError(f"{self.promise.key}: {value} is neither 0, off, nor 1, on")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        told = await self.board.read(f"{PART}.plug_and_go", deadline)
        return {_ON: Number(1), _OFF: Number(0)}.get(told, UNKNOWN)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        await self.board.write(f"{PART}.plug_and_go", _ON if value == Number(1) else _OFF, deadline)


def _tenths(value: Value) -> int:
    assert isinstance(value, CurrentLimits)
    return round(10 * (value.charge or 0.0))
