"""Schedules in the six slots, against the simulated inverter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.control import Charge, Entry, Mode, Schedule
from sunhelm.devices.errors import Rejected

ZONE = ZoneInfo("Europe/Amsterdam")
HYBRIDS = ("three_phase_lv", "three_phase_hv", "single_phase")
DAYS = {"three_phase_lv": 146, "three_phase_hv": 146, "single_phase": 248}
STARTS = {"three_phase_lv": 148, "three_phase_hv": 148, "single_phase": 250}


def at(hour: int, minute: int = 0, day: int = 24) -> float:
    return datetime(2026, 6, day, hour, minute, tzinfo=ZONE).timestamp()


def charge(first: int, last: int, **more: Any) -> Schedule:
    return Schedule(start=at(first), end=at(last), mode="force_charge", **more)


async def make(inverter: Any, schedule: Schedule) -> str:
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        return await inverter.device.schedules.create(schedule, "mark", deadline)


async def drop(inverter: Any, key: str) -> None:
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        await inverter.device.schedules.delete(key, deadline)


async def entries(inverter: Any) -> list[Entry]:
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        return list(await inverter.device.schedules.entries(deadline))


def enable(inverter: Any, kind: str = "three_phase_lv") -> None:
    """Have the owner's slots on: all alike but one, which charges from the grid at night."""
    words, starts = inverter.face.settings.words, STARTS[kind]
    words[DAYS[kind]] = 0xFF
    words.words(starts, 0, 200, 500, 900, 1700, 2130)
    words.words(starts + 18, 20, 80, 20, 20, 20, 20)
    words.words(starts + 24, 0, 1, 0, 0, 0, 0)
    words[DAYS[kind] - 16] = 1


@pytest.mark.parametrize("kind", HYBRIDS)
@pytest.mark.parametrize("owners", [False, True], ids=["slots off", "slots on"])
@pytest.mark.parametrize("mode", ["force_charge", "backup", "force_discharge", "self_consumption"])
async def test_a_schedule_is_made_shown_and_taken_away_without_a_trace(
    play: Any, kind: str, owners: bool, mode: str
) -> None:
    inverter = await play(kind)
    if owners:
        enable(inverter, kind)
    if mode == "force_discharge":
        inverter.face.settings.words[DAYS[kind] - 4] = 0
    words, before = inverter.words, await entries(inverter)
    watts = 3_000.0 if mode == "force_discharge" else None
    wanted = Schedule(start=at(14, 15), end=at(15, 45), mode=mode, watts=watts, target_soc=0.9)
    key = await make(inverter, wanted)
    made = [entry for entry in await entries(inverter) if entry not in before]
    if mode in ("force_charge", "force_discharge"):
        assert [entry.schedule for entry in made] == [wanted]
        assert key.startswith(made[0].key)
    assert inverter.words != words
    await drop(inverter, key)
    assert inverter.words == words
    assert await entries(inverter) == before
    await drop(inverter, key)
    assert inverter.words == words


async def test_the_battery_charges_in_its_time_and_not_before(play: Any) -> None:
    inverter = await play(soc=0.3, at=at(1))
    await make(inverter, charge(2, 3))
    inverter.live(300)
    assert abs(inverter.face.plant.state.battery.power_w) < 1_500
    for seconds in (3_600, 120):
        inverter.live(seconds)
    assert inverter.face.plant.state.battery.power_w == pytest.approx(-60 * 51.2, rel=0.05)
    for seconds in (3_600, 120):
        inverter.live(seconds)
    assert abs(inverter.face.plant.state.battery.power_w) < 1_500


async def test_two_schedules_leave_in_any_order(play: Any) -> None:
    for order in ((0, 1), (1, 0)):
        inverter = await play()
        enable(inverter)
        before = await entries(inverter)
        keys = [await make(inverter, charge(14, 15)), await make(inverter, charge(19, 20))]
        assert len(await entries(inverter)) == len(before) + 2
        for index in order:
            await drop(inverter, keys[index])
        assert await entries(inverter) == before


async def test_the_same_again_is_not_made_twice(play: Any) -> None:
    inverter = await play()
    await make(inverter, charge(14, 15))
    inverter.server.log.writes.clear()
    key = await make(inverter, charge(14, 15))
    assert inverter.written == []
    assert key == "1400-1500"
    await drop(inverter, key)
    assert await entries(inverter) == []


async def test_a_night_over_midnight_is_one_schedule(play: Any) -> None:
    inverter = await play()
    wanted = Schedule(start=at(23), end=at(5, day=25), mode="force_charge")
    await make(inverter, wanted)
    (entry,) = await entries(inverter)
    assert (entry.key, entry.schedule.start, entry.schedule.end) == ("2300-0500", at(23), at(5, day=25))
    inverter.live(11 * 3600)
    (entry,) = await entries(inverter)
    assert entry.schedule.start == at(23), "the one that is on"


async def test_there_is_room_for_as_many_as_slots_allow(play: Any) -> None:
    inverter = await play()
    for hour in (14, 16, 18):
        await make(inverter, charge(hour, hour + 1))
    words = inverter.words
    with pytest.raises(Rejected, match="8 slots would be needed; there are 6"):
        await make(inverter, charge(20, 21))
    assert inverter.words == words


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (1, 3, "change at 02:00"),
        (4, 6, "change at 05:00"),
        (1, 6, "change at 02:00"),
        (3, 4, "does force_charge from 0200 to 0500 already"),
    ],
)
async def test_a_schedule_does_not_reach_over_the_slots_of_others(
    play: Any, first: int, last: int, why: str
) -> None:
    """Taken away again, it would leave another day than it found."""
    inverter = await play()
    enable(inverter)
    with pytest.raises(Rejected, match=why):
        await make(inverter, Schedule(start=at(first, day=25), end=at(last, day=25), mode="backup"))
    assert inverter.written == []


async def test_a_schedule_that_would_be_one_with_its_neighbour_is_refused(play: Any) -> None:
    """Two slots that do the same are one stretch: nobody could tell them apart to take one away."""
    inverter = await play()
    await make(inverter, charge(14, 15))
    words = inverter.words
    plain = Schedule(start=at(19), end=at(20), mode="self_consumption")
    for schedule in (charge(15, 16), charge(13, 14), plain):
        with pytest.raises(Rejected, match="is one with what it does before or after"):
            await make(inverter, schedule)
    assert inverter.words == words
    await make(inverter, charge(15, 16, target_soc=0.8))


Prepare = Callable[[Any], None]


@pytest.mark.parametrize(
    ("schedule", "prepare", "why"),
    [
        (charge(14, 15), lambda words: words.update({111: 0}), "hold voltages"),
        (charge(14, 15), lambda words: words.update({146: 0b1_1110 << 3 | 1}), "slots are off on Wednesdays"),
        (charge(14, 15), lambda words: words.update({149: 2500}), "2500 is no time of day"),
        (charge(14, 15), lambda words: words.update({149: 2300}), "do not ascend"),
        (charge(14, 15), lambda words: words.update({146: 255, 172: 1}), "slots of the owner would begin"),
        (
            Schedule(start=at(14), end=at(15), mode="force_discharge"),
            lambda words: None,
            "in work mode selling_first only",
        ),
    ],
    ids=["voltages", "days", "no time", "order", "grid charging", "not selling"],
)
async def test_what_would_do_something_else_is_refused_before_anything_is_written(
    play: Any, schedule: Schedule, prepare: Prepare, why: str
) -> None:
    inverter = await play()
    prepare(inverter.face.settings.words)
    with pytest.raises(Rejected, match=why):
        await make(inverter, schedule)
    assert inverter.written == []


async def test_a_clock_that_is_wrong_makes_no_schedule(play: Any) -> None:
    inverter = await play()
    inverter.face.settings._set_clock((0x1A06, 0x180D, 0x0300))  # 24 June, 13:03
    with pytest.raises(Rejected, match=r"its clock is \+180 s off; set it first"):
        await make(inverter, charge(14, 15))
    assert inverter.written == []


async def test_while_the_battery_is_forced_the_slots_are_not_ours(play: Any) -> None:
    inverter = await play()
    key = await make(inverter, charge(14, 15))
    before = await inverter.observe("battery")
    await inverter.write("battery", Charge(1_000.0))
    for act in (make(inverter, charge(18, 19)), drop(inverter, key)):
        with pytest.raises(Rejected, match="forced around the clock"):
            await act
    await inverter.write("battery", before)
    await drop(inverter, key)
    assert await entries(inverter) == []


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (Schedule(start=at(14), end=at(15), mode="idle"), "idle is none of"),
        (Schedule(start=at(14), end=at(15, day=25), mode="backup"), "24 h is the longest"),
        (Schedule(start=at(14) + 30, end=at(15), mode="backup"), "whole minutes"),
        (charge(14, 15, watts=1_000.0), "bounds discharging only"),
        (Schedule(start=at(14), end=at(15), mode="force_discharge", watts=70_000.0), "65535 W is the most"),
    ],
)
async def test_what_no_slot_can_do_is_refused_when_it_is_checked(
    play: Any, schedule: Schedule, why: str
) -> None:
    inverter = await play()
    with pytest.raises(ValueError, match=why):
        inverter.device.schedules.check(schedule)


async def test_only_what_somebody_made_is_an_entry(play: Any) -> None:
    inverter = await play()
    assert await entries(inverter) == []
    enable(inverter)
    (entry,) = await entries(inverter)
    assert (entry.key, entry.schedule.mode, entry.schedule.target_soc) == ("0200-0500", "force_charge", 0.8)
    assert entry.ours is None
    await inverter.write("mode", Mode("feed_in_first"))
    assert await entries(inverter) == [entry]
