"""What a device does once when one of its registers is written."""

from __future__ import annotations

from dataclasses import dataclass

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.families.register_board import RegisterBoard


@dataclass(slots=True, eq=False)
class RegisterTask:
    """Done by writing `raw` to the register at `place`, "part.register"; implements `Task`."""

    promise: Promise
    board: RegisterBoard
    place: str
    raw: int

    async def run(self, deadline: Deadline) -> None:
        await self.board.write(self.place, self.raw, deadline)
