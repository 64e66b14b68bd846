"""Redback: an inverter, a site, or both in one, as their cloud tells of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import Asleep, DeviceError, Malformed, Rejected, Unreachable
from sunhelm.devices.families.accounts import Lease
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.cloud_family import Access, CloudFamily
from sunhelm.devices.families.json_values import JsonMap, Renames
from sunhelm.devices.families.redback import pages, samples
from sunhelm.devices.families.redback.cloud import Cloud, Document, found
from sunhelm.devices.families.redback.places import Nature, Place, find
from sunhelm.devices.families.redback.records import EnvelopeRecord, ScheduleRecord, envelopes, schedules
from sunhelm.devices.families.redback.redaction import redacted
from sunhelm.devices.families.shapes import mapping, member
from sunhelm.devices.families.source import Fetched, Group, Setting
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.answers import utc
from sunhelm.devices.links.http import quoted
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Guard, Held, Outcome, Sample
from sunhelm.devices.sun import is_dark

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

PHASES: Final = {"A": "L1", "B": "L2", "C": "L3"}

_OLD_S: Final = 300.0
"""Live values that the inverter told longer ago than five of its minutes are not shown."""

_AHEAD_S: Final = 300.0
"""So far ahead of the cloud's clock that of an inverter may be."""


class Family(CloudFamily[Cloud]):
    """The family `redback`; see `sunhelm.devices.families.base.Family`."""

    renames: ClassVar[Renames] = MappingProxyType({"phase": PHASES})
    beyond = samples.OFFERS

    def cloud(self, access: Access) -> Cloud:
        return Cloud(access)

    def source(self, config: DeviceConfig, lease: Lease[Cloud], surroundings: Surroundings) -> RedbackSource:
        return RedbackSource(self.spec, self.values, config, lease, surroundings.clock)


@dataclass(slots=True)
class RedbackSource:
    """One device of an account; implements `Source`."""

    spec: FamilySpec
    values: JsonMap
    config: DeviceConfig
    lease: Lease[Cloud]
    clock: Clock
    place: Place | None = None
    nature: Nature = field(default_factory=Nature)
    _phases: int = 0
    _schedules: tuple[ScheduleRecord, ...] = ()
    _envelopes: tuple[EnvelopeRecord, ...] = ()
    _status: tuple[Sample, ...] = ()
    _skew_s: float = 0.0

    @property
    def cloud(self) -> Cloud:
        """The account."""
        return self.lease.shared

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.cloud.api.turn(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        """Find out which inverter or site it is, and what that is made of."""
        if self.place is None:
            place = find(self.config.serial, await self.cloud.sites(deadline), self.config.account or "")
            self.nature = Nature.of((await self._static(place, deadline)).data, place)
            self.place = place

    def groups(self) -> Sequence[Group]:
        place = self.place
        if place is None:
            return []
        names = ["identity"]
        if place.serial:
            names.append("live")
            if self.nature.has_battery:
                names += ["settings", "schedules"]
            if self.cloud.portal is not None:
                names.append("panels")
        if place.with_site:
            names.append("envelopes")
        return [Group(name, period) for name, period in self.spec.tiers.items() if name in names]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        return {group: await self._fetch(group, deadline) for group in groups}

    def derive(self, samples_: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        place, nature = self.place, self.nature
        if place is None:
            return
        if place.serial and "live" in groups:
            yield from samples.derived(samples_, phases=self._phases, has_battery=nature.has_battery)
        now = self.clock.time() + self._skew_s
        if "schedules" in groups:
            told = samples.Told(samples_).all("redback_mode")
            mode = next((state for (state,), on in told.items() if on), "")
            yield from samples.schedules_now(self._schedules, now, mode)
        if "envelopes" in groups:
            own = samples.Told(samples_).one("redback_site_export_limit")
            yield from samples.envelopes_now(self._envelopes, now, own)
        if "identity" in groups:
            identity = (self.spec.vendor, nature.model, place.serial or place.site, nature.firmware)
            yield Sample(CATALOGUE["device"], 1.0, identity, "StaticData", "identity")

    def remarks(self) -> Iterable[Sample]:
        """Yield when the inverter last reported and how it was, also where that is too long ago."""
        return self._status

    def plan(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return the requests that a read of these groups takes, as text for a person."""
        return tuple(f"GET {self.path(group)}" for group in groups)

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        told: dict[str, object] = {}
        for group in self.groups():
            if group.name == "panels":
                told[group.name] = await self._panels(deadline)
            else:
                told[group.name] = (await self.cloud.read(self.path(group.name), deadline)).data
        return {"answers": redacted(told)}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        """Nothing is a setting of its own: schedules, envelopes and the mode have commands."""
        del deadline
        return {}

    async def close(self) -> None:
        await self.lease.close()

    def path(self, group: str) -> str:
        """Return where the values of a group are."""
        assert self.place is not None
        serial, site = quoted(self.place.serial), quoted(self.place.site)
        by_serial = f"Static/BySerialNumber/{serial}"
        return {
            "live": f"/Api/v2.21/EnergyData/Dynamic/BySerialNumber/{serial}",
            "identity": f"/Api/v2/EnergyData/{by_serial if serial else f'{site}/Static'}",
            "settings": f"/Api/v2/Configuration/Configuration/BySerialNumber/{serial}",
            "schedules": f"/Api/v2/Schedule/By/SerialNumber/{serial}",
            "envelopes": f"/Api/v2/OperatingEnvelope/By/Site/{site}",
            "panels": f"/installationdetails/Configure?serialNumber={serial}",
        }[group]

    async def _fetch(self, group: str, deadline: Deadline) -> Fetched:
        began, asked = self.clock.monotonic(), self._requests
        try:
            taken_at, said = await self._read(group, deadline)
        except DeviceError as error:
            waited = self.clock.monotonic() - began
            return Fetched(
                Outcome(error.reason, str(error), requests=self._requests - asked, waited_s=waited)
            )
        waited, requests = self.clock.monotonic() - began, max(1, self._requests - asked)
        return Fetched.of(Outcome(taken_at=taken_at, requests=requests, waited_s=waited), said)

    @property
    def _requests(self) -> int:
        portal = self.cloud.portal
        return self.cloud.api.statistics.requests + (0 if portal is None else portal.statistics.requests)

    async def _read(self, group: str, deadline: Deadline) -> tuple[float, list[Sample | Held]]:
        """Return the time of a group's data and what they say. Raises DeviceError."""
        if group == "live":
            self._status = ()
        if group == "panels":
            return self.clock.time(), self._said("panels", await self._panels(deadline))
        assert self.place is not None
        fresh_s = 0.0 if group == "live" else self.spec.tiers[group] / 2
        document = await self.cloud.read(self.path(group), deadline, fresh_s=fresh_s)
        self._skew_s = document.skew_s
        came_at = document.date - document.skew_s
        match group:
            case "live":
                return self._live(document)
            case "schedules":
                self._schedules = schedules(document.data, self.place.serial, document.date)
                return came_at, list(samples.schedule_samples(self._schedules))
            case "envelopes":
                self._envelopes = envelopes(document.data, self.place.site)
                return came_at, list(samples.envelope_samples(self._envelopes))
            case "identity":
                self.nature = Nature.of(document.data, self.place)
                inverter = self.nature.inverter
                said = self._said("identity", {**mapping(document.data), "Inverter": inverter})
                if not self.place.serial:
                    said = [item for item in said if not item.source.startswith("Inverter.")]
                return came_at, [*said, *samples.battery_models(inverter)]
            case _:
                return came_at, self._said(group, document.data)

    def _said(self, group: str, data: object) -> list[Sample | Held]:
        said = list(self.values.samples(group, data, self.config))
        if not any(isinstance(item, Sample) for item in said) and not any(
            isinstance(item, Held) and item.guard is Guard.SENTINEL for item in said
        ):
            raise Malformed(f"{self.path(group)}: none of the values that {group} has")
        return said

    def fresh(self, document: Document) -> Mapping[str, object]:
        """Return live data. Raises Malformed or Unreachable where they are not those of now."""
        data = mapping(document.data)
        self._status = tuple(
            item for item in self.values.samples("status", data, self.config) if isinstance(item, Sample)
        )
        self._check_age(
            document.date - _time_of(data, self.path("live")), document.date, str(data.get("Status"))
        )
        return data

    def _live(self, document: Document) -> tuple[float, list[Sample | Held]]:
        assert self.place is not None
        data = self.fresh(document)
        phases = data.get("Phases")
        self._phases = len(phases) if isinstance(phases, list) else 0
        mode = member(data.get("Inverters"), "SerialNumber", self.place.serial)
        said = self._said("live", {**data, "Inverter": mode})
        if not self.nature.has_battery:
            said = [item for item in said if "Battery" not in item.source]
        return _time_of(data, self.path("live")) - document.skew_s, said

    def _check_age(self, age_s: float, now: float, status: str) -> None:
        """Raise where the values are not those of now. A status is shown as it is one of three words."""
        if age_s < -_AHEAD_S:
            raise Malformed(f"the clock of the inverter is {-age_s / 60:.0f} min ahead of the cloud's")
        if age_s <= _OLD_S:
            return
        text = f"the inverter last told its cloud anything {age_s / 60:.0f} min ago"
        if status in ("OK", "Offline", "Fault"):
            text += f"; the cloud calls it {status}"
        location = self.nature.location
        if self.nature.is_grid_tie and location is not None and is_dark(now, *location):
            raise Asleep(text)
        raise Unreachable(text)

    async def _static(self, place: Place, deadline: Deadline) -> Document:
        self.place = place
        try:
            return await self.cloud.read(
                self.path("identity"), deadline, fresh_s=self.spec.tiers["identity"] / 2
            )
        finally:
            self.place = None

    async def _panels(self, deadline: Deadline) -> Mapping[str, object]:
        portal = self.cloud.portal
        if portal is None:
            raise Rejected("no sign-in of the portal is configured")
        read = found("form with the strings", pages.panels)
        async with portal.turn(deadline):
            return await portal.get(self.path("panels"), deadline, read)


def _time_of(data: Mapping[str, object], where: str) -> float:
    moment = utc(data.get("TimestampUtc"))
    if moment is None:
        raise Malformed(f"{where}: no TimestampUtc that is a time")
    return moment
