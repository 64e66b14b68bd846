"""What is asked of an account: each request that changes something, and the lists that prove it.

Nothing here is idempotent in the cloud: whatever is made bears a mark of ours, and is looked for before it is
made again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import AuthFailed, DeviceError, Malformed, RateLimited, Rejected, TimedOut
from sunhelm.devices.families.redback import pages
from sunhelm.devices.families.redback.cloud import Document, found
from sunhelm.devices.families.redback.family import RedbackSource
from sunhelm.devices.families.redback.records import (
    IN_FORCE,
    LIMITS,
    EnvelopeRecord,
    ScheduleRecord,
    envelopes,
    schedules,
    time_span,
)
from sunhelm.devices.families.shapes import mapping, member, number
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.http import quoted

if TYPE_CHECKING:
    from sunhelm.devices.links.control import HttpControlLink

MARK: Final = "sunhelm"
"""What the notes of our schedules and the ids of our envelopes begin with."""

LOOK_S: Final = 3.0
"""What was made is in the list a few seconds later."""

_GONE: Final = 404

_MOST_OF: Final = {
    "ChargeBattery": "BatteryMaxChargePowerkW",
    "DischargeBattery": "BatteryMaxDischargePowerkW",
}
"""What the static data call the most power of the battery in a mode."""

_SKEW_S: Final = 120.0
"""How far the clock of the cloud may be off ours where we tell it times."""


@dataclass(frozen=True, slots=True)
class PowerMode:
    """What an inverter does now, as it last told its cloud."""

    mode: str
    watts: float | None
    charge: float | None


@dataclass(slots=True)
class Orders:
    """The commands of one device of an account. `api` and `portal` are the writing halves of its links."""

    source: RedbackSource
    api: HttpControlLink
    portal: HttpControlLink | None
    clock: Clock
    skew_s: float = 0.0

    @property
    def now(self) -> float:
        """The Unix time by the clock of the cloud."""
        return self.clock.time() + self.skew_s

    async def place(self, deadline: Deadline) -> tuple[str, str]:
        """Return the ids of the site and of the inverter, empty for a site alone. Raises DeviceError."""
        await self.source.prepare(deadline)
        place = self.source.place
        assert place is not None
        return place.site, place.serial

    async def serial(self, deadline: Deadline) -> str:
        """Return the serial number of the inverter. Raises Rejected for a site, and for one of PV alone."""
        _, serial = await self.place(deadline)
        if not serial:
            raise Rejected("a site has no schedules and no mode; its inverters have")
        if self.source.nature.is_grid_tie:
            raise Rejected(f"{serial} is of the SI series, without batteries: no schedules and no mode")
        return serial

    async def power_mode(self, deadline: Deadline) -> PowerMode:
        """Return what the inverter does. Raises Unreachable when it has not told for long."""
        serial = await self.serial(deadline)
        data = self.source.fresh(await self._read(self.source.path("live"), deadline))
        told = mapping(member(data.get("Inverters"), "SerialNumber", serial).get("PowerMode"))
        mode = told.get("InverterMode")
        if not isinstance(mode, str):
            raise Malformed(f"{self.source.path('live')}: no mode of {serial}")
        return PowerMode(mode, number(told.get("PowerW")), number(data.get("BatterySoCInstantaneous0to1")))

    async def schedules(self, deadline: Deadline) -> tuple[ScheduleRecord, ...]:
        """Return all schedules of the inverter. Raises DeviceError."""
        serial = await self.serial(deadline)
        document = await self._read(self.source.path("schedules"), deadline)
        return schedules(document.data, serial, document.date)

    async def envelopes(self, deadline: Deadline) -> tuple[EnvelopeRecord, ...]:
        """Return all envelopes of the site, those of the last hour too. Raises DeviceError."""
        site, _ = await self.place(deadline)
        document = await self._read(f"{self.source.path('envelopes')}?pastHours=1", deadline)
        return envelopes(document.data, site)

    async def most_power(self, mode: str, deadline: Deadline) -> float | None:
        """Return the most watts of the battery in a mode; None where it takes none, or that is not told."""
        await self.serial(deadline)
        document = await self.source.cloud.read(self.source.path("identity"), deadline, fresh_s=3600.0)
        details = mapping(mapping(mapping(document.data).get("StaticData")).get("SiteDetails"))
        told = number(details.get(_MOST_OF.get(mode, "")))
        return None if told is None else 1000.0 * told

    async def check_power(self, mode: str, watts: float, deadline: Deadline) -> None:
        """Raise Rejected for more than the battery can do.

        The cloud would take it, and the inverter refuse it without a word when it starts.
        """
        most = await self.most_power(mode, deadline)
        if most is not None and watts > most:
            raise Rejected(f"{mode} with {watts:g} W; the battery can do {most:g} W")

    async def create_schedule(
        self, mode: str, watts: float, *, start: float, end: float, notes: str, deadline: Deadline
    ) -> str:
        """Make a schedule and return its id, once it is in the list. Raises DeviceError."""
        serial = await self.serial(deadline)

        async def find() -> str | None:
            for record in await self.schedules(deadline):
                if (record.notes, round(record.end), record.mode) == (notes, round(end), mode):
                    return record.key
            return None

        start = max(start, self.now)  # what the cloud makes of a time that has gone by is not known
        body = {
            "SerialNumber": serial,
            "UserNotes": notes,
            "StartTimeUtc": _utc(start),
            "Duration": time_span(max(1, round(end) - round(start))),
            "DesiredMode": {"InverterMode": mode, "ArgumentInWatts": round(watts)},
        }
        return await self._made("/Api/v2/Schedule/Create/By/SerialNumber", body, find, deadline)

    async def create_envelope(
        self, event: str, *, start: float, end: float, limits: Mapping[str, float], deadline: Deadline
    ) -> str:
        """Make an envelope of these limits alone, and return its id once it is in the list."""
        site, _ = await self.place(deadline)

        async def find() -> str | None:
            for record in await self.envelopes(deadline):
                if record.event == event and record.status.startswith("Reject"):
                    raise Rejected(f"envelope {event}: the cloud has put it down as {record.status}")
                if record.event == event and record.status in IN_FORCE:
                    return record.event
            return None

        start = max(start, self.now)
        body = {
            "EventId": event,
            "StartAtUtc": _utc(start),
            "EndAtUtc": _utc(end),
            **{LIMITS[limit]: round(bound) for limit, bound in limits.items()},
            "SiteId": site,
        }
        return await self._made("/Api/v2/OperatingEnvelope/Create/By/Site", body, find, deadline)

    async def delete_schedule(self, key: str, deadline: Deadline) -> None:
        """Delete a schedule; return once it is no longer in the list, also when it was not."""
        serial = await self.serial(deadline)
        path = f"/Api/v2/Schedule/By/SerialNumber/{quoted(serial)}/{quoted(key)}"

        async def is_there() -> bool:
            return any(record.key == key for record in await self.schedules(deadline))

        await self._deleted(path, is_there, deadline)

    async def delete_envelope(self, event: str, deadline: Deadline) -> None:
        """Delete every envelope with this id; return once none is in the list, also when none was."""

        async def is_there() -> bool:
            found = (record for record in await self.envelopes(deadline) if record.event == event)
            return any(record.status in IN_FORCE and record.end > self.now for record in found)

        await self._deleted(f"/Api/v2/OperatingEnvelope/By/EventId/{quoted(event)}", is_there, deadline)

    async def all_envelopes(self, deadline: Deadline) -> Mapping[str, list[str]]:
        """Return the ids of all envelopes that the credentials reach, by site. Raises DeviceError."""
        found: dict[str, list[str]] = {}
        for site in await self.source.cloud.sites(deadline):
            document = await self._read(f"/Api/v2/OperatingEnvelope/By/Site/{quoted(site.id)}", deadline)
            found[site.id] = [record.event for record in envelopes(document.data, site.id)]
        return found

    async def delete_all_envelopes(self, deadline: Deadline) -> None:
        """Delete all envelopes of all sites that the credentials reach."""
        await self.api.tell("DELETE", "/Api/v2/OperatingEnvelope/All", deadline, _taken)

    async def set_lasting_mode(self, mode: str, watts: float, deadline: Deadline) -> None:
        """Set the mode that holds until it is changed, with a token of the page. Raises DeviceError."""
        serial = await self.serial(deadline)
        if self.portal is None:
            raise Rejected("the mode is set in the portal; the account has no username and password for it")
        page = f"/productcontrol/Configure?serialNumber={quoted(serial)}"
        token = await self.portal.get(page, deadline, found("form that sets the mode", pages.page_token))
        form = {
            "SerialNumber": serial,
            "AppliedTariffId": "",
            "InverterOperation[Type]": "Set",
            "InverterOperation[Mode]": mode,
            "InverterOperation[PowerInWatts]": str(round(watts)),
            "InverterOperation[AppliedTarrifId]": "",
            "ProductModelName": "",
            "RossVersion": str(self.source.nature.inverter.get("SoftwareVersion") or ""),
            pages.ANTI_FORGERY: token,
        }
        headers = {"X-Requested-With": "XMLHttpRequest", "Referer": self.portal.address(page).human_repr()}
        await self.portal.tell(
            "POST", "/productcontrol/Index", deadline, lambda _: None, form=form, headers=headers
        )

    def check_clock(self) -> None:
        """Raise Rejected where the cloud's clock and ours differ too much to agree on a time."""
        if abs(self.skew_s) > _SKEW_S:
            way = "ahead of" if self.skew_s > 0 else "behind"
            off = f"the clock of the cloud is {abs(self.skew_s):.0f} s {way} ours"
            raise Rejected(f"{off}; {_SKEW_S:.0f} s may be")

    async def _read(self, path: str, deadline: Deadline) -> Document:
        document = await self.source.cloud.read(path, deadline)
        self.skew_s = document.skew_s
        return document

    async def _made(
        self,
        path: str,
        body: Mapping[str, object],
        find: Callable[[], Awaitable[str | None]],
        deadline: Deadline,
    ) -> str:
        """Make what is not there yet, and return its id once it is; a lost answer may mean that it was."""
        there = await find()
        if there is not None:
            return there
        self.check_clock()
        lost: DeviceError | None = None
        try:
            await self.api.tell("POST", path, deadline, _taken, json=body)
        except (Rejected, AuthFailed, RateLimited):
            raise
        except DeviceError as error:
            lost = error
        while True:
            await self.clock.sleep(LOOK_S)
            there = await find()
            if there is not None:
                return there
            if deadline.remaining() <= LOOK_S:
                raise lost or TimedOut(f"{path}: taken, but not in the list yet")

    async def _deleted(self, path: str, is_there: Callable[[], Awaitable[bool]], deadline: Deadline) -> None:
        """Delete what is there, and return once it is not."""
        if not await is_there():
            return
        try:
            await self.api.tell("DELETE", path, deadline, _taken)
        except Rejected as error:
            if error.code != _GONE:
                raise
        while await is_there():
            if deadline.remaining() <= LOOK_S:
                raise TimedOut(f"{path}: still in the list")
            await self.clock.sleep(LOOK_S)


def _taken(answer: Answer) -> None:
    """Raise Rejected for what the cloud has put down in an answer of success."""
    data = mapping(mapping(answer.json()).get("Data"))
    if data.get("ErrorMessage"):
        raise Rejected(f"{answer.where}: refused, and the answer says why in ErrorMessage")


def _utc(unix_time: float) -> str:
    return datetime.fromtimestamp(round(unix_time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
