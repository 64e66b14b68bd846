from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sunhelm.simulator.clouds import Clouds
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.load import Household
from sunhelm.simulator.noise import Noise, chance, smooth
from sunhelm.simulator.weather import Weather

times = st.floats(1.0e9, 2.5e9)
seeds = st.integers(0, 2**32)


@given(seeds, times)
def test_noise_is_the_same_for_the_same_seed_and_stays_within_0_and_1(seed: int, time: float) -> None:
    assert Noise(seed, "wind", 60.0).at(time) == Noise(seed, "wind", 60.0).at(time)
    assert 0.0 <= Noise(seed, "wind", 60.0).at(time) <= 1.0


@given(seeds, times)
def test_noise_is_smooth(seed: int, time: float) -> None:
    noise = Noise(seed, "wind", 60.0)
    assert abs(noise.at(time + 0.6) - noise.at(time)) < 0.02


def test_chance_is_pinned_so_that_a_seed_means_the_same_on_every_machine() -> None:
    assert chance(1, "kettle", 0) == chance(1, "kettle", 0) != chance(1, "kettle", 1)
    assert f"{chance(1, 'kettle', 0):.12f}" == "0.848079858103"


def test_smooth_rises_from_0_to_1() -> None:
    assert [smooth(2.0, 4.0, value) for value in (1.0, 2.0, 3.0, 4.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


@given(seeds, times)
def test_a_sky_lets_between_nothing_and_everything_through(seed: int, time: float) -> None:
    sky = Clouds(seed).at(time)
    assert 0.0 <= sky.beam <= 1.0
    assert 1.0 <= sky.diffuse <= 1.8
    assert 0.0 <= sky.cover <= 1.0


def test_skies_differ_between_seeds_and_cover_the_whole_range() -> None:
    covers = [Clouds(seed).at(1.78e9).cover for seed in range(200)]
    assert min(covers) < 0.1
    assert max(covers) > 0.8
    assert 0.3 < sum(covers) / len(covers) < 0.6


def test_july_is_warmer_than_january_and_the_afternoon_than_the_night() -> None:
    weather = Weather(UTRECHT, 1)

    def air(month: int, hour: int) -> float:
        return weather.air(datetime(2026, month, 15, hour, tzinfo=UTRECHT.zone).timestamp())

    assert air(7, 12) > air(1, 12) + 5
    assert air(7, 15) > air(7, 4)


def _day(seed: int, month: int, *, phases: int = 3) -> list[tuple[float, float, float]]:
    household = Household(Weather(UTRECHT, seed), seed, phases=phases)
    begin = datetime(2026, month, 15, tzinfo=UTRECHT.zone).timestamp()
    return [household.at(begin + 30.0 * step).by_phase for step in range(2880)]


def test_a_family_uses_a_plausible_amount_on_every_phase() -> None:
    day = _day(1, 4)
    energy_kwh = sum(map(sum, day)) * 30.0 / 3.6e6
    assert 8.0 < energy_kwh < 35.0
    for phase in range(3):
        power = [moment[phase] for moment in day]
        assert min(power) > 30.0
        assert max(power) > 800.0


def test_the_kettle_comes_in_a_step_on_l1() -> None:
    power = [moment[0] for moment in _day(1, 7)]
    jumps = [after - before for before, after in pairwise(power)]
    assert sum(jump > 1_900.0 for jump in jumps) >= 3


def test_winter_costs_more_than_summer_because_of_the_heat_pump() -> None:
    assert sum(map(sum, _day(1, 1))) > 1.5 * sum(map(sum, _day(1, 7)))


def test_with_one_phase_everything_hangs_on_l1() -> None:
    assert all(b == c == 0.0 < a for a, b, c in _day(1, 4, phases=1))


def test_loads_are_the_same_for_the_same_seed_only() -> None:
    assert _day(1, 4) == _day(1, 4) != _day(2, 4)
