"""What is right around every exchange: pauses, deadlines, second tries, and who may use the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.exchange import Exchanges, Spacing, WireError
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.lockfile import LockFile, Record
from sunhelm.devices.links.turns import Turns

HOST, PORT = "192.0.2.1", 502


@dataclass
class Wire:
    """A transport that notes when it was used; answers are values to return or errors to raise."""

    clock: Any
    answers: list[Any] = field(default_factory=list)
    connecting: list[Any] = field(default_factory=list)
    events: list[tuple[str, float]] = field(default_factory=list)
    open: int = 0

    def note(self, event: str) -> None:
        self.events.append((event, round(self.clock.monotonic() - 1_000_000, 3)))

    async def connect(self, address: str, port: int) -> Socket:
        assert (address, port) == (HOST, PORT)
        self.note("connect")
        if self.connecting and (error := self.connecting.pop(0)):
            raise error
        self.open += 1
        return Socket(self)

    async def ask(self, socket: Socket) -> str:
        assert socket.usable
        self.note("ask")
        answer = self.answers.pop(0) if self.answers else "fine"
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = await answer(socket)
        return str(answer)

    def named(self, event: str) -> list[float]:
        return [at for name, at in self.events if name == event]


@dataclass
class Socket:
    wire: Wire
    usable: bool = True

    async def close(self) -> None:
        self.usable = False
        self.wire.open -= 1
        self.wire.note("close")


@dataclass
class YieldingClock:
    """The virtual clock, on which a sleep also lets others run."""

    virtual: Any

    def monotonic(self) -> float:
        return float(self.virtual.monotonic())

    def time(self) -> float:
        return float(self.virtual.time())

    async def sleep(self, seconds: float) -> None:
        await self.virtual.sleep(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def wire(clock: Any) -> Wire:
    return Wire(YieldingClock(clock))


def exchanges(
    wire: Wire, *, turns: Turns | None = None, single: bool = False, **pacing: str
) -> Exchanges[Socket]:
    line = Line(HOST, PORT, Pacing(**pacing), single=single, turns=turns, clock=wire.clock)
    return Exchanges(line, wire.connect)


async def ask(
    link: Exchanges[Socket],
    wire: Wire,
    within: float = 60,
    *,
    times: int = 1,
    repeat: bool = True,
    between: Callable[[], Awaitable[None]] | None = None,
) -> list[str]:
    deadline = Deadline.after(within, wire.clock)
    answers = []
    async with link.turn(deadline):
        for _ in range(times):
            answers.append(await link.run(wire.ask, deadline, repeat=repeat))
            if between:
                await between()
    return answers


async def test_the_pause_is_kept_between_requests_and_the_settle_time_after_connecting(
    wire: Wire,
) -> None:  # T4, T8
    link = exchanges(wire, pause="500ms", settle="2s")
    wire.clock.virtual.advance(10)
    await ask(link, wire, times=3)
    await ask(link, wire)
    assert wire.events == [("connect", 10), ("ask", 12), ("ask", 12.5), ("ask", 13), ("ask", 13.5)]


async def test_time_that_passes_anyway_counts_for_the_pause(wire: Wire) -> None:
    link = exchanges(wire, pause="500ms")

    async def work() -> None:
        wire.clock.virtual.advance(0.4)

    await ask(link, wire, times=2, between=work)
    assert wire.named("ask") == [0, 0.5]


async def test_the_pause_counts_from_the_answer(wire: Wire) -> None:
    async def slowly(_socket: Socket) -> str:
        wire.clock.virtual.advance(3)
        return "fine"

    wire.answers = [slowly]
    await ask(exchanges(wire, pause="500ms"), wire, times=2)
    assert wire.named("ask") == [0, 3.5]


async def test_links_to_one_endpoint_keep_the_pause_between_them(wire: Wire) -> None:
    one, other = exchanges(wire, pause="500ms"), exchanges(wire, pause="500ms")
    await ask(one, wire)
    await ask(other, wire)
    assert wire.named("ask") == [0, 0.5]


async def test_links_to_one_endpoint_take_turns(wire: Wire) -> None:  # T5
    async def let_others_try(_socket: Socket) -> str:
        await asyncio.sleep(0)
        return "fine"

    wire.answers = [let_others_try] * 9
    links = [exchanges(wire, single=True) for _ in range(3)]
    await asyncio.gather(*(ask(link, wire, times=3) for link in links))
    assert [event for event, _ in wire.events] == ["connect", "ask", "ask", "ask", "close"] * 3


async def test_processes_keep_the_pause_between_them(wire: Wire, tmp_path: Path) -> None:
    boot = wire.clock.monotonic
    reader = Turns(tmp_path, boot_clock=boot)
    control = Turns(tmp_path, role="control", boot_clock=boot)
    await ask(exchanges(wire, turns=reader, pause="5s"), wire)
    wire.clock.virtual.advance(1)
    await ask(exchanges(wire, turns=control, pause="5s"), wire)
    assert wire.named("ask") == [0, 5]


async def test_a_pause_longer_than_the_deadline_is_not_waited_for(wire: Wire) -> None:
    link = exchanges(wire, pause="5s")
    await ask(link, wire)
    with pytest.raises(TimedOut, match="a pause of 5 s, longer than is left"):
        await ask(link, wire, within=4)
    assert wire.clock.virtual.slept == []


async def test_a_pause_that_another_process_made_necessary_is_its_turn_not_our_time_out(
    wire: Wire, tmp_path: Path
) -> None:
    boot = wire.clock.monotonic
    other = LockFile(tmp_path / f"{HOST}:{PORT}.lock")
    other.take()
    other.write(Record(pid=1, role="control", exchanged_at=boot()))
    other.close()
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=boot), pause="5s")
    with pytest.raises(Busy, match="a pause of 5 s, longer than is left"):
        await ask(link, wire, within=4)
    await ask(link, wire, within=6)
    with pytest.raises(TimedOut, match="a pause of 5 s, longer than is left"):
        await ask(link, wire, within=4)


async def test_a_request_lasts_no_longer_than_its_time_out_or_the_deadline(wire: Wire) -> None:  # T17
    limits: list[float] = []

    async def look(_socket: Socket) -> str:
        loop = asyncio.get_running_loop()
        limits.extend(timer.when() - loop.time() for timer in loop._scheduled if not timer.cancelled())
        return "fine"

    wire.answers = [look, look]
    link = exchanges(wire, timeout="3s")
    await ask(link, wire, within=60)
    await ask(link, wire, within=1)
    assert limits == pytest.approx([3, 1], abs=0.1)


@pytest.mark.parametrize(
    ("error", "ours", "text"),
    [
        (ConnectionResetError(104, "x"), Unreachable, "192.0.2.1:502: connection reset by peer"),
        (EOFError("the device hung up"), Unreachable, "192.0.2.1:502: the device hung up"),
        (WireError("nonsense"), Malformed, "192.0.2.1:502: nonsense"),
        (TimeoutError(), TimedOut, "192.0.2.1:502: no answer within 3 s"),
    ],
)
async def test_a_lost_answer_is_asked_for_once_more_on_a_new_connection(
    wire: Wire, error: Exception, ours: type[Exception], text: str
) -> None:
    link = exchanges(wire)
    wire.answers = [error]
    assert await ask(link, wire) == ["fine"]
    assert [event for event, _ in wire.events] == ["connect", "ask", "close", "connect", "ask"]
    assert link.statistics.retries == 1
    wire.answers = [error, error]
    with pytest.raises(ours) as info:
        await ask(link, wire)
    assert str(info.value) == text
    assert info.value.__cause__ is error
    assert wire.open == 0


@pytest.mark.parametrize("error", [TimeoutError(), EOFError("gone"), WireError("nonsense")])
async def test_what_may_not_be_repeated_is_sent_once(wire: Wire, error: Exception) -> None:
    wire.answers = [error]
    with pytest.raises((Unreachable, Malformed)):
        await ask(exchanges(wire), wire, repeat=False)
    assert len(wire.named("ask")) == 1


async def test_a_busy_answer_to_what_may_not_be_repeated_is_final(wire: Wire) -> None:
    wire.answers = [Busy("later")]
    with pytest.raises(Busy, match="later"):
        await ask(exchanges(wire), wire, repeat=False)
    assert len(wire.named("ask")) == 1


async def test_a_refusal_is_final_and_keeps_the_connection(wire: Wire) -> None:
    link = exchanges(wire)
    wire.answers = [Rejected("no", code=2)]
    with pytest.raises(Rejected):
        await ask(link, wire)
    await ask(link, wire)
    assert (len(wire.named("connect")), len(wire.named("ask"))) == (1, 2)


async def test_a_cancelled_exchange_closes_the_connection(wire: Wire) -> None:  # T11
    asked = asyncio.Event()

    async def never(_socket: Socket) -> str:
        asked.set()
        return str(await asyncio.Future())

    wire.answers = [never]
    link = exchanges(wire)
    asking = asyncio.create_task(ask(link, wire))
    await asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert wire.open == 0
    assert await ask(link, wire) == ["fine"]


async def test_one_refused_connection_is_tried_again_at_once(wire: Wire) -> None:
    wire.connecting = [ConnectionRefusedError(111, "x")]
    link = exchanges(wire)
    assert await ask(link, wire) == ["fine"]
    assert wire.named("connect") == [0, 0]
    assert link.statistics.connects == 1


async def test_a_device_that_stays_away_is_left_alone_longer_and_longer(wire: Wire) -> None:
    wire.connecting = [ConnectionRefusedError(111, "x")] * 99
    link = exchanges(wire)
    for _ in range(6):
        with pytest.raises(Unreachable, match="connection refused"):
            await ask(link, wire)
    waits = [later - earlier for earlier, later in pairwise(wire.named("connect"))]
    assert waits[0] == 0
    for wait, longest in zip(waits[1:], [0.2, 0.4, 0.8, 1.6, 3.2], strict=True):
        assert longest / 2 - 0.001 <= wait <= longest + 0.001


async def test_backing_off_never_sleeps_past_the_deadline(wire: Wire) -> None:
    wire.connecting = [ConnectionRefusedError(111, "x")] * 99
    link = exchanges(wire)
    for _ in range(8):
        with pytest.raises(Unreachable):
            await ask(link, wire)
    before = list(wire.clock.virtual.slept)
    with pytest.raises(Unreachable, match="9 failures in a row, the last was: connection refused"):
        await ask(link, wire, within=0.5)
    assert wire.clock.virtual.slept == before


@pytest.mark.parametrize("refusal", [None, Rejected("no", code=2), Busy("later")])
async def test_any_answer_ends_the_backing_off(wire: Wire, refusal: Exception | None) -> None:
    wire.connecting = [ConnectionRefusedError(111, "x")] * 6
    link = exchanges(wire)
    for _ in range(5):
        with pytest.raises(Unreachable):
            await ask(link, wire)
    wire.answers = [refusal] if refusal else []
    with pytest.raises(type(refusal)) if refusal else nullcontext():
        await ask(link, wire, repeat=False)
    await link.close()
    wire.connecting = [ConnectionRefusedError(111, "x")]
    before = wire.clock.monotonic()
    assert await ask(link, wire) == ["fine"]
    assert wire.clock.monotonic() == before


async def test_a_connection_that_times_out_is_not_tried_twice(wire: Wire) -> None:
    wire.connecting = [TimeoutError()]
    with pytest.raises(TimedOut):
        await ask(exchanges(wire), wire)
    assert len(wire.named("connect")) == 1


async def writing(turns: Turns, wire: Wire) -> None:
    """Stand for a control process: one turn with one write."""
    endpoint = turns.endpoint(f"{HOST}:{PORT}", wire.clock)
    await endpoint.take(Deadline.after(60, wire.clock))
    assert wire.open == 0
    wire.note("write")
    endpoint.exchanged()
    await wire.clock.sleep(1)
    wire.note("written")
    endpoint.release()


async def test_a_reader_lets_control_go_first_between_two_requests(wire: Wire, tmp_path: Path) -> None:
    boot = wire.clock.monotonic
    reader = Turns(tmp_path, boot_clock=boot)
    control = Turns(tmp_path, role="control", boot_clock=boot)
    link = exchanges(wire, turns=reader, single=True)
    others: list[asyncio.Task[None]] = []

    async def control_comes(_socket: Socket) -> str:
        others.append(asyncio.create_task(writing(control, wire)))
        await asyncio.sleep(0)
        return "fine"

    wire.answers = ["fine", control_comes]
    assert await ask(link, wire, times=3) == ["fine"] * 3
    await asyncio.gather(*others)
    names = [event for event, _ in wire.events]
    assert names == ["connect", "ask", "ask", "close", "write", "written", "connect", "ask", "close"]
    assert link.statistics.waited_for_turn_s >= 1


async def test_a_reader_in_a_long_pause_lets_control_in(wire: Wire, tmp_path: Path) -> None:
    boot = wire.clock.monotonic
    control = Turns(tmp_path, role="control", boot_clock=boot)
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=boot), pause="5s")
    others: list[asyncio.Task[None]] = []

    async def come() -> None:
        if not others:
            others.append(asyncio.create_task(writing(control, wire)))

    await ask(link, wire, times=2, between=come)
    await asyncio.gather(*others)
    assert wire.named("write")[0] <= 0.1
    assert wire.named("ask")[1] == pytest.approx(wire.named("write")[0] + 5, abs=0.1)


async def test_a_reader_that_spaces_a_request_lets_control_in(wire: Wire, tmp_path: Path) -> None:
    boot = wire.clock.monotonic
    control = Turns(tmp_path, role="control", boot_clock=boot)
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=boot))
    deadline = Deadline.after(60, wire.clock)
    spacing = Spacing("0b", 5)
    async with link.turn(deadline):
        await link.run(wire.ask, deadline, repeat=False, spacing=spacing)
        came = asyncio.create_task(writing(control, wire))
        await link.run(wire.ask, deadline, repeat=False, spacing=spacing)
        await came
        with pytest.raises(Busy, match=r"request 0b may be sent every 5 s, again in 5 s"):
            await link.run(wire.ask, Deadline.after(4, wire.clock), repeat=False, spacing=spacing)
    assert wire.named("write")[0] <= 0.1
    assert wire.named("ask") == [0, 5]


async def test_a_request_is_spaced_from_when_the_last_one_was_out_at_the_latest(
    wire: Wire, tmp_path: Path
) -> None:
    """A SEC1000S that is asked too fast hangs, and what delays a request on its way must not cause that."""

    async def slow(_socket: Socket) -> str:
        await wire.clock.sleep(0.9)
        return "fine"

    boot = wire.clock.monotonic
    turns = [Turns(tmp_path, boot_clock=boot) for _ in range(2)]
    links = [exchanges(wire, turns=each, pause="2s", settle="0.7s") for each in turns]
    wire.answers = [slow, RuntimeError("lost"), slow]
    spacing = Spacing("0b", 5)
    for link in (*links, *links):
        deadline = Deadline.after(60, wire.clock)
        async with link.turn(deadline):
            with suppress(RuntimeError):
                await link.run(wire.ask, deadline, repeat=False, spacing=spacing)
    asked = wire.named("ask")
    assert [later - earlier for earlier, later in pairwise(asked)] == pytest.approx([6.6, 5.0, 6.6])


async def test_a_reader_that_gets_no_turn_back_is_busy_and_may_ask_again_later(
    wire: Wire, tmp_path: Path
) -> None:
    boot = wire.clock.monotonic
    control = Turns(tmp_path, role="control", boot_clock=boot).endpoint(f"{HOST}:{PORT}", wire.clock)
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=boot))
    async with link.turn(Deadline.after(60, wire.clock)):
        await link.run(wire.ask, Deadline.after(60, wire.clock), repeat=True)
        taking = asyncio.create_task(control.take(Deadline.after(60, wire.clock)))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match=r"process \d+ \(control\) did not end its turn in time"):
            await link.run(wire.ask, Deadline.after(2, wire.clock), repeat=True)
        await taking
        assert wire.open == 0
        control.release()
        assert await link.run(wire.ask, Deadline.after(2, wire.clock), repeat=True) == "fine"
    assert len(wire.named("ask")) == 2


@pytest.mark.parametrize(
    ("after_another", "error"), [(True, Busy), (False, TimedOut)], ids=["another", "alone"]
)
async def test_what_the_turn_of_another_left_is_no_limit_to_judge_a_device_by(
    wire: Wire, tmp_path: Path, after_another: bool, error: type[DeviceError]
) -> None:
    async def never(_socket: Socket) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    if after_another:
        other = LockFile(tmp_path / f"{HOST}:{PORT}.lock")
        other.write(Record(4711, "control"))
        other.close()
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=wire.clock.monotonic), timeout="2s")
    wire.answers = [never]
    with pytest.raises(error, match=r"no answer within 0.05 s"):
        await ask(link, wire, within=0.05, repeat=False)
    assert wire.open == 0
    assert await ask(link, wire) == ["fine"]


async def test_a_device_that_is_silent_for_its_whole_time_has_timed_out(wire: Wire, tmp_path: Path) -> None:
    async def never(_socket: Socket) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    other = LockFile(tmp_path / f"{HOST}:{PORT}.lock")
    other.write(Record(4711, "control"))
    other.close()
    link = exchanges(wire, turns=Turns(tmp_path, boot_clock=wire.clock.monotonic), timeout="20ms")
    wire.answers = [never]
    with pytest.raises(TimedOut, match=r"no answer within 0.02 s$"):
        await ask(link, wire, repeat=False)


async def test_a_turn_ends_when_what_was_asked_in_it_is_answered(wire: Wire) -> None:
    link = exchanges(wire)
    answering = asyncio.Event()
    tasks: list[asyncio.Task[str]] = []

    async def wait(_socket: Socket) -> str:
        await answering.wait()
        return "fine"

    def start() -> None:
        tasks.append(asyncio.create_task(link.run(wire.ask, deadline, repeat=True)))

    wire.answers = [wait]
    loop = asyncio.get_running_loop()
    deadline = Deadline.after(60, wire.clock)
    async with link.turn(deadline):
        start()
        await asyncio.sleep(0)
        loop.call_soon(start)  # when the turn is about to end
        loop.call_soon(loop.call_soon, answering.set)
    in_time, too_late = tasks
    assert await in_time == "fine"
    with pytest.raises(RuntimeError, match="the turn ended"):
        await too_late
    assert len(wire.named("ask")) == 1
