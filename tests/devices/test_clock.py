"""A rest that an event ends."""

from __future__ import annotations

import asyncio

from sunhelm.devices.clock import sleep_unless
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop


def test_a_rest_ends_with_its_time_or_with_the_event_whichever_comes_first() -> None:
    async def rests() -> list[float]:
        clock, event = VirtualClock(0.0), asyncio.Event()
        ends = []
        for set_after in (100.0, 20.0):
            event.clear()
            asyncio.get_running_loop().call_later(set_after, event.set)
            began = clock.monotonic()
            await sleep_unless(event, 60.0, clock)
            ends.append(round(clock.monotonic() - began))
        return ends

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(rests()) == [60, 20]


def test_a_rest_of_no_time_or_with_the_event_set_is_none() -> None:
    async def rests() -> float:
        clock, event = VirtualClock(0.0), asyncio.Event()
        began = clock.monotonic()
        await sleep_unless(event, -1.0, clock)
        event.set()
        await sleep_unless(event, 60.0, clock)
        return clock.monotonic() - began

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(rests()) == 0.0
