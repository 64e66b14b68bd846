"""The frames that command a SEC1000, each accepted, undecided or refused."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import structlog

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.families.sec1000s.feedback import Feedback
from sunhelm.devices.families.sec1000s.messages import LimitState, Telemetry
from sunhelm.devices.families.sec1000s.messages import Mode as Limiter
from sunhelm.devices.links.control import DRED_MODE, RCR_MODE, SET_LIMIT, VALUE_MODE, Sec1000ControlLink
from sunhelm.devices.links.sec1000 import LIMIT, TELEMETRY

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

ACCEPTED: Final = 0x06
_UNDECIDED: Final = 0x15
"""Other programs count it as success; elsewhere it means refused. Only reading back can tell."""

ON: Final = b"\x01"
OFF: Final = b"\x02"
_AGAIN_S: Final = 1.0
"""The box gets this pause before a frame that it did not answer is sent again."""

COMMAND: Final = {Limiter.VALUE: VALUE_MODE, Limiter.DRED: DRED_MODE, Limiter.RCR: RCR_MODE}
OTHERS: Final = {
    Limiter.VALUE: (Limiter.DRED, Limiter.RCR),
    Limiter.RCR: (Limiter.VALUE, Limiter.DRED),
    Limiter.DRED: (Limiter.VALUE, Limiter.RCR),
    Limiter.DEACTIVATED: (Limiter.VALUE, Limiter.DRED, Limiter.RCR),
}
"""What is switched off, in this order, before a mode is switched on."""

_LIMIT_DATA: Final = struct.Struct(">iiB")

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class Box:
    """The frames of one box, and how its operations ended."""

    link: Sec1000ControlLink
    config: DeviceConfig
    phase_flag: int
    clock: Clock
    zone: ZoneInfo
    feedback: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def operation(self, name: str) -> Iterator[None]:
        """Note how what happens inside ends; 0 while it goes on."""
        self.feedback[name] = 0
        try:
            yield
        except ValueError:
            self.feedback[name] = int(Feedback.INVALID_INPUT)
            raise
        except DeviceError as error:
            self.feedback[name] = int(Feedback.of(error))
            raise
        self.feedback[name] = int(Feedback.OK)

    async def state(self, deadline: Deadline) -> LimitState:
        """Return what limits the export now, and how much; after a command not before the box can tell."""
        with self.operation("get_limit"):
            await self.link.rest()
            return LimitState.parse(await self.link.ask(LIMIT, deadline))

    async def set_limit(self, capacity: int, watts: int, deadline: Deadline) -> None:
        """Send the limit. The box reckons with the capacity, so that it is what was read or is wanted."""
        await self._send(SET_LIMIT, self.limit_data(capacity, watts), deadline)

    def limit_data(self, capacity: int, watts: int) -> bytes:
        """Return the data of the frame that sets the limit."""
        return _LIMIT_DATA.pack(capacity, watts, self.phase_flag)

    async def telemetry(self, deadline: Deadline) -> Telemetry:
        """Return what the box measures."""
        with self.operation("get_telemetry"):
            await self.link.rest()
            return Telemetry.parse(await self.link.ask(TELEMETRY, deadline))

    async def switch_on(self, limiter: Limiter, deadline: Deadline) -> None:
        """Switch one limiter on, and insist on it."""
        await self._insist(COMMAND[limiter], ON, deadline)

    async def switch_off(self, limiter: Limiter, deadline: Deadline) -> None:
        """Switch one limiter off, and insist on it."""
        await self._insist(COMMAND[limiter], OFF, deadline)

    async def _insist(self, command: int, data: bytes, deadline: Deadline) -> None:
        while True:
            try:
                await self._send(command, data, deadline)
            except DeviceError as error:
                refused = isinstance(error, Rejected) and error.code
                if refused or deadline.remaining() <= _AGAIN_S:
                    raise
                _log.warning("sec1000_frame_again", command=f"{command:#04x}", detail=str(error))
                await self.clock.sleep(_AGAIN_S)
            else:
                return

    async def _send(self, command: int, data: bytes, deadline: Deadline) -> None:
        await self.tell(command, data, deadline, accepted=ACCEPTED)

    async def tell(self, command: int, data: bytes, deadline: Deadline, *, accepted: int) -> None:
        """Send one frame. Raises Rejected, with the status as its code, for one that is no acceptance."""
        status = await self.link.tell(command, data, deadline)
        if status == _UNDECIDED:
            _log.info("sec1000_undecided", command=f"{command:#04x}", status=f"{status:#04x}")
        elif status != accepted:
            raise Rejected(
                f"{self.config.name}: command {command:#04x}: status {status:#04x}; {accepted:#04x} is right",
                code=status,
            )
