"""Days of a house with a charger: what the regulation promises, held against the plant itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby, pairwise
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)

DAWN = 1_782_019_200.0
MORNING = DAWN + 3 * 3600.0
STEP_S = 5.0
PERIOD_S = 30.0
KWH = 3_600_000.0
READ_S = 10.0
"""So long may pass from the moment that a reading tells of to the command that follows from it."""


def longest_s(samples: Iterable[Any], holds: Callable[[Any], bool]) -> float:
    """Return for how long something held at a stretch, in seconds."""
    return max((STEP_S * len(list(run)) for true, run in groupby(map(holds, samples)) if true), default=0.0)


def starts(samples: Iterable[Any]) -> int:
    """Return how often charging began."""
    states = [sample.state == "CHARGING" for sample in samples]
    return sum(now and not before for before, now in zip([False, *states], states, strict=False))


@pytest.mark.parametrize("battery", [True, False], ids=["with a battery", "without"])
def test_a_cloudy_day_in_solar_takes_nothing_from_the_grid_beyond_its_hysteresis(
    street: Any, record_property: Any, *, battery: bool
) -> None:
    async def story(street: Any) -> None:
        street.plant.steering.charge_allowed = street.plant.steering.discharge_allowed = battery
        street.start()
        await street.live(6 * 3600)
        await street.kill()

    done = street(story, {"mode": "solar"}, begins_at=MORNING)
    samples = done.samples
    least_w = [6 * sample.volts for sample in samples]
    given = sum(sample.vehicle_w for sample in samples) * STEP_S / KWH
    excess = sum(max(0.0, sample.excess_w) for sample in samples) * STEP_S / KWH
    beyond = [max(0.0, sample.vehicle_w - max(0.0, sample.excess_w)) for sample in samples]
    taken = sum(min(over, max(0.0, each.grid_w)) for over, each in zip(beyond, samples, strict=True))
    figures = {
        "starts": starts(samples),
        "changes": len(done.written),
        "given_kwh": round(given, 2),
        "excess_kwh": round(excess, 2),
        "beyond_the_excess_kwh": round(sum(beyond) * STEP_S / KWH, 3),
        "of_that_from_the_grid_kwh": round(taken * STEP_S / KWH, 3),
        "too_high_s": longest_s(
            samples, lambda each: each.limit_a > 6 and each.vehicle_w - each.excess_w > 1.2 * each.volts
        ),
        "at_six_amperes_without_excess_s": longest_s(
            samples, lambda each: each.vehicle_w > 0 and each.excess_w < 6 * each.volts
        ),
    }
    print(figures)
    record_property("figures", figures)
    assert figures["starts"] <= 20
    assert figures["changes"] <= 200
    assert given >= 0.75 * excess
    assert sum(beyond) <= 0.08 * given * KWH / STEP_S
    assert figures["too_high_s"] <= 2 * PERIOD_S + READ_S  # while clouds still come
    assert figures["at_six_amperes_without_excess_s"] <= 180 + 2 * PERIOD_S + READ_S
    enough = longest_s(zip(samples, least_w, strict=True), lambda pair: pair[0].excess_w >= pair[1])
    assert enough > 600  # else there would have been nothing to charge from
    for before, sample in pairwise(samples):
        if sample.state == "CHARGING" and before.state != "CHARGING":
            since = [each.excess_w for each in samples if sample.at - 75 <= each.at < sample.at - READ_S]
            assert sum(since) / len(since) >= 6 * 0.9 * sample.volts


def test_an_import_cap_is_never_exceeded_for_longer_than_two_control_periods(
    street: Any, record_property: Any
) -> None:
    cap_a = 22.0

    async def story(street: Any) -> None:
        street.car.control = 1
        street.start()
        await street.live(3 * 3600)
        await street.kill()

    done = street(story, {"mode": "grid", "import_cap": f"{cap_a:g}A"}, begins_at=DAWN + 9 * 3600, soc=0.1)
    over_s = longest_s(done.samples, lambda each: each.grid_w / 230.0 > cap_a)
    given = sum(sample.vehicle_w for sample in done.samples) * STEP_S / KWH
    print(f"over the cap for {over_s:g} s at most; {len(done.written)} changes; {given:.1f} kWh given")
    record_property("over_s", over_s)
    assert over_s <= 2 * PERIOD_S
    assert len(done.written) >= 2
    assert given > 5


def test_a_session_ends_at_its_cap_to_one_period(street: Any) -> None:
    async def story(street: Any) -> None:
        street.car.control = 1
        street.start()
        await street.live(3600)
        assert street.car.state.name == "CONNECTED"
        assert street.regulator.shown.reason == "session_cap"
        await street.kill()

    done = street(story, {"mode": "grid", "session": "4kWh"})
    given_kwh = done.car.session_j / KWH
    a_period = 32 * 240 * PERIOD_S / KWH
    print(f"given {given_kwh:.4f} kWh of 4; a period is {a_period:.4f} kWh")
    assert 4 - a_period <= given_kwh <= 4 + a_period * (1 + READ_S / PERIOD_S)
    assert done.written == [(95, (2,))]
