"""A Sessy and its P1 meter, read from simulated dongles and from sample answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Reason
from sunhelm.devices.families import load_family
from sunhelm.devices.families.sessy.family import measured
from sunhelm.devices.families.sessy.schedule import schedule_samples
from sunhelm.devices.reading import Held, Reading, Sample
from sunhelm.simulator.faults import Drop, HalfOpen, Refuse, Truncate

Values = Callable[[Reading], dict[tuple[str, ...], float]]


async def test_a_battery_tells_its_power_energy_and_state(home: Any, values: Values) -> None:
    reading = await home.read("battery")

    seen, battery = values(reading), home.plant.state.battery
    assert reading.groups
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    assert seen["battery_power",] == round(battery.power_w)
    assert seen["battery_state_of_charge",] == pytest.approx(battery.soc)
    assert seen["battery_voltage",] == pytest.approx(battery.voltage_v, abs=0.001)
    assert seen["battery_charge",] == pytest.approx(home.plant.energy.battery_charge, abs=1800)
    assert seen["battery_discharge",] == pytest.approx(home.plant.energy.battery_discharge, abs=1800)
    assert seen["sessy_strategy", "nom"] == 1
    assert seen["sessy_strategy", "api"] == 0
    assert seen["sessy_system_state", "running_safe"] == 1
    assert seen["sessy_strategy_overridden",] == 0
    assert seen["device", "Sessy", "battery", "DSIMU1", "1.9.2"] == 1
    assert seen["battery_minimum_state_of_charge",] == 0.05


async def test_a_p1_meter_tells_the_grid_as_the_plant_has_it(home: Any, values: Values) -> None:
    reading = await home.read("p1")

    seen, grid = values(reading), home.plant.state.grid
    assert seen["grid_power",] == round(grid.power_w)
    for phase, power in zip(("L1", "L2", "L3"), grid.power_by_phase, strict=True):
        assert seen["grid_phase_power", phase] == pytest.approx(power, abs=1)
    imported = home.plant.energy.grid_import + 900_210 * 3600
    assert seen["grid_import",] == pytest.approx(imported, abs=1800)
    assert seen["sessy_p1_gas",] == pytest.approx(1234.567)
    assert seen["sessy_grid_target",] == 0


async def test_a_group_of_which_the_profile_wants_nothing_does_not_fail(home: Any) -> None:
    """What the identity tells beyond its serial is of profile full."""
    async with open_site(home.site()) as devices:
        assert devices["battery"].config.profile == "core"
        reading = await devices["battery"].read(Deadline.after(9))
        assert {name: outcome.detail for name, outcome in reading.groups.items() if not outcome.ok} == {}


async def test_a_dongle_without_an_endpoint_has_the_group_no_more(home: Any) -> None:
    reading = await home.read("battery")

    assert "modbus_live" in reading.groups  # asked once
    assert reading.groups["modbus_live"].ok
    assert not any(sample.group == "modbus_live" for sample in reading.samples)


async def test_a_wrong_password_is_told_apart_and_not_shown(home: Any) -> None:
    (home.folder / "wrong").write_text("OPENSESAME")

    reading = await home.read("battery", password="wrong")

    (outcome,) = reading.groups.values()
    assert outcome.reason is Reason.AUTH_FAILED
    assert "OPENSESAME" not in outcome.detail


async def test_reading_changes_nothing(home: Any) -> None:
    await home.read("battery")
    await home.read("p1")

    assert not home.battery.log.writes
    assert not home.p1.log.writes


def told(group: str, document: dict[str, Any]) -> tuple[dict[tuple[str, ...], float], list[str]]:
    """Return the values of an answer, and the paths of what was held back."""
    config = DeviceConfig(name="it", family="sessy", profile="full")
    family: Any = load_family("sessy")
    said = list(family.values.samples(group, measured(document), config))
    return (
        {(each.quantity.name, *each.labels): each.value for each in said if isinstance(each, Sample)},
        [each.source for each in said if isinstance(each, Held)],
    )


OLD: dict[str, Any] = {
    "status": "ok",
    "sessy": {
        "state_of_charge": 0.85000002,
        "power": -1500,
        "power_setpoint": -1500,
        "system_state": "SYSTEM_STATE_SOMETHING_NEW",
        "system_state_details": "",
        "frequency": 50_030,
    },
    "renewable_energy_phase1": {"voltage_rms": 233_400, "current_rms": 3210, "power": 742},
    "renewable_energy_phase2": {"voltage_rms": 0, "current_rms": 0, "power": 0},
    "renewable_energy_phase3": {"voltage_rms": 0, "current_rms": 0, "power": 0},
}


def test_what_older_firmware_leaves_out_is_unknown_and_not_0() -> None:
    seen, _ = told("live", OLD)

    assert ("sessy_strategy_overridden",) not in seen
    assert ("battery_voltage",) not in seen
    assert seen["battery_power",] == -1500
    assert seen["inverter_frequency",] == 50.03


def test_a_state_without_a_name_is_kept_as_text() -> None:
    seen, held = told("live", OLD)

    assert seen["sessy_system_state_text", "SYSTEM_STATE_SOMETHING_NEW"] == 1
    assert "sessy.system_state" in held


def test_phases_with_nothing_on_them_are_left_out() -> None:
    seen, _ = told("live", OLD)

    assert seen["sessy_renewable_phase_power", "L1"] == 742
    assert seen["sessy_renewable_phase_current", "L1"] == 3.21
    assert ("sessy_renewable_phase_power", "L2") not in seen


def test_a_meter_that_tells_no_voltage_still_tells_power() -> None:
    seen, _ = told("p1_live", {"state": "P1_OK", "voltage_l1": 0, "current_l1": 0, "power_consumed_l1": 300})

    assert seen["sessy_p1_phase_consumed_power", "L1"] == 300
    assert ("grid_phase_voltage", "L1") not in seen


def test_the_first_edition_of_p1_calls_the_power_otherwise() -> None:
    seen, _ = told("p1_live", {"state": "P1_OK", "total_power": -120})

    assert seen["grid_power",] == -120


@pytest.mark.parametrize(
    ("group", "states"),
    [
        ("p1_live", ["NOT_CONNECTED", "DATAVALIDITY_ERR", "VERSION_ERR", "PARSE_ERR"]),
        ("modbus_live", ["DISABLED", "ERROR", "UNSUPPORTED"]),
    ],
)
def test_of_a_meter_that_is_not_heard_the_state_alone_counts(group: str, states: list[str]) -> None:
    zeros = {"power_total": 0, "power_consumed_tariff1": 0, "voltage_l1": 0, "power_consumed_l1": 0}
    zeros |= {"total_power": 0, "total_import": 0, "current_l1": 4000, "power_produced_l1": 0}
    for state in states:
        prefix = group.split("_", maxsplit=1)[0]
        seen, _ = told(group, {"status": "ok", "state": f"{prefix.upper()}_{state}", **zeros})
        assert {name for name, *_ in seen} == {f"sessy_{prefix}_state"}
        assert seen[f"sessy_{prefix}_state", state.lower()] == 1


async def test_a_p1_meter_that_hears_nothing_tells_no_power_of_the_grid(
    home: Any, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, path = vars(home.p1)["_answers"], "/api/v2/p1/details"
    tells = answers[path]
    monkeypatch.setitem(answers, path, lambda: {**tells(), "state": "P1_NOT_CONNECTED"})

    seen = values(await home.read("p1"))

    assert seen["sessy_p1_state", "not_connected"] == 1
    assert not {"grid_power", "grid_phase_power", "grid_import", "grid_export"} & {name for name, *_ in seen}


PRICES = list(range(6000, 6024))


@pytest.mark.parametrize("key", ["price", "energy_prices"])
def test_both_keys_of_prices_by_the_day_are_read(key: str) -> None:
    document = {
        "power_strategy": [{"date": "2026-06-21", "power": [0] * 12 + [-2200] + [1700] * 11}],
        "energy_prices": [{"date": "2026-06-21", key: PRICES}],
    }
    noon = 1_782_036_000.0  # 12:00 at Amsterdam

    seen = {
        (sample.quantity.name, *sample.labels): sample.value
        for sample in schedule_samples(document, noon, ZoneInfo("Europe/Amsterdam"))
    }

    assert seen["sessy_schedule_power",] == -2200
    assert seen["sessy_schedule_ahead_power", "1"] == 1700
    assert seen["sessy_energy", "EUR"] == pytest.approx(0.06012)
    assert ("sessy_schedule_ahead_power", "12") not in seen


def test_nonsense_in_a_schedule_says_nothing() -> None:
    for document in (
        {},
        {"dynamic_schedule": "x"},
        {"power_strategy": [{"date": "never", "power": None}, 3]},
    ):
        assert not list(schedule_samples(document, 0.0, ZoneInfo("UTC")))


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (Refuse(), {Reason.UNREACHABLE}),
        (Drop(), {Reason.TIMEOUT}),
        (HalfOpen(), {Reason.TIMEOUT}),
        (Truncate(keep=60, close=True), {Reason.UNREACHABLE}),
        (Truncate(keep=3, close=True), {Reason.UNREACHABLE}),
    ],
    ids=str,
)
async def test_a_dongle_in_trouble_says_why_and_is_well_again_after(
    home: Any, fault: Any, reasons: set[Reason]
) -> None:
    home.site()
    async with open_site(home.folder / "sunhelm.yml") as devices:
        with home.battery.faults.during(fault):
            reading = await devices["battery"].read(Deadline.after(2))
        assert {outcome.reason for outcome in reading.groups.values()} <= reasons
        assert not reading.up
        assert not reading.samples
        assert (await devices["battery"].read(Deadline.after(5))).up


def test_the_names_of_all_metrics_are_known(golden: Any, root: Path) -> None:
    lines = {
        f"{quantity.metric} {quantity.kind} {','.join(quantity.labels)}".rstrip() + "\n"
        for quantities in load_family("sessy").offers.values()
        for quantity in quantities
    }
    golden.check(root / "tests" / "golden" / "names" / "sessy.txt", "".join(sorted(lines)))
