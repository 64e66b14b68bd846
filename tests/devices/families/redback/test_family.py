"""Redback as it is read: what its cloud says, does not say, and says wrongly."""

from __future__ import annotations

import json
import math
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
from sunhelm.devices.families.redback.cloud import SiteNodes
from sunhelm.devices.families.redback.family import Family
from sunhelm.devices.families.redback.places import find
from sunhelm.devices.families.redback.samples import MODE_STATES
from sunhelm.devices.reading import Guard, Reading
from sunhelm.simulator.faces.redback.telemetry import moment as written
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
DARK = 1_782_079_200.0  # midnight in Utrecht, 22 June 2026


def metrics(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(sample.quantity.metric, *sample.labels): sample.value for sample in reading.samples}


@pytest.fixture
def family() -> Family:
    family = load_family("redback")
    assert isinstance(family, Family)
    return family


def test_an_inverter_reads_as_the_house_is(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        reading = await device.read(home.deadline())
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        assert list(reading.groups) == ["live", "settings", "schedules", "identity", "panels"]
        told, now = metrics(reading), home.plant.state
        assert told["solar_grid_power_watts",] == pytest.approx(now.grid.power_w, abs=2)
        assert told["solar_pv_power_watts",] == pytest.approx(now.pv_power_w, abs=1)
        assert told["solar_battery_power_watts",] == pytest.approx(now.battery.power_w, abs=1)
        load = now.grid.power_w + now.pv_power_w + now.battery.power_w
        assert told["solar_load_power_watts",] == pytest.approx(load, abs=4)
        assert told["solar_redback_pv_string_size_watts", "3"] == 2460
        assert told["solar_redback_pv_string_share_of_panels_ratio", "1"] > 0
        assert told["solar_device_info", "Redback", "ST10000", home.cloud.inverter.serial, "101218"] == 1

    at_home(program)


def test_the_live_tier_takes_one_request_and_the_token_is_kept(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        await device.read(home.deadline())
        first = len(home.cloud.paths)
        counts = []
        for _ in range(30):
            await home.clock.sleep(60)
            before = len(home.cloud.paths)
            assert (await device.read(home.deadline())).up
            counts.append(len(home.cloud.paths) - before)
        assert min(counts) == 1
        assert sum(counts) <= 30 + 2 * 6  # settings and schedules each five minutes
        assert first == 9  # token, sites, static, live, settings, schedules, three pages of the portal
        assert sum("token" in path for path in home.cloud.paths) == 1
        print(f"{min(counts)} request a minute, {sum(counts)} in half an hour; {first} at the start")

    at_home(program)


def test_devices_of_an_account_share_its_token_and_what_concerns_them_all(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        accounts = Accounts(home.site.accounts)
        devices = [home.reader(name, accounts) for name in ("roof", "shed", "house")]
        for device in devices:
            reading = await device.read(home.deadline())
            assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        assert sum("token" in path for path in home.cloud.paths) == 1
        assert sum("With/Nodes" in path for path in home.cloud.paths) == 1
        for device in devices:
            await device.close()
            await device.close()
        home.opened.clear()

    at_home(program, neighbours=True)


def test_a_grid_tie_inverter_is_asked_for_no_schedules_and_sleeps_at_night(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        shed = home.reader("shed")
        reading = await shed.read(home.deadline())
        assert {"live", "identity"} <= set(reading.groups) <= {"live", "identity", "panels"}
        assert not [path for path in home.cloud.paths if "Schedule" in path or "Configuration/Conf" in path]
        home.cloud.offline = True
        await home.clock.sleep(600)
        reading = await shed.read(home.deadline())
        assert reading.groups["live"].reason is Reason.ASLEEP

    async def by_day(home: Any) -> None:
        shed = home.reader("shed")
        await shed.read(home.deadline())
        home.cloud.offline = True
        await home.clock.sleep(600)
        assert (await shed.read(home.deadline())).groups["live"].reason is Reason.UNREACHABLE

    at_home(program, neighbours=True, start=DARK)
    at_home(by_day, neighbours=True)


CLOUD_FAULTS = [
    ("expired_token", ExpiredTokens(), None),
    ("always_expired", ExpiredTokens(always=True), Reason.AUTH_FAILED),
    ("too_many", Refusal(status=429, retry_after_s=300), Reason.RATE_LIMITED),
    ("internal", Refusal(status=500), Reason.BUSY),
    ("gateway", Refusal(status=502), Reason.BUSY),
    ("forbidden", Refusal(status=403), Reason.REJECTED),
    ("html", Maintenance(), Reason.MALFORMED),
    ("half_a_body", Truncate(keep=400, close=True), Reason.UNREACHABLE),
    ("slow_body", Trickle(size=4, seconds=1.0), Reason.TIMEOUT),
    ("clock_behind", ClockSkew(seconds=-3600), Reason.UNREACHABLE),
    ("clock_ahead", ClockSkew(seconds=3600), Reason.MALFORMED),
    ("clock_a_little_off", ClockSkew(seconds=120), None),
    ("renamed_time", RenamedField(field="TimestampUtc"), Reason.MALFORMED),
    ("renamed_data", RenamedField(field="Data"), Reason.MALFORMED),
    ("renamed_value", RenamedField(field="FrequencyInstantaneousHz"), None),
    ("null_battery", NulledField(field="Battery"), None),
]


@pytest.mark.parametrize(
    ("fault", "reason"), [case[1:] for case in CLOUD_FAULTS], ids=[case[0] for case in CLOUD_FAULTS]
)
def test_what_goes_wrong_at_the_cloud_has_its_reason_and_passes(
    at_home: AtHome, fault: Any, reason: Reason | None
) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        before = metrics(await device.read(home.deadline(40)))
        await home.clock.sleep(60)
        with home.cloud.faults.during(fault):
            reading = await device.read(home.deadline(40))
            assert reading.groups["live"].reason is reason, reading.groups["live"].detail
            if reason is not None:
                kept = {name for name, *_ in metrics(reading)}
                assert kept <= {"solar_redback_status", "solar_redback_data_timestamp_seconds"}
        for _ in range(6):
            await home.clock.sleep(60)
            reading = await device.read(home.deadline(40))
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        assert set(before) == set(metrics(reading))

    at_home(program)


@pytest.mark.parametrize("status", [400, 401])
def test_wrong_credentials_are_told_apart_and_tried_rarely(at_home: AtHome, status: int) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        with home.cloud.faults.during(WrongCredentials(status=status)):
            for _ in range(30):
                reading = await device.read(home.deadline())
                (outcome,) = reading.groups.values()
                assert outcome.reason is Reason.AUTH_FAILED
                assert ("client id" if status == 400 else "client secret") in outcome.detail
                assert "inv8Q" not in outcome.detail
                await home.clock.sleep(60)
        assert 5 <= len(home.cloud.paths) <= 9  # after 0, 1, 3, 7 and 15 minutes, or a little sooner
        await home.clock.sleep(3600)
        assert (await device.read(home.deadline())).up

    at_home(program)


def test_a_clock_of_ours_that_is_wrong_does_not_make_data_old(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        home.plant.advance = lambda seconds: 0
        home.clock.start += 7200
        reading = await device.read(home.deadline())
        assert reading.groups["live"].ok
        taken_at = reading.groups["live"].taken_at
        assert taken_at == pytest.approx(home.clock.time(), abs=61)

    at_home(program)


def test_a_schedule_that_the_inverter_does_not_obey_is_told(at_home: AtHome, family: Family) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        await device.read(home.deadline())
        assert ("solar_redback_schedule_obeyed",) not in metrics(await device.read(home.deadline()))
        for watts, obeyed in ((2000, 1.0), (9000, 0.0)):  # the hardware has no 9000 W
            start = written(home.plant.time)
            mode = {"InverterMode": "ChargeBattery", "ArgumentInWatts": watts}
            body = {"StartTimeUtc": start, "Duration": "01:00:00", "UserNotes": "x", "DesiredMode": mode}
            key = home.cloud.inverter.create_schedule(body)
            await home.clock.sleep(400)
            await device.read(home.deadline())
            await home.clock.sleep(60)
            told = metrics(await device.read(home.deadline()))
            assert told["solar_redback_schedule_active", key] == 1
            assert told["solar_redback_any_schedule_active",] == 1
            assert told["solar_redback_schedule_obeyed",] == obeyed
            assert told["solar_redback_schedule_power_watts", key] == watts
            home.cloud.inverter.delete_schedule(key)
            await home.clock.sleep(400)
            await device.read(home.deadline())

    at_home(program)
    (modes,) = (value for value in family.values.values if value.name == "mode")
    assert MODE_STATES.items() <= modes.names.items()


def test_old_data_are_not_shown_but_that_they_are_old_is(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        assert (await device.read(home.deadline())).up
        home.cloud.offline = True
        await home.clock.sleep(240)
        assert (await device.read(home.deadline())).up
        await home.clock.sleep(120)
        reading = await device.read(home.deadline())
        assert not reading.up
        assert "6 min ago; the cloud calls it OK" in reading.groups["live"].detail
        assert {sample.quantity.name for sample in reading.samples} == {"redback_status", "redback_data"}

    at_home(program)


def test_an_inverter_that_the_account_has_not_is_told_with_those_it_has(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        config = home.site.devices["roof"]
        object.__setattr__(config, "serial", "RB00000000000000")
        reading = await home.reader().read(home.deadline())
        (outcome,) = reading.groups.values()
        assert outcome.reason is Reason.REJECTED
        assert home.cloud.inverter.serial in outcome.detail

    at_home(program)


def test_a_device_is_an_inverter_a_site_or_both() -> None:
    one = [SiteNodes("S1", "", ("RB1",))]
    two = [*one, SiteNodes("S2", "", ("RB2", "RB3"))]
    assert (find(None, one, "a").serial, find(None, one, "a").with_site) == ("RB1", True)
    assert (find("RB3", two, "a").site, find("RB3", two, "a").with_site) == ("S2", False)
    assert (find("S2", two, "a").serial, find("S2", two, "a").with_site) == ("", True)
    with pytest.raises(
        Exception, match="several inverters; `serial` names one, or a site: RB1, RB2, RB3, S1, S2"
    ):
        find(None, two, "a")


def _rows(family: Family, group: str) -> list[Any]:
    return [value for value in family.values.values if value.group == group and value.quantity]


def _document() -> dict[str, Any]:
    """One document with every value of every group."""
    phase = {
        "Id": "A",
        **dict.fromkeys(
            (
                *("ActiveExportedPowerInstantaneouskW", "ActiveImportedPowerInstantaneouskW"),
                *("VoltageInstantaneousV", "CurrentInstantaneousA", "PowerFactorInstantaneousMinus1to1"),
            ),
            0.5,
        ),
    }
    return {"Phases": [phase], "Unexpected": {"deep": [1, {"new": None}]}}


def _set(place: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    for step in way:
        name, _, listed = step.partition("[")
        made = place.setdefault(name, [{"Id": "A"}] if listed else {})
        place = made[0] if listed else made
    place[last] = value


RIGHT = {"number": 0.5, "text": "x", "time": "2026-01-10T01:59:05Z", "flag": True}


def _whole(rows: list[Any]) -> dict[str, Any]:
    document: dict[str, Any] = _document()
    for row in rows:
        right = 50 if "Frequency" in row.path else RIGHT.get(row.type, next(iter(row.names), ""))
        _set(document, row.path, right)
    return document


@pytest.mark.parametrize("group", ["live", "settings", "identity", "panels", "status"])
def test_each_value_may_be_null_missing_or_something_else(family: Family, group: str) -> None:
    config: Any = type("Config", (), {"profile": "full", "rated_power": 10_000.0, "capacity": None})()
    rows = _rows(family, group)
    whole = list(family.values.samples(group, _whole(rows), config))
    assert not [item for item in whole if not hasattr(item, "quantity")]
    tried = 0
    for row in rows:
        for wrong, guard in (
            (None, Guard.SENTINEL),
            ("absent", Guard.UNSUPPORTED),
            ({"a": 1}, None),
            ([1, 2], None),
            (math.inf, None),
            ("surprise", None),
        ):
            document = _whole(rows)
            if wrong == "absent":
                _set(document, row.path + "Old", 1)
                _remove(document, row.path)
            else:
                _set(document, row.path, wrong)
            told = list(family.values.samples(group, document, config))
            held = [item for item in told if not hasattr(item, "quantity")]
            if row.type == "text" and isinstance(wrong, str | float) and wrong != "absent":
                assert not held
            else:
                (one,) = held
                assert one.source == row.path
                assert guard is None or one.guard is guard
            others = [item for item in told if hasattr(item, "quantity") and item.source != row.path]
            assert others == [item for item in whole if item.source != row.path]
            tried += 1
    print(f"{group}: {len(rows)} values, {tried} ways to be wrong")
    assert tried == 6 * len(rows)


def _remove(place: Any, path: str) -> None:
    *way, last = path.split(".")
    for step in way:
        name, _, listed = step.partition("[")
        place = place[name][0] if listed else place[name]
    del place[last]


@pytest.mark.parametrize("document", [None, [], "text", 7, {}, {"Phases": 3, "PVs": {}, "Battery": []}])
def test_a_document_of_another_shape_throws_nothing(family: Family, document: Any) -> None:
    config: Any = type("Config", (), {"profile": "full", "rated_power": None, "capacity": None})()
    for group in ("live", "settings", "identity", "panels", "status"):
        assert all(not hasattr(item, "quantity") for item in family.values.samples(group, document, config))


@pytest.mark.captures
def test_every_row_of_the_sheet_is_exported_or_listed(captures: Path, family: Family) -> None:
    sheet = captures.parent / "facts" / "redback" / "telemetry_map.json"
    if not sheet.is_file():
        pytest.skip("no worked examples of Redback here")
    rows = json.loads(sheet.read_text())["rows"]
    listed = yaml.safe_load(
        files("sunhelm.devices.families.redback").joinpath("not_exported.yaml").read_text()
    )
    paths = {value.path for value in family.values.values}
    bare = {_bare(path) for path in paths}
    missing = [row["key"] for row in rows if _bare(_ours(row["path"])) not in bare]
    assert sorted(missing) == sorted(listed["telemetry"])
    assert len(rows) == 90
    print(f"{len(rows) - len(missing)} of {len(rows)} rows by a value of their own, {len(missing)} as labels")


def _ours(path: str) -> str:
    """The path of the sheet as a path of ours."""
    face, _, rest = path.partition(" ")
    if face == "portal":
        return "Strings[string]." + path.rpartition("__")[2]
    rest = rest.removeprefix("v2.21 ").removeprefix("Data.").replace("Nodes[serial].StaticData", "Inverter")
    return rest.replace("Inverters[serial]", "Inverter")


def _bare(path: str) -> str:
    return ".".join(step.partition("[")[0] for step in path.split("."))


def test_a_year_with_both_changes_of_the_clocks_has_no_energy_twice_and_none_negative(
    at_home: AtHome,
) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        last: dict[tuple[str, ...], float] = {}
        kwh = 1000.0
        for day in range(366):
            kwh += 12.5
            told = {**home.cloud._api._live[home.cloud.inverter.serial]}
            for key in told:
                if key.endswith("AllTimeEnergykWh"):
                    told[key] = round(kwh, 3)
            moment = 1_759_276_800 + 86_400 * day + (day % 24) * 3600  # from October on, at every hour
            told["TimestampUtc"] = written(moment)
            home.cloud._port._now = lambda moment=moment: moment
            home.cloud._api._live[home.cloud.inverter.serial] = told
            home.cloud.offline = True
            await home.clock.sleep(60)
            reading = await device.read(home.deadline())
            assert reading.groups["live"].ok, reading.groups["live"].detail
            for key, value in metrics(reading).items():
                if key[0].endswith("_joules_total"):
                    assert value == pytest.approx(kwh * 3.6e6)
                    assert value > last.get(key, 0.0)
                    last[key] = value
        assert len(last) == 6

    at_home(program)


def test_a_dump_tells_neither_who_owns_the_device_nor_its_secrets(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        await device.read(home.deadline())
        text = json.dumps(await device.source.dump(home.deadline()))
        for secret in (
            "Example Street",
            "Example Solar",
            "4103000001",
            home.cloud.inverter.serial,
            "eyJ0",
            "s3cret",
        ):
            assert secret not in text
        assert "VoltageInstantaneousV" in text

    at_home(program)


def test_the_names_of_all_metrics_are_known(family: Family, golden: Any, root: Path) -> None:
    lines = {
        f"{quantity.metric} {quantity.kind} {','.join(quantity.labels)}".rstrip() + "\n"
        for quantities in family.offers.values()
        for quantity in quantities
    }
    golden.check(root / "tests" / "golden" / "names" / "redback.txt", "".join(sorted(lines)))


def test_what_is_read_is_what_is_offered_and_clean(at_home: AtHome, family: Family) -> None:
    async def program(home: Any) -> None:
        for name in ("roof", "house", "shed"):
            home.cloud.inverter.create_envelope(
                {"EventId": "x", "StartAtUtc": written(home.plant.time), "EndAtUtc": "2030-01-01T00:00:00Z"}
            )
            reading = await home.reader(name).read(home.deadline())
            offered = {quantity for group in family.offers.values() for quantity in group}
            assert {sample.quantity for sample in reading.samples} <= offered
            assert {sample.group for sample in reading.samples} <= {*reading.groups, "status"}
            keys = [(sample.quantity.metric, sample.labels) for sample in reading.samples]
            assert len(keys) == len(set(keys))

    at_home(program, neighbours=True)


def test_a_dump_reads_as_it_was_recorded(family: Family, golden: Any, root: Path) -> None:
    """What `sunhelm dump` wrote of the simulated account, and what becomes of it."""
    dump = json.loads((root / "tests" / "dumps" / "redback" / "st10000.json").read_text())
    config: Any = type("Config", (), {"profile": "full", "rated_power": 10_000.0, "capacity": None})()
    lines = []
    for group, answer in dump["answers"].items():
        for item in family.values.samples(group, answer, config):
            if hasattr(item, "quantity"):
                labels = ",".join(item.labels)
                lines.append(f"{group} {item.quantity.metric}{{{labels}}} {item.value:.10g}\n")
            else:
                lines.append(f"{group} # {item.guard}: {item.source}\n")
    golden.check(root / "tests" / "golden" / "dumps" / "redback" / "st10000.txt", "".join(lines))
    assert len(lines) > 90


@pytest.mark.parametrize(("status", "words"), [(400, "the client id is"), (401, "the client secret is")])
def test_a_check_online_says_which_credential_is_wrong(at_home: AtHome, status: int, words: str) -> None:
    async def program(home: Any) -> None:
        with home.cloud.faults.during(WrongCredentials(status=status)):
            for trial in await try_devices(home.site, 30.0, clock=home.clock):
                assert "does not answer" in str(trial)
                assert words in str(trial)
        assert sum("token" in path for path in home.cloud.paths) == 1
        fine = await try_devices(home.site, 30.0, clock=home.clock)
        assert all(trial.answers and not trial.failures for trial in fine)

    at_home(program, neighbours=True)


def test_a_check_online_finds_the_devices_of_an_account_or_tells_why_not(
    at_home: AtHome,
) -> None:
    async def program(home: Any) -> None:
        site = replace(home.site, devices={})
        with home.cloud.faults.during(WrongCredentials()):
            (trial,) = await try_devices(site, 30.0, clock=home.clock)
            assert (trial.device, trial.answers) == ("mine", False)
            assert "account: auth_failed" in str(trial)
        trials = await try_devices(site, 30.0, clock=home.clock)
        assert len(trials) == 4
        assert all(trial.answers for trial in trials)

    at_home(program, neighbours=True)
