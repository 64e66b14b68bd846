"""Devices of a site file, opened: the front door of the library.

    async with open_site("sunhelm.yml") as devices:
        reading = await devices["gx"].read(Deadline.after(5))
        for sample in reading.samples:
            print(sample.quantity.metric, sample.labels, sample.value)

Nothing is sent before the first read, and nothing is ever written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import Accounts, Family, Surroundings, load_family
from sunhelm.devices.links import Turns
from sunhelm.devices.reader import Reader
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site, load_site
from sunhelm.devices.sun import is_dark


class Device:
    """One configured device. Reads of one device must not overlap: the caller serialises them."""

    def __init__(
        self,
        config: DeviceConfig,
        site: Site,
        *,
        clock: Clock = SYSTEM_CLOCK,
        turns: Turns | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        """Open it; nothing is sent yet. Devices of one account share it when they get the same `accounts`."""
        accounts = accounts or Accounts(site.accounts)
        self.name = config.name
        self.config = config
        self.family: Family = load_family(config.family)
        self._site = site
        surroundings = Surroundings(site.zone, clock, turns, accounts, self._is_dark)
        self.source = self.family.open(config, surroundings)
        self._reader = Reader(
            config.name,
            config.family,
            self.source,
            clock,
            asleep=self._sleeps,
            patience_s=self.family.spec.scrape.timeout,
        )

    @property
    def refresh_s(self) -> float:
        """How often the device renews its live values, in seconds: a younger reading may be served again."""
        return max(self.config.refresh or 0.0, self.family.spec.refresh)

    async def read(self, deadline: Deadline, groups: Collection[str] | None = None) -> Reading:
        """Read what is due, or just these groups. Never raises DeviceError: failure is an `Outcome`."""
        return await self._reader.read(deadline, groups)

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
        await self.source.close()

    def _sleeps(self, unix_time: float) -> bool:
        return self.family.spec.is_asleep_without_sun(self.config.model) and self._is_dark(unix_time)

    def _is_dark(self, unix_time: float) -> bool:
        location = self._site.location
        return location is not None and is_dark(unix_time, location.latitude, location.longitude)


@asynccontextmanager
async def open_site(
    site: Site | Path | str, *, clock: Clock = SYSTEM_CLOCK, turns: Turns | None = None
) -> AsyncIterator[Mapping[str, Device]]:
    """Open every device of a site or site file; nothing is sent until one is read.

    `turns` shares endpoints with other processes. Raises SiteError when the file is wrong.
    """
    if not isinstance(site, Site):
        site = load_site(site).site
    accounts = Accounts(site.accounts)
    async with AsyncExitStack() as stack:
        devices: dict[str, Device] = {}
        for name, config in site.devices.items():
            devices[name] = Device(config, site, clock=clock, turns=turns, accounts=accounts)
            stack.push_async_callback(devices[name].close)
        yield devices
