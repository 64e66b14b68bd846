"""The groups of values of a station, and which requests each of them takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected
from sunhelm.devices.families.izypower import answers
from sunhelm.devices.families.izypower.bodies import Json, missing, part_with, require
from sunhelm.devices.families.izypower.cloud import STATIONS, Cloud, Station, all_pages
from sunhelm.devices.families.izypower.units import BATTERY, CHARGER, INVERTER, METER, Unit, of_kind, units_of
from sunhelm.devices.families.shapes import mapping
from sunhelm.devices.links.http import Query, quoted

_PASSING: Final = (Busy, Malformed, Rejected)
"""What one request may end with without the others of its group being given up."""

_DATES: Final = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y", "all": "%Y-%m-%d"}


@dataclass(slots=True)
class Asker:
    """Asks the cloud of one station, for one read, at a time by the cloud's clock.

    `info` is what the station told of now, once that was asked for. `totals_of_info` is whether totals since
    the beginning are taken from there, None before that was decided. `unread` are the requests of the group
    at hand that failed, with why. With `keep`, every answer is kept, and by its request the reason of a
    failure.
    """

    cloud: Cloud
    station: Station
    units: tuple[Unit, ...]
    now: float
    zone: ZoneInfo
    keep: bool = False
    totals_of_info: bool | None = None
    info: Json = field(default_factory=dict)
    skew_s: float = 0.0
    unread: dict[str, DeviceError] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    async def read(self, path: str, deadline: Deadline, **query: str | int) -> Json:
        """Return the answer at a path. Raises DeviceError."""
        request = "?".join(filter(None, (path, "&".join(f"{key}={value}" for key, value in query.items()))))
        try:
            document = await self.cloud.read(path, deadline, query=query or None)
        except DeviceError as error:
            self.failed[request] = str(error.reason)
            raise
        self.skew_s = document.skew_s
        if self.keep:
            self.answers[request] = document.body
        return document.body

    async def part(self, path: str, deadline: Deadline, *members: str, **query: str | int) -> Json | None:
        """Return the answer at a path that has one of these members; None, and noted, where it fails."""
        try:
            body = await self.read(path, deadline, **query)
            require(body, path, *members)
        except _PASSING as error:
            self.unread[f"{path} {query.get('timeType', '')}".strip()] = error
            return None
        return body

    async def of_each(
        self, units: Sequence[Unit], path: str, deadline: Deadline, *members: str, **query: str | int
    ) -> list[tuple[Unit, Json]]:
        """Return what the cloud says of each device. Raises DeviceError where all of the requests failed."""
        told = []
        for unit in units:
            body = await self.part(path.format(quoted(unit.serial)), deadline, *members, **query)
            if body is not None:
                told.append((unit, body))
        self.check(told)
        return told

    def check(self, came: Sequence[object]) -> None:
        """Raise the first error of a group of which nothing came."""
        if not came and self.unread:
            raise next(iter(self.unread.values()))

    def date(self, period: str = "day") -> str:
        """Return the local date of now, as far as a period needs it."""
        return datetime.fromtimestamp(self.now, self.zone).strftime(_DATES[period])

    def those(self, kind: str) -> list[Unit]:
        """Return the devices of a kind of which there are live values."""
        return [unit for unit in of_kind(self.units, kind) if unit.answers]


Ask = Callable[[Asker, Deadline], Awaitable[Mapping[str, object]]]


def _always(units: Sequence[Unit]) -> bool:
    del units
    return True


@dataclass(frozen=True, slots=True)
class StationGroup:
    """One group: `ask` asks for it and returns a document, `is_there` says whether a station has it.

    One `in_parts` takes several requests of which some may fail.
    """

    ask: Ask
    is_there: Callable[[Sequence[Unit]], bool] = _always
    in_parts: bool = False


async def station_info(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    """Ask for the powers of now."""
    where = f"/api/v3/powerStations/info/{quoted(asker.station.id)}"
    body = await asker.read(where, deadline)
    asker.info = require(body, where, *answers.INFO)
    told = answers.station(body)
    facts = mapping(told.get("facts"))
    if "lastUpdate" not in asker.info and "lastUpdate" in facts:
        asker.info = {**asker.info, "lastUpdate": facts["lastUpdate"]}
    return told


async def _energies(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    reports: dict[str, Json] = {}
    where = f"/api/report/v2/powerStations/data/{quoted(asker.station.id)}"
    for period in answers.PERIODS:
        query = {"timeType": period, "dataFlag": "energy", "searchTime": asker.date(period)}
        body = await asker.part(where, deadline, *answers.REPORT, **query)
        if body is not None:
            reports[period] = body
    if asker.totals_of_info is None and (answers.TOTAL in reports or asker.info):
        asker.totals_of_info = answers.TOTAL not in reports
    totals_of_info = asker.totals_of_info is True
    if totals_of_info:
        reports.pop(answers.TOTAL, None)
    return answers.energies(asker.info, reports, asker.units, totals_of_info=totals_of_info)


async def list_of_devices(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    """Ask which devices the station has; those that were added since are among them."""
    path, query = devices_of(asker.station)

    async def read(page: Query) -> Json:
        return await asker.read(path, deadline, **page)

    found = await all_pages(read, path, query)
    asker.units = units_of(found)
    return answers.devices(asker.units)


async def _batteries(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    units = asker.those(BATTERY)
    return answers.batteries(await asker.of_each(units, "/izy/v2/battery/{}", deadline, *answers.DETAIL))


async def _meters(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    return answers.meters(await asker.of_each(asker.those(METER), "/izy/v2/meter/{}", deadline, "items"))


async def _chargers(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    units = asker.those(CHARGER)
    told = await asker.of_each(units, "/izy/v2/ev/{}", deadline, "ac_power", "power")
    chargers = [{**part_with(body, "ac_power", "power"), "sn": unit.serial} for unit, body in told]
    return {"chargers": chargers}


async def _strings(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    path = f"/api/component/{quoted(asker.station.id)}"
    body = await asker.read(path, deadline, searchTime=asker.date())
    require(body, path, "pvData")
    return answers.strings(body)


async def _channels(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    path = f"/api/report/layoutPower/{quoted(asker.station.id)}"
    body = await asker.read(path, deadline, searchTime=asker.date(), isV2="true")
    require(body, path, "data")
    return answers.channels(body)


async def _networks(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    units = [unit for unit in asker.units if unit.answers]
    return answers.networks(await asker.of_each(units, "/api/v3/device/wifi/{}", deadline, *answers.WIFI))


async def _temperatures(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    query = {"searchTime": asker.date(), "timeType": "day", "dataFlag": "temp"}
    path = "/api/report/device/data/{}"
    return answers.temperatures(await asker.of_each(asker.those(INVERTER), path, deadline, "data", **query))


async def _identity(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    path = f"/api/v3/device/upgrade/{quoted(asker.station.id)}"
    body = await asker.read(path, deadline)
    if not isinstance(body.get("data"), list):
        raise missing(body, path, "list of devices")
    return {**answers.updates(body, asker.units), "station": asker.station.record}


async def settings(asker: Asker, deadline: Deadline) -> Mapping[str, object]:
    """Ask for the settings of batteries, chargers and meters."""
    told: list[tuple[Unit, str, Json]] = []
    for unit in asker.units:
        for what, path, members in _setting_paths(unit):
            body = await asker.part(path, deadline, *members)
            if body is not None:
                told.append((unit, what, body))
    priority = None
    if of_kind(asker.units, CHARGER):
        path = f"/api/v2/device/ev/priority/V2/{quoted(asker.station.id)}"
        priority = await asker.part(path, deadline, "value")
    asker.check([*told, *([] if priority is None else [priority])])
    return answers.settings(told, priority)


def _setting_paths(unit: Unit) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return what is asked for the settings of a device: our word, the path, and what the answer has."""
    serial = quoted(unit.serial)
    paths: list[tuple[str, str, tuple[str, ...]]] = []
    if unit.kind in (BATTERY, CHARGER) and serial:
        paths.append(("command", command_path(unit), answers.COMMANDS))
    if unit.kind == CHARGER and serial:
        paths.append(("intelligent", intelligent_path(unit), ("enableGrid", "enableBattery")))
        paths.append(("derate", derate_path(unit), ("value",)))
    if unit.kind == METER and unit.id and serial:
        paths.append(("base", base_path(unit), ("meter_extra",)))
    return paths


def command_path(unit: Unit) -> str:
    """Return where the settings of a battery or a charger are."""
    return f"/api/v2/device/cmd/{quoted(unit.serial)}"


def base_path(unit: Unit) -> str:
    """Return where the settings of a meter are: by its id, not by its serial number."""
    return f"/api/v2/device/baseInfo/{quoted(unit.id)}"


def intelligent_path(unit: Unit) -> str:
    """Return where the options of the intelligent mode of a charger are."""
    return f"/api/v2/device/ev/intelligentValue/V2/{quoted(unit.serial)}"


def derate_path(unit: Unit) -> str:
    """Return where the highest power that a charger leaves to the house is."""
    return f"/api/v2/device/ev/powerDerate/{quoted(unit.serial)}"


def devices_of(station: Station) -> tuple[str, Query]:
    """Return the path and the query of the list of a station's devices."""
    return "/api/device/page", {"powerId": station.id, "deviceType": "all"}


def _with(*kinds: str) -> Callable[[Sequence[Unit]], bool]:
    return lambda units: any(of_kind(units, kind) for kind in kinds)


GROUPS: Final[Mapping[str, StationGroup]] = {
    "live": StationGroup(station_info),
    "energy": StationGroup(_energies, in_parts=True),
    "devices": StationGroup(list_of_devices),
    "batteries": StationGroup(_batteries, _with(BATTERY), in_parts=True),
    "meters": StationGroup(_meters, _with(METER), in_parts=True),
    "chargers": StationGroup(_chargers, _with(CHARGER), in_parts=True),
    "strings": StationGroup(_strings),
    "settings": StationGroup(settings, _with(BATTERY, CHARGER, METER), in_parts=True),
    "temperature": StationGroup(_temperatures, _with(INVERTER), in_parts=True),
    "channels": StationGroup(_channels, _with(METER)),
    "network": StationGroup(_networks, in_parts=True),
    "identity": StationGroup(_identity),
}
"""Every group by the name of its tier."""


async def stations(asker: Asker, deadline: Deadline) -> None:
    """Ask for the list of stations, for a dump of everything."""

    async def read(page: Query) -> Json:
        return await asker.read(STATIONS, deadline, **page)

    await all_pages(read, STATIONS, {})
