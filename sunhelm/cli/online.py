"""Trying the devices of a site: one read of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Self

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.families import Accounts
from sunhelm.devices.finding import find_devices, open_ended
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
    """Read every device of the site once, all at the same time, each for at most `timeout_s`.

    Of an account whose devices have to be found, those that are found; itself when it cannot be asked.
    """
    deadline = Deadline.after(timeout_s, clock)
    found: dict[str, DeviceConfig] = {}
    trials: list[Trial] = []
    for account in open_ended(site):
        accounts = Accounts(site.accounts)
        try:
            found |= await find_devices(account, site, deadline, accounts=accounts, clock=clock, turns=turns)
        except DeviceError as error:
            why = (f"account: {error.reason}, {error}",)
            trials.append(
                Trial(account, site.accounts[account].family, answers=False, samples=0, failures=why)
            )
    site = replace(site, devices={**site.devices, **found})
    async with open_site(site, clock=clock, turns=turns) as devices:
        readings = await asyncio.gather(*(device.read(deadline) for device in devices.values()))
    return [*trials, *(Trial.of(reading, site.devices[reading.device].family) for reading in readings)]
