"""Whatever askers and the device do in whatever order, a flight keeps its promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.flight import Answer, Flight
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Reason
from sunhelm.devices.reading import Reading

REFRESH_S = 4.0

GROUPS = st.sampled_from(
    [None, frozenset({"live"}), frozenset({"settings"}), frozenset({"live", "settings"})]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), GROUPS, st.sampled_from([0.0, 0.5, 3.0, 20.0])),
        st.tuples(st.just("advance"), st.sampled_from([0.1, 1.0, 3.9, 4.0, 30.0])),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.sampled_from(["hold", "release", "break", "mend"])),
    ),
    max_size=40,
)


class _Watched:
    """A device that notices two reads at once."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self.name = device.name
        self._reading = False

    async def read(self, deadline: Deadline, groups: Any = None) -> Reading:
        assert not self._reading, "two reads of one device at once"
        self._reading = True
        try:
            return await self._device.read(deadline, groups)
        finally:
            self._reading = False

    async def close(self) -> None:
        await self._device.close()


class _World:
    """A flight, its askers and what they were promised."""

    def __init__(self, device: Any, clock: Any) -> None:
        self.device = device
        self.clock = clock
        self.heard: list[Reading] = []
        self.asks: list[tuple[asyncio.Task[Answer], Deadline]] = []
        self.flight = Flight(
            _Watched(device),
            refresh_s=REFRESH_S,
            deadline_s=15.0,
            listeners=[self.heard.append],
            clock=clock,
        )

    async def ask(self, groups: frozenset[str] | None, timeout_s: float) -> None:
        deadline = Deadline.after(timeout_s, self.clock)
        self.asks.append((asyncio.create_task(self._ask(deadline, groups)), deadline))

    async def _ask(self, deadline: Deadline, groups: frozenset[str] | None) -> Answer:
        young_before = bool(self.heard) and self.clock.time() - self.heard[-1].taken_at < REFRESH_S
        reads_before = len(self.device.reads)
        under_way_before = len(self.heard) < reads_before
        answer = await self.flight.reading(deadline, groups)
        reading = answer.reading
        assert reading.groups, "no outcome at all"
        if groups is not None:
            assert set(reading.groups) == groups
            assert {sample.group for sample in reading.samples} <= groups
        if answer.late:
            assert not reading.samples
            assert deadline.passed
        elif answer.again and len(self.device.reads) == reads_before:
            assert young_before or under_way_before, "an old reading was served again"
        return answer

    async def do(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("ask", groups, timeout_s):
                await self.ask(groups, timeout_s)
            case ("advance", seconds):
                await self.clock.advance(seconds)
            case ("leave", position) if position < len(self.asks):
                self.asks[position][0].cancel()
            case ("hold",):
                self.device.hold()
            case ("release",):
                self.device.release()
            case ("break",):
                self.device.fails = Reason.UNREACHABLE
            case ("mend",):
                self.device.fails = None
        await self.clock.advance(0.0)
        for task, deadline in self.asks:
            assert task.done() or not deadline.passed, "an asker waits past its deadline"

    async def end(self) -> None:
        self.device.release()
        results = await asyncio.gather(*(task for task, _ in self.asks), return_exceptions=True)
        await self.clock.advance(0.0)
        for result in results:
            assert isinstance(result, Answer | asyncio.CancelledError), result
        assert len(self.heard) == len(self.device.reads), "a reading was not heard exactly once"
        await self.flight.close()
        assert self.device.cancelled == 0


@given(steps=STEPS)
@settings(max_examples=300)
def test_a_flight_keeps_its_promises(
    steps: list[tuple[Any, ...]], make_clock: Callable[[], Any], make_device: Callable[..., Any]
) -> None:
    async def play() -> None:
        clock = make_clock()
        world = _World(make_device(clock=clock), clock)
        for step in steps:
            await world.do(step)
        await world.end()

    asyncio.run(play())
