"""Schedules on a device and beside one: at their time, once, whatever happens to clocks and processes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.people import Command, RefusalReason, Refused
from controllers.policy.policies import TaskPolicy
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    Action,
    Charge,
    Discharge,
    Entry,
    Hazard,
    Promise,
    Proof,
    Rung,
    Schedule,
    SelfConsumption,
    Storage,
)
from sunhelm.devices.errors import Rejected, TimedOut, Unreachable

DAY_S: Final = 86_400.0
SLOTS: Final = Promise(
    key="schedules",
    actions=(Action.CREATE_SCHEDULE, Action.DELETE_SCHEDULE),
    hazard=Hazard.AUTOMATIC,
    rung=Rung.PERSISTENT,
    storage=Storage.PERSISTENT,
    proof=Proof.READ_BACK,
)
CLOCK: Final = replace(SLOTS, key="set_clock", actions=(Action.SET_CLOCK,))


@dataclass
class Slots:
    """Schedules that a device carries out by itself, each day anew when `daily`."""

    promise: Promise = SLOTS
    daily: bool = False
    ahead_s: float = 12 * 3600.0
    capacity: int | None = None
    there: dict[str, tuple[Schedule, str]] = field(default_factory=dict)
    made: int = 0
    fails: Exception | None = None
    answer_is_lost: bool = False

    def check(self, schedule: Schedule) -> None:
        if schedule.mode not in ("force_charge", "force_discharge"):
            raise ValueError(f"{schedule.mode} is none of its modes")

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        return tuple(Entry(key=key, schedule=schedule) for key, (schedule, _) in self.there.items())

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        if self.fails is not None:
            raise self.fails
        for key, (_, other) in self.there.items():
            if other == mark:
                return key
        if self.capacity is not None and len(self.there) >= self.capacity:
            raise Rejected("no place is free")
        self.made += 1
        self.there[f"slot{self.made}"] = (schedule, mark)
        if self.answer_is_lost:
            raise TimedOut("no answer")
        return f"slot{self.made}"

    async def delete(self, key: str, deadline: Deadline) -> None:
        if self.fails is not None:
            raise self.fails
        self.there.pop(key, None)

    def does(self, wall: float) -> Schedule | None:
        """Return which one the device carries out at this time."""
        for schedule, _ in self.there.values():
            since = wall - schedule.start
            if self.daily:
                since %= DAY_S
            if 0 <= since < schedule.end - schedule.start:
                return schedule
        return None


@dataclass
class SetClock:
    """The clock of a device that is ahead by so much."""

    ahead_s: float = 0.0
    promise: Promise = CLOCK

    async def offset(self, deadline: Deadline) -> float:
        return self.ahead_s

    async def run(self, deadline: Deadline) -> None:
        self.ahead_s = 0.0


def schedule(start: str = "now", **more: str) -> Command:
    parameters = {"start": start, "mode": "force_charge", "power": "2kW", **more}
    return Command(device="roof", action=Action.CREATE_SCHEDULE, parameters=parameters)


@pytest.fixture
def native(household: Any) -> Slots:
    household.device.schedules = Slots()
    return household.device.schedules


async def refusal(work: Any, words: str = ".") -> RefusalReason:
    with pytest.raises(Refused, match=words) as caught:
        await work
    return caught.value.reason


def states(household: Any) -> list[tuple[str, str]]:
    return [(each.means, each.state) for each in household.people.schedules(ended=True)]


async def test_the_controller_keeps_the_time_where_the_device_cannot(household: Any) -> None:
    now = datetime.fromtimestamp(household.clock.now, ZoneInfo("UTC"))
    begins = (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    made = await household.people.create_schedule(schedule(begins, duration="2h"))
    assert (made.means, made.state, made.end - made.start) == ("kept", "planned", 7200.0)

    await household.step(after_s=3590)
    assert household.device.battery.value == SelfConsumption()
    await household.step(after_s=10)
    assert household.device.battery.value == Charge(2000)
    assert [claim.cause for claim in household.people.claims()] == ["schedule"]
    assert states(household) == [("kept", "running")]

    await household.step(after_s=7200)
    assert household.device.battery.value == SelfConsumption()
    assert states(household) == [("kept", "ended")]


async def test_a_clock_set_back_before_its_start_lets_one_wait_again(household: Any) -> None:
    """It would force the battery at a time for which nobody asked, and hide what was asked for that."""
    home, battery = household, household.device.battery
    begins = datetime.fromtimestamp(home.clock.now + 600, UTC).isoformat()
    await home.people.create_schedule(schedule(begins, duration="1h"))
    await home.step(after_s=601)
    assert battery.value == Charge(2000)

    home.clock.jumped_s = -100.0  # it was set right
    await home.step(after_s=1)
    assert (battery.value, states(home)) == (Charge(2000), [("kept", "running")])

    home.clock.jumped_s = -7200.0
    await home.step(after_s=1)
    assert (battery.value, states(home)) == (SelfConsumption(), [("kept", "planned")])
    assert home.people.claims() == ()
    home.restart()
    await home.step(after_s=7100)
    assert battery.value == SelfConsumption()

    await home.step(after_s=100)
    assert (battery.value, states(home)) == (Charge(2000), [("kept", "running")])
    await home.step(after_s=3600)
    assert (battery.value, states(home)) == (SelfConsumption(), [("kept", "ended")])


async def test_a_device_that_can_carries_it_out_by_itself(household: Any, native: Slots) -> None:
    made = await household.people.create_schedule(schedule(duration="2h"))
    assert made.means == "native"
    await household.step()
    assert native.does(household.clock.time()) == Schedule(
        start=made.start, end=made.end, mode="force_charge", watts=2000.0
    )
    assert states(household) == [("native", "running")]
    (entry,) = await household.people.device_schedules("roof")
    assert entry.key == household.people.schedules()[0].key

    await household.step(after_s=7200)
    assert states(household) == [("native", "ended")]
    assert household.device.battery.writes == []


async def test_a_daily_one_is_made_shortly_before_and_deleted_after(household: Any, native: Slots) -> None:
    native.daily = True
    now = datetime.fromtimestamp(household.clock.now, ZoneInfo("UTC"))
    begins = (now + timedelta(hours=30)).isoformat()
    await household.people.create_schedule(schedule(begins, duration="1h"))
    await household.step()
    assert native.there == {}

    await household.step(after_s=18 * 3600)
    assert len(native.there) == 1
    await household.step(after_s=13 * 3600)
    assert native.there == {}
    assert states(household) == [("native", "ended")]


async def test_a_device_whose_clock_is_wrong_gets_none(household: Any, native: Slots) -> None:
    clock = household.device.tasks = {"set_clock": SetClock(ahead_s=-121.0)}
    create = household.people.create_schedule
    assert await refusal(create(schedule(duration="1h")), "121 s behind") is RefusalReason.NOT_NOW

    clock["set_clock"].ahead_s = 119.0
    await create(schedule(duration="1h"))
    clock["set_clock"].ahead_s = 3600.0
    await household.step()
    assert native.there == {}
    assert "3600 s ahead" in household.people.schedules()[0].problem

    await household.people.run_task(Command(device="roof", action=Action.SET_CLOCK))
    await household.step(after_s=60)
    assert len(native.there) == 1
    assert household.people.schedules()[0].problem == ""


async def test_what_the_device_cannot_carry_out_is_kept_beside_it(household: Any, native: Slots) -> None:
    made = await household.people.create_schedule(
        Command(
            device="roof",
            action=Action.CREATE_SCHEDULE,
            parameters={"start": "now", "duration": "1h", "mode": "self_consumption"},
        )
    )

    assert made.means == "kept"


@pytest.mark.parametrize(
    ("command", "reason", "words"),
    [
        (schedule(duration="1h", mode="dance"), RefusalReason.WRONG, "is not a mode"),
        (schedule(duration="0s"), RefusalReason.WRONG, "too small"),
        (schedule("2020-01-01T10:00", end="2020-01-01T11:00"), RefusalReason.WRONG, "over already"),
        (schedule(end="now"), RefusalReason.WRONG, "does not begin"),
        (schedule(), RefusalReason.WRONG, "either end or duration"),
        (schedule(duration="1h", target_soc="80%"), RefusalReason.NOT_POSSIBLE, "state of charge"),
        (schedule(duration="1h", power="-1kW"), RefusalReason.WRONG, "power"),
        (replace(schedule(duration="1h"), device="meter"), RefusalReason.NOT_CONTROLLED, "only be read"),
    ],
)
async def test_what_cannot_be_is_refused(
    household: Any, command: Command, reason: RefusalReason, words: str
) -> None:
    assert await refusal(household.people.create_schedule(command), words) is reason
    assert household.people.schedules() == ()


async def test_of_two_people_at_once_one_is_refused(household: Any) -> None:
    made = await asyncio.gather(
        household.people.create_schedule(schedule(duration="1h")),
        household.people.create_schedule(schedule(duration="2h", mode="force_discharge")),
        household.people.import_schedules("roof", "start,duration,mode\nnow,3h,idle\n", replace=True),
        return_exceptions=True,
    )

    assert [isinstance(each, Refused) for each in made].count(True) == 1
    plans = household.people.schedules()
    assert not any(one.start < other.end and other.start < one.end for one, other in combinations(plans, 2))


@pytest.mark.parametrize("kind", ["native", "kept"])
async def test_two_at_one_time_are_refused_and_one_after_the_other_are_not(household: Any, kind: str) -> None:
    if kind == "native":
        household.device.schedules = Slots()
    first = await household.people.create_schedule(schedule(duration="2h"))
    overlapping = household.people.create_schedule(schedule(duration="10m"))
    assert await refusal(overlapping, "overlaps") is RefusalReason.CONFLICT
    after = datetime.fromtimestamp(first.end, ZoneInfo("UTC")).isoformat()
    await household.people.create_schedule(schedule(after, duration="1h", mode="force_discharge"))

    await household.people.delete_schedule(first.id)
    await household.people.create_schedule(schedule(duration="10m"))
    assert len(household.people.schedules()) == 2


@pytest.mark.parametrize("kind", ["native", "kept"])
async def test_a_deleted_one_ends_at_once(household: Any, kind: str) -> None:
    if kind == "native":
        household.device.schedules = Slots()
    made = await household.people.create_schedule(schedule(duration="2h"))
    await household.step()
    await household.people.delete_schedules("roof")
    await household.step()

    assert household.device.battery.value == SelfConsumption()
    assert not household.device.schedules or household.device.schedules.there == {}
    assert states(household) == [(kind, "deleted")]
    assert await refusal(household.people.delete_schedule("x")) is RefusalReason.NOT_FOUND
    assert (await household.people.delete_schedule(made.id)).state == "deleted"


@dataclass
class Late:
    """A device whose turn is long in coming, or whose clock is long in being read: `meanwhile` happens."""

    device: Any
    meanwhile: Callable[[], Any]
    at_the_clock: bool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)

    async def identify(self, deadline: Deadline) -> str:
        if not self.at_the_clock:
            await self.meanwhile()
        return str(await self.device.identify(deadline))

    @property
    def tasks(self) -> dict[str, Any]:
        return {"set_clock": LateClock(meanwhile=self.meanwhile)} if self.at_the_clock else {}


@dataclass
class LateClock(SetClock):
    """A clock that is right."""

    meanwhile: Callable[[], Any] = field(kw_only=True)

    async def offset(self, deadline: Deadline) -> float:
        await self.meanwhile()
        return 0.0


@pytest.mark.parametrize("at_the_clock", [False, True])
async def test_one_that_is_deleted_while_the_device_is_awaited_is_not_placed(
    make_household: Any, clock: Any, device: Any, tmp_path: Path, at_the_clock: bool
) -> None:
    async def deleted() -> None:
        await home.people.delete_schedules("roof")

    device.schedules = Slots()
    home = make_household(clock, Late(device, deleted, at_the_clock), tmp_path / "late")
    made = await home.people.create_schedule(schedule("12:00", duration="2h"))
    for _ in range(3):
        await home.step(60)

    assert (device.schedules.made, device.schedules.there) == (0, {})
    assert (await home.people.delete_schedule(made.id)).state == "deleted"
    home.journal.close()


async def test_a_released_claim_of_a_schedule_deletes_it(household: Any) -> None:
    await household.people.create_schedule(schedule(duration="2h"))
    await household.step()
    await household.people.release_device("roof")
    await household.step(after_s=60)

    assert household.device.battery.value == SelfConsumption()
    assert states(household) == [("kept", "deleted")]


async def test_people_and_alerts_go_before_schedules(household: Any) -> None:
    await household.people.create_schedule(schedule(duration="2h"))
    await household.step()
    order = Command(device="roof", action=Action.DISCHARGE, parameters={"power": "1kW"})
    claim = await household.people.claim(order)
    await household.step()
    assert household.device.battery.value == Discharge(1000)

    await household.people.release(claim.id)
    await household.step()
    assert household.device.battery.value == Charge(2000)


async def test_one_ends_when_the_battery_is_where_it_shall_be(household: Any) -> None:
    charge = 0.5

    async def state_of_charge(deadline: Deadline) -> float:
        return charge

    household.device.state_of_charge = state_of_charge
    await household.people.create_schedule(schedule(duration="4h", target_soc="80%"))
    await household.step()
    assert household.device.battery.value == Charge(2000)
    charge = 0.8
    await household.step(after_s=61)
    await household.step()
    assert household.device.battery.value == SelfConsumption()
    charge = 0.7
    await household.step(after_s=3600)
    assert household.device.battery.value == SelfConsumption()
    assert states(household) == [("kept", "ended")]


async def test_a_device_that_is_gone_gets_its_schedule_later(household: Any, native: Slots) -> None:
    await household.people.create_schedule(schedule(duration="2h"))
    native.fails = Unreachable("off")
    await household.step()
    assert household.people.schedules()[0].problem == "unreachable"
    native.fails = None
    await household.step(after_s=60)

    assert len(native.there) == 1
    assert states(household) == [("native", "running")]


async def test_a_full_device_is_tried_again_until_the_end(household: Any, native: Slots) -> None:
    native.capacity = 0
    await household.people.create_schedule(schedule(duration="1h"))
    await household.step()
    await household.step(after_s=3600)

    (ended,) = household.people.schedules(ended=True)
    assert (ended.state, ended.problem) == ("failed", "no place is free")
    assert native.there == {}


async def test_an_answer_that_is_lost_makes_no_second_one(household: Any, native: Slots) -> None:
    native.answer_is_lost = True
    await household.people.create_schedule(schedule(duration="1h"))
    await household.step()
    native.answer_is_lost = False
    household.restart()
    await household.step(after_s=60)

    assert (native.made, len(native.there)) == (1, 1)
    assert states(household) == [("native", "running")]


async def test_one_that_may_be_there_is_deleted_even_when_its_key_is_not_known(
    household: Any, native: Slots
) -> None:
    native.answer_is_lost = True
    made = await household.people.create_schedule(schedule(duration="1h"))
    await household.step()
    await household.people.delete_schedule(made.id)
    await household.step(after_s=60)

    assert native.there == {}
    assert states(household) == [("native", "deleted")]


CSV = """\
start,end,mode,power,target_soc
2026-06-01T01:00,2026-06-01T03:00,force_charge,3kW,
2026-06-01T17:00,2026-06-01T19:00,force_discharge,2kW,
"""
JSON = '{"schedules": [{"start": "2026-06-01T01:00", "duration": "2h", "mode": "force_charge"}]}'
EMHASS = """\
timestamp,P_PV,P_Load,P_grid,P_batt,SOC_opt
2026-06-01 01:00:00+00:00,0.0,300.0,3300.0,-3000.0,0.4
2026-06-01 01:30:00+00:00,0.0,300.0,3300.0,-3000.0,0.5
2026-06-01 02:00:00+00:00,0.0,300.0,300.0,0.0,0.5
2026-06-01 02:30:00+00:00,0.0,300.0,-700.0,1000.0,0.4
"""
PUBLISHED = """\
{"attributes": {"battery_scheduled_power": [
 {"date": "2026-06-01T01:00:00+00:00", "p_batt_forecast": "-3000.0"},
 {"date": "2026-06-01T01:30:00+00:00", "p_batt_forecast": "0.0"}]}}
"""
LATEST = '{"2026-06-01T01:00:00+00:00": {"P_batt": 500}, "2026-06-01T02:00:00+00:00": {"P_batt": 0}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CSV, [("force_charge", 7200.0, 3000.0), ("force_discharge", 7200.0, 2000.0)]),
        (EMHASS, [("force_charge", 3600.0, 3000.0), ("force_discharge", 1800.0, 1000.0)]),
        (PUBLISHED, [("force_charge", 1800.0, 3000.0)]),
        (LATEST, [("force_discharge", 3600.0, 500.0)]),
    ],
)
async def test_several_days_are_imported_from_a_text(
    household: Any, text: str, expected: list[tuple[str, float, float]]
) -> None:
    made = await household.people.import_schedules("roof", text)

    assert [(each.mode, each.end - each.start, each.watts) for each in made] == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("{", "is no JSON"),
        ('[{"start": "now"}, 3]', "a list of schedules"),
        ("start,mode\nnow,force_charge\n", "row 1: .*end or duration"),
        ("start,duration,mode\nx,1h,idle\nnow,1,idle\n", "row 1: .*row 2: "),
        ("start,duration,mode\nnow,1h,force_charge\nnow,2h,force_charge\n", "overlap"),
        ("timestamp,P_batt\n2026-06-01T01:00,5\n", "one step alone"),
        ("timestamp,P_batt\n2026-06-01T01:00,5\n2026-06-01T01:00,6\n", "a step of 0 s"),
        ("timestamp,P_batt\n2026-06-01T01:00,five\n2026-06-01T02:00,6\n", "row 1"),
        ("timestamp,P_batt\n2026-06-01T01:00,nan\n2026-06-01T02:00,6\n", "row 1"),
        ("start,end\n" * 3000, "2000 are the most"),
    ],
)
async def test_an_import_is_whole_or_not_at_all(household: Any, text: str, words: str) -> None:
    assert await refusal(household.people.import_schedules("roof", text), words) is RefusalReason.WRONG
    assert household.people.schedules() == ()


async def test_a_new_plan_takes_the_place_of_the_old_one(household: Any) -> None:
    await household.people.import_schedules("roof", EMHASS)
    assert await refusal(household.people.import_schedules("roof", CSV)) is RefusalReason.CONFLICT
    await household.people.import_schedules("roof", CSV, replace=True)

    assert [each.mode for each in household.people.schedules()] == ["force_charge", "force_discharge"]
    assert len(household.people.schedules(ended=True)) == 4


async def test_a_plan_is_told_and_not_made(household: Any) -> None:
    told = await household.people.plan_schedule(schedule(duration="1h"))
    plan = await household.people.plan(schedule(duration="1h"))

    assert (told.id, told.means, plan.means) == ("", "kept", "kept")
    assert household.people.schedules() == ()


async def test_an_alert_may_ask_for_one(make_household: Any, clock: Any, device: Any, tmp_path: Path) -> None:
    tasks = {
        "cheap": TaskPolicy(
            name="cheap",
            match={"alertname": "Cheap"},
            action=Action.CREATE_SCHEDULE,
            devices=("roof",),
            parameters={"start": "now", "duration": "1h", "mode": "force_charge", "power": "1kW"},
        ),
        "dear": TaskPolicy(
            name="dear",
            match={"alertname": "Dear"},
            action=Action.DELETE_SCHEDULE,
            devices=("roof",),
            parameters={"made_by": "cheap"},
        ),
    }
    home = make_household(clock, device, tmp_path / "state", tasks=tasks)
    await home.deliver(home.alert("Cheap"))
    await home.step()
    assert device.battery.value == Charge(1000)
    assert home.people.schedules()[0].cause == "cheap"

    await home.deliver(home.alert("Dear"))
    await home.step()
    assert device.battery.value == SelfConsumption()
    home.journal.close()


ZONE = ZoneInfo("Europe/Amsterdam")
CHANGES = [datetime(2026, 3, 29, 0, tzinfo=ZONE), datetime(2026, 10, 25, 0, tzinfo=ZONE)]


@dataclass(frozen=True)
class Wish:
    """A schedule, in minutes of the clock on the wall after the midnight before a change of the clocks."""

    start: int
    minutes: int
    charge: bool


wishes = st.lists(
    st.builds(Wish, start=st.integers(0, 6 * 60), minutes=st.integers(1, 120), charge=st.booleans()),
    min_size=1,
    max_size=4,
)
steps = st.lists(
    st.tuples(
        st.sampled_from([1.0, 60.0, 299.0, 900.0, 3600.0]), st.sampled_from(["", "", "restart", "away"])
    ),
    min_size=5,
    max_size=40,
)


@dataclass
class Twins:
    """Two households that differ in who carries schedules out, in one time."""

    clock: Any
    homes: dict[str, Any]

    async def step(self, seconds: float, event: str) -> None:
        self.clock.now += seconds
        for home in self.homes.values():
            if event == "restart":
                home.restart()
            elif event == "away":
                continue
            await home.step()

    def does(self) -> dict[str, object]:
        wall = self.clock.time()
        native = self.homes["native"].device.schedules.does(wall)
        kept = self.homes["kept"].device.battery.value
        by_itself: object = SelfConsumption()
        if native is not None:
            kind = Charge if native.mode == "force_charge" else Discharge
            by_itself = kind(native.watts or 0.0)
        return {"native": by_itself, "kept": kept}


@pytest.fixture(scope="session")
def make_twins(make_household: Any, fast_clock: Any, fake_device: Any) -> Callable[..., Twins]:
    def make(now: float, folder: Path, daily: bool) -> Twins:
        clock = fast_clock(now=now)
        native, kept = fake_device(clock), fake_device(clock)
        native.schedules = Slots(daily=daily, ahead_s=3600.0)
        homes = {
            "native": make_household(clock, native, folder / "native", zone="Europe/Amsterdam"),
            "kept": make_household(clock, kept, folder / "kept", zone="Europe/Amsterdam"),
        }
        return Twins(clock, homes)

    return make


@settings(max_examples=60)
@given(change=st.sampled_from(CHANGES), wished=wishes, passing=steps, daily=st.booleans())
def test_native_and_kept_ones_are_the_same_across_changes_of_the_clocks_and_restarts(
    make_twins: Callable[[float, Path, bool], Twins],
    change: datetime,
    wished: list[Wish],
    passing: list[tuple[float, str]],
    daily: bool,
) -> None:
    async def live(folder: Path) -> None:
        twins = make_twins(change.timestamp() - 600, folder, daily)
        homes = twins.homes
        made = [window for wish in wished if (window := await _make(homes, wish, change)) is not None]
        for seconds, event in passing:
            await twins.step(seconds, event)
            if event != "away":
                _check(twins, made)
        await twins.step(40_000.0, "restart")
        assert twins.does() == {"native": SelfConsumption(), "kept": SelfConsumption()}
        assert not daily or homes["native"].device.schedules.there == {}
        for home in homes.values():
            assert home.people.schedules() == ()
            home.journal.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder)))


async def _make(homes: dict[str, Any], wish: Wish, change: datetime) -> tuple[float, float, object] | None:
    """Make one in both households, and return when it runs; None when both refuse it."""
    midnight = change.replace(tzinfo=None)
    begins, ends = (midnight + timedelta(minutes=m) for m in (wish.start, wish.start + wish.minutes))
    mode = "force_charge" if wish.charge else "force_discharge"
    command = schedule(begins.isoformat(), end=ends.isoformat(), mode=mode)
    answers = []
    for home in homes.values():
        try:
            made = await home.people.create_schedule(command)
        except Refused as refused:
            answers.append(refused.reason)
        else:
            answers.append((made.start, made.end))
    assert answers[0] == answers[1]
    if isinstance(answers[0], RefusalReason):
        assert answers[0] in (RefusalReason.CONFLICT, RefusalReason.WRONG)
        return None
    start, end = answers[0]
    assert end > start
    return start, end, Charge(2000.0) if wish.charge else Discharge(2000.0)


def _check(twins: Twins, made: list[tuple[float, float, object]]) -> None:
    wall = twins.clock.time()
    running = [order for start, end, order in made if start <= wall < end]
    expected = running[0] if running else SelfConsumption()
    assert twins.does() == {"native": expected, "kept": expected}
    shown = {
        kind: [(each.start, each.end, each.state) for each in home.people.schedules()]
        for kind, home in twins.homes.items()
    }
    assert [each[:2] for each in shown["native"]] == [each[:2] for each in shown["kept"]]
    assert [each for each in shown["native"] if each[2] == "running"] == [
        each for each in shown["kept"] if each[2] == "running"
    ]


async def live_on(home: Any, after_s: float, killed: type[BaseException]) -> bool:
    """Let time pass; return whether the process lived through it. Another one goes on in its place."""
    try:
        if not after_s:
            await home.people.create_schedule(schedule(duration="1h"))
        await home.step(after_s=after_s)
    except killed:
        home.device.busy = 0
        home.restart()
        await home.step(after_s=61.0)
        return False
    return True


@pytest.mark.parametrize("kind", ["native", "daily", "kept"])
async def test_killed_at_any_step_a_schedule_runs_once_and_is_gone_after(
    make_fresh: Callable[[int], Any], killed: type[BaseException], kind: str
) -> None:
    for dies_at in range(1, 100):
        home = make_fresh(dies_at)
        clock, device = home.clock, home.device
        device.schedules = None if kind == "kept" else Slots(daily=kind == "daily")
        home.dies_at(dies_at)
        lived = True
        for after_s in (0.0, 1800.0, 1900.0):
            lived &= await live_on(home, after_s, killed)
            wanted = any(each.start <= clock.now < each.end for each in home.people.schedules())
            runs = device.battery.value if kind == "kept" else device.schedules.does(clock.now)
            assert wanted == (runs not in (None, SelfConsumption())), dies_at
        await home.step(after_s=61.0)
        assert device.battery.value == SelfConsumption(), dies_at
        if kind != "kept":
            assert device.schedules.made <= 1
        assert kind != "daily" or device.schedules.there == {}
        home.journal.close()
        if lived:
            break
    assert lived
    assert dies_at > 6
