"""A clock of registers that shows the local time of the site, as parts of a date one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.links.base import Span
from sunhelm.devices.registers import codec


@dataclass(slots=True, eq=False)
class BoardClock:
    """Sets the register at `place`, "part.register"; implements `ClockTask`."""

    promise: Promise
    board: RegisterBoard
    place: str
    zone: ZoneInfo
    clock: Clock

    async def offset(self, deadline: Deadline) -> float:
        """Return by how many seconds the clock is ahead. Raises Malformed where it shows no time."""
        register = self.board.register(self.place)
        unit = (await self.board.locate(self.place.partition(".")[0], deadline)).unit
        words = await self.board.link.read(
            Span(unit, register.table, register.address, register.type.words), deadline
        )
        now = self._local().replace(tzinfo=UTC)
        try:
            shown = codec.value(register, codec.unpack(register.type, words), zone=UTC)
        except ValueError as error:
            raise Malformed(f"{self.board.config.name}: its clock shows no time: {error}") from error
        return shown - now.timestamp()

    async def run(self, deadline: Deadline) -> None:
        """Write all of its registers by one request."""
        register = self.board.register(self.place)
        unit = (await self.board.locate(self.place.partition(".")[0], deadline)).unit
        words = codec.pack(register.type, self._local())
        await self.board.link.write(unit, register.address, words, deadline)

    def _local(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), self.zone).replace(tzinfo=None)
