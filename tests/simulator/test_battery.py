from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.simulator.battery import Battery, BatterySpec
from sunhelm.simulator.converter import Converter

socs = st.floats(0.0, 1.0)
temperatures = st.floats(-25.0, 65.0)
steps = st.sampled_from([0.5, 1.0, 10.0, 60.0])


def battery(soc: float, temperature: float = 20.0) -> Battery:
    return Battery(BatterySpec(), soc=soc, temperature_c=temperature)


@given(socs, temperatures, steps, st.floats(-1.0, 1.0))
def test_energy_taken_out_is_energy_stored_less_heat(
    soc: float, temperature: float, step: float, share: float
) -> None:
    one = battery(soc, temperature)
    charge, discharge = one.limits(step)
    power = share * (discharge if share > 0 else charge)
    before = one.stored_j
    state = one.step(power, temperature, step)
    assert state.loss_w >= -1e-9
    assert before - one.stored_j == pytest.approx((power + state.loss_w) * step, abs=0.01)
    assert 0.0 <= one.soc <= 1.0


@given(socs, temperatures, steps)
def test_nothing_is_charged_into_a_full_frozen_or_hot_battery(
    soc: float, temperature: float, step: float
) -> None:
    charge, discharge = battery(soc, temperature).limits(step)
    assert charge >= 0.0
    assert discharge >= 0.0
    if soc >= 1.0 or temperature <= 0.0 or temperature >= 55.0:
        assert charge == 0.0
    if soc <= 0.0 or temperature <= -20.0 or temperature >= 60.0:
        assert discharge == 0.0


def test_charging_tapers_near_full_and_discharging_near_empty() -> None:
    charges = [battery(soc).limits(1.0)[0] for soc in (0.5, 0.92, 0.96, 0.99, 1.0)]
    discharges = [battery(soc).limits(1.0)[1] for soc in (0.5, 0.06, 0.03, 0.01, 0.0)]
    assert charges == sorted(charges, reverse=True)
    assert discharges == sorted(discharges, reverse=True)
    assert charges[0] > 5_000.0
    assert discharges[0] > 5_000.0


def test_a_full_charge_and_discharge_loses_a_few_percent() -> None:
    one = battery(0.2)
    into = out = 0.0
    while one.soc < 0.8:
        one.step(-3_000.0, 20.0, 10.0)
        into += 3_000.0 * 10.0
    while one.soc > 0.2:
        one.step(3_000.0, 20.0, 10.0)
        out += 3_000.0 * 10.0
    assert 0.93 < out / into < 0.985


def test_voltage_sags_under_load_and_rises_under_charge() -> None:
    resting = battery(0.5).step(0.0, 20.0, 1.0)
    loaded = battery(0.5).step(4_000.0, 20.0, 1.0)
    charged = battery(0.5).step(-4_000.0, 20.0, 1.0)
    assert loaded.voltage_v < resting.voltage_v < charged.voltage_v
    assert loaded.current_a * loaded.voltage_v == pytest.approx(4_000.0, rel=1e-3)
    assert charged.current_a * charged.voltage_v == pytest.approx(-4_000.0, rel=1e-3)


def test_work_warms_the_battery_and_rest_cools_it_to_the_air() -> None:
    one = battery(0.5, 15.0)
    for _ in range(60):
        one.step(4_000.0, 15.0, 10.0)
        one.step(-4_000.0, 15.0, 10.0)
    warm = one.temperature_c
    assert warm > 15.5
    for _ in range(600):
        one.step(0.0, 15.0, 600.0)
    assert one.temperature_c == pytest.approx(15.0, abs=0.1)


@given(st.floats(-7_000.0, 7_000.0), st.floats(0.0, 50.0), st.floats(0.0, 0.05), st.floats(0.0, 5e-6))
def test_a_converter_runs_both_ways_alike(
    output: float, standby: float, linear: float, quadratic: float
) -> None:
    converter = Converter(standby, linear, quadratic)
    assert converter.output_for(converter.input_for(output)) == pytest.approx(output, abs=1e-6)
    assert converter.input_for(output) - output == pytest.approx(converter.loss(output))
