"""What an inverter does once when it is told to: set its clock, restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.givenergy.inverter import Inverter

_CLOCK: Final = 35
_RESTART: Final = (163, 100)
"""100 and nothing else: any other value is said to break the inverter."""

_AHEAD: Final = timedelta(seconds=1)
"""The seconds are written last, about so long after the time was taken."""


@dataclass(slots=True, eq=False)
class InverterClock:
    """Sets the clock to the local time of the site; implements `ClockTask`."""

    promise: Promise
    inverter: Inverter

    async def offset(self, deadline: Deadline) -> float:
        """Return by how many seconds the inverter's clock is ahead. Raises Malformed where it shows none."""
        return self.inverter.offset(await self.inverter.words((), deadline))

    async def run(self, deadline: Deadline) -> None:
        """Write year, month, day, hour, minute and second, those that differ."""
        words = await self.inverter.words((), deadline)
        if self.inverter.model(words).is_ems:
            raise Rejected(f"{self.inverter.name}: the clock of an EMS is not one that is safe to write")
        now = datetime.fromtimestamp(self.inverter.clock.time(), self.inverter.zone) + _AHEAD
        parts = (now.year - 2000, now.month, now.day, now.hour, now.minute, now.second)
        await self.inverter.put(enumerate(parts, _CLOCK), words, deadline)


@dataclass(slots=True, eq=False)
class Restart:
    """Restarts the inverter."""

    promise: Promise
    inverter: Inverter

    async def run(self, deadline: Deadline) -> None:
        words = await self.inverter.words((), deadline)
        if self.inverter.model(words).is_ems:
            raise Rejected(f"{self.inverter.name}: restarting an EMS is not known to be safe")
        address, word = _RESTART
        await self.inverter.write(address, word, deadline)
