"""The simulated SEC1000S: its frames byte for byte, what it obeys, and its habits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.simulator.faces.sec1000 import Habits, Sec1000Box
from sunhelm.simulator.faults import CorruptWord, ExceptionReply
from sunhelm.simulator.plant import Plant

NOON = datetime(2026, 6, 21, 12, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()


@asynccontextmanager
async def box(**habits: Any) -> AsyncIterator[Sec1000Box]:
    device = Sec1000Box(Plant(start=NOON, warm_up=False), habits=Habits(**{"hangs_below_s": None, **habits}))
    await device.open("127.0.0.1", 0)
    try:
        yield device
    finally:
        await device.close()


async def ask(device: Sec1000Box, text: str) -> bytes:
    """Send one request on a connection of its own; return what came until nothing more came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
    try:
        writer.write(bytes.fromhex(text))
        writer.write_eof()
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


VALUE_ON, VALUE_OFF = "0006 0101 40 01 0043", "0006 0101 40 02 0044"
LIMIT_7_KW = "000E 0101 42 00004E20 00001B58 02 0127"
ACCEPTED = {0x40: "04524556 4F 0006 0101 40 06 0048", 0x42: "04524556 4F 0006 0101 42 06 004A"}


async def test_a_limit_is_set_and_read_back_byte_for_byte() -> None:
    async with box() as device:
        device.ct_ratio = 0
        assert await ask(device, LIMIT_7_KW) == bytes.fromhex(ACCEPTED[0x42])
        assert await ask(device, VALUE_ON) == bytes.fromhex(ACCEPTED[0x40])
        assert await ask(device, "0005 0101 43 0045") == bytes.fromhex(
            "04524556 4F 0012 010143 03 00004E20 00000000 00001B58 0129"
        )
        assert device.plant.steering.feed_in_limit_w == 7000


async def test_no_mode_means_no_limit() -> None:
    async with box() as device:
        await ask(device, LIMIT_7_KW)
        await ask(device, VALUE_OFF)
        assert device.mode == 0
        assert device.plant.steering.feed_in_limit_w is None


async def test_the_clock_is_acknowledged_in_its_own_way() -> None:
    async with box() as device:
        reply = await ask(device, "000C 0101 05 1A0600150C2238 00A2")
        assert reply == bytes.fromhex("04524556 4F 0006 0101 05 03 000A")


async def test_telemetry_has_the_meter_of_the_plant() -> None:
    async with box() as device:
        reply = await ask(device, "0005 0101 0B 000D")
        assert len(reply) == 56
        grid = int.from_bytes(reply[46:50], signed=True)
        assert grid == pytest.approx(-device.plant.state.grid.power_w, abs=1)


async def test_asked_too_fast_it_hangs_until_its_power_is_cut() -> None:
    async with box(hangs_below_s=60.0) as device:
        assert await ask(device, "0005 0101 0B 000D")
        assert await ask(device, "0005 0101 0B 000D") == b""
        assert await ask(device, "0005 0101 43 0045") == b""
        device.cut_power()
        assert await ask(device, "0005 0101 43 0045")


@pytest.mark.parametrize(
    "request_", ["0005 0101 0B 000E", "0005 0101 77 0079", "0003 0101 0B"], ids=["sum", "command", "short"]
)
async def test_what_it_does_not_understand_gets_no_answer(request_: str) -> None:
    async with box() as device:
        assert await ask(device, request_) == b""


async def test_a_busy_box_answers_with_a_status_only() -> None:
    async with box() as device:
        device.faults.start(ExceptionReply(on="read"))
        assert await ask(device, "0005 0101 0B 000D") == bytes.fromhex("04524556 4F 0006 01010B 15 0022")


async def test_the_inverters_total_stands_still_for_half_a_minute() -> None:
    async with box() as device:
        first = (await ask(device, "0005 0101 0B 000D"))[50:54]
        device.plant.advance(20)
        assert (await ask(device, "0005 0101 0B 000D"))[50:54] == first
        device.plant.advance(10)
        device.faults.start(CorruptWord(index=0, value=5))
        assert (await ask(device, "0005 0101 0B 000D"))[10:14] == bytes([0, 0, 0, 5])


async def test_a_false_zero_comes_now_and_then() -> None:
    async with box(false_zero_share=0.5) as device:
        totals = {int.from_bytes((await ask(device, "0005 0101 0B 000D"))[50:54]) for _ in range(20)}
        assert 0 in totals
        assert len(totals) == 2


def throttled(**habits: Any) -> Sec1000Box:
    """Live until a load has made the inverters behind the box throttle."""
    plant = Plant(start=NOON, warm_up=False, soc=1.0)
    device = Sec1000Box(plant, habits=Habits(hangs_below_s=None, **habits))
    device.export_limit_w = 500
    plant.steering.feed_in_limit_w = 500.0
    for _ in range(4 * 3600):
        before = plant.state
        plant.advance(1)
        device.update()
        if device.throttles:
            assert plant.state.load.power_w - before.load.power_w > 1000
            return device
    raise AssertionError("no load has jumped")


def live(device: Sec1000Box, seconds: int) -> None:
    for _ in range(seconds):
        device.plant.advance(1)
        device.update()


def test_a_load_that_jumps_makes_the_inverters_throttle_for_minutes() -> None:
    device = throttled(throttle_s=150.0)
    live(device, 30)
    state = device.plant.state
    assert state.pv_power_w < 0.5 * state.load.power_w
    assert state.battery.power_w > 500
    live(device, 110)
    assert device.throttles
    live(device, 20)
    assert not device.throttles
    assert device.plant.state.pv_power_w > state.pv_power_w + 500


def test_a_limiter_that_is_off_for_a_moment_ends_it() -> None:
    device = throttled(throttle_s=150.0)
    live(device, 10)
    device.mode = 0
    live(device, 5)
    device.mode = 3

    assert not device.throttles
    assert device.plant.steering.pv_throttle == 1.0


def test_a_box_does_not_throttle_unless_it_has_that_habit() -> None:
    with pytest.raises(AssertionError, match="no load has jumped"):
        throttled()
