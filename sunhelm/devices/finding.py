"""Devices that no site file names: those of an account of which it names none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import Accounts, Surroundings, load_family
from sunhelm.devices.families.base import FindsDevices
from sunhelm.devices.links import Turns
from sunhelm.devices.site import Site

_LONGEST_NAME: Final = 63


def open_ended(site: Site) -> tuple[str, ...]:
    """Return the accounts whose devices have to be found: the site file names none of theirs."""
    named = {config.account for config in site.devices.values()}
    return tuple(
        name
        for name, account in site.accounts.items()
        if name not in named and isinstance(load_family(account.family), FindsDevices)
    )


async def find_devices(
    account: str,
    site: Site,
    deadline: Deadline,
    *,
    accounts: Accounts,
    clock: Clock = SYSTEM_CLOCK,
    turns: Turns | None = None,
) -> Mapping[str, DeviceConfig]:
    """Return the devices of an account, by names made of the account's and their serial numbers.

    Raises DeviceError, and TypeError for an account whose family finds nothing.
    """
    name = site.accounts[account].family
    family = load_family(name)
    if not isinstance(family, FindsDevices):
        raise TypeError(f"family {name} finds no devices")
    serials = await family.find(account, Surroundings(site.zone, clock, turns, accounts), deadline)
    link = next(iter(family.spec.links))
    configs = (
        DeviceConfig(
            name=f"{account}-{serial.lower()}"[-_LONGEST_NAME:].lstrip("-_"),
            family=name,
            link=link,
            account=account,
            serial=serial,
        )
        for serial in serials
    )
    return {config.name: config for config in configs if config.name not in site.devices}
