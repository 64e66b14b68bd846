"""Who regulates a plant: the inverter, or the EMMA that stands above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, TimedOut
from sunhelm.devices.families.register_board import RegisterBoard

INVERTER: Final = "inverter"
EMMA: Final = "emma"
_NOT_THERE: Final = frozenset({1, 2, 3})
"""Exceptions of firmware that does not have a register."""


@dataclass(slots=True)
class Regulator:
    """The registers of one plant, and which of its devices limits and controls it."""

    board: RegisterBoard

    async def part(self, deadline: Deadline) -> str:
        """Return "inverter" or "emma". Raises Rejected when an EMMA regulates that is not to be found."""
        if await self.read_if_there("inverter.emma_present", deadline) != 1:
            return INVERTER
        try:
            await self.board.locate(EMMA, deadline)
        except (Rejected, TimedOut) as error:
            raise Rejected(
                f"{self.board.config.name}: an EMMA controls this plant, and none answers: {error}; `units` "
                "of the device says where it is"
            ) from error
        return EMMA

    async def alone(self, deadline: Deadline, what: str) -> None:
        """Raise Rejected when an EMMA regulates: then the inverter's own register does not count."""
        if await self.part(deadline) == EMMA:
            raise Rejected(f"{self.board.config.name}: an EMMA controls this plant; {what} is its own")

    async def read_if_there(self, place: str, deadline: Deadline) -> int | None:
        """Return the raw number of a register; None where the firmware does not have it or shows nothing."""
        try:
            raw = await self.board.read(place, deadline)
        except Rejected as error:
            if error.code not in _NOT_THERE:
                raise
            return None
        return None if raw in self.board.register(place).absent else raw

    async def write_if_other(self, place: str, raw: int, deadline: Deadline) -> None:
        """Write a register, unless it holds that already."""
        if await self.board.read(place, deadline) != raw:
            await self.board.write(place, raw, deadline)
