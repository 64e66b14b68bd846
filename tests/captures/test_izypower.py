"""The worked examples of Izypower's interface, against what is read from them and what is asked and told.

Their structure is that of five programs, their values are invented: no real answer is public.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNLIMITED, Charge, Discharge, Limit, Number, SelfConsumption, SocLimits
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device import Device
from sunhelm.devices.errors import AuthFailed, Busy, DeviceError, Malformed, Reason, Rejected
from sunhelm.devices.families.izypower.cloud import lasts_s
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site, load_site

pytestmark = pytest.mark.captures

KWH: Final = 3.6e6
NOW: Final = datetime(2026, 6, 21, 10, 34, tzinfo=UTC).timestamp()
ROOT: Final = "/photo_voltaic"
M1, C2, B3, B4, E5 = "YZM0000000001", "YZC0000000002", "YZB0000000003", "YZB0000000004", "YZE0000000005"
COUNTED: dict[str, int] = {}


class Standing:
    """A clock at the time of the examples; only pauses move it."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def time(self) -> float:
        return NOW + self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += max(0.0, seconds)


class Examples:
    """The exchanges of all files: what is answered at a path and query, and what was posted."""

    def __init__(self, folder: Path) -> None:
        self.files = {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}
        self.answers: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[int, Any]] = {}
        for name, content in self.files.items():
            for exchange in content["exchanges"] if name not in ("errors", "login_rejected") else ():
                request, response = exchange["request"], exchange["response"]
                key = _key(request["method"], request["path"], request["query"])
                self.answers.setdefault(key, (response["status"], copy.deepcopy(response["body"])))
        self.posted: list[tuple[str, Any, Mapping[str, str]]] = []
        self.asked: list[tuple[str, Mapping[str, str], Mapping[str, str]]] = []

    def body(self, method: str, path: str, **query: str) -> Any:
        """Return the body of an answer, to be changed."""
        return self.answers[_key(method, path, query)][1]

    def units(self) -> list[dict[str, Any]]:
        query = {"powerId": "41001", "deviceType": "all", "page": "1", "limit": "100"}
        return list(self.body("GET", "/api/device/page", **query)["data"]["records"])

    async def answer(self, request: web.Request) -> web.Response:
        path, query = request.path.removeprefix(ROOT), dict(request.query)
        if request.method == "POST":
            told = await request.json() if request.can_read_body else None
            self.posted.append((path, told, dict(request.headers)))
        else:
            self.asked.append((path, query, dict(request.headers)))
        status, body = self.answers.get(_key(request.method, path, query), (404, None))
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")


def _key(method: str, path: str, query: Mapping[str, Any]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return method, path, tuple(sorted((name, str(value)) for name, value in query.items()))


@pytest.fixture
def examples(captures: Path) -> Examples:
    folder = captures.parent / "facts" / "izypower"
    if not folder.is_dir():
        pytest.skip("no worked examples of Izypower here")
    return Examples(folder)


Open = Callable[..., AbstractAsyncContextManager[tuple[Site, Standing]]]


@pytest.fixture
def account(examples: Examples, tmp_path: Path) -> Open:
    """Open an account whose cloud answers as the examples do."""

    @asynccontextmanager
    async def opened(station: int = 41001, password: str = "secret") -> AsyncIterator[tuple[Site, Standing]]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", examples.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        (tmp_path / "password").write_text(password)
        content = {
            "site": {"name": "home", "zone": "Europe/Paris"},
            "accounts": {
                "izy": {
                    "family": "izypower",
                    "username": "demo@example.org",
                    "password_file": "password",
                    "url": f"http://127.0.0.1:{runner.addresses[0][1]}{ROOT}",
                }
            },
            "devices": {
                "roof": {
                    "family": "izypower",
                    "account": "izy",
                    "serial": str(station),
                    "profile": "full",
                    "control": {"enabled": True},
                }
            },
        }
        (tmp_path / "sunhelm.yml").write_text(json.dumps(content))
        try:
            yield load_site(tmp_path / "sunhelm.yml").site, Standing()
        finally:
            await runner.cleanup()

    return opened


def _without_date(link: Any) -> None:
    """Have the answers bear no date: that of today is not that of the examples."""
    follow, send = link.follow, link.send

    def undated(ask: Any) -> Any:
        async def asked(request: Any, deadline: Any) -> Any:
            answer = await ask(request, deadline)
            answer.headers.pop("date", None)
            return answer

        return asked

    link.follow, link.send = undated(follow), undated(send)


async def read(account: Open, station: int = 41001) -> Reading:
    async with account(station) as (site, clock):
        device = Device(site.devices["roof"], site, clock=clock)
        _without_date(device.source.cloud.link)  # type: ignore[attr-defined]
        try:
            return await device.read(Deadline.after(90, clock))
        finally:
            await device.close()


class Told:
    """The values of a reading; `is_` counts the expected ones that are there and equal."""

    def __init__(self, reading: Reading, name: str) -> None:
        self.values = {(each.quantity.name, *each.labels): each.value for each in reading.samples}
        self.reading = reading
        self.name = name
        COUNTED.setdefault(name, 0)

    def is_(self, key: str | tuple[str, ...], expected: float | None) -> None:
        key = (key,) if isinstance(key, str) else key
        if expected is None:
            assert key not in self.values
        else:
            assert self.values[key] == pytest.approx(expected, rel=1e-9), key
        COUNTED[self.name] += 1

    def state(self, key: str, label: str, expected: str) -> None:
        named = {name[-1]: on for name, on in self.values.items() if name[:2] == (key, label)}
        assert {state for state, on in named.items() if on} == {expected}
        COUNTED[self.name] += 1


async def test_a_station_is_what_the_example_says(examples: Examples, account: Open) -> None:
    expect = examples.files["station_info"]["expect"]
    told = Told(await read(account), "station_info")
    told.is_("pv_power", expect["pv_power_w"])
    told.is_("grid_power", expect["grid_power_w"])
    told.is_("load_power", expect["consumption_w"])
    told.is_("battery_power", -expect["battery_power_w"])  # ours is positive when discharging
    told.is_("battery_state_of_charge", expect["battery_soc_pct"] / 100)
    written = datetime.fromisoformat(expect["last_update_utc"]).timestamp()
    told.is_("izypower_data", written)
    told.is_("izypower_battery_pv_power", 820)
    told.is_("ev_charger_power", 0)
    balance = [told.values[name,] for name in ("pv_power", "grid_power", "battery_power")]
    assert sum(balance) == told.values["load_power",]
    assert told.reading.groups["live"].taken_at == written


async def test_without_reports_the_station_info_has_the_energies(examples: Examples, account: Open) -> None:
    for key in [key for key in examples.answers if "/report/v2/" in key[1]]:
        del examples.answers[key]
    told = Told(await read(account), "station_info")
    expect = examples.files["station_info"]["expect"]["consumption_from_pv_kwh"]
    for period, label in (("day", "today"), ("month", "month"), ("year", "year")):
        told.is_(("izypower_consumed_from_pv_of_period", label), expect[period] * KWH)
    told.is_(("izypower_consumed_from_pv_of_period", "total"), expect["all"] * KWH)
    told.is_("battery_charge_month", 80.3 * KWH)
    told.is_(("izypower_unread_parts", "energy"), 4)


async def test_the_language_changes_no_value(examples: Examples, account: Open) -> None:
    english = await read(account)
    french = examples.files["station_info"]["exchanges"][1]["response"]["body"]
    key = _key("GET", "/api/v3/powerStations/info/41001", {})
    examples.answers[key] = (200, french)
    other = await read(account)

    def plain(reading: Reading) -> dict[Any, float]:
        found = {(each.quantity.name, *each.labels): each.value for each in reading.samples}
        return {key: value for key, value in found.items() if key[0] != "izypower_device_type_name"}

    assert plain(english) == plain(other)
    assert ("izypower_device_type_name", "battery", "Batterie") in Told(other, "station_info").values


async def test_a_station_without_a_battery_has_no_value_of_one(examples: Examples, account: Open) -> None:
    key = _key(
        "GET", "/api/device/page", {"powerId": "41002", "deviceType": "all", "page": "1", "limit": "100"}
    )
    unit = {"deviceId": 9101, "sn": "YZM0000000091", "deviceType": "vm", "onlineState": 1}
    examples.answers[key] = (200, {"data": {"records": [unit]}})
    info = examples.body("GET", "/api/v3/powerStations/info/41002")
    info["lastUpdate"] = "2026-06-21 12:31:28 UTC+02:00"
    told = Told(await read(account, 41002), "station_info")
    told.is_("battery_state_of_charge", None)
    told.is_("battery_power", None)
    told.is_("battery_charge", None)
    told.is_("grid_power", 240)
    told.is_(("izypower_consumed_from_pv_of_period", "today"), 1.8 * KWH)
    assert not {"batteries", "settings", "meters", "chargers"} & set(told.reading.groups)


REPORTS: Final = {
    "production_kwh": "pv_production",
    "consumption_total_kwh": "load_consumption",
    "grid_import_kwh": "grid_import",
    "grid_export_kwh": "grid_export",
    "battery_charge_kwh": "battery_charge",
    "battery_discharge_kwh": "battery_discharge",
}
RATES: Final = {
    "consumption_rate": "consumed_from_pv_share",
    "storage_in_rate": "charge_share",
    "meter_energy_n_rate": "export_share",
    "cover_rate": "cover",
    "energy_self_rate": "self_sufficiency",
    "storage_out_rate": "discharge_share",
    "meter_energy_p_rate": "import_share",
    "ev_rate": "ev_share",
}


@pytest.mark.parametrize("period", ["day", "month", "year", "all"])
async def test_a_report_is_what_the_example_says(examples: Examples, account: Open, period: str) -> None:
    expect = examples.files[f"report_{period}"]["expect"]
    told = Told(await read(account), f"report_{period}")
    ending = {"day": "_today", "month": "_month", "year": "_year", "all": ""}[period]
    label = {"day": "today", "all": "total"}.get(period, period)
    for theirs, ours in REPORTS.items():
        told.is_(f"{ours}{ending}", expect[theirs] * KWH)
    own = ("izypower_consumed_from_pv_of_period", label)
    told.is_(own, expect["consumption_from_pv_kwh"] * KWH)
    for theirs, ours in RATES.items():
        share = expect["rates_pct"][theirs]
        told.is_((f"izypower_{ours}", label), None if share is None else share / 100)


async def test_strings_are_what_the_example_says(examples: Examples, account: Open) -> None:
    expect = examples.files["component"]["expect"]
    told = Told(await read(account), "component")
    for serial, strings in expect["strings"].items():
        for name, watts in strings.items():
            told.is_(("pv_string_power", f"{serial} {name}"), watts)
    total = sum(value for key, value in told.values.items() if key[0] == "pv_string_power")
    assert total == pytest.approx(expect["sum_w"])


async def test_devices_are_what_the_example_says(examples: Examples, account: Open) -> None:
    expect = examples.files["device_page"]["expect"]
    told = Told(await read(account), "device_page")
    for serial, online, role in zip(expect["serials"], expect["online"], expect["cluster"], strict=True):
        told.is_(("izypower_unit_online", serial), float(online))
        if role is not None:
            told.state("izypower_unit_role", serial, role)
        assert any(key[:2] == ("izypower_unit", serial) for key in told.values)
    for serial, soc in expect["average_soc_pct"].items():
        told.is_(("izypower_cluster_state_of_charge", serial), soc / 100)
    meter = expect["meter"]
    told.is_(("izypower_meter_voltage", C2), meter["voltage_v"])
    told.is_(("meter_frequency", C2), meter["frequency_hz"])
    told.is_("grid_frequency", meter["frequency_hz"])
    told.is_(("meter_import", C2), meter["import_kwh"] * KWH)
    told.is_(("meter_export", C2), meter["export_kwh"] * KWH)


async def test_batteries_and_links_are_what_the_example_says(examples: Examples, account: Open) -> None:
    expect = examples.files["battery_detail"]["expect"]
    told = Told(await read(account), "battery_detail")
    told.is_(("battery_unit_state_of_charge", B3), expect["soc_pct"] / 100)
    told.is_(("izypower_battery_stored", B3), expect["energy_kwh"] * KWH)
    told.is_(("battery_unit_temperature", B3), expect["temperature_c"])
    told.state("izypower_battery_state", B3, expect["state"])
    told.is_(("izypower_battery_charge_from_ac_power", B3), expect["charge_from_external_w"])
    told.is_(("izypower_battery_charge_from_pv_power", B3), expect["charge_from_pv_w"])
    told.is_(("izypower_battery_charge_time_left", B3), expect["charging_time_min"] * 60)
    told.is_(("izypower_battery_discharge_time_left", B3), expect["discharging_time_min"])
    told.is_(("battery_unit_power", B3), -1400)  # charging, whatever the sign of batteryPower
    for serial, link in expect["links"].items():
        told.is_(("battery_unit_state_of_charge", serial), link["soc_pct"] / 100)
        told.is_(("izypower_battery_stored", serial), link["energy_kwh"] * KWH)
        told.is_(("battery_unit_temperature", serial), link["temperature_c"])
        told.is_(("izypower_link", serial, B3), 1)


async def test_settings_of_the_battery_are_what_the_example_says(examples: Examples, account: Open) -> None:
    expect = examples.files["battery_cmd"]["expect"]
    told = Told(await read(account), "battery_cmd")
    told.is_(("izypower_battery_minimum_state_of_charge", B3), expect["min_soc_pct"] / 100)
    told.is_("battery_minimum_state_of_charge", expect["min_soc_pct"] / 100)
    told.state("izypower_battery_mode", B3, expect["control_mode"])
    told.state("izypower_battery_manual_mode", B3, expect["manual_mode"])
    told.is_(("izypower_battery_charge_limit", B3), expect["max_charge_w"])
    told.is_(("izypower_battery_discharge_limit", B3), expect["max_discharge_w"])
    told.is_("battery_discharge_power_limit", expect["max_discharge_w"])
    assert 2400 * told.values["izypower_cluster_size", B3] == expect["upper_bound_w"]
    told.is_(("izypower_backup_outlet_on", B3), 1)
    told.state("izypower_backup_outlet_mode", B3, "on_power_cut")
    calibration = expect["calibration"]
    told.is_(("izypower_calibration_on", B3), float(calibration["on"]))
    told.is_(("izypower_calibration_interval", B3), calibration["days"] * 86_400)
    told.is_(("izypower_calibration_start", B3), 2 * 3600 + 1800)


async def test_the_meter_and_its_channels_are_what_the_examples_say(
    examples: Examples, account: Open
) -> None:
    told = Told(await read(account), "meter")
    base = examples.files["meter_base_info"]["expect"]
    told.is_(("izypower_injection_blocking", C2), float(base["injection_blocking"]))
    told.is_(("izypower_injection_threshold", C2), -base["injection_limit_w"])
    told.is_("grid_export_limit", base["injection_limit_w"])
    for place, channel in enumerate(examples.files["meter_data"]["expect"]["ct"], 1):
        told.is_(("izypower_meter_channel_power", C2, f"CT{place}"), channel["power_w"])
        mode = told.values["izypower_meter_channel_mode", C2, f"CT{place}", channel["mode"]]
        assert mode == 1
        COUNTED["meter"] += 1
    told.is_(("izypower_meter_channel_apparent_power", C2, "CT1"), 801)
    told.is_(("izypower_meter_channel_current", C2, "CT3"), 11.21)
    told.is_(("izypower_meter_channel_voltage", C2, "CT2"), 232.8)
    for serial, channels in examples.files["layout_power"]["expect"]["ct_power_w"].items():
        for name, watts in channels.items():
            told.is_(("izypower_meter_curve_power", serial, name), watts)


async def test_wifi_temperature_and_updates_are_what_the_examples_say(
    examples: Examples, account: Open
) -> None:
    told = Told(await read(account), "others")
    first, second = examples.files["wifi"]["expect"]["rssi_dbm"]
    told.is_(("izypower_wifi_rssi", M1), first)
    told.is_(("izypower_wifi_rssi", C2), second)
    told.is_(("izypower_wifi_address", M1, "192.0.2.17"), 1)
    warm, unknown = examples.files["device_temp"]["expect"]["temperature_c"]
    told.is_(("inverter_temperature", M1), warm)
    told.is_(("inverter_temperature", E5), unknown)
    for serial, waiting in examples.files["device_upgrade"]["expect"]["upgrade"].items():
        told.is_(("izypower_firmware_update_waiting", serial), float(waiting))
    assert ("izypower_firmware_update_waiting", "YZX9999999999") not in told.values
    told.is_("izypower_installed_capacity", examples.files["stations"]["expect"]["installed_capacity_w"][0])


async def test_the_charger_is_what_the_example_says(examples: Examples, account: Open) -> None:
    offline = Told(await read(account), "evse")
    offline.is_(("izypower_charger_power", E5), None)  # old values are not shown
    next(unit for unit in examples.units() if unit["deviceType"] == "evse")["onlineState"] = 1
    told = Told(await read(account), "evse")
    told.is_(("izypower_charger_input_power", E5), 3650)
    told.is_(("izypower_charger_power", E5), 3600)
    told.is_(("izypower_charger_started", E5), 1)
    told.state("izypower_charger_mode", E5, "manual")
    for name, watts in (("set", 3600), ("minimum", 1400), ("maximum", 7400), ("step", 100), ("derate", 9000)):
        told.is_((f"izypower_charger_{name}_power", E5), watts)
    told.is_(("izypower_charger_uses_grid", E5), 0)
    told.is_(("izypower_charger_uses_battery", E5), 1)
    told.is_("izypower_charger_has_priority", 1)


async def test_every_request_is_one_of_the_examples(examples: Examples, account: Open) -> None:
    reading = await read(account)
    next(unit for unit in examples.units() if unit["deviceType"] == "evse")["onlineState"] = 1
    await read(account)
    token = examples.files["login"]["exchanges"][0]["response"]["body"]["data"]["token"]
    known = set()
    for content in examples.files.values():
        for exchange in content["exchanges"]:
            request = exchange["request"]
            known.add(_key(request["method"], request["path"], request["query"]))
    for path, query, headers in examples.asked:
        assert headers["x-tts-access-token"] == token
        assert (headers["app-platform"], headers["Accept-Language"]) == ("izy", "en")
        assert "Authorization" not in headers
        if not any(serial in path for serial in (B4, "/wifi/")):  # the examples have one device of a kind
            assert _key("GET", path, query) in known, path
    reads = {_key("GET", path, query) for path, query, _ in examples.asked}
    wanted = {
        key for key in known if key[0] == "GET" and "YZM0000000001" not in key[1] and "41002" not in key[1]
    }
    left = {key[1] for key in wanted - reads}
    assert left == {"/api/report/device/data/YZE0000000005"}  # chargers have no temperature
    login = examples.files["login"]["exchanges"][0]["request"]
    path, body, headers = examples.posted[0]
    assert (path, body) == (login["path"], login["body"])
    assert {name: headers[name] for name in ("app-platform", "Accept-Language", "Content-Type")} == {
        "app-platform": "izy",
        "Accept-Language": "en",
        "Content-Type": "application/json",
    }
    assert reading.groups["live"].ok


async def test_what_is_told_is_what_the_examples_say(examples: Examples, account: Open) -> None:
    for unit in examples.units():
        unit["onlineState"] = 1
    command = examples.body("GET", f"/api/v2/device/cmd/{B3}")["data"]
    orders: list[tuple[str, Any, int]] = [
        ("setting:battery_lights", Number(1), 0),
        ("soc_limits", SocLimits(minimum=0.15), 0),
        ("setting:battery_charge_power", Number(1200), 0),
        ("setting:battery_discharge_power", Number(1000), 0),
        ("battery", Charge(500), 0),
        ("battery", Discharge(300), 0),
        ("battery", Charge(0), 0),
        ("battery", SelfConsumption("intelligent"), 1),
        ("setting:backup_outlet", Number(1), 0),
        ("setting:backup_outlet_mode", Number(3), 0),
        ("setting:calibration", Number(1), 0),
        ("setting:calibration_interval", Number(14 * 86_400), 0),
        ("setting:calibration_time", Number(9000), 0),
        ("export_limit", Limit(300), 0),
        ("export_limit", Limit(0), 0),
        ("export_limit", UNLIMITED, 0),
        ("setting:ev_power", Number(4000), 0),
        ("setting:ev_mode", Number(0), 0),
        ("setting:ev_grid", Number(1), 0),
        ("setting:ev_derate", Number(8000), 0),
        ("setting:ev_charging", Number(0), 0),
        ("setting:ev_priority", Number(0), 0),
    ]
    async with account() as (site, clock):
        device: Any = open_controlled(site.devices["roof"], site, clock=clock)
        _without_date(device.link.cloud.link)
        for key, value, mode in orders:
            command["mode"]["ctr_mode"] = mode
            deadline = Deadline.after(60, clock)
            async with device.turn(deadline):
                await device.handles[key].write(value, deadline)
        deadline = Deadline.after(60, clock)
        with pytest.raises(Rejected):  # the examples have no live mode of the slave
            await device.tasks["task:live_mode"].run(deadline)
        await device.close()
    expected = [
        (exchange["request"]["path"], exchange["request"]["body"])
        for name in ("battery_controls", "meter_control", "evse", "live_mode")
        for exchange in examples.files[name]["exchanges"]
        if exchange["request"]["method"] == "POST"
    ]
    told = [(path, body) for path, body, _ in examples.posted]
    missing = [order for order in expected if order not in told]
    assert not missing
    COUNTED["orders"] = len(expected)
    extra = [order for order in told if order not in expected and "login" not in order[0]]
    assert extra == [(f"/api/v3/device/fastData/{B4}", None)]  # of a cluster the slaves are asked, too


def test_a_token_is_good_until_shortly_before_its_end(examples: Examples) -> None:
    expect = examples.files["login"]["expect"]
    token = examples.files["login"]["exchanges"][0]["response"]["body"]["data"]["token"]
    assert NOW + lasts_s(token, NOW) == expect["renew_when_now_at_or_after"]
    COUNTED["login"] = 2


async def test_a_login_that_is_rejected_is_one_of_wrong_credentials(
    examples: Examples, account: Open
) -> None:
    response = examples.files["login_rejected"]["exchanges"][0]["response"]
    examples.answers[_key("POST", "/api/login", {})] = (response["status"], response["body"])
    reading = await read(account)
    (outcome,) = reading.groups.values()
    assert outcome.reason is Reason.AUTH_FAILED
    assert [path for path, _, _ in examples.posted] == ["/api/login"]
    COUNTED["login_rejected"] = 1


ERRORS: Final[Mapping[int, type[DeviceError]]] = {0: AuthFailed, 1: Busy, 2: Busy, 3: Rejected, 4: Malformed}


@pytest.mark.parametrize("place", ERRORS)
async def test_errors_are_what_the_example_says(examples: Examples, account: Open, place: int) -> None:
    exchange = examples.files["errors"]["exchanges"][place]
    request, response = exchange["request"], exchange["response"]
    key = _key("GET", request["path"], request["query"])
    examples.answers[key] = (response["status"], response["body"])
    async with account() as (site, clock):
        device: Any = Device(site.devices["roof"], site, clock=clock)
        _without_date(device.source.cloud.link)
        with pytest.raises(ERRORS[place]):
            await device.source.cloud.read(request["path"], Deadline.after(60, clock), query=request["query"])
        await device.close()
    attempts = sum(path == request["path"] for path, _, _ in examples.asked)
    once = {AuthFailed: 2, Rejected: 1}.get(ERRORS[place], examples.files["errors"]["expect"]["attempts"])
    assert attempts == once
    COUNTED["errors"] = COUNTED.get("errors", 0) + 1


def test_every_example_was_used(examples: Examples) -> None:
    print(f"{sum(COUNTED.values())} values and requests present and equal: {COUNTED}")
    if len(COUNTED) == 16:  # all tests of this file ran, here
        assert sum(COUNTED.values()) == 198
