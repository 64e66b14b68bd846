from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from exporter.polling import Poller
from sunhelm.devices.clock import Deadline


class Rig:
    """A poller of the targets, which hears of every fresh reading."""

    def __init__(
        self, make_target: Callable[..., Any], clock: Any, settle: Callable[[], Awaitable[None]]
    ) -> None:
        self.targets: dict[str, Any] = {}
        self.polls = 0
        self.poller = Poller(self.targets, 60.0, polled=self._count, clock=clock)
        self.clock = clock
        self.settle = settle
        self._make_target = make_target

    def add(self, device: Any, *, interval_s: float = 15.0) -> Any:
        target = self._make_target(device, listeners=[self.poller.seen])
        self.targets[device.name] = replace(target, interval_s=interval_s)
        return target

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.poller.run())
        await self.settle()
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            await self.clock.advance(1.0)

    def _count(self) -> None:
        self.polls += 1


@pytest.fixture
def rig(make_target: Any, clock: Any, settle: Any) -> Rig:
    return Rig(make_target, clock, settle)


async def test_a_device_that_nobody_asks_is_read_every_interval(rig: Rig, device: Any) -> None:
    rig.add(device)
    async with rig.running():
        await rig.pass_time(59)
        assert device.reads == []
        await rig.pass_time(2)
        assert device.reads == [None]
        await rig.pass_time(180)
    assert len(device.reads) == rig.polls == 4


async def test_a_device_that_is_scraped_is_left_alone(rig: Rig, device: Any, clock: Any) -> None:
    target = rig.add(device)
    async with rig.running():
        for _ in range(10):
            await rig.pass_time(30)
            await target.flight.reading(Deadline.after(5.0, clock))
        assert (len(device.reads), rig.polls) == (10, 0)
        await rig.pass_time(61)
    assert rig.polls == 1


async def test_no_device_is_polled_more_often_than_its_family_recommends(rig: Rig, device: Any) -> None:
    rig.add(device, interval_s=300.0)
    async with rig.running():
        await rig.pass_time(1000)
    assert len(device.reads) == 3


async def test_a_device_that_hangs_is_asked_once_and_holds_up_no_other(
    rig: Rig, device: Any, make_device: Any, clock: Any
) -> None:
    shed = make_device("shed", clock=clock)
    rig.add(device)
    rig.add(shed)
    device.hold()
    async with rig.running():
        await rig.pass_time(200)
        assert (len(device.reads), len(shed.reads)) == (1, 3)
        device.release()


async def test_a_device_that_crashes_is_asked_again(rig: Rig, device: Any) -> None:
    rig.add(device)
    device.crash = RuntimeError("a mistake of ours")
    async with rig.running():
        await rig.pass_time(121)
    assert len(device.reads) == 2


async def test_devices_that_a_reload_brings_and_takes_are_followed(
    rig: Rig, device: Any, make_device: Any, clock: Any
) -> None:
    rig.add(device)
    async with rig.running():
        await rig.pass_time(61)
        del rig.targets["gx"]
        shed = make_device("shed", clock=clock)
        rig.add(shed)
        await rig.pass_time(70)
    assert (len(device.reads), len(shed.reads)) == (1, 1)


async def test_the_end_leaves_no_task(rig: Rig, device: Any, settle: Any) -> None:
    target = rig.add(device)
    device.hold()
    async with rig.running():
        await rig.pass_time(61)
    await settle()
    await target.flight.close()
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"poll gx", "read gx"})
