"""Clocks that are set every day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Action, Hazard, Promise, Proof, Rung, Storage
from sunhelm.devices.errors import Unreachable
from sunhelm.devices.sections import Control

CLOCK = Promise(
    key="set_clock",
    actions=(Action.SET_CLOCK,),
    hazard=Hazard.OPT_IN,
    rung=Rung.PERSISTENT,
    storage=Storage.UNKNOWN,
    proof=Proof.NONE,
)
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass
class SetClock:
    clock: Any
    promise: Promise = CLOCK
    at: list[datetime] = field(default_factory=list)

    async def run(self, deadline: Deadline) -> None:
        self.at.append(datetime.fromtimestamp(self.clock.time(), ZONE))


def home_of(make_household: Any, clock: Any, device: Any, folder: Path) -> Any:
    device.tasks = {"set_clock": SetClock(clock)}
    control = Control(enabled=True, clock_sync="daily")
    return make_household(clock, device, folder / "state", control=control, zone="Europe/Amsterdam")


async def test_a_clock_is_set_once_a_day_after_every_change_of_the_clocks(
    make_household: Any, fast_clock: Any, fake_device: Any, tmp_path: Path
) -> None:
    clock = fast_clock(now=datetime(2026, 10, 23, tzinfo=ZONE).timestamp())
    device = fake_device(clock)
    home = home_of(make_household, clock, device, tmp_path)
    for _ in range(4 * 24 * 4):
        await home.step(after_s=900)
    times = device.tasks["set_clock"].at

    assert [each.date().day for each in times] == [23, 24, 25, 26]
    assert {each.time().isoformat("minutes") for each in times} == {"03:30"}
    assert {task.cause for task in home.people.tasks()} == {"clock_sync"}
    home.journal.close()


async def test_a_restart_sets_it_no_second_time_and_a_night_away_makes_up_for_it(
    make_household: Any, fast_clock: Any, fake_device: Any, tmp_path: Path
) -> None:
    clock = fast_clock(now=datetime(2026, 7, 1, 3, 31, tzinfo=ZONE).timestamp())
    device = fake_device(clock)
    home = home_of(make_household, clock, device, tmp_path)
    device.fails = Unreachable("asleep")
    await home.step()
    assert device.tasks["set_clock"].at == []
    device.fails = None
    for _ in range(3):
        home.restart()
        await home.step(after_s=60)

    assert len(device.tasks["set_clock"].at) == 1
    home.journal.close()
    clock.now += timedelta(days=1).total_seconds() + 8 * 3600
    home.start()
    await home.step()
    assert len(device.tasks["set_clock"].at) == 2
    home.journal.close()
