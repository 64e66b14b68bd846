"""Devices of a site file, opened for control.

    async with control_site(site, turns=Turns(directory, role="control")) as devices:
        handle = devices["box"].handles["export_limit"]
        async with devices["box"].turn(deadline):
            await handle.write(Limit(0), deadline)

A process that only reads imports nothing of this.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import cast

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import Accounts, Surroundings, load_family
from sunhelm.devices.families.control import ControlModule, NotControllable
from sunhelm.devices.links import Turns
from sunhelm.devices.site import Site

__all__ = ["NotControllable", "control_site", "open_controlled"]


def open_controlled(
    config: DeviceConfig,
    site: Site,
    *,
    clock: Clock = SYSTEM_CLOCK,
    turns: Turns | None = None,
    accounts: Accounts | None = None,
) -> ControlledDevice:
    """Return one device, opened for control; nothing is sent yet.

    `turns` have the role "control"; None only where no other process uses the device. Raises NotControllable
    where the site file does not enable control, or the family cannot be commanded.
    """
    if not config.control.enabled:
        raise NotControllable(
            f"devices.{config.name}: may only be read; `control: {{enabled: true}}` lets it be commanded"
        )
    module = f"sunhelm.devices.families.{config.family}.control"
    if find_spec(module) is None:
        raise NotControllable(f"devices.{config.name}: nothing of family {config.family} can be commanded")
    opener = cast("ControlModule", importlib.import_module(module))
    surroundings = Surroundings(site.zone, clock, turns, accounts or Accounts(site.accounts))
    return opener.open_control(load_family(config.family), config, surroundings)


@asynccontextmanager
async def control_site(
    site: Site, *, clock: Clock = SYSTEM_CLOCK, turns: Turns | None = None
) -> AsyncIterator[Mapping[str, ControlledDevice]]:
    """Open every device of a site that may be commanded; raises as `open_controlled`."""
    accounts = Accounts(site.accounts)
    async with AsyncExitStack() as stack:
        devices: dict[str, ControlledDevice] = {}
        for name, config in site.devices.items():
            if config.control.enabled:
                devices[name] = open_controlled(config, site, clock=clock, turns=turns, accounts=accounts)
                stack.push_async_callback(devices[name].close)
        yield devices
