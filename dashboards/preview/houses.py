"""The houses that dashboards are tried on: one device for a day, every family at once, many for pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

from dashboards.preview.charging import CHARGER, Charging
from dashboards.preview.commands import UNLIMITED_W, commands, limit_held
from dashboards.preview.companions import alerts
from dashboards.preview.history import History, Span
from dashboards.preview.life import Event, lived_through
from sunhelm.simulator.faces.redback import RedbackCloud
from sunhelm.simulator.faces.redback.telemetry import moment
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.families import FAMILIES
from sunhelm.simulator.faults import Drop
from sunhelm.simulator.faults.cloud import Refusal
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

SEED: Final = 3
"""Of weather and habits."""

METER: Final = "victron"
"""The device whose view of the grid counts; named after its family."""

BEGIN: Final = int(datetime(2026, 6, 21, 9, 45, tzinfo=UTC).timestamp())
QUIET_UNTIL: Final = BEGIN + 75 * 60
"""From here on the price is negative, and some devices are in trouble."""

_FEED_IN_LIMIT: Final = 2706
"""The register of the GX, in hundreds of watts."""

_NEXT_SEED: Final = 11
_HOURS_OF_ALL: Final = 26


def one_house(span: Span) -> History:
    """Return what the meter alone tells; its plant moves from scrape to scrape."""
    return lived_through(span, [METER], seed=SEED, plant_step_s=span.step, events={span.begin: _limit_export})


def whole_site() -> History:
    """Return more than an hour of every family at once, and half an hour that is less quiet."""
    span = Span(BEGIN, QUIET_UNTIL + 1800, 60)
    events: dict[int, Event] = {
        BEGIN: partial(_arrange, start=BEGIN + 1800),
        QUIET_UNTIL + 600: _trouble,
        QUIET_UNTIL + 900: _no_trouble,
    }
    charging = Charging()
    for time, regulate in charging.events(span).items():
        events[time] = _both(events[time], regulate) if time in events else regulate
    history = lived_through(span, seed=SEED, events=events)
    history.add(charging.samples)
    _accompany(history)
    return history


def street(span: Span) -> History:
    """Return what a street tells: a house for each family, and the meter's for the whole span.

    So devices differ in a picture, as those of one real house do. The meter's holds what is commanded of it.
    The others are known for the last day.
    """
    limits: dict[int, Event] = {
        time: partial(_limit_export, watts=limit_held(time)) for time in span.scrapes()
    }
    history = lived_through(span, [METER], seed=SEED, plant_step_s=span.step, events=limits)
    last = Span(span.end - _HOURS_OF_ALL * 3600, span.end, span.step)
    for seed, family in enumerate((name for name in FAMILIES if name != METER), _NEXT_SEED):
        events: dict[int, Event] = {}
        charging = Charging()
        if family == CHARGER:
            events |= charging.events(last)
        if family == "redback":
            events[last.begin] = partial(_arrange, start=span.end - 7200)
        # A tariff is read in no time, and its prices are wanted by day.
        known = span if family == "tariff" else last
        history.merge(lived_through(known, [family], seed=seed, plant_step_s=span.step / 4, events=events))
        history.add(charging.samples)
    _accompany(history)
    return history


def _both(first: Event, second: Event) -> Event:
    def happen(house: SimulatedSite) -> None:
        first(house)
        second(house)

    return happen


def _accompany(history: History) -> None:
    history.add(alerts(history.span.scrapes()))
    history.add(commands(METER, history.span.scrapes()))


def _limit_export(house: SimulatedSite, *, watts: float = UNLIMITED_W) -> None:
    """Have the device tell a limit, as an owner or a controller sets it."""
    endpoint = house.endpoints[METER]
    assert isinstance(endpoint, ModbusServer)
    assert isinstance(endpoint.face, VictronFace)
    endpoint.face.write(100, _FEED_IN_LIMIT, [round(watts / 100)])


def _arrange(house: SimulatedSite, *, start: int) -> None:
    """Limit the export, and have a cloud keep a schedule and an envelope for later."""
    if METER in house.endpoints:
        _limit_export(house)
    cloud = house.endpoints["redback"]
    assert isinstance(cloud, RedbackCloud)
    charge = {"InverterMode": "ChargeBattery", "ArgumentInWatts": 1500}
    when = {"StartTimeUtc": moment(start), "Duration": "0.03:00:00"}
    cloud.inverter.create_schedule({**when, "UserNotes": "charge", "DesiredMode": charge})
    end = moment(start + 3 * 3600)
    limits = {"MaxExportPowerW": 3000, "MaxImportPowerW": 10_000}
    cloud.inverter.create_envelope(
        {"EventId": "afternoon", "StartAtUtc": moment(start), "EndAtUtc": end, **limits}
    )


def _trouble(house: SimulatedSite) -> None:
    """Cut a device off, and have a cloud refuse to be asked so often."""
    house.endpoints["sunspec"].faults.start(Drop())
    house.endpoints["redback"].faults.start(Refusal(status=429, retry_after_s=60.0))


def _no_trouble(house: SimulatedSite) -> None:
    house.endpoints["redback"].faults.stop(Refusal)
