"""Real processes on one device that serves one client."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.links.lockfile import LockFile

pytestmark = pytest.mark.real_time

PROGRAM = Path(__file__).with_name("turn_process.py")
READ, WRITE = 3, 16


@dataclass
class Running:
    """One process that takes turns."""

    process: asyncio.subprocess.Process

    async def says(self, line: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            assert (await self.process.stdout.readline()).decode().strip() == line

    async def ends_well(self) -> None:
        async with asyncio.timeout(60):
            output, _ = await self.process.communicate()
        assert self.process.returncode == 0
        assert output.decode().split()[-1] == "done"


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path, tcp_device: Any) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def end(process: asyncio.subprocess.Process) -> None:
            if process.returncode is None:
                process.kill()
            await process.communicate()

        async def start(role: str, *, turns: int, requests: int) -> Running:
            arguments = [role, str(tmp_path), str(tcp_device.port), str(turns), str(requests)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(PROGRAM), *arguments, stdout=asyncio.subprocess.PIPE
            )
            stack.push_async_callback(end, process)
            return Running(process)

        yield start


@dataclass
class Hold:
    """Keeps one request waiting until let go."""

    released: asyncio.Event

    async def __call__(self, request: Any) -> None:
        await self.released.wait()
        await request.answer()


@pytest.fixture
def hold() -> Hold:
    return Hold(asyncio.Event())


async def test_control_gets_in_after_the_one_outstanding_request(
    tcp_device: Any, start: Start, hold: Hold
) -> None:
    honest = tcp_device.otherwise
    tcp_device.script = [honest, honest, hold]
    reader = await start("reader", turns=1, requests=8)
    await tcp_device.until(lambda: len(tcp_device.seen) == 3)
    control = await start("control", turns=1, requests=2)
    await control.says("waiting")
    assert len(tcp_device.seen) == 3
    hold.released.set()
    began = time.monotonic()
    await tcp_device.until(lambda: len(tcp_device.seen) == 4)
    assert time.monotonic() - began < 2  # the settle time of 20 ms, and a machine that is busy
    await control.ends_well()
    await reader.ends_well()
    assert [pdu[0] for pdu in tcp_device.seen] == [READ] * 3 + [WRITE] * 2 + [READ] * 5
    assert (tcp_device.most_open, tcp_device.most_outstanding) == (1, 1)
    assert tcp_device.connections == 3


async def test_a_reader_does_not_disturb_a_control_turn(tcp_device: Any, start: Start, hold: Hold) -> None:
    tcp_device.script = [hold]
    control = await start("control", turns=1, requests=3)
    await tcp_device.until(lambda: len(tcp_device.seen) == 1)
    reader = await start("reader", turns=1, requests=2)
    another = await start("control", turns=1, requests=1)
    await control.says("waiting")
    await another.says("waiting")
    hold.released.set()
    for running in (control, another, reader):
        await running.ends_well()
    assert [pdu[0] for pdu in tcp_device.seen] == [WRITE] * 4 + [READ] * 2
    assert (tcp_device.most_open, tcp_device.most_outstanding) == (1, 1)


async def test_a_killed_owner_frees_the_endpoint(
    tcp_device: Any, start: Start, hold: Hold, tmp_path: Path
) -> None:
    tcp_device.script = [hold]
    victim = await start("control", turns=1, requests=2)
    await tcp_device.until(lambda: len(tcp_device.seen) == 1)
    lock = LockFile(tmp_path / f"127.0.0.1:{tcp_device.port}.lock")
    assert not lock.take()
    record = lock.read()
    assert record is not None
    assert (record.pid, record.role) == (victim.process.pid, "control")
    assert record.exchanged_at is not None
    victim.process.send_signal(signal.SIGKILL)
    await victim.process.wait()
    assert lock.take()
    lock.close()
    hold.released.set()
    await tcp_device.until(lambda: tcp_device.open == 0)
    reader = await start("reader", turns=1, requests=2)
    await reader.ends_well()
    assert [pdu[0] for pdu in tcp_device.seen] == [WRITE, READ, READ]


async def test_exchanges_of_many_processes_never_overlap_nor_come_too_soon(
    tcp_device: Any, start: Start
) -> None:
    gaps: list[float] = []
    answered_at = float("-inf")

    async def answer(request: Any) -> None:
        nonlocal answered_at
        gaps.append(time.monotonic() - answered_at)
        answered_at = time.monotonic()
        await request.answer()

    tcp_device.otherwise = answer
    processes = [
        await start("reader", turns=6, requests=5),
        await start("reader", turns=6, requests=5),
        await start("control", turns=6, requests=2),
    ]
    for running in processes:
        await running.ends_well()
    functions = [pdu[0] for pdu in tcp_device.seen]
    assert (functions.count(READ), functions.count(WRITE)) == (60, 12)
    assert (tcp_device.most_open, tcp_device.most_outstanding) == (1, 1)
    assert min(gaps) >= 0.005
