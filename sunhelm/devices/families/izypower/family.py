"""Izypower: a station of an account, with all that its cloud tells of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import Asleep, AuthFailed, DeviceError, Malformed, RateLimited, Unreachable
from sunhelm.devices.families.accounts import Lease
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.cloud_family import Access, CloudFamily
from sunhelm.devices.families.izypower import samples
from sunhelm.devices.families.izypower.bodies import Json
from sunhelm.devices.families.izypower.cloud import Cloud, Station
from sunhelm.devices.families.izypower.groups import GROUPS, Asker, devices_of, stations
from sunhelm.devices.families.izypower.places import Wanted
from sunhelm.devices.families.izypower.redaction import redacted
from sunhelm.devices.families.izypower.settings import shown
from sunhelm.devices.families.izypower.times import unix_time
from sunhelm.devices.families.izypower.units import INVERTER, Unit, units_of
from sunhelm.devices.families.json_values import JsonMap
from sunhelm.devices.families.shapes import objects
from sunhelm.devices.families.source import Fetched, Group, Setting
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Guard, Held, Outcome, Sample

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

MAIN: Final = "live"
"""The group without which nothing is known of a station."""

_OLD_S: Final = 900.0
"""Values that the devices told longer ago than five of their reports are not shown."""

_AHEAD_S: Final = 300.0
"""So far ahead of the cloud's clock a report may be."""

_FATAL: Final = (Unreachable, AuthFailed, RateLimited)
"""After one of these nothing more is asked in this read: the next request would end alike."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Family(CloudFamily[Cloud]):
    """The family `izypower`; see `sunhelm.devices.families.base.Family`."""

    beyond = samples.OFFERS

    def cloud(self, access: Access) -> Cloud:
        return Cloud(access)

    def source(self, config: DeviceConfig, lease: Lease[Cloud], surroundings: Surroundings) -> IzypowerSource:
        return IzypowerSource(self, config, lease, surroundings)


@dataclass(slots=True)
class IzypowerSource:
    """One station of an account; implements `Source`."""

    family: Family
    config: DeviceConfig
    lease: Lease[Cloud]
    surroundings: Surroundings
    station: Station | None = None
    units: tuple[Unit, ...] = ()
    skew_s: float = 0.0
    totals_of_info: bool | None = None
    _told_at: tuple[Sample, ...] = ()
    _unread: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def cloud(self) -> Cloud:
        """The account."""
        return self.lease.shared

    @property
    def clock(self) -> Clock:
        return self.surroundings.clock

    @property
    def values(self) -> JsonMap:
        return self.family.values

    @property
    def wanted(self) -> Wanted:
        """What the site file says of which station and which of its devices are meant."""
        return Wanted.of(self.config.serial)

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.cloud.link.turn(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        """Find out which station it is, and what it is made of."""
        if self.station is None:
            found = self.wanted.find(await self.cloud.stations(deadline), self.config.account or "")
            path, query = devices_of(found)
            self.units = units_of(await self.cloud.pages(path, deadline, query))
            self.station = found

    def groups(self) -> Sequence[Group]:
        if self.station is None:
            return []
        return [
            Group(name, period)
            for name, period in self.family.spec.tiers.items()
            if GROUPS[name].is_there(self.units)
        ]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        """Fetch the groups one after the other; nothing but `live` is asked for where that fails."""
        fetched: dict[str, Fetched] = {}
        asker = self.asker()
        lost: Outcome | None = None
        for group in sorted(groups, key=lambda name: name != MAIN):
            if lost is not None:
                fetched[group] = Fetched(lost)
                continue
            fetched[group], error = await self._fetch(group, asker, deadline)
            if error is not None and (group == MAIN or isinstance(error, _FATAL)):
                lost = Outcome(error.reason, str(error))
        return {group: fetched[group] for group in groups}

    def derive(self, samples_: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        del groups
        if self.station is not None:
            yield from samples.derived(samples_, self.units)
            told = (self.family.spec.vendor, "station", self.station.id, "")
            yield Sample(CATALOGUE["device"], 1.0, told, "stationsId", MAIN)

    def remarks(self) -> Iterable[Sample]:
        """Yield when the devices last reported, also where that is too long ago."""
        return self._told_at

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        """Return every answer by its request; what fails is told with its reason."""
        assert self.station is not None
        asker = self.asker(keep=True)
        await stations(asker, deadline)
        for group in self.groups():
            try:
                await GROUPS[group.name].ask(asker, deadline)
            except DeviceError as error:
                asker.failed[group.name] = str(error.reason)
                if isinstance(error, _FATAL):
                    break
        return redacted(asker.answers, asker.failed)

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        asker = self.asker()
        return shown(await GROUPS["settings"].ask(asker, deadline))

    async def close(self) -> None:
        await self.lease.close()

    def asker(self, *, keep: bool = False) -> Asker:
        """Return what asks the cloud of this station, for one read."""
        assert self.station is not None
        now = self.clock.time() + self.skew_s
        asker = Asker(self.cloud, self.station, self.units, now, self.surroundings.zone, keep=keep)
        asker.totals_of_info = self.totals_of_info
        return asker

    async def _fetch(
        self, group: str, asker: Asker, deadline: Deadline
    ) -> tuple[Fetched, DeviceError | None]:
        began, asked = self.clock.monotonic(), self.cloud.link.statistics.requests
        said: list[Sample | Held] = []
        outcome, failure = Outcome(), None
        asker.unread.clear()
        if group == MAIN:
            self._told_at = ()
        try:
            document = await GROUPS[group].ask(asker, deadline)
            self.skew_s = asker.skew_s
            self.units = asker.units
            self.totals_of_info = asker.totals_of_info
            said = self._said(group, document, asker)
            taken_at = self._reported_at(asker.info) if group == MAIN else self.clock.time()
            outcome = Outcome(taken_at=taken_at)
        except DeviceError as error:
            outcome, failure = Outcome(error.reason, str(error)), error
            said = []
        requests = self.cloud.link.statistics.requests - asked
        waited = self.clock.monotonic() - began
        outcome = Outcome(outcome.reason, outcome.detail, outcome.taken_at, requests, waited)
        return Fetched.of(outcome, said), failure

    def _said(self, group: str, document: Mapping[str, object], asker: Asker) -> list[Sample | Held]:
        """Return what a document says. Raises Malformed where it says nothing that it should."""
        said = list(self.values.samples(group, document, self.config))
        if group == "devices":
            said += samples.unit_samples(asker.units)
        if group == "batteries":
            said += samples.link_samples(objects(document.get("links")))
        if not any(isinstance(item, Sample) for item in said) and not _is_void(said):
            raise Malformed(f"{group}: none of the values that it has")
        if GROUPS[group].in_parts:
            self._tell_unread(group, asker.unread)
            count = float(len(asker.unread))
            said.append(Sample(samples.UNREAD, count, (group,), "our requests", group))
        return said

    def _tell_unread(self, group: str, unread: Mapping[str, DeviceError]) -> None:
        """Say once which parts of a group cannot be read, and once that they can again."""
        before, now = self._unread.get(group, frozenset()), frozenset(unread)
        log = _log.bind(device=self.config.name, family=self.family.name, group=group)
        for where in sorted(now - before):
            log.warning("part_lost", part=where, detail=str(unread[where]))
        for where in sorted(before - now):
            log.info("part_back", part=where)
        self._unread[group] = now

    def _reported_at(self, info: Json) -> float:
        """Return when the devices reported, by our clock. Raises where that is not just now."""
        written = info.get("lastUpdate")
        if written is None:
            return self.clock.time()
        moment = unix_time(written, self.surroundings.zone)
        if moment is None:
            raise Malformed("lastUpdate of the station is no time")
        self._told_at = (Sample(samples.DATA, moment, (), "lastUpdate", "status"),)
        age = self.clock.time() + self.skew_s - moment
        if age < -_AHEAD_S:
            raise Malformed(f"lastUpdate of the station is {-age / 60:.0f} min ahead of the cloud's clock")
        if age > _OLD_S:
            raise self._silent(f"the station last told its cloud anything {age / 60:.0f} min ago")
        return moment - self.skew_s

    def _silent(self, text: str) -> DeviceError:
        """Return why a station is silent: one of micro-inverters alone has nothing to tell at night."""
        if all(unit.kind == INVERTER for unit in self.units) and self.surroundings.is_dark(self.clock.time()):
            return Asleep(text)
        return Unreachable(text)


def _is_void(said: Iterable[Sample | Held]) -> bool:
    """Whether a document has no place for any value, or only values that say that they are not there."""
    held = [item for item in said if isinstance(item, Held)]
    return not held or any(item.guard is Guard.SENTINEL for item in held)
