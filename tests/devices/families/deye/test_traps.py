"""What the facts sheet warns of: each trap, and what is shown for it."""

from __future__ import annotations

from typing import Any

import pytest

HEAT = "solar_inverter_temperature_celsius"


async def test_a_temperature_of_0_was_not_read(play: Any, read: Any) -> None:
    inverter = await play()
    inverter.face._written.update({540: 0, 541: 1423, 586: 0})
    told = await read(inverter)
    shown = {labels: value for (metric, labels), value in told.values.items() if metric == HEAT}
    assert shown == {("heatsink",): pytest.approx(42.3)}
    assert ("solar_battery_unit_temperature_celsius", ("1",)) not in told.values


async def test_a_setting_of_all_ones_is_not_there(play: Any, read: Any) -> None:
    inverter = await play()
    metric = ("solar_deye_grid_charge_start_state_of_charge_ratio", ())
    assert metric in (await read(inverter)).values
    inverter.face._written[127] = 0xFFFF
    assert metric not in (await read(inverter)).values


async def test_currents_of_the_grid_have_the_direction_of_its_power(play: Any, read: Any) -> None:
    inverter = await play()
    inverter.face._written.update({613: 500, 614: 500, 616: 0x10000 - 1150, 617: 1150, 619: 0xFFFF})
    told = await read(inverter)
    assert told.values["solar_grid_phase_power_watts", ("L1",)] == -1150.0
    assert told.values["solar_grid_phase_current_amperes", ("L1",)] == pytest.approx(-5.0)
    assert told.values["solar_grid_phase_current_amperes", ("L2",)] == pytest.approx(5.0)


async def test_a_battery_that_is_more_than_full_is_not_believed(play: Any, read: Any) -> None:
    inverter = await play()
    inverter.face._written[588] = 143
    told = await read(inverter)
    assert ("solar_battery_state_of_charge_ratio", ()) not in told.values
    assert "holding 588 battery_1_state_of_charge" in [held.source for held in told.held]


@pytest.mark.parametrize("kind", ["three_phase_lv", "three_phase_hv", "single_phase", "string", "micro"])
async def test_a_string_that_has_no_voltage_is_not_there(play: Any, read: Any, kind: str) -> None:
    """Inputs that a model does not have read 0; that it is night, the first two tell."""
    inverter = await play(kind)
    addresses = (676, 678, 680, 682) if kind.startswith("three") else (109, 111, 113, 115)
    inverter.face._written.update(zip(addresses, (0, 3300, 2900, 0), strict=True))
    told = await read(inverter, profile="full")
    strings = {
        labels: v for (name, labels), v in told.values.items() if name == "solar_pv_string_voltage_volts"
    }
    assert strings == {("1",): 0.0, ("2",): pytest.approx(330.0), ("3",): pytest.approx(290.0)}
    assert ("solar_pv_string_power_watts", ("4",)) not in told.values


@pytest.mark.parametrize("kind", ["three_phase_lv", "three_phase_hv"])
async def test_a_second_battery_is_there_where_it_has_a_voltage(play: Any, read: Any, kind: str) -> None:
    inverter = await play(kind)
    inverter.face._written.update({589: 57, 593: 0, 594: 0, 595: 0, 596: 1215})
    told = await read(inverter)
    batteries = {labels for (name, labels) in told.values if name.startswith("solar_battery_unit_")}
    assert {labels[0] for labels in batteries} == {"1"}
    assert ("solar_battery_state_of_charge_ratio", ()) in told.values
    inverter.face._written[593] = 5216
    told = await read(inverter)
    assert ("solar_battery_unit_voltage_volts", ("2",)) in told.values
    assert told.values["solar_battery_unit_state_of_charge_ratio", ("2",)] == pytest.approx(0.57)
    assert ("solar_battery_state_of_charge_ratio", ()) not in told.values


async def test_a_battery_with_more_than_a_third_above_the_rated_power_is_not_believed(
    play: Any, read: Any
) -> None:
    inverter = await play()
    inverter.face._written[590] = 30_000
    told = await read(inverter)
    assert ("solar_battery_unit_power_watts", ("1",)) not in told.values
    assert ("solar_battery_power_watts", ()) not in told.values


async def test_a_micro_inverter_that_says_fault_without_one_shows_no_fault(play: Any, read: Any) -> None:
    inverter = await play("micro")
    inverter.face._written[59] = 4
    told = await read(inverter)
    faults = {labels: value for (name, labels), value in told.values.items() if name == "solar_deye_faults"}
    assert faults
    assert not any(faults.values())
