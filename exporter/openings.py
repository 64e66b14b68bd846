"""From the site file to targets: every device opened, those that stay the same kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from exporter.flight import Flight
from exporter.targets import Target, target_labels
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.device import Device
from sunhelm.devices.families import Accounts
from sunhelm.devices.links import Turns
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site

Observer = Callable[[Mapping[str, str], Reading], None]
"""Told of every reading fresh from a device, once, with the labels that tell the device; must not block."""


def open_targets(
    site: Site,
    *,
    turns: Turns | None = None,
    observers: Sequence[Observer] = (),
    clock: Clock = SYSTEM_CLOCK,
    accounts: Accounts | None = None,
    keep: Mapping[str, Target] = MappingProxyType({}),
) -> dict[str, Target]:
    """Open every device of the site; nothing is sent until one is asked.

    Those of `keep` whose configuration is the same are taken over as they are, with the observers that
    they were opened with. Devices of one account share it through `accounts`.
    """
    accounts = Accounts(site.accounts) if accounts is None else accounts
    targets: dict[str, Target] = {}
    for name, config in site.devices.items():
        account = None if config.account is None else site.accounts.get(config.account)
        made_of = (config, account, site.name, site.zone, site.location)
        if (kept := keep.get(name)) is not None and kept.made_of == made_of:
            targets[name] = kept
            continue
        device = Device(config, site, clock=clock, turns=turns, accounts=accounts)
        spec = device.family.spec
        labels = target_labels(name, site.name, config.family)
        flight = Flight(
            device,
            refresh_s=device.refresh_s,
            deadline_s=spec.deadline,
            listeners=[partial(observer, labels) for observer in observers],
            clock=clock,
        )
        targets[name] = Target(
            name=name,
            labels=labels,
            flight=flight,
            interval_s=max(spec.scrape.interval, device.refresh_s),
            timeout_s=spec.scrape.timeout,
            source=device.source,
            made_of=made_of,
        )
    return targets
