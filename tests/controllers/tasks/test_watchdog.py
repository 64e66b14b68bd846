"""A watchdog reset, on the simulated box and its real link: frames, times, and every way to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from controllers.claims.claims import End
from controllers.intake.alerts import Status
from controllers.journal import lift_records
from controllers.journal.journal import Journal, JournalError, Statement
from controllers.people import Command, RefusalReason, Refused, TaskRecord
from controllers.policy.policies import TaskPolicy
from controllers.tasks.watchdog import WatchdogReset
from sunhelm.devices.control import Action, Charge
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.links.sec1000 import frame
from sunhelm.devices.sections import Control, ExportRange, FailSafeLimit
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.sec1000 import Habits, Sec1000Box
from sunhelm.simulator.plant import Plant

# The worked examples of the protocol.
VALUE_ON, VALUE_OFF = "00 06 01 01 40 01 00 43", "00 06 01 01 40 02 00 44"
DRED_ON, DRED_OFF = "00 06 01 01 33 01 00 36", "00 06 01 01 33 02 00 37"
RCR_OFF = "00 06 01 01 28 02 00 2c"
LIMIT_10_KW = "00 0e 01 01 42 00 00 4e 20 00 00 27 10 02 00 eb"

OFF: Final = [VALUE_OFF, DRED_OFF, RCR_OFF]
VALUE: Final = [DRED_OFF, RCR_OFF, VALUE_ON]
WHOLE: Final = [*OFF, *VALUE, LIMIT_10_KW, *VALUE]

RESET = Command(device="roof", action=Action.RESET_WATCHDOG)
THROTTLED = TaskPolicy(
    name="throttled",
    match={"alertname": "Throttled"},
    action=Action.RESET_WATCHDOG,
    devices=("roof",),
    cooldown_s=900.0,
    most_a_day=3,
)


class Box(Sec1000Box):
    """The simulated box. `upon` is called before each command; `lost` commands, by number, do not arrive."""

    def __init__(self, clock: Any) -> None:
        plant = Plant(start=1_780_000_000.0, warm_up=False)
        super().__init__(plant, habits=Habits(hangs_below_s=None))
        self.total_capacity_w, self.export_limit_w = 20_000, 10_000
        self.clock = clock
        self.times: list[float] = []
        self.lost: set[int] = set()
        self.deaf = False
        self.upon: Callable[[], None] = lambda: None

    def _answer(self, command: int, data: bytes) -> bytes:
        if self.deaf:
            raise ConnectionAbortedError
        if command in {0x0B, 0x43}:
            return super()._answer(command, data)
        number = len(self.times)
        self.times.append(self.clock.now)
        if number in self.lost:
            raise ConnectionAbortedError
        answer = super()._answer(command, data)
        self.upon()
        return answer

    @property
    def sent(self) -> list[str]:
        return [frame(write.address, bytes(write.words)).hex(" ") for write in self.log.writes]


@pytest.fixture
async def box(clock: Any) -> AsyncIterator[Box]:
    box = Box(clock)
    await box.open("127.0.0.1", 0)
    yield box
    await box.close()


def device_of(box: Box, clock: Any) -> Any:
    config = DeviceConfig(
        name="roof",
        family="sec1000s",
        link="sec1000",
        host="127.0.0.1",
        port=box.port,
        control=Control(enabled=True),
        export_limit=ExportRange(phases="sum"),
    )
    return open_controlled(config, Site(name="home", zone=ZoneInfo("UTC")), clock=clock)


@pytest.fixture
def allowed() -> Control:
    return Control(enabled=True, allow=("limit_export", "reset_watchdog"), allow_unlimited="10s")


@pytest.fixture
def make_home(
    make_household: Any, clock: Any, box: Box, allowed: Control, tmp_path: Path
) -> Callable[[str], Any]:
    """Make a household with the box, and a journal of this name."""

    def make(name: str) -> Any:
        tasks = {"throttled": THROTTLED}
        return make_household(clock, device_of(box, clock), tmp_path / name, tasks=tasks, control=allowed)

    return make


@pytest.fixture
async def home(make_home: Callable[[str], Any]) -> AsyncIterator[Any]:
    home = make_home("state")
    await home.beat()
    yield home
    home.journal.close()
    await home.device.close()


def reset_of(home: Any) -> WatchdogReset:
    (reset,) = [
        errand for errand in home.controller.fleet.loops["roof"].errands if isinstance(errand, WatchdogReset)
    ]
    return reset


def last(home: Any) -> TaskRecord:
    return home.people.tasks()[0]


async def outcome(home: Any) -> tuple[str, str]:
    """Have the watchdog reset by an alert, and return how that ended."""
    home.clock.now += 1000
    await home.beat()
    await home.deliver(home.alert("Throttled"))
    return last(home).outcome, last(home).reason


async def test_the_frames_and_their_times_are_as_known_to_work(home: Any, box: Box) -> None:
    await home.people.run_task(RESET)
    await home.step()

    assert box.sent == WHOLE
    began = box.times[0]
    assert [round(at - began, 3) for at in box.times[:3]] == [0.0, 0.0, 0.0]
    assert box.times[3] - began == pytest.approx(5.0, abs=0.1)
    assert box.times[6] - box.times[5] == pytest.approx(1.0, abs=0.1)
    assert (box.mode, box.export_limit_w, box.total_capacity_w, box.phase_flag) == (3, 10_000, 20_000, 2)
    assert (last(home).outcome, last(home).cause) == ("done", "person")
    assert lift_records.lifts(home.journal) == {}


async def test_box_and_limit_are_read_first_in_the_same_turn(home: Any, box: Box) -> None:
    box.log.recent.clear()
    await home.people.run_task(RESET)
    await home.step()

    assert [request.function for request in box.log.recent][:3] == [0x0B, 0x43, 0x40]


async def test_every_frame_is_in_the_journal_before_it_is_sent(home: Any, box: Box) -> None:
    known: list[int] = []
    box.upon = lambda: known.append(len(lift_records.frames(home.journal, last(home).id)))
    await home.people.run_task(RESET)
    await home.step()

    assert known == list(range(1, 11))
    assert [text for _, text in lift_records.frames(home.journal, last(home).id)] == WHOLE
    events = [event for event in await home.people.history() if event.kind == "frame"]
    assert [event.what for event in reversed(events)] == [f"frame {text}" for text in WHOLE]
    assert {event.cause for event in events} == {last(home).id}


async def test_an_alert_resets_it_once_for_each_of_its_episodes(home: Any, box: Box) -> None:
    firing = home.alert("Throttled")
    for _ in range(5):
        await home.deliver(firing)
    home.restart()
    await home.deliver(firing)

    assert box.sent == WHOLE
    assert [(task.outcome, task.cause) for task in home.people.tasks()] == [("done", "throttled")]


async def test_cooldown_and_most_a_day_hold_whatever_alerts_do(home: Any, box: Box) -> None:  # W9
    for _ in range(20):
        home.clock.now += 1000
        await home.beat()
        await home.deliver(home.alert("Throttled"))
        home.clock.now += 60
        await home.deliver(home.alert("Throttled"))

    assert len(box.sent) == 3 * len(WHOLE)
    assert home.controller.ledger.refused == {
        ("throttled", "cooldown"): 3,
        ("throttled", "most_a_day"): 34,
    }


async def test_a_resolved_alert_calls_it_off(home: Any, box: Box) -> None:  # W1
    firing = home.alert("Throttled")
    box.deaf = True
    await home.deliver(firing)
    assert last(home).outcome == "refused"

    ended = home.alert("Throttled", Status.RESOLVED, starts_at=firing.starts_at, ends_at=home.clock.time())
    box.deaf = False
    await home.deliver(ended)
    await home.step(after_s=60)
    assert box.sent == []


async def test_it_is_refused_without_leave_to_lift_the_limit(
    make_household: Any, clock: Any, box: Box, tmp_path: Path
) -> None:
    for control in (Control(enabled=True), Control(enabled=True, allow_unlimited="9s")):
        home = make_household(
            clock, device_of(box, clock), tmp_path / "s", tasks={"throttled": THROTTLED}, control=control
        )
        assert await outcome(home) == ("refused", "not_allowed_unlimited")
        home.journal.close()
    assert box.sent == []


async def test_it_is_refused_while_any_claim_limits_the_export(home: Any, box: Box) -> None:
    claim = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "7kW"})
    made = await home.people.claim(claim)
    await home.step()
    assert await outcome(home) == ("refused", "export_is_limited")
    with pytest.raises(Refused, match="asks that the export be limited") as refused:
        await home.people.run_task(RESET, confirmed=True)
    assert refused.value.reason is RefusalReason.NOT_NOW

    await home.people.release(made.id)
    await home.step()
    box.log.writes.clear()
    assert await outcome(home) == ("done", "")
    assert box.sent == WHOLE


async def test_it_is_refused_while_a_limit_of_ours_is_still_to_be_taken_back(home: Any, box: Box) -> None:
    made = await home.people.claim(
        Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "7kW"})
    )
    await home.step()
    await home.people.release(made.id)

    with pytest.raises(Refused, match="asks that the export be limited"):
        await home.people.run_task(RESET, confirmed=True)


async def test_it_is_refused_while_a_fail_safe_holds(home: Any, box: Box) -> None:
    await home.deliver(home.alert("Price"))
    await home.step(after_s=601)
    assert home.people.claims()[0].ended == "expired"
    box.log.writes.clear()

    assert await outcome(home) == ("refused", "fail_safe")
    assert box.sent == []


async def test_it_is_refused_while_a_fail_safe_holds_on_another_device(home: Any, claim_of: Any) -> None:
    claim = claim_of(Charge(500), action=Action.CHARGE, device="meter")
    expired = replace(claim, ended=End.EXPIRED, ended_at=0.0)
    await home.controller.change(lambda ledger: replace(ledger, claims={claim.key: expired}))

    assert await outcome(home) == ("refused", "fail_safe")


async def test_it_is_refused_while_the_limit_of_a_fail_safe_stands_alone(
    make_household: Any, clock: Any, box: Box, tmp_path: Path
) -> None:
    control = Control(
        enabled=True,
        allow=("limit_export",),
        allow_unlimited="10s",
        fail_safe={"limit_export": FailSafeLimit(limit="5kW")},
    )
    home = make_household(
        clock, device_of(box, clock), tmp_path / "s", tasks={"throttled": THROTTLED}, control=control
    )
    await home.deliver(home.alert("Price"))
    await home.step(after_s=601)
    assert await outcome(home) == ("refused", "fail_safe")
    home.journal.close()


async def test_it_is_refused_without_a_heartbeat_and_with_a_late_one(
    make_household: Any, clock: Any, box: Box, allowed: Control, tmp_path: Path
) -> None:
    home = make_household(
        clock, device_of(box, clock), tmp_path / "s", tasks={"throttled": THROTTLED}, control=allowed
    )
    await home.deliver(home.alert("Throttled"))
    assert (last(home).outcome, last(home).reason) == ("refused", "no_heartbeat")

    await home.beat()
    home.clock.now += 1000
    await home.deliver(home.alert("Throttled"))
    assert (last(home).outcome, last(home).reason) == ("refused", "heartbeat_late")
    assert box.sent == []
    home.journal.close()


@pytest.mark.parametrize("command", [0x0B, 0x43])
async def test_it_is_refused_when_either_read_fails(
    home: Any, box: Box, monkeypatch: pytest.MonkeyPatch, command: int
) -> None:
    answer = Box._answer

    def fails(self: Box, asked: int, data: bytes) -> bytes:
        return b"\x15" if asked == command else answer(self, asked, data)

    monkeypatch.setattr(Box, "_answer", fails)
    assert await outcome(home) == ("refused", "unreadable: busy")
    assert box.sent == []


@pytest.mark.parametrize(("mode", "limit"), [(0, 10_000), (7, 10_000), (3, -1000)])
async def test_it_is_refused_when_nothing_limits_or_nobody_knows_what(
    home: Any, box: Box, mode: int, limit: int
) -> None:
    box.mode, box.export_limit_w = mode, limit

    assert await outcome(home) == ("refused", "unreadable: rejected")
    assert box.sent == []


async def test_it_is_not_begun_when_alerts_are_held_off(home: Any, box: Box) -> None:
    await home.people.hold("roof")
    await home.deliver(home.alert("Throttled"))

    assert home.people.tasks() == ()
    assert box.sent == []


async def test_another_limiter_comes_back_as_it_was(home: Any, box: Box) -> None:
    box.mode = 1
    await home.people.run_task(RESET)
    await home.step()

    dred = [VALUE_OFF, RCR_OFF, DRED_ON]
    assert box.sent == [*OFF, *dred, LIMIT_10_KW, *dred]
    assert (box.mode, last(home).outcome) == (1, "done")


@pytest.mark.parametrize("number", range(10))
async def test_a_frame_that_is_lost_keeps_nothing_from_being_put_back(
    home: Any, box: Box, number: int
) -> None:
    box.lost = {number}
    await home.people.run_task(RESET)
    await home.step()

    assert (box.mode, box.export_limit_w) == (3, 10_000)
    assert lift_records.lifts(home.journal) == {}
    assert last(home).outcome == "done"


async def test_it_goes_on_for_as_long_as_it_takes_and_says_so(home: Any, box: Box) -> None:
    def falls_silent() -> None:
        if len(box.times) == 3:
            box.deaf = True

    box.upon = falls_silent
    await home.people.run_task(RESET)
    await home.step()
    assert box.mode == 0
    assert reset_of(home).lifted_s > 10.0
    assert home.people.devices()[0].limit_lifted_s > 10.0
    with pytest.raises(Refused):
        await home.people.run_task(RESET)

    for _ in range(5):
        await home.step(after_s=3600)
    assert box.mode == 0
    box.deaf = False
    await home.step(after_s=5)
    assert (box.mode, box.export_limit_w) == (3, 10_000)
    assert reset_of(home).lifted_s == 0.0


async def test_nothing_else_is_done_with_the_device_before_the_limit_is_back(home: Any, box: Box) -> None:
    def falls_silent() -> None:
        if len(box.times) == 3:
            box.deaf = True

    box.upon = falls_silent
    await home.people.run_task(RESET)
    await home.step()
    box.deaf = False
    box.log.writes.clear()
    await home.people.claim(
        Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "7kW"}), confirmed=True
    )
    await home.step(after_s=10)

    assert box.sent[:7] == WHOLE[3:]
    assert box.export_limit_w == 7_000


async def lived_until(home: Any, dies_at: int, killed: type[BaseException]) -> bool:
    """Reset the watchdog with a process that dies at a step of the journal or the device."""
    await home.people.run_task(RESET)
    death = home.dies_at(dies_at)
    tell = home.device.link.tell

    async def told(*frame: Any) -> Any:
        death.step()
        answer = await tell(*frame)
        death.step()
        return answer

    home.device.link.tell = told
    try:
        await home.step()
    except killed:
        return False
    return True


async def test_killed_at_any_step_the_next_process_puts_the_limit_back_first(
    make_home: Callable[[str], Any], clock: Any, box: Box, killed: type[BaseException]
) -> None:
    for dies_at in range(1, 200):
        home = make_home(str(dies_at))
        await home.beat()
        lived = await lived_until(home, dies_at, killed)
        lifted = box.mode == 0
        began, sent = clock.now, len(box.sent)
        home.device = device_of(box, clock)
        home.restart()
        await home.step()
        assert (box.mode, box.export_limit_w, box.total_capacity_w) == (3, 10_000, 20_000), dies_at
        if lifted:
            assert box.sent[sent : sent + 3] == VALUE, dies_at
            assert box.times[sent + 2] - began < 5.0, dies_at
        assert lift_records.lifts(home.journal) == {}
        if not lived:
            await home.step(after_s=6)
            assert last(home).outcome in ("done", "failed"), dies_at
        home.journal.close()
        if lived:
            break
    assert lived
    assert dies_at > 30


async def test_a_journal_that_fails_stops_the_lifting_and_not_the_putting_back(
    home: Any, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Journal.commit

    async def fails(self: Journal, *statements: Statement) -> None:
        if any("frames" in sql for sql, _ in statements):
            raise JournalError("the disk is full")
        await commit(self, *statements)

    await home.people.run_task(RESET)
    monkeypatch.setattr(Journal, "commit", fails)
    await home.step()

    assert box.sent == WHOLE[3:]
    assert (box.mode, box.export_limit_w) == (3, 10_000)


async def test_a_limit_that_is_back_is_not_written_again_while_the_journal_fails(
    home: Any, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may be full for days, and the memory of the box wears out."""
    commit = Journal.commit
    full = True

    async def fails(self: Journal, *statements: Statement) -> None:
        if full and any("DELETE FROM lifts" in sql for sql, _ in statements):
            raise JournalError("the disk is full")
        await commit(self, *statements)

    await home.people.run_task(RESET)
    monkeypatch.setattr(Journal, "commit", fails)
    for _ in range(100):
        await home.step(after_s=60)

    assert box.sent == WHOLE
    assert reset_of(home).lifted_s == 0.0
    assert lift_records.lifts(home.journal)
    full = False
    await home.step(after_s=60)
    assert not reset_of(home).is_due
    assert lift_records.lifts(home.journal) == {}
    assert box.sent == WHOLE
