"""The clock of an SMA device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.register_board import RegisterBoard

_CLOCK: Final = "control.clock"


@dataclass(slots=True, eq=False)
class SetClock:
    """Set the clock, which counts in UTC; devices of the older profile can be told."""

    promise: Promise
    board: RegisterBoard
    clock: Clock

    async def offset(self, deadline: Deadline) -> float:
        return await self._told(deadline) - self.clock.time()

    async def run(self, deadline: Deadline) -> None:
        await self._told(deadline)
        await self.board.write(_CLOCK, round(self.clock.time()), deadline)

    async def _told(self, deadline: Deadline) -> int:
        raw = await self.board.read(_CLOCK, deadline)
        if raw in self.board.register(_CLOCK).absent:
            raise Rejected(f"{self.board.config.name}: it has no clock that can be set (40001)")
        return raw
