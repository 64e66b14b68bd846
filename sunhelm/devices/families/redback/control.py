"""What can be commanded through a Redback account; the exporter may not import it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Handle, Promise, Task
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, Surroundings
from sunhelm.devices.families.control import CommandedDevice, by_key, promise
from sunhelm.devices.families.redback.calendar import RedbackEnvelopes, RedbackSchedules
from sunhelm.devices.families.redback.family import Family as RedbackFamily
from sunhelm.devices.families.redback.family import RedbackSource
from sunhelm.devices.families.redback.orders import MARK, Orders
from sunhelm.devices.families.redback.states import Battery, ExportLimit, LastingMode
from sunhelm.devices.links.control import HttpControlLink

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return an inverter or a site of an account, opened for control; nothing is sent yet."""
    assert isinstance(family, RedbackFamily)
    assert config.account is not None
    lease = family.share(config.account, surroundings, link_class=HttpControlLink, role="control")
    source = family.source(config, lease, surroundings)
    api, portal = lease.shared.api, lease.shared.portal
    assert isinstance(api, HttpControlLink)
    assert portal is None or isinstance(portal, HttpControlLink)
    orders = Orders(source, api, portal, surroundings.clock)
    controls, tasks = family.spec.controls, family.spec.tasks

    def promised(key: str) -> Promise:
        return promise(key, controls[key])

    handles: list[Handle] = [ExportLimit(promised("export_limit"), orders, config.name)]
    todo: list[Task] = [
        DeleteAllEnvelopes(promise("task:delete_all_envelopes", tasks["delete_all_envelopes"]), orders)
    ]
    is_site = config.serial is not None and config.serial.startswith("S")
    if not is_site:
        handles.append(Battery(promised("battery"), orders))
    if not is_site and portal is not None:
        handles.append(LastingMode(promised("mode"), orders))
        todo.append(ResetToAuto(promise("task:reset_to_auto", tasks["reset_to_auto"]), orders))
    return CommandedDevice(
        name=config.name,
        link=_Account(source),
        serial=partial(_serial, orders),
        handles=by_key(handles),
        tasks=by_key(todo),
        schedules=None if is_site else RedbackSchedules(promised("schedules"), orders),
        envelopes=RedbackEnvelopes(promised("envelopes"), orders),
        state_of_charge=None if is_site else partial(_state_of_charge, orders),
    )


@dataclass(slots=True)
class _Account:
    """The links of an account as a device opened for control needs them; implements `OwnedLink`."""

    source: RedbackSource

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """Begin at once: each request has a turn of its own."""
        async with self.source.turn(deadline):
            yield

    async def close(self) -> None:
        await self.source.close()


async def _serial(orders: Orders, deadline: Deadline) -> str:
    site, serial = await orders.place(deadline)
    return serial or site


async def _state_of_charge(orders: Orders, deadline: Deadline) -> float:
    told = await orders.power_mode(deadline)
    if told.charge is None:
        raise Rejected("the cloud does not tell the state of charge now")
    return told.charge


@dataclass(slots=True, eq=False)
class ResetToAuto:
    """Deletes our schedules and sets the mode to Auto for good; those of others are spared."""

    promise: Promise
    orders: Orders

    async def run(self, deadline: Deadline) -> None:
        for record in await self.orders.schedules(deadline):
            if record.notes.startswith(MARK):
                await self.orders.delete_schedule(record.key, deadline)
        await self.orders.set_lasting_mode("Auto", 0.0, deadline)


@dataclass(slots=True, eq=False)
class DeleteAllEnvelopes:
    """Deletes all envelopes of all sites of the account, whoever made them."""

    promise: Promise
    orders: Orders

    async def run(self, deadline: Deadline) -> None:
        hit: Mapping[str, list[str]] = await self.orders.all_envelopes(deadline)
        _log.warning("all_envelopes_deleted", account=self.orders.source.config.account, envelopes=hit)
        await self.orders.delete_all_envelopes(deadline)
