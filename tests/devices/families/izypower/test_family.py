"""Izypower as it is read: what its cloud says, does not say, and says wrongly."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunhelm.cli.online import try_devices
from sunhelm.devices.errors import Reason
from sunhelm.devices.families import Accounts, load_family
from sunhelm.devices.finding import find_devices
from sunhelm.simulator.faults import Trickle, Truncate
from sunhelm.simulator.faults.cloud import (
    ClockSkew,
    ExpiredTokens,
    Maintenance,
    NulledField,
    Refusal,
    RenamedField,
    WrongCredentials,
)

AtHome = Callable[..., None]
MIDNIGHT = 1_781_992_800.0  # 21 June 2026, 00:00 in Paris
INFO = "/api/v3/powerStations/info/41001"


def test_a_station_reads_as_the_house_is(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        now = home.plant.state  # what the devices reported
        reading = await home.reader().read(home.deadline())
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        assert list(reading.groups) == list(load_family("izypower").spec.tiers)
        values = told(reading)
        assert values["solar_grid_power_watts",] == pytest.approx(now.grid.power_w, abs=1)
        assert values["solar_pv_power_watts",] == pytest.approx(now.pv_power_w, abs=1)
        assert values["solar_battery_power_watts",] == pytest.approx(now.battery.power_w, abs=1)
        balance = [values[f"solar_{name}_power_watts",] for name in ("pv", "grid", "battery")]
        assert sum(balance) == pytest.approx(values["solar_load_power_watts",])
        assert values["solar_device_info", "Izypower", "station", "41001", ""] == 1
        assert values["solar_izypower_cover_ratio", "total"] == pytest.approx(0.66, abs=0.02)

    at_home(program)


def test_the_requests_of_a_reading_are_counted_and_spread(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        began = home.clock.monotonic()
        assert (await device.read(home.deadline())).up
        took = home.clock.monotonic() - began
        first = len(home.cloud.paths)
        counts = []
        for _ in range(40):
            await home.clock.sleep(180)
            before = len(home.cloud.paths)
            reading = await device.read(home.deadline())
            assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
            counts.append(len(home.cloud.paths) - before)
        print(f"{first} requests at the start in {took:.1f} s, then {min(counts)} to {max(counts)}")
        assert first <= 36
        assert took >= 0.25 * (first - 2)
        assert min(counts) == 11  # info, four reports, the list, two batteries, meter, charger, strings
        assert sum(counts) <= 40 * 11 + 40 * 7
        assert sum("login" in path for path in home.cloud.paths) == 1
        assert not home.cloud.log.writes

    at_home(program)


def test_live_values_are_served_again_within_three_minutes(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        assert 170 <= home.reader().refresh_s <= 180

    at_home(program)


def test_devices_that_are_added_later_are_found(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        before = told(await device.read(home.deadline()))
        assert ("solar_izypower_unit_online", "YZM0000000007") not in before
        home.cloud.house.records.append(
            {"deviceId": 9007, "sn": "YZM0000000007", "deviceType": "vm", "onlineState": 1}
        )
        await home.clock.sleep(180)
        after = told(await device.read(home.deadline()))
        assert after["solar_izypower_unit_online", "YZM0000000007"] == 1

    at_home(program)


def test_stations_of_the_same_name_are_two_and_share_an_account(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        accounts = Accounts(home.site.accounts)
        roof, shed = home.reader("roof", accounts), home.reader("shed", accounts)
        for device in (roof, shed):
            reading = await device.read(home.deadline())
            assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        values = told(reading)
        assert values["solar_device_info", "Izypower", "station", "41002", ""] == 1
        assert values["solar_izypower_station_name_info", "Demo roof"] == 1
        assert ("solar_battery_state_of_charge_ratio",) not in values
        assert values["solar_izypower_consumed_from_pv_of_period_joules", "today"] == pytest.approx(
            1.8 * 3.6e6
        )
        assert sum("login" in path for path in home.cloud.paths) == 1
        found = await find_devices(
            "mine", replace(home.site, devices={}), home.deadline(), accounts=accounts, clock=home.clock
        )
        assert {config.serial for config in found.values()} == {"41001", "41002"}

    at_home(program, neighbours=True)


def test_a_station_that_is_not_named_must_be_the_only_one(at_home: AtHome) -> None:
    async def one(home: Any) -> None:
        assert (await home.reader().read(home.deadline())).up

    async def two(home: Any) -> None:
        reading = await home.reader().read(home.deadline())
        (outcome,) = reading.groups.values()
        assert outcome.reason is Reason.REJECTED
        assert "41001, 41002" in outcome.detail

    at_home(one, serial="")
    at_home(two, serial="", neighbours=True)
    at_home(two, serial="40000", neighbours=True)


CLOUD_FAULTS = [
    ("expired_token", ExpiredTokens(), None),
    ("always_expired", ExpiredTokens(always=True), Reason.AUTH_FAILED),
    ("too_many", Refusal(status=429, retry_after_s=300), Reason.RATE_LIMITED),
    ("internal", Refusal(status=500), Reason.BUSY),
    ("gateway", Refusal(status=502), Reason.BUSY),
    ("unavailable_for_a_while", Refusal(status=503, retry_after_s=300), Reason.RATE_LIMITED),
    ("forbidden", Refusal(status=403), Reason.REJECTED),
    ("html", Maintenance(), Reason.MALFORMED),
    ("half_a_body", Truncate(keep=300, close=True), Reason.UNREACHABLE),
    ("slow_body", Trickle(size=4, seconds=1.0), Reason.TIMEOUT),
    ("clock_behind", ClockSkew(seconds=-3600), Reason.UNREACHABLE),
    ("clock_ahead", ClockSkew(seconds=3600), Reason.MALFORMED),
    ("clock_a_little_off", ClockSkew(seconds=120), None),
    ("renamed_time", RenamedField(field="lastUpdate"), None),
    ("null_time", NulledField(field="lastUpdate"), None),
    ("renamed_value", RenamedField(field="grid_power"), None),
    ("null_value", NulledField(field="consumption"), None),
    ("null_energies", NulledField(field="extraData"), None),
]


@pytest.mark.parametrize(
    ("fault", "reason"), [case[1:] for case in CLOUD_FAULTS], ids=[case[0] for case in CLOUD_FAULTS]
)
def test_what_goes_wrong_at_the_cloud_has_its_reason_and_passes(
    at_home: AtHome, told: Any, fault: Any, reason: Reason | None
) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        before = told(await device.read(home.deadline()))
        await home.clock.sleep(180)
        with home.cloud.faults.during(fault):
            reading = await device.read(home.deadline())
            assert reading.groups["live"].reason is reason, reading.groups["live"].detail
            if reason is not None:
                assert {name for name, *_ in told(reading)} <= {"solar_izypower_data_timestamp_seconds"}
        for _ in range(8):
            await home.clock.sleep(180)
            reading = await device.read(home.deadline())
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        states = {key for key in before if key[0] == "solar_izypower_battery_state"}
        assert set(before) - states <= set(told(reading)) | {key for key in before if "time_left" in key[0]}

    at_home(program)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_credentials_are_told_and_tried_rarely(at_home: AtHome, status: int) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        with home.cloud.faults.during(WrongCredentials(status=status)):
            for _ in range(10):
                reading = await device.read(home.deadline())
                (outcome,) = reading.groups.values()
                assert outcome.reason is Reason.AUTH_FAILED
                assert "e-mail address or the password" in outcome.detail
                assert "invented" not in outcome.detail
                await home.clock.sleep(180)
        assert 3 <= len(home.cloud.paths) <= 7
        await home.clock.sleep(3600)
        assert (await device.read(home.deadline())).up

    at_home(program)


def test_a_server_error_at_the_sign_in_is_no_fault_of_the_credentials(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        with home.cloud.faults.during(Refusal(status=500)):
            reading = await device.read(home.deadline())
        assert {outcome.reason for outcome in reading.groups.values()} == {Reason.BUSY}
        assert (await device.read(home.deadline())).up

    at_home(program)


def test_one_part_that_fails_empties_itself_alone(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        home.cloud.broken = {"/izy/v2/battery/YZB0000000004", "/api/v2/device/cmd/YZE0000000005"}
        reading = await device.read(home.deadline(90))
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        values = told(reading)
        assert values["solar_izypower_unread_parts", "batteries"] == 1
        assert values["solar_izypower_unread_parts", "settings"] == 1
        assert ("solar_battery_unit_state_of_charge_ratio", "YZB0000000003") in values
        assert ("solar_battery_unit_state_of_charge_ratio", "YZB0000000004") not in values
        assert values["solar_izypower_charger_derate_power_watts", "YZE0000000005"] == 9000
        home.cloud.broken = set()
        await home.clock.sleep(180)
        values = told(await device.read(home.deadline(90)))
        assert values["solar_izypower_unread_parts", "batteries"] == 0
        assert ("solar_battery_unit_state_of_charge_ratio", "YZB0000000004") in values

    at_home(program)


def test_a_group_all_of_whose_parts_fail_fails(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.broken = {"/izy/v2/meter/YZC0000000002"}
        reading = await home.reader().read(home.deadline())
        assert reading.groups["meters"].reason is Reason.BUSY
        assert reading.groups["batteries"].ok

    at_home(program)


def test_totals_stay_with_their_source(at_home: AtHome, told: Any) -> None:
    total = ("solar_grid_import_joules_total",)

    async def program(home: Any) -> None:
        device = home.reader()
        assert total in told(await device.read(home.deadline()))
        home.cloud.broken = {"/api/report/v2/powerStations/data/41001"}
        await home.clock.sleep(180)
        reading = await device.read(home.deadline(90))
        values = told(reading)
        assert reading.groups["energy"].ok
        assert total not in values
        assert ("solar_grid_import_today_joules",) in values  # of the station info
        assert values["solar_izypower_unread_parts", "energy"] == 4
        other = told(await home.reader().read(home.deadline(90)))  # one that never saw a report
        assert total in other

    at_home(program)


def test_what_an_offline_device_told_last_is_not_shown(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        home.cloud.house.offline = {"YZB0000000003", "YZM0000000001", "YZC0000000002"}
        reading = await home.reader().read(home.deadline())
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        values = told(reading)
        assert values["solar_izypower_unit_online", "YZB0000000003"] == 0
        gone = [
            key
            for key in values
            if key[0].startswith(
                ("solar_battery_unit", "solar_inverter_temp", "solar_meter", "solar_izypower_wifi")
            )
            and home.cloud.house.offline & {*key}
        ]
        assert not gone
        assert not [
            path for path in home.cloud.paths if re.search(r"/izy/v2/(battery/YZB0000000003|meter)", path)
        ]

    at_home(program)


def test_a_station_that_is_silent_is_down_and_one_of_inverters_alone_asleep_at_night(
    at_home: AtHome, told: Any
) -> None:
    async def program(home: Any) -> None:
        roof, shed = home.reader("roof"), home.reader("shed")
        for device in (roof, shed):
            assert (await device.read(home.deadline())).up
        home.cloud.offline = True
        await home.clock.sleep(1200)
        reading = await roof.read(home.deadline())
        assert not reading.up
        assert reading.groups["live"].reason is Reason.UNREACHABLE
        assert "20 min ago" in reading.groups["live"].detail
        assert ("solar_izypower_data_timestamp_seconds",) in told(reading)
        assert (await shed.read(home.deadline())).groups["live"].reason is asleep

    asleep = Reason.ASLEEP
    at_home(program, neighbours=True, start=MIDNIGHT)
    asleep = Reason.UNREACHABLE
    at_home(program, neighbours=True)


def test_around_midnight_the_reports_are_those_of_the_new_day(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        key = ("solar_load_consumption_today_joules",)
        late = told(await device.read(home.deadline()))[key]
        await home.clock.sleep(600)
        early = told(await device.read(home.deadline()))[key]
        assert early < late / 20

    at_home(program, start=MIDNIGHT - 300)


def test_a_dump_tells_neither_who_owns_the_station_nor_its_secrets(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        home.cloud.house.records.append(
            {
                "deviceId": 9008,
                "sn": "YZM0000000008",
                "deviceName": "Chez Dupont",
                "deviceType": "vm",
                "onlineState": 0,
                "ownerPhone": "+33 6 12 34 56 78",
                "lat": 48.8566,
                "softwareVersion": "1.2.3",
                "nested": {"street": "Rue de Rivoli", "sn": "YZB0000000003", "floor": 7},
            }
        )
        home.cloud.broken = {"/izy/v2/battery/YZB0000000004"}
        await device.read(home.deadline(90))
        text = json.dumps(await device.source.dump(home.deadline(90)), ensure_ascii=False)
        private = ["Exemple", "Dupont", "Rivoli", "48.8", "+33", "DemoNet", "192.0.2", "Demo roof", "41001"]
        serials = [f"YZ{kind}" for kind in "MCBEL"]
        for secret in (*private, *serials, "owner@", "eyJ", "invented", "Titan", "9008"):
            assert secret not in text, secret
        dump = json.loads(text)
        assert dump["answers"]["/api/v3/powerStations/info/1"]["grid_power"] is not None
        assert "<float>" in text
        assert set(dump["failed"].values()) == {"busy"}
        assert len(dump["answers"]) == 26

    at_home(program)


def test_the_settings_are_told_by_name(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        await device.read(home.deadline())
        settings = await device.source.settings(home.deadline())
        assert settings["YZB0000000003.battery_minimum_state_of_charge"].meaning == "10"
        assert settings["YZC0000000002.injection_blocking"].meaning == "false"
        assert settings["ev_priority"].meaning == "true"

    at_home(program)


def test_the_names_of_all_metrics_are_known(golden: Any, root: Path) -> None:
    lines = {
        f"{quantity.metric} {quantity.kind} {','.join(quantity.labels)}".rstrip() + "\n"
        for quantities in load_family("izypower").offers.values()
        for quantity in quantities
    }
    golden.check(root / "tests" / "golden" / "names" / "izypower.txt", "".join(sorted(lines)))


def test_what_is_read_is_what_is_offered_and_clean(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        for name in ("roof", "shed"):
            reading = await home.reader(name).read(home.deadline())
            offered = {quantity for group in load_family("izypower").offers.values() for quantity in group}
            assert {sample.quantity for sample in reading.samples} <= offered
            assert {sample.group for sample in reading.samples} <= {*reading.groups, "status"}
            keys = [(sample.quantity.metric, sample.labels) for sample in reading.samples]
            assert len(keys) == len(set(keys))

    at_home(program, neighbours=True)


@pytest.mark.parametrize("profile", ["core", "full"])
def test_each_profile_brings_so_many_series(at_home: AtHome, profile: str) -> None:
    async def program(home: Any) -> None:
        reading = await home.reader().read(home.deadline())
        print(f"{profile}: {len(reading.samples)} series of a station with two batteries")
        assert len(reading.samples) == {"core": 158, "full": 260}[profile]

    at_home(program, profile=profile)


def test_a_check_online_says_that_the_password_is_wrong(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        with home.cloud.faults.during(WrongCredentials(status=400)):
            (trial,) = await try_devices(home.site, 30.0, clock=home.clock)
            assert "the e-mail address or the password is wrong" in str(trial)
        (trial,) = await try_devices(home.site, 60.0, clock=home.clock)
        assert trial.answers

    at_home(program)


def _listed() -> dict[str, dict[str, str]]:
    text = (
        files("sunhelm.devices.families.izypower").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    )
    return dict(yaml.safe_load(text))


@pytest.mark.captures
def test_every_member_of_the_sheet_is_exported_or_listed(captures: Path) -> None:
    """What the tables of the sheet name, and every member in an answer of an example."""
    folder = captures.parent / "facts"
    if not (folder / "izypower.md").is_file():
        pytest.skip("no facts of Izypower here")
    table = files("sunhelm.devices.families.izypower").joinpath("values.csv").read_text(encoding="utf-8")
    known = {"day", "month", "year", "all", "data", "records", "extraData", "value", "key", "items"}
    for row in csv.DictReader(table.splitlines()):
        known.update(re.findall(r"\w+", f"{row['path']} {row['vendor']}"))
    for entries in _listed().values():
        for name in entries:
            known.update(re.findall(r"\w+", name))
    members = {*_members_of_examples(folder / "izypower"), *_members_of_tables(folder / "izypower.md")}
    missing = {
        name for name in members if not re.fullmatch(r"(day|month|year|all)(1|2|_in|_out)", name)
    } - known
    assert not missing
    print(f"{len(members)} members of the sheet: each is exported, or listed with a reason")
    assert len(members) >= 110


def _members_of_examples(folder: Path) -> set[str]:
    found: set[str] = set()

    def walk(value: Any) -> None:
        for name, member in value.items() if isinstance(value, dict) else ():
            found.add(name)
            walk(member)
        for member in value if isinstance(value, list) else ():
            walk(member)

    for file in folder.glob("*.json"):
        for exchange in json.loads(file.read_text())["exchanges"]:
            walk(exchange["response"]["body"])
    return found


def _members_of_tables(sheet: Path) -> set[str]:
    found: set[str] = set()
    text = sheet.read_text(encoding="utf-8")
    tables = text[text.index("### Station list") : text.index("## Controls")]
    for line in tables.splitlines():
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 2 or set(cells[0]) <= {"-"}:
            continue
        column = cells[1] if len(cells) == 4 and cells[0].split(",")[0] in _ENDPOINTS else cells[0]
        for name in re.findall(r"[A-Za-z]\w*(?:\[\w*(?:\.\.\d)?\])?(?:\.[\w\[\]]+)*", column):
            found.add(re.findall(r"\w+", name)[-1])
    return found - {"path", "member", "type", "endpoint", "or", "T", "last", "battery", "evse", "meter", "0"}


_ENDPOINTS = (
    *("component", "layoutPower", "wifi", "temperature", "upgrade", "battery detail", "cmd", "baseInfo"),
    *("meter", "ev", "intelligentValue", "powerDerate", ""),
)
