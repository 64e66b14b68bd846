"""What programs for this cloud have stumbled over, each with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Reason
from sunhelm.devices.families.redback.records import days_of, envelopes, schedules, strictest
from sunhelm.devices.families.redback.samples import envelope_samples
from sunhelm.simulator.faults.cloud import NulledField

AtHome = Callable[..., None]
NOW = 1_768_010_400.0  # 2026-01-10T02:00:00Z


def schedule(**changed: Any) -> dict[str, Any]:
    mode = {"InverterMode": "Conserve", "ArgumentInWatts": 0}
    told = {
        "ScheduleId": "a",
        "SerialNumber": "RB1",
        "StartTimeUtc": "2026-01-10T02:00:00Z",
        "Duration": "00:25:00",
    }
    return {**told, "DesiredMode": mode, "UserNotes": None, **changed}


def envelope(**changed: Any) -> dict[str, Any]:
    told = {
        "EventId": "e",
        "SiteId": "S1",
        "StartAtUtc": "2026-01-10T01:00:00Z",
        "EndAtUtc": "2026-01-10T03:00:00Z",
    }
    return {**told, "MaxExportPowerW": 500, "Status": "Scheduled", **changed}


def test_schedules_of_other_inverters_are_not_shown() -> None:
    listed = {"Schedules": [schedule(), schedule(ScheduleId="b", SerialNumber="RB2")], "DailySchedules": None}
    assert [one.key for one in schedules(listed, "RB1", NOW)] == ["a"]


@pytest.mark.parametrize(
    "broken",
    [None, 7, {}, schedule(StartTimeUtc=None), schedule(Duration="1.24:x"), schedule(ScheduleId=None)],
)
def test_a_broken_schedule_spoils_no_other(broken: Any) -> None:
    found = schedules({"Schedules": [broken, schedule()]}, "RB1", NOW)
    assert [one.key for one in found] == ["a"]


def test_a_schedule_without_a_mode_is_shown_without_one() -> None:
    (one,) = schedules({"Schedules": [schedule(DesiredMode=None)]}, "RB1", NOW)
    assert (one.mode, one.watts) == ("", None)


@pytest.mark.parametrize(
    ("told", "days"),
    [
        ("Weekdays", {0, 1, 2, 3, 4}),
        (62, {0, 1, 2, 3, 4}),
        ("62", {0, 1, 2, 3, 4}),
        ("Monday, Wednesday", {0, 2}),
        ("Weekends", {5, 6}),
        (65, {5, 6}),
        ("Everyday", set(range(7))),
        ("Never", set()),
        (True, set()),
        (None, set()),
        ("Someday", set()),
    ],
)
def test_days_are_a_set_of_flags_told_as_text_or_as_a_number(told: object, days: set[int]) -> None:
    assert days_of(told) == days


def test_a_daily_schedule_follows_the_local_clock_over_its_change() -> None:
    daily = {
        "SerialNumber": "RB1",
        "StartTime": "02:30:00",
        "Duration": "01:00:00",
        "DaysActive": "Everyday",
        "TimezoneIANA": "Australia/Sydney",
        "DesiredMode": {"InverterMode": "Conserve", "ArgumentInWatts": 0},
    }
    listed = {"Schedules": [], "DailySchedules": [daily]}
    for now, start in (
        (1_790_956_800, 1_790_958_600),  # the night before the clocks are put forward, 3 October 2026
        (1_790_971_200, 1_791_043_200),  # 02:30 is left out: it means 03:00 of the summer time
        (1_791_050_000, 1_791_127_800),
    ):
        (one,) = schedules(listed, "RB1", now)
        assert (one.start, one.daily) == (start, True)


def test_envelopes_that_share_an_id_are_two() -> None:
    found = envelopes([envelope(), envelope(StartAtUtc="2026-01-10T02:00:00Z", MaxExportPowerW=None)], "S1")
    told = [sample.labels for sample in envelope_samples(found) if sample.quantity.name.endswith("_start")]
    assert told == [("e",), ("e (2)",)]


@pytest.mark.parametrize(
    "status",
    [
        "Cancelled",
        "CancelledAfterStart",
        "SupersededAfterStart",
        "RejectedPastEvent",
        "OldUnreported",
        "",
        None,
    ],
)
def test_an_envelope_that_is_cancelled_or_replaced_binds_nothing(status: Any) -> None:
    found = envelopes([envelope(Status=status)], "S1")
    assert strictest(found, "export", NOW) is None
    assert strictest(envelopes([envelope()], "S1"), "export", NOW) == 500
    assert strictest(envelopes([envelope(MaxExportPowerW=0)], "S1"), "export", NOW) == 0


async def test_all_pages_of_an_account_are_read(cloud: Any, open_device: Any, clock: Any) -> None:
    def page(request: Any) -> Any:
        number = int(request.query["page"])
        serial = f"RB{number}1011500000071"
        node = {"SerialNumber": serial, "Id": serial, "Type": "Inverter", "Nodes": None}
        site = {"Id": f"S{number}c01d2e94a6f3", "Nmi": None, "Type": "Site", "Nodes": [node]}
        counts = {"Page": number, "PageSize": 1, "PageCount": 1, "TotalCount": 3}
        return {**counts, "Data": [site] if number < 3 else []}

    cloud.answers["/Api/v2/EnergyData/With/Nodes"] = page
    async with open_device(serial="RB99") as device:
        reading = await device.read(_deadline(clock))
        (outcome,) = reading.groups.values()
        assert "RB01011500000071, RB11011500000071, RB21011500000071" in outcome.detail
        assert cloud.count("With/Nodes") == 3


@pytest.mark.parametrize("life", ["3599", 3599, 200])
async def test_the_life_of_a_token_may_be_text_and_short(
    cloud: Any, open_device: Any, clock: Any, life: object
) -> None:
    cloud.expires_in = life
    async with open_device() as device:
        for _ in range(3):
            await device.read(_deadline(clock))
            clock.advance(30)
        assert cloud.count("token") == 1


def _deadline(clock: Any) -> Any:
    return Deadline.after(30, clock)


def test_a_portal_without_the_page_of_the_strings_stops_no_telemetry(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.portal.has_panels = False
        reading = await home.reader().read(home.deadline())
        assert reading.groups["live"].ok
        assert reading.groups["panels"].reason is Reason.REJECTED
        assert "the portal shows no form with the strings" in reading.groups["panels"].detail

    at_home(program)


def test_a_phase_that_is_null_makes_no_sum_of_the_others(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.reader()
        with home.cloud.faults.during(NulledField(field="ActiveImportedPowerInstantaneouskW")):
            reading = await device.read(home.deadline())
        names = {sample.quantity.name for sample in reading.samples}
        assert not names & {"grid_power", "load_power", "grid_phase_power", "redback_grid_imported_power"}
        assert "redback_phase_exported_power" in names

    at_home(program)


def test_a_battery_whose_power_is_null_makes_no_load(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        with home.cloud.faults.during(NulledField(field="BatteryPowerNegativeIsChargingkW")):
            reading = await home.reader().read(home.deadline())
        names = {sample.quantity.name for sample in reading.samples}
        assert "grid_power" in names
        assert "load_power" not in names

    at_home(program)
