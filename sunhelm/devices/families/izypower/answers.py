"""What the answers of a group become: one document, with each value where `values.csv` looks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sunhelm.devices.families.izypower.bodies import Json, part_with
from sunhelm.devices.families.izypower.times import seconds_of_day
from sunhelm.devices.families.izypower.units import BATTERY, CHARGER, MASTER, METER, Unit, of_kind
from sunhelm.devices.families.shapes import mapping, number, objects, text

TOTAL: Final = "all"
PERIODS: Final = ("day", "month", "year", TOTAL)
INFO: Final = ("power", "grid_power", "consumption", "battery_soc", "extraData", "lastUpdate")
REPORT: Final = ("energy", "total_consumption", "meter_energy_p", "meter_energy_n", "cover_rate")
DETAIL: Final = ("soc", "socKwh", "onlineState", "batteryPower", "items")
COMMANDS: Final = ("min_soc", "mode", "manual", "power", "offGrid", "fullCharge", "open", "controlMode")
WIFI: Final = ("rssi", "wifi", "ip")

_ELSEWHERE: Final[Mapping[str, tuple[str, str]]] = {
    "energy": ("production", "{}"),
    "total_consumption": ("consumption", "{}"),
    "meter_energy_n": ("grid", "{}1"),
    "meter_energy_p": ("grid", "{}2"),
    "storage_in": ("battery", "{}_in"),
    "storage_out": ("battery", "{}_out"),
}
"""Where the station info has the energies of a report."""

_OF_BATTERIES: Final = ("storage_in", "storage_out", "storage_in_rate", "storage_out_rate")
_OF_CHARGERS: Final = ("ev", "ev_rate")

Document = dict[str, object]


def station(body: Json) -> Document:
    """Return what the station info says of now; a few facts are under `data`."""
    return {**part_with(body, *INFO), "facts": mapping(body.get("data"))}


def energies(
    info: Json, reports: Mapping[str, Json], units: Sequence[Unit], *, totals_of_info: bool = True
) -> Document:
    """Return the energies and shares of each period: those of its report, else those of the station info.

    Totals since the beginning are of one of them for good, since the two may be rounded otherwise: without
    `totals_of_info` there are none while the report fails. A station without batteries or chargers has none
    of theirs, though the cloud tells 0.
    """
    there = {unit.kind for unit in units}
    without = (() if BATTERY in there else _OF_BATTERIES) + (() if CHARGER in there else _OF_CHARGERS)
    extra = mapping(info.get("extraData"))
    told: Document = {}
    for period in PERIODS:
        report = dict(part_with(reports.get(period, {}), *REPORT))
        use_info = period != TOTAL or totals_of_info
        for name, (place, key) in _ELSEWHERE.items() if use_info else ():
            if report.get(name) is None:
                report[name] = mapping(extra.get(place)).get(key.format(period))
        if report.get("consumption") is None:
            report["consumption"] = consumed_from_pv(report, has_battery=BATTERY in there)
        told[period] = {name: value for name, value in report.items() if name not in without}
    return told


def consumed_from_pv(report: Json, *, has_battery: bool) -> float | None:
    """Return what was consumed from PV alone, never less than 0; None where a part of it is not known."""
    total, discharged = number(report.get("total_consumption")), number(report.get("storage_out"))
    imported = number(report.get("meter_energy_p"))
    if discharged is None and not has_battery:
        discharged = 0.0
    if total is None or discharged is None or imported is None:
        return None
    return max(0.0, round(total - discharged - imported, 6))


def devices(units: Sequence[Unit]) -> Document:
    """Return what the list of devices says of each."""
    named = [unit for unit in units if unit.serial]
    return {
        "units": [
            {
                "sn": unit.serial,
                "online": unit.online,
                "role": unit.role or None,
                "told": unit.told if unit.answers else {},
            }
            for unit in named
        ],
        "meters": [{"sn": unit.serial, **unit.told} for unit in of_kind(named, METER) if unit.answers],
    }


def batteries(answers: Iterable[tuple[Unit, Json]]) -> Document:
    """Return the batteries and their Links."""
    heads: list[Document] = []
    links: list[Document] = []
    for unit, body in answers:
        detail = part_with(body, *DETAIL)
        heads.append({**detail, "sn": unit.serial, "signed": _signed(detail)})
        links += [{**link, "head": unit.serial} for link in objects(detail.get("items"))]
    return {"batteries": heads, "links": links}


def _signed(detail: Json) -> float | None:
    """Return the power of a battery, positive when discharging.

    Of its own sign sources say different things: the state gives the direction.
    """
    told, state = number(detail.get("batteryPower")), text(str(detail.get("onlineState")))
    if told is None:
        return None
    match state:
        case "1001":
            return -abs(told) + 0.0
        case "1002":
            return abs(told)
        case "1000" if told == 0:
            return 0.0
    return None


def meters(answers: Iterable[tuple[Unit, Json]]) -> Document:
    """Return the channels of the meters: the items in their order are CT1, CT2, CT3."""
    return {
        "meters": [
            {
                "sn": unit.serial,
                "channels": [
                    {**item, "name": f"CT{place}"}
                    for place, item in enumerate(objects(part_with(body, "items").get("items")), 1)
                ],
            }
            for unit, body in answers
        ]
    }


def channels(body: Json) -> Document:
    """Return the channels in the last row of the day that has any."""
    rows = objects(mapping(body.get("data")).get("data"))
    last: Sequence[Json] = next(filter(None, (objects(row.get("extra")) for row in reversed(rows))), [])
    by_meter: dict[str, list[Document]] = {}
    for entry in last:
        serial = text(entry.get("deviceSn")) or text(entry.get("deviceSN"))
        if serial and text(entry.get("pv")):
            named = {**entry, "name": text(entry.get("pv")).upper()}
            by_meter.setdefault(serial, []).append(named)
    return {"meters": [{"sn": serial, "channels": found} for serial, found in by_meter.items()]}


def strings(body: Json) -> Document:
    """Return the strings of all devices. One that is there without a power gives none: 0."""
    told = objects(part_with(body, "pvData").get("pvData"))
    return {
        "strings": [
            {
                "name": f"{text(entry.get('sn'))} {text(entry.get('pv')).upper()}".strip(),
                "power": 0 if "pvPower" in entry and entry["pvPower"] is None else entry.get("pvPower"),
            }
            for entry in told
        ]
    }


def networks(answers: Iterable[tuple[Unit, Json]]) -> Document:
    """Return how the devices stand in their WiFi."""
    return {"units": [{"sn": unit.serial, **part_with(body, *WIFI)} for unit, body in answers]}


def temperatures(answers: Iterable[tuple[Unit, Json]]) -> Document:
    """Return the last temperature in the curve of the day of each."""
    told: list[Document] = []
    for unit, body in answers:
        curves = objects(body.get("data"))
        points = objects(curves[0].get("data")) if curves else []
        told.append({"sn": unit.serial, "temperature": points[-1].get("val") if points else None})
    return {"units": told}


def updates(body: Json, units: Sequence[Unit]) -> Document:
    """Return for which devices there is newer firmware: any of several entries counts, strangers do not."""
    waiting = {
        text(entry.get("sn")) for entry in objects(body.get("data")) if entry.get("needUpgrade") is True
    }
    return {"units": [{"sn": unit.serial, "update": unit.serial in waiting} for unit in units if unit.serial]}


def settings(answers: Iterable[tuple[Unit, str, Json]], priority: Json | None) -> Document:
    """Return the settings; each answer comes with its device and the word for what was asked."""
    by_unit: dict[str, Document] = {}
    units: dict[str, Unit] = {}
    for unit, what, body in answers:
        units[unit.serial] = unit
        by_unit.setdefault(unit.serial, {"sn": unit.serial})[what] = _settings(unit, what, body)
    told: Document = {
        name: [document for serial, document in by_unit.items() if units[serial].kind == kind]
        for name, kind in (("batteries", BATTERY), ("chargers", CHARGER), ("meters", METER))
    }
    if priority is not None:
        told["priority"] = part_with(priority, "value").get("value")
    return told


def _settings(unit: Unit, what: str, body: Json) -> Document:
    part: Document = dict(part_with(body, *COMMANDS, "meter_extra", "value", "enableGrid"))
    if what == "command" and unit.kind == BATTERY:
        power = mapping(part.get("power"))
        calibration = mapping(part.get("fullCharge"))
        everyone = part.get("allBatteries")
        part["discharge_limit"] = power.get(discharge_member(unit))
        part["calibration_time"] = seconds_of_day(calibration.get("time"))
        part["cluster_size"] = len(everyone) if isinstance(everyone, list) else None
    return part


def discharge_member(unit: Unit) -> str:
    """Return what the discharge limit of a battery is called: of a master, that of its cluster."""
    return "cluster_max_out_power" if unit.role == MASTER else "max_out_power"
