from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exporter.flight import Answer, Flight, Grounded
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Reason
from sunhelm.devices.links import Turns
from sunhelm.devices.reading import Reading

REFRESH_S = 5.0
FAMILY_DEADLINE_S = 30.0


@pytest.fixture
def heard() -> list[Reading]:
    return []


@pytest.fixture
def flight(device: Any, clock: Any, heard: list[Reading]) -> Flight:
    return Flight(
        device, refresh_s=REFRESH_S, deadline_s=FAMILY_DEADLINE_S, listeners=[heard.append], clock=clock
    )


@pytest.fixture
def ask(flight: Flight, clock: Any) -> Any:
    def start(timeout_s: float = 9.5, *groups: str) -> asyncio.Task[Answer]:
        wanted = frozenset(groups) or None
        return asyncio.create_task(flight.reading(Deadline.after(timeout_s, clock), wanted))

    return start


async def test_many_askers_share_one_read(device: Any, ask: Any, settle: Any) -> None:
    device.hold()
    asks = [ask() for _ in range(50)]
    await settle()
    device.release()
    answers = await asyncio.gather(*asks)

    assert device.reads == [None]
    assert {id(answer.reading) for answer in answers} == {id(answers[0].reading)}
    assert [answer.again for answer in answers] == [False] + [True] * 49


async def test_the_read_has_the_familys_deadline_not_the_askers(device: Any, ask: Any, clock: Any) -> None:
    await ask(0.2)

    assert device.deadlines[0].remaining() == FAMILY_DEADLINE_S


async def test_a_young_reading_is_served_again_with_its_time(device: Any, ask: Any, clock: Any) -> None:
    first = await ask()
    await clock.advance(REFRESH_S - 0.1)
    second = await ask()

    assert second.again
    assert second.reading is first.reading
    assert second.reading.taken_at == clock.time() - (REFRESH_S - 0.1)


async def test_no_reading_is_served_beyond_the_refresh_of_the_device(
    device: Any, ask: Any, clock: Any
) -> None:  # T22, T23
    await ask()
    await clock.advance(REFRESH_S)
    second = await ask()

    assert not second.again
    assert len(device.reads) == 2


async def test_the_age_of_a_reading_counts_from_the_beginning_of_a_slow_read(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    device.hold()
    first = ask()
    await settle()
    await clock.advance(REFRESH_S)
    device.release()
    await first
    await ask()

    assert len(device.reads) == 2


async def test_a_wall_clock_that_is_set_back_does_not_make_an_old_reading_young(
    device: Any, flight: Flight, clock: Any
) -> None:
    await flight.reading(Deadline.after(9.5, clock))
    await clock.advance(REFRESH_S)
    clock.set_back_s = 3600.0
    await flight.reading(Deadline.after(9.5, clock))

    assert len(device.reads) == 2


async def test_a_device_that_is_down_is_asked_again_at_once(device: Any, ask: Any) -> None:
    device.fails = Reason.UNREACHABLE
    first = await ask()
    device.fails = None
    second = await ask()

    assert not first.reading.up
    assert second.reading.up
    assert not second.again


async def test_an_impatient_asker_leaves_with_a_time_out_for_every_group(
    device: Any, ask: Any, clock: Any
) -> None:
    await ask()
    await clock.advance(REFRESH_S)
    device.hold()
    impatient = ask(1.0)
    await clock.advance(1.0)
    answer = await impatient

    assert answer.late
    assert not answer.reading.samples
    assert {name: outcome.reason for name, outcome in answer.reading.groups.items()} == {
        "live": Reason.TIMEOUT,
        "settings": Reason.TIMEOUT,
    }


async def test_an_impatient_asker_hears_that_somebody_else_speaks_with_the_device(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    await ask()
    await clock.advance(REFRESH_S)
    turns = Turns()
    other, ours = turns.endpoint("gx", clock), turns.endpoint("gx", clock)
    await other.take(Deadline.after(1.0, clock))
    device.before = lambda: ours.take(Deadline.after(FAMILY_DEADLINE_S, clock))
    impatient = ask(1.0)
    await settle()
    await clock.advance(1.0)
    late = await impatient
    device.hold()
    other.release()
    before_half = ask(0.9)
    await settle()
    await clock.advance(0.9)
    after_half = ask(0.2)
    await settle()
    await clock.advance(0.2)

    answers = [late, await before_half, await after_half]
    assert [answer.late for answer in answers] == [True] * 3
    reasons = [{outcome.reason for outcome in answer.reading.groups.values()} for answer in answers]
    assert reasons == [{Reason.BUSY}, {Reason.BUSY}, {Reason.TIMEOUT}]


async def test_before_the_first_read_a_time_out_names_all_groups_as_one(
    device: Any, ask: Any, clock: Any
) -> None:
    device.hold()
    impatient = ask(1.0)
    await clock.advance(1.0)

    assert list((await impatient).reading.groups) == ["all"]


async def test_a_read_outlives_the_impatient_and_serves_the_next(device: Any, ask: Any, clock: Any) -> None:
    device.hold()
    impatient = ask(1.0)
    await clock.advance(1.0)
    await impatient
    patient = ask(9.5)
    await clock.advance(1.0)
    device.release()
    answer = await patient

    assert answer.reading.up
    assert device.reads == [None]


async def test_a_read_that_ends_after_everybody_left_serves_the_next_while_young(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    device.hold()
    impatient = ask(1.0)
    await clock.advance(1.0)
    await impatient
    device.release()
    await settle()
    answer = await ask()

    assert answer.again
    assert answer.reading.up
    assert len(device.reads) == 1


async def test_one_asker_going_away_does_not_end_the_read_of_the_others(
    device: Any, ask: Any, settle: Any
) -> None:
    device.hold()
    first, second = ask(), ask()
    await settle()
    first.cancel()
    await settle()
    device.release()

    assert (await second).reading.up
    assert first.cancelled()
    assert device.cancelled == 0


async def test_all_askers_going_away_does_not_end_the_read(
    device: Any, ask: Any, heard: list[Reading], settle: Any
) -> None:
    device.hold()
    only = ask()
    await settle()
    only.cancel()
    await settle()
    device.release()
    await settle()

    assert device.cancelled == 0
    assert len(heard) == 1


async def test_a_deadline_that_has_passed_already_still_starts_the_read(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    device.hold()
    answer = await ask(0.0)
    device.release()
    await settle()

    assert answer.late
    assert (await ask()).reading.up
    assert len(device.reads) == 1


async def test_listeners_hear_each_fresh_reading_once(
    device: Any, ask: Any, clock: Any, heard: list[Reading], settle: Any
) -> None:
    await asyncio.gather(ask(), ask())
    await ask()
    await clock.advance(REFRESH_S)
    await ask()
    await settle()

    assert [reading.taken_at for reading in heard] == [clock.time() - REFRESH_S, clock.time()]


async def test_a_failing_listener_costs_nobody_the_reading(device: Any, clock: Any, settle: Any) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    flight = Flight(device, refresh_s=1.0, deadline_s=30.0, listeners=[lambda _: 1 / 0], clock=clock)
    answer = await flight.reading(Deadline.after(9.5, clock))
    await settle()

    assert answer.reading.up
    assert isinstance(complaints[0]["exception"], ZeroDivisionError)


async def test_only_the_groups_asked_for_are_read(device: Any, ask: Any) -> None:
    answer = await ask(9.5, "settings")

    assert device.reads == [frozenset({"settings"})]
    assert list(answer.reading.groups) == ["settings"]


async def test_a_whole_young_reading_serves_those_who_want_a_part(device: Any, ask: Any) -> None:
    await ask()
    answer = await ask(9.5, "settings")

    assert answer.again
    assert list(answer.reading.groups) == ["settings"]
    assert {sample.group for sample in answer.reading.samples} == {"settings"}
    assert not answer.reading.held
    assert len(device.reads) == 1


async def test_a_part_does_not_serve_those_who_want_the_whole(device: Any, ask: Any) -> None:
    await ask(9.5, "settings")
    answer = await ask()

    assert not answer.again
    assert device.reads == [frozenset({"settings"}), None]


async def test_who_waits_for_other_groups_shares_the_next_read(device: Any, ask: Any, settle: Any) -> None:
    device.hold()
    first = ask(9.5, "live")
    await settle()
    others = [ask(9.5, "settings"), ask(), ask(9.5, "settings"), ask()]
    await settle()
    device.release()
    await asyncio.gather(first, *others)

    assert device.reads == [frozenset({"live"}), None]


async def test_waiting_for_another_read_does_not_extend_the_deadline(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    device.hold()
    first = ask(60.0, "live")
    await settle()
    second = ask(2.0, "settings")
    await clock.advance(1.9)
    assert not second.done()
    await clock.advance(0.1)

    assert (await second).late
    device.release()
    await first


async def test_closing_cancels_the_read_and_tells_who_waits(
    device: Any, flight: Flight, ask: Any, settle: Any
) -> None:
    device.hold()
    waiting = ask()
    await settle()
    await flight.close()

    with pytest.raises(Grounded):
        await waiting
    assert device.cancelled == 1
    assert device.closed == 1
    with pytest.raises(Grounded):
        await ask()


async def test_draining_lets_the_read_end_and_closes_the_device_after(
    device: Any, flight: Flight, ask: Any, settle: Any
) -> None:
    device.hold()
    waiting = ask()
    await settle()
    draining = asyncio.create_task(flight.drain())
    await settle()
    assert device.closed == 0
    device.release()
    await draining

    assert (await waiting).reading.up
    assert device.cancelled == 0
    assert device.closed == 1


async def test_a_read_that_crashes_reaches_everybody_who_waits_and_ends_there(
    device: Any, ask: Any, settle: Any
) -> None:
    device.crash = RuntimeError("a mistake of ours")
    device.hold()
    asks = [ask(), ask()]
    await settle()
    device.release()
    results = await asyncio.gather(*asks, return_exceptions=True)
    device.crash = None

    assert results == [device.crash or results[0]] * 2
    assert isinstance(results[0], RuntimeError)
    assert (await ask()).reading.up


async def test_a_crash_that_nobody_waits_for_is_not_reported_as_never_retrieved(
    device: Any, ask: Any, clock: Any, settle: Any
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    device.crash = RuntimeError("a mistake of ours")
    device.hold()
    impatient = ask(1.0)
    await clock.advance(1.0)
    await impatient
    device.release()
    await settle()

    assert not complaints


async def test_a_read_far_past_its_own_deadline_is_cancelled(
    device: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # T41
    monkeypatch.setattr("exporter.flight._OVERRUN_S", 0.01)
    flight = Flight(device, refresh_s=1.0, deadline_s=0.0, clock=clock)
    device.hold()

    with pytest.raises(TimeoutError):
        await flight.reading(Deadline.after(9.5, clock))
    assert device.cancelled == 1
    device.release()
    assert (await flight.reading(Deadline.after(9.5, clock))).reading.up
