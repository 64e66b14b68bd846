"""Trying the devices of a site: one read of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.links.turns import Turns
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of reading one device; `failures` has a line for each group that brought nothing."""

    device: str
    family: str
    answers: bool
    samples: int
    failures: tuple[str, ...]

    @classmethod
    def of(cls, reading: Reading, family: str) -> Self:
        """Return what the reading says."""
        return cls(
            device=reading.device,
            family=family,
            answers=reading.up,
            samples=len(reading.samples),
            failures=tuple(
                f"{group}: {outcome.reason}{f', {outcome.detail}' if outcome.detail else ''}"
                for group, outcome in sorted(reading.groups.items())
                if outcome.reason is not None
            ),
        )

    def __str__(self) -> str:
        state = f"answers, {self.samples} values" if self.answers else "does not answer"
        return "; ".join([f"{self.family}  {state}", *self.failures])


async def try_devices(
    site: Site, timeout_s: float, turns: Turns | None = None, *, clock: Clock = SYSTEM_CLOCK
) -> list[Trial]:
    """Read every device of the site once, all at the same time, each for at most `timeout_s`."""
    async with open_site(site, clock=clock, turns=turns) as devices:
        deadline = Deadline.after(timeout_s, clock)
        readings = await asyncio.gather(*(device.read(deadline) for device in devices.values()))
    return [Trial.of(reading, site.devices[reading.device].family) for reading in readings]
