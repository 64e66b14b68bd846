from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

T = TypeVar("T")


def run(program: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(program)


def test_a_day_passes_at_once_and_the_clock_shows_it() -> None:
    async def program() -> tuple[float, float]:
        clock = VirtualClock(1_750_000_000.0)
        await clock.sleep(86_400.0)
        return clock.monotonic(), clock.time()

    began = time.monotonic()
    monotonic, unix = run(program())
    assert time.monotonic() - began < 5.0
    assert monotonic == pytest.approx(86_400.0)
    assert unix == pytest.approx(1_750_086_400.0)


def test_timers_fire_in_their_order_and_at_their_time() -> None:
    async def program() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, round(asyncio.get_running_loop().time(), 3)))

        await asyncio.gather(wait("late", 3600.0), wait("soon", 0.5), wait("between", 60.0))
        return seen

    assert run(program()) == [("soon", 0.5), ("between", 60.0), ("late", 3600.0)]


def test_a_time_out_strikes_at_its_time() -> None:
    async def program() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(program()) == pytest.approx(30.0)


def test_time_does_not_jump_over_what_is_under_way_on_a_socket() -> None:
    async def program() -> float:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(500):
            async with asyncio.timeout(3600.0):
                writer.write(b"%d\n" % number)
                assert await reader.readline() == b"%d\n" % number
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return asyncio.get_running_loop().time()

    assert run(program()) < 3600.0


def test_work_for_a_thread_takes_no_time_and_its_errors_come_back() -> None:
    async def program() -> float:
        async with asyncio.timeout(1.0):
            assert await asyncio.to_thread(sum, [1, 2, 3]) == 6
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        return asyncio.get_running_loop().time()

    assert run(program()) == 0.0
