"""What owners and the vendor's description published of Redback's cloud, against what is read from it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.families.redback import pages
from sunhelm.devices.families.redback.records import envelopes, schedules, seconds_of, time_span
from sunhelm.devices.links.answers import utc
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import load_site

pytestmark = pytest.mark.captures

KWH = 3.6e6
TOKEN_PATH = "/fb46c16c-9144-45e0-87b7-f578abed629f/oauth2/v2.0/token"


class At:
    """A clock that stands still at the time of a recording."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def monotonic(self) -> float:
        return self.moment

    def time(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing has to wait {seconds} s")


Open = Callable[..., AbstractAsyncContextManager[Reading]]


@pytest.fixture
def read(tmp_path: Path) -> Open:
    """Read one inverter whose cloud answers these bodies by path, at this time."""

    @asynccontextmanager
    async def read(at: str, bodies: dict[str, Any], serial: str | None = None) -> AsyncIterator[Reading]:
        async def answer(request: web.Request) -> web.Response:
            if request.path == TOKEN_PATH:
                return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": "t"})
            assert request.method == "GET"
            assert request.headers["Authorization"] == "Bearer t"
            return (
                web.json_response(bodies[request.path])
                if request.path in bodies
                else web.Response(status=404)
            )

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        named = f", serial: {serial}" if serial else ""
        (tmp_path / "secret").write_text("x")
        (tmp_path / "sunhelm.yml").write_text(
            "site: {name: home, zone: Australia/Sydney}\n"
            "accounts: {mine: {family: redback, client_id: id, client_secret_file: secret, "
            f"url: '{base}', sign_in_url: '{base}'}}}}\n"
            f"devices: {{roof: {{family: redback, account: mine, profile: full{named}}}}}\n"
        )
        site = load_site(tmp_path / "sunhelm.yml").site
        moment = utc(at)
        assert moment is not None
        clock = At(moment)
        device = Device(site.devices["roof"], site, clock=clock)
        # The answers bear the date of today: the recording's is meant.
        device.source.cloud.api.follow = _dated(device.source.cloud.api.follow)  # type: ignore[attr-defined]
        try:
            yield await device.read(Deadline.after(30, clock))
        finally:
            await device.close()
            await runner.cleanup()

    return read


def _dated(follow: Any) -> Any:
    async def without_date(request: Any, deadline: Any) -> Any:
        answer = await follow(request, deadline)
        answer.headers.pop("date", None)
        return answer

    return without_date


@pytest.fixture
def facts(captures: Path) -> Path:
    folder = captures.parent / "facts" / "redback"
    if not folder.is_dir():
        pytest.skip("no worked examples of Redback here")
    return folder


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def body(path: Path) -> Any:
    return load(path)["response"]["body"]


def path_of(path: Path) -> str:
    return urlsplit(load(path)["request"]["url"]).path


def values(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(sample.quantity.metric, *sample.labels): sample.value for sample in reading.samples}


async def test_a_recorded_house_reads_as_it_was(captures: Path, read: Open) -> None:
    folder = captures / "redback"
    nodes, live = load(folder / "capture_with_nodes.json"), load(folder / "capture_dynamic_v2_by_site.json")
    serial = "RB12341234123412"
    static = {
        "Data": {
            "StaticData": {"Id": "S1234123412341", "Type": "Site"},
            "Nodes": [
                {"StaticData": {"Id": serial, "Type": "Inverter", "ModelName": "ST10000", "BatteryCount": 1}}
            ],
        }
    }
    data = live["response"]["body"]["Data"]
    bodies = {
        "/Api/v2/EnergyData/With/Nodes": nodes["response"]["body"],
        f"/Api/v2/EnergyData/Static/BySerialNumber/{serial}": static,
        f"/Api/v2.21/EnergyData/Dynamic/BySerialNumber/{serial}": live["response"]["body"],
    }
    async with read(data["TimestampUtc"], bodies) as reading:
        told = values(reading)
    expected = {
        ("solar_grid_frequency_hertz",): 50.02,
        ("solar_battery_state_of_charge_ratio",): 0.98,
        ("solar_pv_power_watts",): 1416.0,
        ("solar_inverter_temperature_celsius", "internal"): 45.9,
        ("solar_battery_power_watts",): 0.0,
        ("solar_pv_production_joules_total",): 5413.9 * KWH,
        ("solar_grid_export_joules_total",): 2612.829 * KWH,
        ("solar_grid_import_joules_total",): 175.108 * KWH,
        ("solar_load_consumption_joules_total",): 3157.7 * KWH,
        ("solar_redback_mode", "auto"): 1.0,
        ("solar_redback_mode_power_watts",): 0.0,
        ("solar_redback_status", "ok"): 1.0,
        ("solar_redback_data_timestamp_seconds",): utc(data["TimestampUtc"]),
        ("solar_grid_power_watts",): -1099.0,
        ("solar_load_power_watts",): 317.0,
    }
    for phase, told_by in zip(("L1", "L2", "L3"), data["Phases"], strict=True):
        for metric, key, factor in (
            ("solar_redback_phase_exported_power_watts", "ActiveExportedPowerInstantaneouskW", 1000),
            ("solar_redback_phase_imported_power_watts", "ActiveImportedPowerInstantaneouskW", 1000),
            ("solar_grid_phase_voltage_volts", "VoltageInstantaneousV", 1),
            ("solar_grid_phase_current_amperes", "CurrentInstantaneousA", 1),
            ("solar_grid_phase_power_factor_ratio", "PowerFactorInstantaneousMinus1to1", 1),
        ):
            expected[metric, phase] = told_by[key] * factor
    assert len(expected) == 30
    for key, value in expected.items():
        assert told[key] == pytest.approx(value, rel=1e-12, abs=1e-9), key
    print(f"{len(expected)} values of the recorded house are equal")


async def _reading(facts: Path, read: Open, kind: str, live: str, at: str) -> dict[tuple[str, ...], float]:
    bodies = {
        path_of(facts / "energydata_with_nodes.json"): body(facts / "energydata_with_nodes.json"),
        path_of(facts / f"static_by_serial_{kind}.json"): body(facts / f"static_by_serial_{kind}.json"),
        path_of(facts / live): body(facts / live),
    }
    if kind == "hybrid":
        for name in ("configuration_by_serial", "schedules_list_by_serial"):
            bodies[path_of(facts / f"{name}.json")] = body(facts / f"{name}.json")
    serial = {"hybrid": "RB21011500000071", "si": "RB23061200000093"}[kind]
    async with read(at, bodies, serial) as reading:
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        return values(reading)


async def test_the_worked_hybrid_reads_as_worked_out(facts: Path, read: Open) -> None:
    expect = load(facts / "dynamic_v221_by_serial_hybrid.json")["expect"]
    told = await _reading(facts, read, "hybrid", "dynamic_v221_by_serial_hybrid.json", "2026-01-10T01:59:05Z")
    worked = {
        "grid_exported_kW": told["solar_redback_grid_exported_power_watts",] / 1000,
        "grid_imported_kW": told["solar_redback_grid_imported_power_watts",] / 1000,
        "grid_net_kW_import_positive": told["solar_grid_power_watts",] / 1000,
        "site_load_kW": told["solar_load_power_watts",] / 1000,
        "phase_count": sum(key[0] == "solar_grid_phase_voltage_volts" for key in told),
        "phase_average_V": told["solar_redback_phase_voltage_mean_volts",],
        "phase_total_V": round(told["solar_redback_line_voltage_volts",], 1),
        "phase_total_A": told["solar_redback_phase_current_sum_amperes",],
        "pv_percent_of_panels": round(told["solar_redback_pv_share_of_panels_ratio",] * 100),
        "battery_soc_percent": told["solar_battery_state_of_charge_ratio",] * 100,
        "battery_stored_kWh": round(told["solar_redback_battery_stored_joules",] / KWH, 3),
        "battery_usable_kWh": round(told["solar_redback_battery_usable_joules",] / KWH, 2),
        "battery_current_A": told["solar_battery_current_amperes",],
        "pv_total_MWh": told["solar_pv_production_joules_total",] / KWH / 1000,
        "mode_power_W": told["solar_redback_mode_power_watts",],
    }
    assert expect["mode"] == "ChargeBattery"
    assert told["solar_redback_mode", "charge_battery"] == 1
    assert worked == pytest.approx({key: value for key, value in expect.items() if key != "mode"}, rel=1e-9)
    settings = load(facts / "configuration_by_serial.json")["expect"]
    assert told["solar_battery_minimum_state_of_charge_ratio",] * 100 == settings["min_soc_percent"]
    assert (
        told["solar_redback_minimum_offgrid_state_of_charge_ratio",] * 100
        == settings["min_offgrid_soc_percent"]
    )
    assert told["solar_device_info", "Redback", "ST10000", "RB21011500000071", "101218"] == 1
    assert told["solar_redback_battery_model_info", "1", "US3000"] == 1
    assert told["solar_redback_battery_model_info", "2", "US3000"] == 1
    assert told["solar_redback_export_hard_limit_watts",] == 5500
    print(f"{len(expect) + len(settings) + 4} worked values are equal; {len(told)} samples in all")


async def test_a_grid_tie_inverter_is_asked_for_nothing_that_it_has_not(facts: Path, read: Open) -> None:
    expect = load(facts / "dynamic_v221_by_serial_si.json")["expect"]
    told = await _reading(facts, read, "si", "dynamic_v221_by_serial_si.json", "2026-01-10T01:59:05Z")
    assert told["solar_load_power_watts",] / 1000 == pytest.approx(expect["site_load_kW"])
    assert not [key for key in told if "battery" in key[0]]
    assert not [key for key in told if "schedule" in key[0]]
    assert told["solar_redback_mode", "no_mode"] == 1


async def test_nulls_are_no_values(facts: Path, read: Open) -> None:
    told = await _reading(facts, read, "hybrid", "dynamic_v221_nulls.json", "2026-01-09T14:10:02Z")
    for metric in ("grid_power_watts", "load_power_watts", "redback_line_voltage_volts", "pv_power_watts"):
        assert (f"solar_{metric}",) not in told
    assert told["solar_redback_status", "offline"] == 1
    assert told["solar_pv_string_power_watts", "1"] == 2150


def test_durations_are_written_and_read_as_dotnet_does(facts: Path) -> None:
    vectors = load(facts / "duration_timespan.json")
    for pair in vectors["pairs"]:
        assert time_span(60 * pair["minutes"]) == pair["send"]
        assert seconds_of(pair["send"]) == 60 * pair["minutes"]
    for parsed in vectors["parse"]:
        assert seconds_of(parsed["text"]) == 60 * parsed["minutes"]
    assert len(vectors["pairs"]) + len(vectors["parse"]) == 11


def test_schedules_are_those_of_the_list(facts: Path) -> None:
    path = facts / "schedules_list_by_serial.json"
    expect = load(path)["expect"]
    found = schedules(body(path)["Data"], "RB21011500000071", utc("2026-01-10T02:00:00Z"))  # type: ignore[arg-type]
    once = [record for record in found if not record.daily]
    assert [(record.end - record.start) / 60 for record in once] == expect["durations_min"]
    assert [record.end for record in once] == [utc(end) for end in expect["ends_utc"]]
    for moment, key in expect["active_at"].items():
        at = utc(moment)
        assert at is not None
        assert next((record.key for record in once if record.active(at)), None) == key
    (daily,) = (record for record in found if record.daily)
    assert (daily.start, daily.mode, daily.watts) == (utc("2026-01-11T15:00:00Z"), "ChargeBattery", 2500)
    assert schedules(body(facts / "schedules_list_empty.json")["Data"], "RB21011500000071", 0) == ()


def test_envelopes_are_in_force_when_their_status_says_so(facts: Path) -> None:
    path = facts / "openvelope_list_by_site.json"
    expect = load(path)["expect"]
    found = envelopes(body(path)["Data"], "S7c01d2e94a6f3")
    at = utc(expect["at"])
    assert at is not None
    assert [record.event for record in found if record.active(at)] == expect["active"]
    assert {record.event for record in found if not record.active(at)} == set(expect["not_active"])
    network = next(record for record in found if record.network)
    assert network.limits == {
        "import": None,
        "export": 1500,
        "discharge": None,
        "charge": None,
        "generation": None,
    }
    (past,) = envelopes(body(facts / "openvelope_list_past.json")["Data"], "S7c01d2e94a6f3")
    assert not past.active(past.start + 1)


def test_the_portal_pages_give_what_a_form_needs(facts: Path) -> None:
    login = load(facts / "portal_login.json")
    assert pages.login_token(login["exchanges"][0]["response"]["html"]) == "LOGINTOKEN"
    assert pages.is_login(login["failure"]["response"]["html"])
    mode = load(facts / "portal_set_mode.json")["exchanges"]
    assert pages.page_token(mode[0]["response"]["html"]) == "PAGETOKEN"
    assert pages.page_token(login["failure"]["response"]["html"]) is None
    panels = load(facts / "portal_installation_details.json")
    strings = pages.panels(panels["response"]["html"])
    expect = panels["expect"]
    assert strings == {
        "Strings": [
            {"PVSize": e["size_kW"], "NumberOfPanels": n, "PanelDirection": e["direction"]}
            for e, n in ((expect["mppt_1"], 12.0), (expect["mppt_2"], None))
        ]
    }
    form = dict(parse_qsl(mode[1]["request"]["encoded_body"], keep_blank_values=True))
    assert form == mode[1]["request"]["form"]
