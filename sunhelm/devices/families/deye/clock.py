"""The clock of an inverter, which the slots and the counters of the day go by."""

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
class HybridClock:
    """Sets the clock to the local time of the site; implements `ClockTask`."""

    promise: Promise
    board: RegisterBoard
    part: str
    zone: ZoneInfo
    clock: Clock

    async def offset(self, deadline: Deadline) -> float:
        """Return by how many seconds the inverter's clock is ahead. Raises Malformed where it shows none."""
        register = self.board.register(f"{self.part}.clock")
        unit = (await self.board.locate(self.part, deadline)).unit
        words = await self.board.link.read(
            Span(unit, register.table, register.address, register.type.words), deadline
        )
        now = datetime.fromtimestamp(self.clock.time(), self.zone).replace(tzinfo=UTC)
        try:
            shown = codec.value(register, codec.unpack(register.type, words), zone=UTC)
        except ValueError as error:
            raise Malformed(f"{self.board.config.name}: its clock shows no time: {error}") from error
        return shown - now.timestamp()

    async def run(self, deadline: Deadline) -> None:
        """Write all three words by one request."""
        register = self.board.register(f"{self.part}.clock")
        unit = (await self.board.locate(self.part, deadline)).unit
        now = datetime.fromtimestamp(self.clock.time(), self.zone).replace(tzinfo=None)
        words = codec.pack(register.type, now)
        await self.board.link.write(unit, register.address, words, deadline)
