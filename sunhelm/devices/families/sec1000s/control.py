"""What can be commanded on a SEC1000: its export limit, what limits it, its clock.

The box is told by sequences of frames. Between the frames of one, export may be without any limit, so that
a sequence which has begun is carried through: a frame that gets no answer is sent again until the deadline.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Handle,
    Limit,
    Mode,
    Number,
    Promise,
    Unknown,
    Unlimited,
    Value,
)
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.families.base import Family, Surroundings, line_to
from sunhelm.devices.families.control import CommandedDevice, NotControllable, by_key, export_promise, promise
from sunhelm.devices.families.sec1000s.box import COMMAND, OTHERS, Box
from sunhelm.devices.families.sec1000s.messages import LimitState, mode_name
from sunhelm.devices.families.sec1000s.messages import Mode as Limiter
from sunhelm.devices.families.sec1000s.watchdog import LimitLift
from sunhelm.devices.families.values import as_limit, as_mode, as_number, is_same_whole_number
from sunhelm.devices.links.control import SET_CLOCK, Sec1000ControlLink

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_CLOCK_ACCEPTED: Final = 0x03

_MODES: Final = {f"native:{mode_name(mode)}": mode for mode in Limiter}
_SIGNED: Final = "setting:signed_export_limit"
_PHASES: Final = {"sum": 2, "each": 1}

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the box, opened for control. Raises NotControllable when the phase flag is not known."""
    if config.export_limit is None or config.export_limit.phases is None:
        raise NotControllable(
            f"devices.{config.name}.export_limit.phases: is missing; write sum or each, as the box is "
            "set up: it does not tell, and every limit that is written sets it"
        )
    _, line = line_to(config, family.spec, surroundings)
    link = Sec1000ControlLink(line)
    box = Box(link, config, _PHASES[config.export_limit.phases], surroundings.clock, surroundings.zone)
    controls = family.spec.controls
    handles: tuple[Handle, ...] = (
        ExportLimit(export_promise(controls["export_limit"], config), box),
        LimiterMode(promise("mode", controls["mode"]), box),
        TotalCapacity(promise("setting:total_capacity", controls["setting:total_capacity"]), box),
        SignedLimit(promise(_SIGNED, controls[_SIGNED]), box),
    )
    return CommandedDevice(
        name=config.name,
        link=link,
        serial=partial(_serial, box),
        handles=by_key(handles),
        watchdog=LimitLift(promise("reset_watchdog", family.spec.tasks["reset_watchdog"]), box),
        tasks={"set_clock": SetClock(promise("set_clock", family.spec.tasks["set_clock"]), box)},
        feedback=box.feedback,
    )


async def _serial(box: Box, deadline: Deadline) -> str:
    """Return the serial number of the site file, else where the box is: it tells none itself."""
    state = await box.state(deadline)
    config = box.config
    _log.debug("sec1000_answers", device=config.name, mode=mode_name(state.mode))
    return config.serial or f"{config.family}@{config.host}"


@dataclass(slots=True, eq=False)
class ExportLimit:
    """The limit by value. While DRED or RCR limit the export, it is theirs and nothing is written."""

    promise: Promise
    box: Box

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Limit) and isinstance(observed, Limit):
            return abs(wanted.watts - observed.watts) < self.promise.tolerance
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Limit | Unlimited | Unknown:
        """Return the limit in force; UNKNOWN while something else than a value limits the export.

        A negative limit is UNKNOWN too: sources contradict each other on what it does.
        """
        state = await self.box.state(deadline)
        if state.mode == Limiter.DEACTIVATED:
            return UNLIMITED
        if state.mode != Limiter.VALUE or state.export_limit < 0:
            return UNKNOWN
        return Limit(float(state.export_limit))

    async def write(self, value: Value, deadline: Deadline) -> None:
        with self.box.operation("set_limit"):
            self.check(value)
            state = await _limited_by_value(self.box, deadline)
            if isinstance(value, Limit):
                await _put(self.box, state, round(value.watts), deadline)
            elif state.mode == Limiter.VALUE:
                await self.box.switch_off(Limiter.VALUE, deadline)


@dataclass(slots=True, eq=False)
class _WholeWatts:
    """What is told and read as a whole number of watts."""

    promise: Promise
    box: Box

    def check(self, value: Value) -> None:
        as_number(self.promise, value, "W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_whole_number(wanted, observed)


@dataclass(slots=True, eq=False)
class SignedLimit(_WholeWatts):
    """The limit as the box holds it; what one below 0 W does, nobody knows for certain."""

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        return Number(float((await self.box.state(deadline)).export_limit))

    async def write(self, value: Value, deadline: Deadline) -> None:
        with self.box.operation("set_limit"):
            watts = round(as_number(self.promise, value, "W"))
            await _put(self.box, await _limited_by_value(self.box, deadline), watts, deadline)


async def _limited_by_value(box: Box, deadline: Deadline) -> LimitState:
    """Return what the box holds. Raises Rejected where something else than a value limits the export."""
    state = await box.state(deadline)
    if state.mode not in (Limiter.VALUE, Limiter.DEACTIVATED):
        raise Rejected(
            f"{box.config.name}: {mode_name(state.mode)} limits the export, not a value; a person can set "
            "mode native:value first"
        )
    return state


async def _put(box: Box, state: LimitState, watts: int, deadline: Deadline) -> None:
    """Send a limit, then see to it that it is what limits the export."""
    await box.set_limit(_capacity(state, box.config), watts, deadline)
    if state.mode != Limiter.VALUE:
        await box.switch_on(Limiter.VALUE, deadline)


@dataclass(slots=True, eq=False)
class LimiterMode:
    """What limits the export: the value, a DRED contact, a ripple-control receiver, or nothing."""

    promise: Promise
    box: Box

    def check(self, value: Value) -> None:
        as_mode(value, _MODES)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        state = await self.box.state(deadline)
        return Mode(f"native:{mode_name(state.mode)}") if isinstance(state.mode, Limiter) else UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Switch the other limiters off, then this one on.

        What refuses to be switched off does not keep this one from being switched on. When it refuses
        itself, the limiter that was found is switched on again. The error says when none may be in force.
        """
        with self.box.operation("set_mode"):
            wanted = _MODES[as_mode(value, _MODES).name]
            found = (await self.box.state(deadline)).mode
            await self._change(found, wanted, deadline)

    async def _change(self, found: Limiter | int, wanted: Limiter, deadline: Deadline) -> None:
        refused: Rejected | None = None
        async with self._told_where_it_stopped(wanted):
            for other in OTHERS[wanted]:
                try:
                    await self.box.switch_off(other, deadline)
                except Rejected as error:
                    if not error.code:
                        raise
                    refused = error
            if wanted != Limiter.DEACTIVATED:
                try:
                    await self.box.switch_on(wanted, deadline)
                except Rejected as error:
                    if error.code and found in COMMAND and found != wanted:
                        await self.box.switch_on(Limiter(found), deadline)
                        raise Rejected(
                            f"{error}; {mode_name(found)} was switched on again", code=error.code
                        ) from error
                    raise
        if refused is not None:
            raise refused

    @asynccontextmanager
    async def _told_where_it_stopped(self, wanted: Limiter) -> AsyncIterator[None]:
        try:
            yield
        except DeviceError as error:
            if isinstance(error, Rejected) and error.code:
                raise
            text = f"{error}; the change to {mode_name(wanted)} stopped there, no limiter may be in force"
            raise type(error)(text) from (error.__cause__ or error)


@dataclass(slots=True, eq=False)
class TotalCapacity(_WholeWatts):
    """The installed power that the box reckons with; it stands in the same frame as the limit."""

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        return Number(float((await self.box.state(deadline)).total_capacity))

    async def write(self, value: Value, deadline: Deadline) -> None:
        with self.box.operation("set_capacity"):
            watts = round(as_number(self.promise, value, "W"))
            state = await self.box.state(deadline)
            await self.box.set_limit(watts, state.export_limit, deadline)


@dataclass(slots=True, eq=False)
class SetClock:
    """Set the clock of the box to the local time of the site; it knows no summer time of its own."""

    promise: Promise
    box: Box

    async def run(self, deadline: Deadline) -> None:
        with self.box.operation("set_clock"):
            await self.box.link.rest()
            now = datetime.fromtimestamp(self.box.clock.time(), self.box.zone)
            await self.box.tell(SET_CLOCK, clock_data(now), deadline, accepted=_CLOCK_ACCEPTED)


def clock_data(now: datetime) -> bytes:
    """Return the data of the frame that sets the clock to this local time."""
    return bytes([now.year % 100, now.month, 0, now.day, now.hour, now.minute, now.second])


def _capacity(state: LimitState, config: DeviceConfig) -> int:
    """Return the capacity to write beside a limit: the one that is set, else that of the site file."""
    if state.total_capacity > 0:
        return state.total_capacity
    if config.rated_power is None:
        raise Rejected(
            f"{config.name}: its total capacity reads {state.total_capacity} W; `rated_power` in the site "
            "file says what to set beside the limit"
        )
    return round(config.rated_power)
