"""Commands on a battery, against simulated devices on a real socket."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.control import UNKNOWN, Charge, Discharge, Limit, Mode, Rung, SelfConsumption
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.sma.ways import Target
from sunhelm.simulator.faces.sma.models import (
    HYBRID,
    INVERTER,
    KEEP_LAST,
    OLD_ISLAND,
    STORAGE,
    SUNNY_ISLAND,
    WINDOW,
)

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 13, tzinfo=ZONE).timestamp()
ACTIVE, INACTIVE = (0, 0x0322), (0, 0x0323)
SINGLE = replace(SUNNY_ISLAND, units=1)
NOT_AVAILABLE = 0xFFFF_FFFF
IDLE, NO_DISCHARGE, NO_CHARGE = Mode("idle"), Mode("native:no_discharge"), Mode("native:no_charge")


def pair(value: int) -> tuple[int, int]:
    return value >> 16 & 0xFFFF, value & 0xFFFF


async def test_a_set_point_and_its_switch_go_out_in_one_frame(play: Any) -> None:
    played = await play(SINGLE)
    await played.write("battery", Charge(2500))
    assert played.written == [(40149, (0xFFFF, 0xF63C, *ACTIVE))]
    played.live(15)
    assert played.battery_w == pytest.approx(-2500, rel=0.1)
    observed = await played.observe("battery")
    assert isinstance(observed, Charge)
    assert played.device.handles["battery"].equal(Charge(2500), observed)


async def test_what_is_positive_comes_out_of_the_device(play: Any) -> None:
    played = await play(SINGLE)
    await played.write("battery", Discharge(2500))
    assert played.written == [(40149, (*pair(2500), *ACTIVE))]
    played.live(15)
    assert played.battery_w == pytest.approx(2500, rel=0.1)


async def test_handing_back_switches_off_before_it_takes_the_set_point_away(play: Any) -> None:
    played = await play(SINGLE)
    await played.write("battery", Charge(2500))
    began = played.clock.monotonic()
    await played.write("battery", SelfConsumption())
    assert played.written[1:] == [(40151, INACTIVE), (40149, (0, 0))]
    assert played.clock.monotonic() - began >= 0.5
    played.live(20)
    assert played.face.controls.obeys == ""
    assert played.battery_w > 0, "the house is fed again"


async def test_a_new_process_hands_back_what_the_one_before_commanded(play: Any) -> None:
    played = await play(SINGLE)
    await played.write("battery", Charge(2500))
    successor = played.opened()
    assert await played.observe("battery", successor) is UNKNOWN
    await played.write("battery", SelfConsumption(), successor)
    played.live(5)
    assert played.face.controls.obeys == ""


async def test_before_anything_is_told_nothing_is_known_and_nothing_is_written(play: Any) -> None:
    played = await play(SINGLE)
    for key in ("battery", "mode", "production_limit"):
        assert await played.observe(key) is UNKNOWN
    assert played.written == []
    assert all(played.device.handles[key].promise.blind for key in ("battery", "mode", "production_limit"))


async def test_renewed_it_holds_and_left_alone_the_device_falls_back_at_its_time(
    play: Any,
) -> None:  # S7, S23
    played = await play(SINGLE)
    await played.hold("battery", Charge(1500), 900)
    assert played.battery_w == pytest.approx(-1500, rel=0.1)
    promise = played.device.handles["battery"].promise
    assert (promise.rung, promise.reverts_s) == (Rung.TIMER, 600)
    played.live(570)
    assert played.face.controls.obeys == "setpoint"
    played.live(40)
    assert played.face.controls.obeys == "fallback"
    assert played.battery_w > 0, "the device looks after the house by itself"


async def test_a_short_time_to_fall_back_is_renewed_at_a_third(play: Any) -> None:
    played = await play(SINGLE)
    played.face.controls.settings[41195] = 9
    await played.hold("battery", Charge(1500), 60)
    assert played.device.handles["battery"].promise.renew_s == 3
    assert played.face.controls.obeys == "setpoint"


async def test_a_device_that_keeps_its_last_set_point_is_refused(play: Any) -> None:  # S21
    played = await play(SINGLE)
    played.face.controls.settings[41193] = KEEP_LAST
    with pytest.raises(Rejected, match=r"41193 is 2506.*keep_last_setpoint"):
        await played.write("battery", Charge(1500))
    assert played.written == []


async def test_its_owner_may_allow_it_and_it_is_handed_back_at_an_orderly_end(play: Any) -> None:
    played = await play(SINGLE, allow=("charge", "keep_last_setpoint"))
    played.face.controls.settings[41193] = KEEP_LAST
    await played.write("battery", Charge(1500))
    assert played.device.handles["battery"].promise.rung is Rung.VOLATILE
    played.live(700)
    assert played.face.controls.obeys == "setpoint", "nobody renewed it"


@pytest.mark.parametrize("unknown", [False, True])
async def test_firmware_without_a_fallback_is_taken_to_keep_its_last_set_point(
    play: Any, unknown: bool
) -> None:
    played = await play(OLD_ISLAND)
    if unknown:
        played.face.unknown = set(range(41193, 41197))
    await played.write("battery", Charge(1500))
    promise = played.device.handles["battery"].promise
    assert (promise.rung, promise.reverts_s) == (Rung.VOLATILE, None)


@pytest.mark.parametrize("register", [31061, 34669])
async def test_a_device_that_lets_nobody_command_is_left_alone(play: Any, register: int) -> None:
    played = await play(SINGLE)
    answers = type(played.face).read

    def read(unit: int, table: Any, address: int, count: int) -> Sequence[int]:
        words = list(answers(played.face, unit, table, address, count))
        return (0, 1130) if address == register else words

    played.face.read = read
    with pytest.raises(Rejected, match="does not let its battery be commanded"):
        await played.write("battery", Charge(1500))
    assert played.written == []


async def test_without_control_by_communication_it_would_not_obey(play: Any) -> None:
    played = await play(SINGLE)
    played.face.controls.settings[40210] = 1077
    with pytest.raises(Rejected, match=r"30835.*1079"):
        await played.write("battery", Charge(1500))
    assert played.written == []


async def test_an_island_that_would_charge_from_the_grid_by_itself_is_refused(play: Any) -> None:
    played = await play(SINGLE)
    played.face.controls.settings[40075] = 1130
    await played.write("battery", Charge(1500))  # it has a meter
    played = await play(SINGLE)
    played.face.controls.settings[40075] = 1130
    played.face.unknown = set(range(30865, 30869))
    with pytest.raises(Rejected, match="40075"):
        await played.write("battery", Charge(1500))
    assert played.written == []


async def test_more_than_the_device_allows_is_what_it_allows(play: Any) -> None:
    played = await play(SINGLE)
    await played.write("battery", Discharge(50_000))
    assert played.written == [(40149, (*pair(7_200), *ACTIVE))]
    played.live(20)
    observed = await played.observe("battery")
    assert played.device.handles["battery"].equal(Discharge(50_000), observed)


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ({30231: 6_000}, 6_000),
        ({30231: NOT_AVAILABLE}, 7_200),
        ({40191: NOT_AVAILABLE}, 7_200),
        ({40191: 0, 40189: NOT_AVAILABLE}, 0),
    ],
    ids=["an inverter smaller than its battery", "no rated power", "no limit", "an empty battery"],
)
async def test_neither_the_battery_nor_the_inverter_is_asked_for_more_than_it_can(
    play: Any, told: dict[int, int], sent: int
) -> None:
    played = await play(SINGLE)
    played.face.told.update(told)
    await played.write("battery", Discharge(50_000))
    assert played.written == [(40149, (*pair(sent), *ACTIVE))]


async def test_a_refused_set_point_is_tried_smaller_with_a_pause(play: Any) -> None:
    played = await play(SINGLE)

    def refuses(address: int, words: Sequence[int]) -> int:
        return 3 if address == 40149 and words[1] > 2_000 else 0

    played.face.refuses = refuses
    began = played.clock.monotonic()
    await played.write("battery", Discharge(3_000))
    assert played.written == [(40149, (*pair(1_500), *ACTIVE))]
    assert played.clock.monotonic() - began >= 1.0
    assert played.face.controls.dropped == 0


async def test_a_refused_set_point_of_a_tripower_takes_less_of_the_battery(play: Any) -> None:
    played = await play(HYBRID, start=NOON, soc=0.4)
    pv = sum(string.power_w for string in played.face.plant.state.strings)
    sent: list[int] = []

    def refuses(address: int, words: Sequence[int]) -> int:
        sent.append(words[0] << 16 | words[1])
        return 3 if len(sent) < 3 else 0

    played.face.refuses = refuses
    await played.write("battery", Charge(800))
    assert sent == pytest.approx([pv - 800, pv - 600, pv - 400], abs=60)
    assert played.device.handles["battery"].promise.renew_s == 10, "the set point follows the sun"


async def test_a_cluster_that_is_starting_is_not_taken_for_one_device(play: Any) -> None:
    played = await play(replace(SUNNY_ISLAND, per_unit=True))
    played.face.unknown = set(range(40783, 40787))
    await played.write("battery", Charge(300))
    played.face.unknown = set()
    await played.hold("battery", Charge(300), 60)
    assert played.battery_w == pytest.approx(-300, abs=100)


async def test_a_device_that_does_not_tell_what_it_is_is_left_alone(play: Any) -> None:
    played = await play(SINGLE)
    played.face.unknown = {30053}
    with pytest.raises(Rejected, match="30051"):
        await played.write("battery", Charge(800))
    played.face.unknown = set()
    await played.write("battery", Charge(800))


async def test_what_is_refused_at_any_size_fails_and_leaves_nothing(play: Any) -> None:
    played = await play(SINGLE)
    played.face.refuses = lambda address, words: 3
    with pytest.raises(Rejected):
        await played.write("battery", Charge(3_000))
    assert await played.observe("battery") is UNKNOWN


@pytest.mark.parametrize("per_unit", [True, False])
async def test_a_cluster_begins_small_and_tells_by_what_it_does(play: Any, per_unit: bool) -> None:
    played = await play(replace(SUNNY_ISLAND, per_unit=per_unit))
    await played.write("battery", Charge(3_000))
    assert played.written == [(40149, (*pair(-1_000), *ACTIVE))], "at most what was asked, whatever it means"
    played.live(15)
    assert played.battery_w == pytest.approx(-3_000 if per_unit else -1_000, rel=0.1)
    await played.hold("battery", Charge(3_000), 60)
    assert played.battery_w == pytest.approx(-3_000, rel=0.1)
    assert played.written[-1] == (40149, (*pair(-1_000 if per_unit else -3_000), *ACTIVE))


async def test_a_cluster_that_was_misjudged_is_judged_again(play: Any) -> None:
    played = await play(replace(SUNNY_ISLAND, per_unit=True))
    await played.write("battery", Charge(3_000))
    played.face.plant.steering.charge_limit_w = 1_000.0  # cold: the battery takes a third
    played.live(15)
    await played.write("battery", Charge(3_000))
    played.face.plant.steering.charge_limit_w = None
    await played.hold("battery", Charge(3_000), 60)
    assert played.battery_w == pytest.approx(-3_000, rel=0.15)


async def test_the_set_point_of_a_tripower_is_that_of_its_pv_as_well(play: Any) -> None:
    played = await play(HYBRID, start=NOON, soc=0.4)
    pv = sum(string.power_w for string in played.face.plant.state.strings)
    assert pv > 1_000
    await played.hold("battery", Charge(800), 60)
    assert played.battery_w == pytest.approx(-800, abs=150)
    assert isinstance(await played.observe("battery"), Charge)
    (address, words) = played.written[0]
    assert (address, words[2:]) == (40149, ACTIVE)
    assert (words[0] << 16 | words[1]) == pytest.approx(pv - 800, abs=100)


async def test_a_storage_is_charged_by_all_six_in_two_frames(play: Any) -> None:
    played = await play(STORAGE)
    await played.write("battery", Charge(2_000))
    assert played.written == [
        (40236, pair(2289)),
        (40793, (*pair(2_000), *pair(2_000), *pair(0), *pair(0), *pair(0))),
    ]
    played.live(15)
    assert played.battery_w == pytest.approx(-2_000, rel=0.1)
    await played.write("battery", Discharge(1_000))
    assert played.written[2:] == [
        (40236, pair(2290)),
        (40793, (*pair(0), *pair(0), *pair(1_000), *pair(1_000), *pair(0))),
    ]


async def test_a_storage_goes_back_to_normal_by_the_same_six(play: Any) -> None:
    played = await play(STORAGE)
    await played.write("battery", Charge(2_000))
    await played.write("battery", SelfConsumption())
    assert played.written[2:] == [
        (40236, pair(2424)),
        (40793, (*pair(0), *pair(7_200), *pair(0), *pair(7_200), *pair(0))),
    ]
    played.live(30)
    assert played.battery_w > 0


async def test_a_storage_that_takes_no_long_frame_gets_five(play: Any) -> None:
    played = await play(STORAGE)
    played.face.refuses = lambda address, words: 2 if len(words) == 10 else 0
    await played.write("battery", Charge(2_000))
    await played.write("battery", Charge(2_000))
    addresses = [address for address, _ in played.written]
    assert addresses == [40236, 40793, 40795, 40797, 40799, 40801] * 2
    played.live(15)
    assert played.battery_w == pytest.approx(-2_000, rel=0.1)


async def test_the_limits_lapse_after_a_minute(play: Any) -> None:
    played = await play(STORAGE)
    await played.hold("battery", Charge(2_000), 120)
    assert played.face.controls.obeys == "limits"
    played.live(80)
    assert played.face.controls.obeys == ""
    assert played.battery_w > 0


@pytest.mark.parametrize(
    ("model", "mode", "expected"),
    [
        (STORAGE, NO_DISCHARGE, [(40236, pair(2424)), (40793, (0, 0, *pair(7_200), 0, 0, 0, 0, 0, 0))]),
        (STORAGE, NO_CHARGE, [(40236, pair(2424)), (40793, (0, 0, 0, 0, 0, 0, *pair(7_200), 0, 0))]),
        (STORAGE, IDLE, [(40236, pair(2424)), (40793, (0,) * 10)]),
        (SINGLE, NO_DISCHARGE, [(40236, pair(2424)), (40795, pair(7_200)), (40799, (0, 0)), (40801, (0, 0))]),
        (HYBRID, NO_DISCHARGE, [(40795, pair(7_200)), (40799, (0, 0))]),
    ],
)
async def test_the_battery_is_held(play: Any, model: Any, mode: Mode, expected: Any) -> None:
    played = await play(model, soc=0.5)
    played.live(30)
    assert played.battery_w > 100, "it feeds the house at night"
    await played.write("mode", mode)
    assert played.written == expected
    await played.hold("mode", mode, 60)
    if mode != NO_CHARGE:
        assert played.battery_w == pytest.approx(0, abs=60)
    observed = await played.observe("mode")
    assert played.device.handles["mode"].equal(mode, observed)
    await played.write("mode", Mode("self_consumption"))
    played.live(30)
    assert played.battery_w > 100


async def test_a_battery_that_is_not_held_shows(play: Any) -> None:
    played = await play(STORAGE)
    await played.write("mode", NO_DISCHARGE)
    played.face.controls._told.clear()  # somebody else has overwritten it
    played.face.controls.update(written=True)
    played.face.plant.steering.discharge_limit_w = None
    played.live(30)
    assert await played.observe("mode") == Mode("self_consumption")


async def test_two_handles_do_not_fight_over_the_same_limits(play: Any) -> None:
    played = await play(STORAGE)
    await played.write("battery", Charge(2_000))
    with pytest.raises(Rejected, match="battery commands the battery"):
        await played.write("mode", NO_DISCHARGE)
    before = len(played.written)
    await played.write("mode", Mode("self_consumption"))
    assert len(played.written) == before, "nothing of ours to hand back"
    await played.write("battery", SelfConsumption())
    await played.write("mode", NO_DISCHARGE)


async def test_a_window_of_the_rated_power_where_it_is_not_stored(play: Any) -> None:
    played = await play(SUNNY_ISLAND, allow=("charge", "set_mode", "relative_window"))
    await played.write("battery", Charge(3_600))
    assert played.written == [(44039, (*pair(-5_000), *pair(-5_000)))], "half of three times 2.4 kW"
    played.live(15)
    assert played.battery_w == pytest.approx(-3_600, rel=0.1)
    await played.write("battery", SelfConsumption())
    assert played.written[1:] == [(44039, (*pair(10_000), *pair(-10_000)))]
    await played.write("mode", NO_DISCHARGE)
    assert played.written[2:] == [(44039, (0, 0, *pair(-10_000)))]


async def test_a_window_that_wears_the_memory_is_never_written(play: Any) -> None:
    stored = replace(SUNNY_ISLAND, firmware=0x0320_0904, commands=SUNNY_ISLAND.commands | WINDOW)
    played = await play(stored, allow=("relative_window",))
    for value in (Charge(1_000), SelfConsumption()):
        with pytest.raises(Rejected, match=r"3\.20.*wears"):
            await played.write("battery", value)
    assert played.written == []


async def test_an_inverter_without_a_battery_says_so(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    for key, value in (("battery", Charge(1_000)), ("mode", IDLE)):
        with pytest.raises(Rejected, match="no battery"):
            await played.write(key, value)
    assert played.written == []


@pytest.mark.parametrize(
    "order",
    [Limit(5), Mode("idle"), Charge(-5), Charge(200_000), SelfConsumption("mode_1"), Charge(math.nan)],
)
async def test_what_is_no_order_is_never_sent(play: Any, order: Any) -> None:
    played = await play(SINGLE)
    with pytest.raises(ValueError, match="battery"):
        await played.write("battery", order)
    with pytest.raises(ValueError, match="mode"):
        await played.write("mode", Mode("backup"))
    assert played.written == []


@pytest.mark.parametrize(
    ("target", "clamped"),
    [
        (Target(-9_000, -9_000), Target(-3_000, -3_000)),
        (Target(9_000, 9_000), Target(5_000, 5_000)),
        (Target(-math.inf, 0), Target(-3_000, 0)),
        (Target(0, math.inf), Target(0, 5_000)),
        (Target(-math.inf, math.inf), Target(-3_000, 5_000)),
        (Target(0, 0), Target(0, 0)),
    ],
)
def test_a_target_stays_within_the_limits_of_the_battery(target: Target, clamped: Target) -> None:
    assert target.within((3_000, 5_000)) == clamped
