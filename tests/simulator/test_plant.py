from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sunhelm.simulator.house import UTRECHT, House
from sunhelm.simulator.plant import Plant, PlantState
from sunhelm.simulator.steering import Mode, Steering, Switch


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTRECHT.zone).timestamp()


NOON = moment("2026-06-21T13:00")
EVENING = moment("2026-03-10T19:00")
NIGHT = moment("2026-06-21T01:30")

limits = st.none() | st.floats(0.0, 8_000.0)
setpoints = st.floats(-12_000.0, 12_000.0)
orders = st.builds(
    Steering,
    mode=st.sampled_from(Mode),
    switch=st.sampled_from(Switch),
    phase_compensation=st.booleans(),
    grid_setpoint_w=setpoints,
    ac_input_w=st.tuples(setpoints, setpoints, setpoints),
    battery_w=setpoints,
    charge_allowed=st.booleans(),
    discharge_allowed=st.booleans(),
    charge_limit_w=limits,
    discharge_limit_w=limits,
    feed_in_limit_w=limits,
    ac_pv_feed_in=st.booleans(),
    dc_pv_feed_in=st.booleans(),
    pv_limit_w=limits,
    minimum_soc=st.floats(0.0, 1.0),
    keep_charged=st.booleans(),
)


def plant(start: float = NOON, **options: object) -> Plant:
    return Plant(**{"seed": 3, "start": start, "warm_up": False, **options})  # type: ignore[arg-type]


def run(house: Plant, seconds: int) -> Iterable[PlantState]:
    for _ in range(seconds):
        house.advance(1.0)
        yield house.state


@settings(max_examples=300)
@given(
    seed=st.integers(0, 1000),
    half_hour=st.integers(0, 365 * 48),
    soc=st.floats(0.0, 1.0),
    step=st.sampled_from([0.5, 1.0, 5.0, 60.0]),
    phases=st.sampled_from([1, 3]),
    told=st.lists(orders, min_size=1, max_size=4),
)
def test_energy_balances_at_every_step_whatever_the_house_is_told(
    *, seed: int, half_hour: int, soc: float, step: float, phases: int, told: list[Steering]
) -> None:
    start = moment("2026-01-01T00:00") + 1_800.0 * half_hour
    house = House(phases=phases)
    one = Plant(seed=seed, start=start, house=house, step_s=step, warm_up=False, soc=soc)
    for order in told:
        one.steering = order
        for _ in range(5):
            one.advance(step)
            state = one.state
            assert abs(state.imbalance_w) < 1e-6
            for phase in range(3):
                assert state.grid.power_by_phase[phase] == pytest.approx(
                    state.load.by_phase[phase]
                    - state.pv_inverter.power_by_phase[phase]
                    - state.inverter.ac_by_phase[phase],
                    abs=1e-6,
                )
            _assert_physical(house, state)


def _assert_physical(house: House, state: PlantState) -> None:
    slack = 1e-6
    assert state.losses_w >= -slack
    assert state.battery.loss_w >= -slack
    assert 0.0 <= state.battery.soc <= 1.0
    assert -slack <= state.pv_inverter.power_w <= house.pv_inverter_rating_w + slack
    assert -slack <= state.charger.output_w <= house.charger_rating_w + slack
    assert all(-slack <= string.power_w <= string.available_w + slack for string in state.strings)
    assert all(abs(power) <= house.inverter_rating_w + slack for power in state.inverter.ac_by_phase)
    assert all(200.0 < volts < 265.0 for volts in state.grid.voltage_by_phase)
    assert 49.9 < state.grid.frequency_hz < 50.1


@settings(max_examples=200)
@given(orders, st.floats(0.0, 1.0), st.sampled_from([NOON, EVENING, NIGHT]))
@example(
    Steering(
        phase_compensation=False,
        discharge_allowed=False,
        feed_in_limit_w=0.0,
        ac_pv_feed_in=False,
        dc_pv_feed_in=False,
        minimum_soc=0.0,
    ),
    1.0,
    NOON,
)
def test_the_battery_is_never_driven_past_its_limits(order: Steering, soc: float, start: float) -> None:
    one = plant(start, soc=soc)
    one.steering = order
    for _ in range(5):
        charge, discharge = one.battery.limits(1.0)
        one.advance(1.0)
        assert -charge - 1e-6 <= one.state.battery.power_w <= discharge + 1e-6


@settings(max_examples=20)
@given(st.lists(st.floats(0.01, 40.0), min_size=1, max_size=30))
def test_however_time_is_cut_the_plant_ends_the_same_to_the_bit(pieces: list[float]) -> None:
    whole, cut = plant(), plant()
    for piece in pieces:
        cut.advance(piece)
    whole.advance(cut.time - whole.time)
    assert whole.state == cut.state
    assert asdict(whole.energy) == asdict(cut.energy)


def test_a_seed_repeats_a_day_bit_for_bit_and_another_does_not() -> None:
    first, second, other = plant(), plant(), plant(seed=4)
    for one in (first, second, other):
        one.advance(3_600.0)
    assert first.state == second.state != other.state


def test_an_hour_at_once_is_an_hour_in_seconds() -> None:
    at_once, in_seconds = plant(), plant()
    at_once.advance(3_600.0)
    for _ in range(3_600):
        in_seconds.advance(1.0)
    assert at_once.state == in_seconds.state


def test_coarser_steps_bring_nearly_the_same_energy() -> None:
    fine, coarse = plant(step_s=1.0), plant(step_s=10.0)
    before = fine.energy.copy()
    fine.advance(3_600.0)
    coarse.advance(3_600.0)
    assert coarse.energy.pv - before.pv == pytest.approx(fine.energy.pv - before.pv, rel=0.02)
    assert coarse.battery.soc == pytest.approx(fine.battery.soc, abs=0.01)


def test_the_lifetime_counters_integrate_the_powers_and_balance() -> None:
    one = plant(EVENING)
    before = one.energy.copy()
    states = list(run(one, 900))
    energy = one.energy
    assert energy.pv - before.pv == pytest.approx(sum(s.pv_power_w for s in states))
    assert energy.grid_import - before.grid_import == pytest.approx(
        sum(max(0.0, s.grid.power_w) for s in states)
    )
    assert energy.battery_discharge - before.battery_discharge == pytest.approx(
        sum(max(0.0, s.battery.power_w) for s in states), rel=1e-6
    )
    assert energy.pv + energy.grid_import + energy.battery_discharge == pytest.approx(
        energy.load + energy.grid_export + energy.battery_charge + energy.losses, abs=1.0
    )


def test_counters_never_fall_over_a_day() -> None:
    one = plant(NOON, step_s=60.0)
    before = one.energy.copy()
    for _ in range(24):
        one.advance(3_600.0)
        for name, value in asdict(one.energy).items():
            then = getattr(before, name)
            if isinstance(value, list):
                assert all(now >= was for now, was in zip(value, then, strict=True))
            else:
                assert value >= then
        before = one.energy.copy()


def test_a_warmed_up_plant_already_has_todays_and_yesterdays_figures() -> None:
    one = Plant(seed=3, start=NOON)
    kwh = 3.6e6
    assert 3.0 < (one.energy.pv - one.today.begin.pv) / kwh < 45.0
    assert 5.0 < (one.today.begin.pv - one.yesterday.begin.pv) / kwh < 60.0
    assert one.today.peak_pv_w > 1_000.0


def test_a_new_local_day_begins_at_local_midnight() -> None:
    one = plant(moment("2026-06-21T23:59:30"))
    assert one.energy.load - one.today.begin.load == 0.0
    one.advance(29.0)
    first = one.today
    one.advance(2.0)
    assert one.today is not first
    assert one.yesterday is first


def test_self_consumption_holds_the_grid_at_its_setpoint() -> None:
    one = plant(EVENING, soc=0.8)
    one.steering.grid_setpoint_w = 50.0
    powers = [state.grid.power_w for state in run(one, 120)][20:]
    assert sorted(powers)[len(powers) // 2] == pytest.approx(50.0, abs=25.0)


def test_without_phase_compensation_each_phase_is_held() -> None:
    one = plant(EVENING, soc=0.8)
    one.steering.phase_compensation = False
    one.advance(60.0)
    assert all(abs(power) < 40.0 for power in one.state.grid.power_by_phase)


def test_a_positive_grid_setpoint_charges_the_battery_at_night() -> None:
    one = plant(NIGHT, soc=0.3)
    one.steering.grid_setpoint_w = 4_000.0
    one.advance(60.0)
    assert one.state.battery.power_w < -2_000.0
    assert one.state.grid.power_w == pytest.approx(4_000.0, abs=60.0)


def test_the_battery_is_not_discharged_below_its_minimum() -> None:
    one = plant(NIGHT, soc=0.31)
    one.steering.minimum_soc = 0.30
    one.advance(2.5 * 3_600.0)
    assert 0.29 < one.battery.soc < 0.305
    assert one.state.grid.power_w > 100.0


def test_a_battery_far_below_its_minimum_is_brought_up_from_the_grid() -> None:
    one = plant(NIGHT, soc=0.30)
    one.steering.minimum_soc = 0.40
    one.advance(120.0)
    assert one.state.battery.power_w < -1_000.0
    one.advance(2 * 3_600.0)
    assert one.battery.soc == pytest.approx(0.40, abs=0.01)


def test_keep_charged_fills_the_battery() -> None:
    one = plant(NIGHT, soc=0.6)
    one.steering.keep_charged = True
    one.advance(2 * 3_600.0)
    assert one.battery.soc > 0.97


@pytest.mark.parametrize("limit", [0.0, 1_000.0, 2_500.0])
def test_a_feed_in_limit_holds_the_export_by_holding_pv_back(limit: float) -> None:
    one = plant(soc=1.0)
    one.advance(30.0)
    assert one.state.grid.power_w < -2_600.0
    one.steering.feed_in_limit_w = limit
    one.advance(10.0)
    assert all(state.grid.power_w >= -limit - 1e-6 for state in run(one, 60))
    assert one.state.pv_held
    assert one.state.feed_in_held
    assert one.state.strings[0].voltage_v > 0


def test_pv_comes_back_when_the_limit_goes() -> None:
    one, free = plant(soc=1.0), plant(soc=1.0)
    one.steering.feed_in_limit_w = 0.0
    one.advance(60.0)
    one.steering.feed_in_limit_w = None
    one.advance(30.0)
    free.advance(90.0)
    assert one.state.pv_power_w == pytest.approx(free.state.pv_power_w, rel=1e-3)
    assert not one.state.pv_held


def test_a_pv_limit_is_kept_and_the_strings_climb_towards_open_circuit() -> None:
    free, held = plant(), plant()
    held.steering.pv_limit_w = 500.0
    for one in (free, held):
        one.advance(5.0)
    assert held.state.pv_inverter.power_w == pytest.approx(500.0)
    assert held.state.strings[0].voltage_v > free.state.strings[0].voltage_v * 1.1


def test_ac_input_mode_draws_the_given_power_on_each_phase() -> None:
    one = plant(NIGHT, soc=0.5)
    one.steering.mode = Mode.AC_INPUT
    one.steering.ac_input_w = (-1_200.0, 300.0, 0.0)
    one.advance(30.0)
    for power, told in zip(one.state.inverter.input_by_phase, one.steering.ac_input_w, strict=True):
        assert power == pytest.approx(told, abs=40.0)


@pytest.mark.parametrize("told", [-2_500.0, 0.0, 1_800.0])
def test_battery_mode_holds_the_power_of_the_battery(told: float) -> None:
    one = plant(NIGHT, soc=0.5)
    one.steering.mode = Mode.BATTERY
    one.steering.battery_w = told
    one.advance(30.0)
    assert one.state.battery.power_w == pytest.approx(told, abs=5.0)


def test_both_ways_forbidden_leaves_the_battery_nearly_idle() -> None:
    one = plant(NIGHT, soc=0.5)
    one.steering.mode = Mode.AC_INPUT
    one.steering.ac_input_w = (-2_000.0, -2_000.0, -2_000.0)
    one.steering.charge_allowed = one.steering.discharge_allowed = False
    one.advance(10.0)
    assert abs(one.state.battery.power_w) < 50.0


def test_an_inverter_that_is_off_drops_what_hangs_behind_it() -> None:
    one = plant(NIGHT)
    one.steering.switch = Switch.OFF
    one.advance(5.0)
    assert one.state.load.on_output == (0.0, 0.0, 0.0)
    assert one.state.battery.power_w == 0.0


def test_charger_only_never_discharges_to_the_house() -> None:
    one = plant(EVENING, soc=0.8)
    one.steering.switch = Switch.CHARGER_ONLY
    one.advance(30.0)
    assert one.state.inverter.ac_power_w <= 0.0


def test_export_raises_the_voltage_of_its_phase() -> None:
    one = plant()
    busy = one.grid.at(NOON, (2_000.0, 0.0, -3_000.0), (0.0, 0.0, 0.0))
    idle = one.grid.at(NOON, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert busy.voltage_by_phase[0] < idle.voltage_by_phase[0] - 3.0
    assert busy.voltage_by_phase[1] == idle.voltage_by_phase[1]
    assert busy.voltage_by_phase[2] > idle.voltage_by_phase[2] + 5.0
    assert busy.current_by_phase[2] < 0.0 < busy.current_by_phase[0]


def test_the_pv_inverter_clips_at_its_rating() -> None:
    small = replace(House(), pv_inverter_rating_w=1_000.0)
    one = plant(house=small)
    one.advance(10.0)
    assert one.state.pv_inverter.power_w == pytest.approx(1_000.0)


def test_nothing_comes_from_the_roof_at_night() -> None:
    one = plant(NIGHT)
    one.advance(10.0)
    assert one.state.pv_power_w == 0.0
    assert one.state.weather.sun.elevation < -5.0


def test_a_house_has_one_or_three_phases() -> None:
    with pytest.raises(ValueError, match="1 or 3 phases, not 2"):
        House(phases=2)
