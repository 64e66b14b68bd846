"""What the battery of a GX does, by one of two ways: its grid setpoint, or the external control of mode 3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    BatteryOrder,
    Discharge,
    Promise,
    SelfConsumption,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.values import as_order, discharged, order_of

ESS_MODE: Final = "settings.ess_mode"
EXTERNAL: Final = 3
_NATIVE: Final = {1: "phase_compensation", 2: "phases_alone"}
"""How the GX regulates by itself, by the number of register 2902."""

_NUMBERS: Final = {name: number for number, name in _NATIVE.items()}

_OVERRIDE: Final = "hub4.grid_setpoint_override"
_ILLEGAL_ADDRESS: Final = 2
_EXTERNAL_STATE: Final = 252
_SETPOINT: Final = "setpoint "
"""How a setpoint of somebody else is told, who had his reasons: it is put back when we are done."""

_FOREIGN: Final = re.compile(rf"{_SETPOINT}(-?[0-9]{{1,10}})")

_SHARE: Final = 0.1
"""The power of the battery may differ from what was asked by this share: conversion takes its part."""

_GRID: Final = ("grid_l1_power", "grid_l2_power", "grid_l3_power")
_AC_OUT: Final = ("ac_out_l1_power", "ac_out_l2_power", "ac_out_l3_power")
_MODE_3: Final = (
    "ac_in_l1_setpoint_16bit",
    "charge_forbidden",
    "feed_in_forbidden",
    "ac_in_l2_setpoint_16bit",
    "ac_in_l3_setpoint_16bit",
)
_MOST_A_PHASE: Final = 32_767


@dataclass(slots=True, eq=False)
class _Battery:
    """What both ways share."""

    promise: Promise
    board: RegisterBoard

    def check(self, value: Value) -> None:
        order = as_order(self.promise, value)
        if isinstance(order, SelfConsumption):
            native = order.native
            if native not in ("", *_NATIVE.values()) and not _setpoint_of(native):
                raise ValueError(f"battery: {native} is no way in which a GX regulates")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, SelfConsumption) or isinstance(observed, SelfConsumption):
            return wanted == observed or (
                wanted == SelfConsumption()
                and isinstance(observed, SelfConsumption)
                and not _setpoint_of(observed.native)
            )
        asked, is_now = discharged(wanted), discharged(observed)
        return abs(asked - is_now) <= max(self.promise.tolerance, _SHARE * abs(asked))

    async def _power(self, deadline: Deadline) -> BatteryOrder:
        """Return what the battery does now, as an order."""
        return order_of(await self.board.read_value("system.battery_power", deadline))

    async def _refuse_beside_dynamic_ess(self, deadline: Deadline) -> None:
        try:
            active = await self.board.read("system.dynamic_ess_active", deadline)
        except Rejected as error:
            if error.code != _ILLEGAL_ADDRESS:  # older firmware has none
                raise
        else:
            if active:
                raise Rejected(
                    f"{self.board.config.name}: Dynamic ESS is active and moves the setpoint itself; switch "
                    "it off on the GX first"
                )


@dataclass(slots=True, eq=False)
class SetpointBattery(_Battery):
    """The GX regulates the grid; its volatile setpoint is moved so far that the battery does what is asked.

    The setpoint follows from what grid and battery do now, so that writing again corrects it.
    """

    _setpoint: int | None = None

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        """Return what the battery does by our setpoint, or the one that somebody has put in its place.

        UNKNOWN under one that may be ours or not, as after a restart of ours.
        """
        if await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            return UNKNOWN
        setpoint = await self.board.read(_OVERRIDE, deadline)
        if setpoint == 0:
            return SelfConsumption()
        if self._setpoint is None:
            return UNKNOWN
        if setpoint == self._setpoint:
            return await self._power(deadline)
        return SelfConsumption(f"{_SETPOINT}{setpoint}")

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        if isinstance(value, SelfConsumption):
            self._setpoint = 0
            await self.board.write(_OVERRIDE, _setpoint_of(value.native), deadline)
            await self._end_external_control(value, deadline)
            return
        await self._refuse_beside_dynamic_ess(deadline)
        if await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            raise Rejected(
                f"{self.board.config.name}: something else regulates (ESS mode 3), so that the setpoint is "
                "not in force"
            )
        grid = await self.board.read_row("system", _GRID, deadline)
        now = await self.board.read_value("system.battery_power", deadline)
        setpoint = round(sum(grid) + now - discharged(value))
        await self._put(setpoint or 1, deadline)  # 0 would hand back

    async def _end_external_control(self, wanted: SelfConsumption, deadline: Deadline) -> None:
        """Put back how the GX regulated: known only where we took that over, while we were allowed to."""
        number = _NUMBERS.get(wanted.native)
        if number is not None and await self.board.read(ESS_MODE, deadline) == EXTERNAL:
            await self.board.write(ESS_MODE, number, deadline)

    async def _put(self, setpoint: int, deadline: Deadline) -> None:
        self._setpoint = setpoint
        await self.board.write(_OVERRIDE, setpoint, deadline)


@dataclass(slots=True, eq=False)
class ExternalBattery(_Battery):
    """We regulate: the power at the AC input of the inverter, phase by phase, which falls asleep by itself.

    The GX holds no minimum state of charge then, so that we refuse to discharge at it.
    """

    _found: int | None = None
    _ours: bool = False

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        """Return how the GX regulates, or what the battery does while we do.

        UNKNOWN while somebody else regulates, and when our setpoints have fallen asleep.
        """
        mode = await self.board.read(ESS_MODE, deadline)
        if mode in _NATIVE:
            return SelfConsumption(_NATIVE[mode])
        awake = self._ours and await self.board.read("vebus.state", deadline) == _EXTERNAL_STATE
        return await self._power(deadline) if mode == EXTERNAL and awake else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        mode = await self.board.read(ESS_MODE, deadline)
        if isinstance(value, SelfConsumption):
            await self._leave(value, mode, deadline)
            return
        await self._refuse_beside_dynamic_ess(deadline)
        if isinstance(value, Discharge):
            await self._refuse_at_minimum(deadline)
        phases = await self._phases(deadline)
        setpoints = await self._setpoints(value, phases, deadline)
        if mode != EXTERNAL:
            await self._enter(mode, phases, deadline)
        self._ours = True
        await self._feed(setpoints, deadline)

    async def _enter(self, mode: int, phases: int, deadline: Deadline) -> None:
        if mode not in _NATIVE:
            raise Rejected(f"{self.board.config.name}: ESS mode {mode} is not known, and so not changed")
        self._found = mode
        await self._feed((0,) * phases, deadline)
        await self.board.write(ESS_MODE, EXTERNAL, deadline)
        now = await self.board.read(ESS_MODE, deadline)
        if now != EXTERNAL:
            raise Rejected(f"{self.board.config.name}: ESS mode still reads {now} after 3 was written")

    async def _leave(self, wanted: SelfConsumption, mode: int, deadline: Deadline) -> None:
        back = _NUMBERS.get(wanted.native) or (mode if mode in _NATIVE else self._found) or 1
        if mode == EXTERNAL:
            phases = await self._phases(deadline)
            await self._feed((0,) * phases, deadline)
        if mode != back:
            await self.board.write(ESS_MODE, back, deadline)
        self._ours = False

    async def _feed(self, setpoints: tuple[int, ...], deadline: Deadline) -> None:
        """Write the setpoints and both prohibitions, which override them, by one request."""
        raws = (setpoints[0], 0, 0, *setpoints[1:])
        await self.board.write_row("vebus", _MODE_3[: len(raws)], raws, deadline)

    async def _setpoints(self, value: Value, phases: int, deadline: Deadline) -> tuple[int, ...]:
        """Return the power at each AC input: the loads behind it, and the share that the battery takes."""
        loads = await self.board.read_row("vebus", _AC_OUT[:phases], deadline)
        from_pv = await self.board.read_value("system.dc_pv_power", deadline)
        share = (-discharged(value) - from_pv) / phases
        setpoints = tuple(
            round(load * float(self.board.register(f"vebus.{name}").scale) + share)
            for load, name in zip(loads, _AC_OUT, strict=False)
        )
        if too_much := [each for each in setpoints if abs(each) > _MOST_A_PHASE]:
            raise Rejected(
                f"{self.board.config.name}: {too_much} W on a phase; {_MOST_A_PHASE} W is the most that can "
                "be written"
            )
        return setpoints

    async def _phases(self, deadline: Deadline) -> int:
        phases = await self.board.read("vebus.phases", deadline)
        if not 1 <= phases <= 3:
            raise Rejected(f"{self.board.config.name}: the inverter says that it has {phases} phases")
        return phases

    async def _refuse_at_minimum(self, deadline: Deadline) -> None:
        minimum = await self.board.read_value("settings.minimum_state_of_charge", deadline)
        charge = await self.board.read_value("system.battery_state_of_charge", deadline)
        if charge <= minimum:
            raise Rejected(
                f"{self.board.config.name}: state of charge {charge:.0%}, {minimum:.1%} is the minimum; ESS "
                "mode 3 would discharge on"
            )


def _setpoint_of(native: str) -> int:
    """Return the setpoint that somebody else wanted, in watts; 0 where it is the GX that regulates."""
    found = _FOREIGN.fullmatch(native)
    return int(found[1]) if found is not None else 0
