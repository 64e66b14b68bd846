"""The loop of one device, against one that answers, lies, forgets and fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from controllers.claims.demand import Demand
from controllers.device_loop import DeviceLoop
from controllers.journal import records
from controllers.journal.journal import Journal
from controllers.journal.records import Kept
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, UNLIMITED, Charge, Limit, Proof, Rung, SelfConsumption, Storage
from sunhelm.devices.errors import Rejected, TimedOut, Unreachable


@dataclass
class Overheard:
    """A device, asked who it is by way of a test."""

    device: Any
    identify: Callable[[Deadline], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)


async def test_without_anything_asked_or_owed_the_device_is_left_alone(bench: Any) -> None:  # S1, S3
    assert await bench.reconciler.reconcile() is None
    assert (bench.device.turns, bench.device.export.reads) == (0, 0)


async def test_a_limit_is_written_proven_and_given_back(bench: Any) -> None:  # S11
    export = bench.device.export
    export.value = Limit(7000)
    await bench.ask(Limit(0))
    assert (export.value, bench.counts.results) == (Limit(0), ["verified"])

    assert await bench.ask(None) is None
    assert (export.value, export.writes) == (Limit(7000), [Limit(0), Limit(7000)])
    assert records.owes(bench.journal) == set()


async def test_what_the_owner_set_beyond_the_ends_keeps_nothing_from_being_asked(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family may refuse to compare what it would refuse to write."""
    export = bench.device.export
    equal = type(export).equal

    def strict(handle: Any, wanted: Limit, observed: Limit) -> bool:
        if max(wanted.watts, observed.watts) > 10_000:
            raise ValueError("export_limit: 0 to 10000 W is possible")
        return bool(equal(handle, wanted, observed))

    monkeypatch.setattr(type(export), "equal", strict)
    export.value = Limit(70_000)
    await bench.ask(Limit(500))
    assert (export.value, bench.counts.results) == (Limit(500), ["verified"])
    assert await bench.ask(None) is None
    assert (export.value, export.writes) == (Limit(70_000), [Limit(500), Limit(70_000)])


async def test_asking_two_hundred_times_writes_once(bench: Any) -> None:  # S17, W3
    for _ in range(200):
        await bench.ask(Limit(0))

    assert bench.device.export.writes == [Limit(0)]


async def test_the_intent_is_journaled_before_the_device_hears_of_it(bench: Any) -> None:
    acts: list[list[tuple[object, ...]]] = []
    bench.device.export.before_write = lambda: acts.append(
        bench.journal.read("SELECT value, replacing, purpose, outcome FROM acts")
    )
    await bench.ask(Limit(0))

    assert acts == [[('{"limit_watts": 0}', '"unlimited"', "begin", None)]]
    assert bench.journal.read("SELECT outcome FROM acts") == [("verified",)]


async def test_a_stale_read_back_is_no_proof_and_no_failure(bench: Any) -> None:  # S16, S26
    await bench.ask(Limit(500))
    bench.device.export.stale = 3
    await bench.ask(Limit(0))

    assert bench.counts.results == ["verified", "verified"]
    assert bench.device.export.writes == [Limit(500), Limit(0)]


async def test_a_write_that_is_lost_fails_and_is_repeated(bench: Any) -> None:  # S16, S28, S31
    bench.device.export.lost = 1
    wait_s = await bench.ask(Limit(0))
    assert bench.counts.results == ["not_proven"]
    assert bench.reconciler.statuses["export_limit"].differs_since is not None

    await bench.later(wait_s)
    assert bench.counts.results == ["not_proven", "verified"]
    assert bench.reconciler.statuses["export_limit"].differs_since is None


@pytest.mark.parametrize(
    ("busy", "hours", "most"),
    [(False, 12, 60), (True, 1, 14)],
    ids=["alone", "beside a command that is renewed"],
)
async def test_what_is_never_shown_does_not_wear_out_a_memory(
    bench: Any, busy: bool, hours: int, most: int
) -> None:  # S18, S19
    export = bench.device.export
    export.value, export.lost = Limit(7000), 10_000
    if busy:
        bench.demands["battery"] = Demand(Charge(500))
    wait_s, end = await bench.ask(Limit(0)), bench.clock.now + 3600 * hours
    while bench.clock.now < end:
        wait_s = await bench.later(wait_s)

    assert 4 * hours <= len(export.writes) <= most
    assert bench.reconciler.statuses["export_limit"].differs_since is not None
    export.lost = 0
    again = bench.clock.now + 901
    while bench.clock.now < again:
        wait_s = await bench.later(wait_s)
    assert export.value == Limit(0)


async def test_something_else_is_written_at_once_although_the_last_was_never_shown(bench: Any) -> None:
    export = bench.device.export
    export.value, export.lost = Limit(7000), 12
    wait_s = await bench.ask(Limit(0))
    while export.lost:
        wait_s = await bench.later(wait_s)
    written = len(export.writes)
    await bench.later(wait_s)
    assert len(export.writes) == written, "the same one waits"
    await bench.ask(Limit(500))
    assert export.value == Limit(500)


async def test_what_nobody_asks_any_more_when_the_turn_comes_is_not_written(
    clock: Any, device: Any, make_bench: Any, tmp_path: Path
) -> None:  # S2
    async def released_meanwhile(deadline: Deadline) -> str:
        bench.demands["export_limit"] = Demand(None)
        return str(await device.identify(deadline))

    bench = make_bench(clock, Overheard(device, released_meanwhile), tmp_path / "waits")
    await bench.ask(Limit(0))
    assert (device.export.writes, bench.reconciler.has_news) == ([], False)
    bench.journal.close()


async def test_what_was_asked_between_two_looks_is_news(bench: Any) -> None:
    export = bench.device.export
    assert not bench.reconciler.has_news
    export.after_write = lambda: bench.demands.update(export_limit=Demand(None))
    await bench.ask(Limit(0))
    assert bench.reconciler.has_news, "released while it was written"
    await bench.reconciler.reconcile()
    assert (export.value, bench.reconciler.has_news) == (UNLIMITED, False)


@pytest.mark.parametrize("slip", [UNLIMITED, Limit(100), Limit(9000)], ids=str)
async def test_a_value_that_was_read_once_only_is_nobodys_wish(bench: Any, slip: Limit) -> None:  # S10, S14
    export = bench.device.export
    export.value = Limit(5000)
    await bench.ask(Limit(500))
    export.before, export.stale = slip, 1
    await bench.later()
    assert (bench.counts.foreigners, export.writes) == (0, [Limit(500)])
    await bench.ask(None)

    assert export.value == Limit(5000)


async def test_a_value_that_stays_is_somebodys_wish(bench: Any) -> None:
    export = bench.device.export
    export.value = Limit(5000)
    await bench.ask(Limit(500))
    export.value = Limit(3000)
    await bench.later()
    assert (bench.counts.foreigners, export.value) == (1, Limit(500))
    await bench.ask(None)

    assert export.value == Limit(3000)


async def test_desired_written_and_observed_are_three_things(bench: Any) -> None:  # S28
    bench.device.export.lost = 1
    await bench.ask(Limit(0))
    status = bench.reconciler.statuses["export_limit"]

    assert (status.desired, status.written, status.observed) == (Limit(0), Limit(0), UNLIMITED)


async def test_a_refusal_of_the_device_is_told_with_its_reason(bench: Any) -> None:  # S29
    bench.device.export.write_fails = Rejected("no", code=7)
    await bench.ask(Limit(0))

    assert bench.counts.results == ["rejected"]


async def test_a_value_out_of_range_is_never_sent(bench: Any) -> None:  # S25
    bench.device.export.value = Limit(150_000)
    await bench.ask(Limit(120_000))

    assert (bench.device.export.writes, bench.counts.results) == ([], ["out_of_range"])


async def test_values_are_compared_as_finely_as_the_device_can(bench: Any) -> None:
    bench.device.export.value = Limit(7003)
    await bench.ask(Limit(7001))

    assert bench.device.export.writes == []


async def test_a_device_that_does_not_answer_is_asked_again_ever_more_rarely(bench: Any) -> None:
    bench.device.fails = Unreachable("no answer")
    waits = [await bench.ask(Limit(0)) for _ in range(8)]

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    bench.device.fails = None
    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(0)


async def test_a_state_that_fails_does_not_keep_the_other_from_its_due(bench: Any) -> None:
    bench.device.export.fails = Rejected("no", code=2)
    bench.demands["battery"] = Demand(Charge(500))
    await bench.ask(Limit(0))

    assert bench.device.battery.value == Charge(500)


async def test_after_a_restart_nothing_is_written_but_what_the_journal_owes(bench: Any) -> None:  # S1, S9
    await bench.ask(Limit(0))
    bench.restart()
    bench.demands.clear()
    await bench.reconciler.reconcile()

    assert bench.device.export.writes == [Limit(0), UNLIMITED]
    bench.restart()
    assert await bench.reconciler.reconcile() is None


async def test_a_clock_set_back_before_a_restart_puts_no_renewal_off(bench: Any) -> None:
    """A device that cannot be read would let go, and nobody would tell it again."""
    bench.device.battery.promise = replace(bench.device.battery.promise, proof=Proof.NONE)
    bench.device.battery.readable = False
    await bench.ask(Charge(1000), "battery")
    assert bench.device.battery.writes == [Charge(1000)]
    bench.clock.jumped_s = -7200.0
    bench.restart()

    for _ in range(3):
        await bench.later(3.0)
    assert bench.device.battery.writes == [Charge(1000)] * 4


async def test_a_clock_set_back_before_a_restart_keeps_no_budget_for_longer(bench: Any) -> None:
    for n in range(9):
        await bench.ask(Limit(1000.0 * n))
        await bench.ask(None)
    assert bench.reconciler.budget.left == 2
    bench.clock.jumped_s = -7 * 86_400.0
    bench.restart()
    assert bench.reconciler.budget.left == 2

    bench.clock.now += 86_400.0
    assert bench.reconciler.budget.left == 20


async def test_after_a_restart_a_claim_that_lives_is_neither_undone_nor_written_again(
    bench: Any,
) -> None:  # S9
    await bench.ask(Limit(0))
    bench.restart()
    await bench.reconciler.reconcile()

    assert bench.device.export.writes == [Limit(0)]


async def test_what_is_kept_belongs_to_the_device_with_that_serial_number(bench: Any) -> None:  # S30
    await bench.ask(Limit(0))
    bench.device.serial, bench.device.export.value = "SN2", Limit(3000)
    await bench.ask(None)

    assert bench.device.export.writes == [Limit(0)]


async def test_a_foreign_stricter_limit_stays(bench: Any) -> None:  # S24
    await bench.ask(Limit(500))
    bench.device.export.value = Limit(100)
    await bench.later()
    await bench.ask(None)

    assert (bench.device.export.value, bench.counts.foreigners) == (Limit(100), 1)
    assert bench.device.export.writes == [Limit(500)]


async def test_a_foreign_looser_limit_is_overruled_once_and_is_the_owners_afterwards(
    bench: Any,
) -> None:  # S24
    await bench.ask(Limit(0))
    bench.device.export.value = Limit(800)
    await bench.later()
    assert bench.device.export.value == Limit(0)

    await bench.ask(None)
    assert bench.device.export.value == Limit(800)


async def test_two_foreign_changes_within_an_hour_are_left_to_a_person(bench: Any) -> None:  # S2, S24
    await bench.ask(Limit(0))
    for watts in (800, 900, 950):
        bench.device.export.value = Limit(watts)
        await bench.later()
    await bench.ask(None)
    assert bench.device.export.writes == [Limit(0), Limit(0)]
    assert bench.reconciler.statuses["export_limit"].stands_back == "changed_by_someone_else"

    bench.restart()
    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(950)
    await bench.reconciler.set_baseline("export_limit", Limit(950))
    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(0)


async def test_a_device_that_forgets_at_night_is_told_again_in_the_morning(bench: Any) -> None:  # S27
    await bench.ask(Limit(0))
    bench.device.export.value = UNLIMITED
    await bench.later(8 * 3600)

    assert (bench.device.export.value, bench.counts.foreigners) == (Limit(0), 0)


async def test_a_missing_journal_makes_a_value_of_ours_doubtful(bench: Any) -> None:
    bench.ours = {"export_limit": (Limit(0),)}
    bench.device.export.value = Limit(0)
    bench.restart()
    await bench.ask(Limit(0))
    assert records.kept_of(bench.journal, "SN1")["export_limit"].baseline is UNKNOWN

    await bench.ask(Limit(0))
    await bench.ask(None)
    assert bench.device.export.writes == []


async def test_who_says_what_is_his_after_the_journal_was_lost_gets_it(bench: Any) -> None:
    """Else the limit that we have forgotten was taken for the newer word of the owner, for good."""
    bench.ours = {"export_limit": (Limit(500), Limit(0))}
    bench.device.export.value = Limit(500)
    bench.restart()
    await bench.reconciler.set_baseline("export_limit", Limit(800))
    await bench.later()
    assert bench.device.export.value == Limit(800)

    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(0)
    await bench.ask(None)
    assert bench.device.export.value == Limit(800)


async def test_who_says_what_is_his_after_others_wrote_gets_it(bench: Any) -> None:
    """What they wrote is older than his word: it must not come back at the end of the claim."""
    bench.device.export.value = Limit(7000)
    await bench.ask(Limit(0))
    for value in (Limit(800), Limit(7000)):
        bench.device.export.value = value
        await bench.later()
    assert bench.reconciler.statuses["export_limit"].stands_back == "changed_by_someone_else"

    await bench.reconciler.set_baseline("export_limit", Limit(800))
    await bench.later()
    assert bench.device.export.value == Limit(0)
    await bench.ask(None)
    assert bench.device.export.value == Limit(800)


async def test_a_journal_that_is_there_tells_the_owners_value_from_ours(bench: Any) -> None:
    bench.ours = {"export_limit": (Limit(0),)}
    bench.restart()
    await bench.ask(Limit(0))
    await bench.ask(None)
    bench.device.export.value = Limit(0)
    await bench.ask(Limit(0))

    assert records.kept_of(bench.journal, "SN1")["export_limit"].baseline == Limit(0)


async def test_the_budget_refuses_what_is_new_and_never_a_restore(bench: Any) -> None:  # S18
    for _ in range(10):
        await bench.ask(Limit(0))
        await bench.ask(None)
    await bench.ask(Limit(0))
    assert len(bench.device.export.writes) == 20
    assert bench.counts.results[-1] == "budget"
    assert bench.reconciler.budget.left == 0

    bench.restart()
    await bench.ask(Limit(0))
    assert len(bench.device.export.writes) == 20
    bench.clock.now += 86_400
    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(0)


async def test_a_refusal_is_told_once(bench: Any) -> None:
    for _ in range(10):
        await bench.ask(Limit(0))
        await bench.ask(None)
    for _ in range(5):
        await bench.ask(Limit(0))

    assert bench.counts.results.count("budget") == 1


async def test_what_is_renewed_every_few_seconds_wears_nothing_out(bench: Any) -> None:  # S18
    battery = bench.device.battery
    battery.promise = replace(battery.promise, rung=Rung.PERSISTENT, storage=Storage.PERSISTENT, renew_s=3.0)
    await bench.ask(Charge(500), "battery")
    for _ in range(100):
        await bench.later(3)
    assert len(battery.writes) > 50
    assert bench.reconciler.budget.left == 18

    bench.restart()
    await bench.later(3)
    assert bench.reconciler.budget.left == 18


async def test_a_devices_own_timer_is_renewed_while_the_claim_lives(bench: Any) -> None:  # S6, S7, S20
    battery = bench.device.battery
    assert await bench.ask(Charge(2000), "battery") == 3.0
    for _ in range(3):
        await bench.later(3.0)
    assert battery.writes == [Charge(2000)] * 4

    await bench.ask(None, "battery")
    assert battery.value == SelfConsumption()
    assert bench.reconciler.budget.left == 20


async def test_a_battery_that_reverted_by_its_timer_is_told_again(bench: Any) -> None:  # S6, S22
    await bench.ask(Charge(2000), "battery")
    bench.device.battery.value = SelfConsumption()
    await bench.later(60.0)

    assert bench.device.battery.value == Charge(2000)


async def test_while_somebody_asks_the_device_is_looked_at_once_a_minute(bench: Any) -> None:
    assert await bench.ask(Limit(0)) == 60.0
    reads = bench.device.export.reads
    assert await bench.later() == 60.0
    assert bench.device.export.reads == reads + 1


async def test_the_loop_acts_when_it_is_woken_and_not_when_nothing_is_new(bench: Any) -> None:  # W7
    loop = DeviceLoop(bench.reconciler, bench.clock)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    bench.demands["export_limit"] = Demand(Limit(0))
    loop.wake()
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if bench.counts.outcomes:
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert bench.device.export.writes == [Limit(0)]


def by_effect(bench: Any) -> Any:
    """Let the battery show only what power moves."""
    battery = bench.device.battery
    battery.promise = replace(
        battery.promise, proof=Proof.EFFECT, rung=Rung.VOLATILE, reverts_s=None, renew_s=10.0
    )
    return battery


async def test_power_that_drifts_is_nobodys_write(bench: Any) -> None:
    battery = by_effect(bench)
    await bench.ask(Charge(2000), "battery")
    assert bench.counts.results == ["effect_seen"]
    battery.value = Charge(1400)
    await bench.later(5.0)
    assert (bench.counts.foreigners, battery.writes) == (0, [Charge(2000)])

    assert await bench.later(5.0) <= 10.0
    assert battery.writes == [Charge(2000)] * 2
    await bench.ask(None, "battery")
    assert battery.value == SelfConsumption()


async def test_an_effect_is_waited_for_no_longer_than_until_the_next_repeat(bench: Any) -> None:
    battery = by_effect(bench)
    battery.lost = 100
    began = bench.clock.now
    await bench.ask(Charge(2000), "battery")

    assert bench.counts.results == ["not_proven"]
    assert bench.clock.now - began <= 11.0


async def test_a_setpoint_of_somebody_else_is_not_overwritten(bench: Any) -> None:  # S2
    by_effect(bench).readable = False
    await bench.ask(Charge(2000), "battery")

    assert bench.device.battery.writes == []
    assert bench.reconciler.statuses["battery"].stands_back == "unreadable"


async def test_after_a_restart_a_setpoint_of_ours_is_handed_back(bench: Any) -> None:  # S11
    battery = by_effect(bench)
    await bench.ask(Charge(2000), "battery")
    bench.restart()
    battery.readable = False
    await bench.ask(None, "battery")

    assert battery.value == SelfConsumption()
    assert records.owes(bench.journal) == set()


async def test_after_a_restart_what_was_found_comes_back_unread(bench: Any) -> None:  # S10
    battery = by_effect(bench)
    battery.value = SelfConsumption("phases_alone")
    await bench.ask(Charge(2000), "battery")
    bench.restart()
    battery.readable = False
    await bench.ask(None, "battery")

    assert battery.value == SelfConsumption("phases_alone")
    assert records.owes(bench.journal) == set()


async def test_what_can_only_be_seen_to_work_is_told_and_handed_back(bench: Any) -> None:
    battery = by_effect(bench)
    battery.promise = replace(battery.promise, blind=True, settle_s=5.0)
    battery.value = Charge(3000)  # what somebody else commands, as far as can be seen
    await bench.ask(Charge(500), "battery")
    assert battery.writes == [Charge(500)]

    waited = bench.clock.now
    await bench.later(10.0)
    assert battery.writes == [Charge(500)] * 2
    assert bench.clock.now - waited < 15.0, "what is renewed shows already"
    bench.restart()
    await bench.ask(None, "battery")
    assert battery.value == SelfConsumption()
    assert records.owes(bench.journal) == set()


async def test_at_an_orderly_end_only_what_would_stay_for_nobodys_good_is_given_back(bench: Any) -> None:
    by_effect(bench)
    bench.demands["battery"] = Demand(Charge(2000))
    await bench.ask(Limit(0))
    await bench.reconciler.leave()

    assert bench.device.battery.value == SelfConsumption()
    assert bench.device.export.value == Limit(0)


class Killed(BaseException):
    """The process is gone, at this very step."""


class MortalJournal(Journal):
    """Dies at the given step: before a commit, or after it."""

    def __init__(self, directory: Path, step: Callable[[], None]) -> None:
        super().__init__(directory)
        self._step = step

    async def commit(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        self._step()
        await super().commit(*statements)
        self._step()


SCENARIO = (Limit(500), Limit(0), None, Limit(200), None)


async def live_until(bench: Any, dies_at: int) -> tuple[bool, int]:
    """Play the scenario; return whether it was survived, and how many demands were made."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == dies_at:
            raise Killed

    bench.journal.close()
    bench.journal = MortalJournal(bench.directory, step)
    bench.reconciler.keeping.journal = bench.journal
    bench.device.export.before_write = bench.device.export.after_write = step
    made = 0
    try:
        for asked in SCENARIO:
            made += 1
            await bench.ask(asked)
    except Killed:
        return False, made
    finally:
        bench.device.busy = 0
        bench.device.export.before_write = bench.device.export.after_write = lambda: None
    return True, made


async def test_killed_at_any_step_the_controller_converges_and_gives_back(  # S9, S10
    make_bench: Any, fake_device: Any, fast_clock: Any, tmp_path: Path
) -> None:
    for dies_at in range(1, 1000):
        clock = fast_clock()
        device = fake_device(clock)
        device.export.value = Limit(7000)
        bench = make_bench(clock, device, tmp_path / str(dies_at))
        survived, made = await live_until(bench, dies_at)
        bench.restart()

        asked = SCENARIO[made - 1]
        await bench.ask(asked)
        assert device.export.value == (Limit(7000) if asked is None else asked), f"killed at step {dies_at}"
        await bench.ask(None)
        assert device.export.value == Limit(7000), f"killed at step {dies_at}"
        assert not any(kept.written for kept in records.kept_of(bench.journal, "SN1").values())
        assert bench.counts.foreigners == 0
        bench.journal.close()
        if survived:
            assert dies_at > 20
            return
    pytest.fail("the scenario never ended")


async def test_a_time_out_in_the_middle_of_a_write_is_followed_by_a_look(bench: Any) -> None:
    bench.device.export.write_fails = TimedOut("late")
    await bench.ask(Limit(0))
    assert bench.counts.results == ["timeout"]
    bench.device.export.value, bench.device.export.write_fails = Limit(0), None
    await bench.later(1.0)

    assert bench.device.export.writes == [Limit(0)]
    await bench.ask(None)
    assert bench.device.export.value == UNLIMITED


async def test_an_unreadable_device_is_never_taken_for_an_unlimited_one(bench: Any) -> None:  # S2, S15
    bench.device.export.readable = False
    await bench.ask(Limit(0))

    assert bench.device.export.writes == []
    assert bench.reconciler.statuses["export_limit"].stands_back == "unreadable"


def test_a_new_record_owes_nothing() -> None:
    assert Kept().baseline is None
    assert Kept(foreign=(0.0, 5000.0)).since(5001.0).foreign == (5000.0,)


async def test_a_fail_safe_is_told_at_once_and_without_a_word_to_the_device(bench: Any) -> None:
    await bench.ask(Limit(0))
    reads = bench.device.export.reads
    for in_force in (True, False):
        bench.demands["export_limit"] = Demand(Limit(0), fail_safe=in_force)
        bench.reconciler.heed()
        assert bench.reconciler.statuses["export_limit"].fail_safe is in_force
    assert bench.device.export.reads == reads


@pytest.mark.parametrize("default", [UNLIMITED, Limit(5000)])
async def test_without_a_journal_the_owners_default_comes_back(bench: Any, default: Any) -> None:
    bench.device.export.value = Limit(0)
    bench.reconciler.settling.ours = {"export_limit": (Limit(0),)}
    bench.reconciler.settling.defaults = {"export_limit": default}
    await bench.ask(Limit(0))
    assert bench.device.export.writes == []
    await bench.ask(None)

    assert bench.device.export.value == default


async def test_without_a_journal_a_person_says_what_comes_back(bench: Any) -> None:
    bench.device.export.value = Limit(0)
    bench.reconciler.settling.ours = {"export_limit": (Limit(0),)}
    await bench.ask(Limit(0))
    await bench.ask(None)
    assert bench.device.export.value == Limit(0)

    await bench.ask(Limit(0))
    await bench.reconciler.set_baseline("export_limit", Limit(7000))
    await bench.ask(Limit(0))
    assert bench.device.export.value == Limit(0)
    await bench.ask(None)
    assert bench.device.export.value == Limit(7000)
