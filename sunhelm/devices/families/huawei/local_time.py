"""The clock of an inverter: seconds of a local time that two other registers explain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.huawei.regulator import EMMA, Regulator
from sunhelm.devices.links.base import Span, Table

_EMMA_CLOCK: Final = 31_003


@dataclass(slots=True)
class LocalTime:
    """The inverter's local time, as it says itself."""

    regulator: Regulator

    async def offset_s(self, deadline: Deadline) -> float:
        """Return by how much it is ahead of UTC: the zone, and an hour while summer time is in force."""
        zone = await self.regulator.read_if_there("inverter.time_zone", deadline)
        if zone is None:
            raise Rejected(f"{self.regulator.board.config.name}: does not tell the zone of its clock")
        summer = await self.regulator.read_if_there("inverter.daylight_saving_time", deadline)
        return 60.0 * zone + 3600.0 * (summer == 1)


@dataclass(slots=True, eq=False)
class SetClock:
    """Set the clock; its zone stays as it is. Implements `ClockTask`."""

    promise: Promise
    local: LocalTime
    clock: Clock
    zone: ZoneInfo

    async def run(self, deadline: Deadline) -> None:
        """Set it. Raises Rejected behind an EMMA, whose clock the inverter shows."""
        await self.local.regulator.alone(deadline, "the clock")
        local = self.clock.time() + await self.local.offset_s(deadline)
        await self.local.regulator.board.write("inverter.clock", round(local), deadline)

    async def offset(self, deadline: Deadline) -> float:
        """Return by how many seconds the clock is ahead; of an EMMA, by the local time of the site."""
        regulator = self.local.regulator
        if await regulator.part(deadline) == EMMA:
            unit = (await regulator.board.locate(EMMA, deadline)).unit
            high, low = await regulator.board.link.read(Span(unit, Table.HOLDING, _EMMA_CLOCK, 2), deadline)
            now = datetime.fromtimestamp(self.clock.time(), self.zone)
            return (high << 16 | low) - now.replace(tzinfo=UTC).timestamp()
        offset_s = await self.local.offset_s(deadline)
        told = await self.local.regulator.board.read("inverter.clock", deadline)
        return told - offset_s - self.clock.time()
