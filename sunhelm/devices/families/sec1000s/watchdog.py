"""The export limit lifted for 5 s and put back: inverters that throttle then take full power at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Note, Promise
from sunhelm.devices.errors import DeviceError, Malformed, Rejected
from sunhelm.devices.families.sec1000s.box import ACCEPTED, COMMAND, OFF, ON, OTHERS, Box
from sunhelm.devices.families.sec1000s.messages import LimitState, mode_name
from sunhelm.devices.families.sec1000s.messages import Mode as Limiter
from sunhelm.devices.links.control import SET_LIMIT
from sunhelm.devices.links.sec1000 import frame

_TOLERANCE_W: Final = 50
"""The box shows a limit that was set within this."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()

Frame = tuple[int, bytes]


@dataclass(slots=True, eq=False)
class LimitLift:
    """Implements `sunhelm.devices.control.Watchdog`, by the frames that are known to work."""

    promise: Promise
    box: Box
    lasting_s: float = 5.0

    async def found(self, deadline: Deadline) -> str:
        """Return mode, limit and capacity of the box, once it measures and something limits the export."""
        name = self.box.config.name
        await self.box.telemetry(deadline)
        state = await self.box.state(deadline)
        if not isinstance(state.mode, Limiter) or state.mode is Limiter.DEACTIVATED:
            limiter = mode_name(state.mode)
            raise Rejected(f"{name}: {limiter} limits the export: there is nothing to lift and put back")
        if state.export_limit < 0 or state.total_capacity <= 0:
            raise Rejected(
                f"{name}: a limit of {state.export_limit} W of {state.total_capacity} W is none that could be"
                " put back for certain"
            )
        return json.dumps(
            {"mode": int(state.mode), "limit": state.export_limit, "capacity": state.total_capacity}
        )

    async def lift(self, note: Note, deadline: Deadline) -> None:
        with self.box.operation("reset_watchdog"):
            for command, data in _mode(Limiter.DEACTIVATED):
                try:
                    await self._send(command, data, note, deadline)
                except DeviceError as error:
                    _log.warning("sec1000_frame_failed", command=f"{command:#04x}", detail=str(error))

    async def restore(self, found: str, note: Note, deadline: Deadline) -> bool:
        """Switch the limiter on again, then say the limit and the limiter once more, and read both."""
        wanted = _limit_state(found)
        mode = Limiter(wanted.mode)
        with self.box.operation("reset_watchdog"):
            for command, data in _mode(mode):
                await self._insist(command, data, note, deadline)
            await self.box.link.rest()
            limit = (SET_LIMIT, self.box.limit_data(wanted.total_capacity, wanted.export_limit))
            for command, data in (limit, *_mode(mode)):
                await self._insist(command, data, note, deadline)
        await self.box.clock.sleep(self.promise.settle_s)
        state = await self.box.state(deadline)
        return (
            state.mode == mode
            and state.total_capacity == wanted.total_capacity
            and abs(state.export_limit - wanted.export_limit) < _TOLERANCE_W
        )

    async def _insist(self, command: int, data: bytes, note: Note, deadline: Deadline) -> None:
        """Send a frame of a restore: what the box refuses, reading back will show."""
        with suppress(Rejected):
            await self._send(command, data, note, deadline)

    async def _send(self, command: int, data: bytes, note: Note, deadline: Deadline) -> None:
        await note(frame(command, data).hex(" "))
        await self.box.tell(command, data, deadline, accepted=ACCEPTED)


def _mode(mode: Limiter) -> Iterator[Frame]:
    """Yield the frames that put a limiter in force: the others off, then it on."""
    for other in OTHERS[mode]:
        yield COMMAND[other], OFF
    if mode in COMMAND:
        yield COMMAND[mode], ON


def _limit_state(found: str) -> LimitState:
    try:
        kept = json.loads(found)
        return LimitState(Limiter(kept["mode"]), int(kept["capacity"]), 0, int(kept["limit"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"{found!r} is not what a box was found in") from error
