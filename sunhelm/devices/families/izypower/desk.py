"""Where a station is told things: which of its devices is meant, what it has now, and what is posted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected, Unreachable
from sunhelm.devices.families.izypower.answers import COMMANDS
from sunhelm.devices.families.izypower.bodies import Json, require
from sunhelm.devices.families.izypower.cloud import Station
from sunhelm.devices.families.izypower.family import IzypowerSource
from sunhelm.devices.families.izypower.groups import command_path, devices_of
from sunhelm.devices.families.izypower.units import BATTERY, SLAVE, Unit, heads_of, of_kind, units_of
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.http import quoted

if TYPE_CHECKING:
    from sunhelm.devices.links.control import HttpControlLink

_LIST_FRESH_S: Final = 180.0
"""How long the list of devices is believed while nothing is told."""


@dataclass(slots=True)
class Desk:
    """One station, opened for control."""

    source: IzypowerSource
    link: HttpControlLink
    _listed_at: float = float("-inf")

    async def station(self, deadline: Deadline) -> Station:
        """Return the station. Raises DeviceError."""
        await self.source.prepare(deadline)
        assert self.source.station is not None
        return self.source.station

    async def unit(self, kind: str, deadline: Deadline) -> Unit:
        """Return the device of a kind that takes the commands; of batteries never a slave.

        Raises Rejected where there is none, or not one alone.
        """
        await self._list(deadline, fresh_s=_LIST_FRESH_S)
        return self._chosen(kind)

    async def ready(self, kind: str, deadline: Deadline) -> Unit:
        """Return the same device, about to be told something. Raises Unreachable while it is offline."""
        await self._list(deadline, fresh_s=0.0)
        unit = self._chosen(kind)
        if unit.online is False:
            raise Unreachable(
                f"{unit.serial} is offline: the cloud would take an order, and nobody would follow"
            )
        return unit

    async def batteries(self, deadline: Deadline) -> list[Unit]:
        """Return all batteries, slaves too. Raises DeviceError."""
        await self._list(deadline, fresh_s=_LIST_FRESH_S)
        return of_kind(self.source.units, BATTERY)

    async def read(self, path: str, deadline: Deadline, *members: str) -> Json:
        """Return what stands at a path with one of these members. Raises DeviceError."""
        document = await self.source.cloud.read(path, deadline)
        return require(document.body, document.where, *members)

    async def command(self, unit: Unit, deadline: Deadline) -> Json:
        """Return the settings of a battery or a charger. Raises DeviceError."""
        return await self.read(command_path(unit), deadline, *COMMANDS)

    async def tell(self, path: str, body: Json | None, deadline: Deadline) -> None:
        """Post an order; that the cloud has taken it proves nothing. Raises DeviceError."""
        await self.link.tell("POST", path, deadline, _taken, json=body)

    def _chosen(self, kind: str) -> Unit:
        there = of_kind(self.source.units, kind)
        takers = heads_of(self.source.units) if kind == BATTERY else there
        for unit in there:
            if unit.serial in self.source.wanted.chosen and unit not in takers:
                raise Rejected(f"{unit.serial} takes no orders: it is a slave, or its role is not told")
        return self.source.wanted.choose(takers, kind)

    async def _list(self, deadline: Deadline, *, fresh_s: float) -> None:
        station = await self.station(deadline)
        clock = self.source.clock
        if clock.monotonic() - self._listed_at >= fresh_s:
            path, query = devices_of(station)
            self.source.units = units_of(await self.source.cloud.pages(path, deadline, query))
            self._listed_at = clock.monotonic()


def battery_path(order: str, unit: Unit) -> str:
    """Return where an order for a battery is posted."""
    if unit.role == SLAVE:
        raise Rejected(f"{unit.serial} is a slave; its master takes the orders")
    return f"/api/v2/device/yz/battery/{order}/{quoted(unit.serial)}"


def _taken(answer: Answer) -> None:
    """Raise Malformed for a page where an answer should be; an empty one is right, too."""
    if answer.body.strip():
        answer.json()
