"""Turns on an endpoint: between links of one process, and between what stands for processes here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy
from sunhelm.devices.links import turns as turns_module
from sunhelm.devices.links.lockfile import LockFile, Record
from sunhelm.devices.links.turns import IN_PROCESS, RuntimeDirectoryError, Turns, runtime_directory

NAME = "192.0.2.1:502"


@pytest.fixture
def boot(clock: Any) -> Any:
    return clock.monotonic


def lock_path(directory: Path) -> Path:
    return directory / f"{NAME}.lock"


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_turns_in_one_process_come_in_order() -> None:
    order = []

    async def take_turn(number: int) -> None:
        endpoint = IN_PROCESS.endpoint("test")
        await endpoint.take(Deadline.after(5))
        order.append(number)
        await asyncio.sleep(0)
        order.append(number)
        endpoint.release()

    await asyncio.gather(*(take_turn(number) for number in range(5)))
    assert order == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


async def test_a_turn_that_does_not_end_in_time_is_busy() -> None:
    endpoint = IN_PROCESS.endpoint("test")
    await endpoint.take(Deadline.after(5))
    with pytest.raises(Busy, match="test: another reading of this process"):
        await endpoint.take(Deadline.after(0.02))
    endpoint.release()
    await endpoint.take(Deadline.after(0))
    endpoint.release()


async def test_the_same_name_is_the_same_endpoint(tmp_path: Path) -> None:
    turns = Turns(tmp_path)
    endpoint = turns.endpoint(NAME)
    assert turns.endpoint(NAME) is endpoint
    assert turns.endpoint("192.0.2.1:503") is not endpoint


async def test_a_turn_of_another_process_is_busy_and_named(tmp_path: Path, clock: Any) -> None:
    other = LockFile(lock_path(tmp_path))
    assert other.take()
    other.write(Record(4711, "control"))
    endpoint = Turns(tmp_path).endpoint(NAME, clock)
    began = clock.monotonic()
    with pytest.raises(Busy, match=r"192.0.2.1:502: process 4711 \(control\) did not end its turn in time"):
        await endpoint.take(Deadline.after(3, clock))
    assert clock.monotonic() - began == pytest.approx(3)
    other.close()
    await endpoint.take(Deadline.after(3, clock))
    endpoint.release()


async def test_the_record_of_a_dead_owner_stops_nobody(tmp_path: Path, clock: Any) -> None:
    dead = LockFile(lock_path(tmp_path))
    assert dead.take()
    dead.write(Record(1, "control"))
    dead.close()  # as the kernel does when a process dies
    endpoint = Turns(tmp_path).endpoint(NAME, clock)
    await endpoint.take(Deadline.after(0, clock))
    assert Record.parse(lock_path(tmp_path).read_bytes()) == Record(os.getpid(), "reader")
    endpoint.release()


async def test_a_reader_sees_that_control_waits_and_control_sees_nothing(tmp_path: Path, clock: Any) -> None:
    reader = Turns(tmp_path).endpoint(NAME, clock)
    control = Turns(tmp_path, role="control").endpoint(NAME, clock)
    await reader.take(Deadline.after(1, clock))
    assert not reader.is_awaited
    with pytest.raises(Busy):
        await control.take(Deadline.after(1, clock))
    assert not reader.is_awaited  # it gave up
    waiting = LockFile(lock_path(tmp_path))
    waiting.announce()
    assert reader.is_awaited
    reader.lend()
    await control.take(Deadline.after(1, clock))
    assert not control.is_awaited
    control.release()
    reader.release()
    waiting.close()


async def test_a_reader_does_not_take_a_free_turn_before_a_waiting_control(
    tmp_path: Path, clock: Any
) -> None:
    waiting = LockFile(lock_path(tmp_path))
    waiting.announce()
    reader = Turns(tmp_path).endpoint(NAME, clock)
    with pytest.raises(Busy):
        await reader.take(Deadline.after(1, clock))
    waiting.close()
    await reader.take(Deadline.after(1, clock))
    reader.release()


async def test_a_lent_turn_is_kept_from_others_of_the_process(tmp_path: Path) -> None:
    endpoint = Turns(tmp_path).endpoint(NAME)
    await endpoint.take(Deadline.after(1))
    endpoint.lend()
    with pytest.raises(Busy):
        await endpoint.take(Deadline.after(0.02))
    assert not endpoint.owned
    await endpoint.resume(Deadline.after(1))
    assert endpoint.owned
    endpoint.release()


async def test_the_last_exchange_is_known_to_the_next_owner(tmp_path: Path, clock: Any, boot: Any) -> None:
    first = Turns(tmp_path, boot_clock=boot).endpoint(NAME, clock)
    second = Turns(tmp_path, role="control", boot_clock=boot).endpoint(NAME, clock)
    await first.take(Deadline.after(1, clock))
    assert first.since_exchange_s() == float("inf")
    first.exchanged()
    first.release()
    clock.advance(2)
    await second.take(Deadline.after(1, clock))
    assert second.since_exchange_s() == pytest.approx(2)
    second.release()


@pytest.mark.parametrize("text", [b"garbage", b"", b'{"pid": 1, "role": "reader", "exchanged_at": 1e300}'])
async def test_a_file_that_makes_no_sense_is_as_good_as_a_new_one(
    tmp_path: Path, clock: Any, boot: Any, text: bytes
) -> None:
    lock_path(tmp_path).write_bytes(text)
    endpoint = Turns(tmp_path, boot_clock=boot).endpoint(NAME, clock)
    await endpoint.take(Deadline.after(1, clock))
    assert endpoint.since_exchange_s() == float("inf")
    endpoint.exchanged()
    assert endpoint.since_exchange_s() == 0
    endpoint.release()


async def test_a_cleaned_directory_is_made_again(tmp_path: Path, clock: Any) -> None:
    directory = tmp_path / "run"
    endpoint = Turns(directory).endpoint(NAME, clock)
    directory.rmdir()
    await endpoint.take(Deadline.after(1, clock))
    assert lock_path(directory).exists()
    endpoint.release()


@dataclass
class Interrupted:
    """A virtual clock; what happens during the first sleep is given."""

    virtual: Any
    meanwhile: Callable[[], None] | None

    def monotonic(self) -> float:
        return float(self.virtual.monotonic())

    def time(self) -> float:
        return float(self.virtual.time())

    async def sleep(self, seconds: float) -> None:
        await self.virtual.sleep(seconds)
        if self.meanwhile:
            self.meanwhile()
            self.meanwhile = None


async def test_a_file_that_is_removed_while_we_wait_does_not_let_two_in(tmp_path: Path, clock: Any) -> None:
    path = lock_path(tmp_path)
    first = LockFile(path)
    assert first.take()
    others: list[LockFile] = []

    def replace() -> None:
        path.unlink()
        others.append(LockFile(path))
        assert others[0].take()
        first.close()

    interrupted = Interrupted(clock, replace)
    endpoint = Turns(tmp_path).endpoint(NAME, interrupted)
    with pytest.raises(Busy):
        await endpoint.take(Deadline.after(1, interrupted))
    others[0].close()
    await endpoint.take(Deadline.after(1, interrupted))
    endpoint.release()


async def test_a_file_that_cannot_be_opened_is_busy_and_says_why(tmp_path: Path, clock: Any) -> None:
    lock_path(tmp_path).mkdir()
    endpoint = Turns(tmp_path).endpoint(NAME, clock)
    with pytest.raises(Busy, match=r"lock file .*: Is a directory"):
        await endpoint.take(Deadline.after(1, clock))
    lock_path(tmp_path).rmdir()
    await endpoint.take(Deadline.after(1, clock))
    endpoint.release()


class Gate:
    """A clock on which whoever sleeps waits until let through."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()

    def monotonic(self) -> float:
        return 0.0

    def time(self) -> float:
        return 0.0

    async def sleep(self, _seconds: float) -> None:
        self.asleep.set()
        await self.wake.wait()


async def test_waiting_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    other = LockFile(lock_path(tmp_path))
    assert other.take()
    gate = Gate()
    endpoint = Turns(tmp_path).endpoint(NAME, gate)
    waiting = asyncio.create_task(endpoint.take(Deadline.after(20, gate)))
    await gate.asleep.wait()
    assert not waiting.done()
    other.close()
    gate.wake.set()
    await waiting
    endpoint.release()


async def test_a_cancelled_wait_leaves_nothing_behind(tmp_path: Path) -> None:
    other = LockFile(lock_path(tmp_path))
    assert other.take()
    gate = Gate()
    endpoint = Turns(tmp_path, role="control").endpoint(NAME, gate)
    waiting = asyncio.create_task(endpoint.take(Deadline.after(20, gate)))
    await gate.asleep.wait()
    assert other.is_awaited()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not other.is_awaited()
    other.close()
    await endpoint.take(Deadline.after(1, gate))
    endpoint.release()


async def test_names_of_accounts_become_names_of_files(tmp_path: Path) -> None:
    endpoint = Turns(tmp_path).endpoint("owner@example.org/../x")
    await endpoint.take(Deadline.after(1))
    assert names_in(tmp_path) == ["owner@example.org%2F..%2Fx.lock"]
    endpoint.release()


def test_the_directory_is_made_for_the_group(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Turns(tmp_path / "run" / "sunhelm")
    finally:
        os.umask(before)
    assert (tmp_path / "run" / "sunhelm").stat().st_mode & 0o7777 == 0o2770


@pytest.mark.parametrize("unusable", ["file", "below a file"])
def test_an_unusable_directory_is_refused(tmp_path: Path, unusable: str) -> None:
    file = tmp_path / "file"
    file.touch()
    directory = file if unusable == "file" else file / "sunhelm"
    with pytest.raises(RuntimeDirectoryError, match=r"runtime directory .*file.*--runtime\.directory"):
        Turns(directory)


def test_the_directory_is_found_in_its_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tmp_path / "run" / "sunhelm"
    monkeypatch.setattr(turns_module, "DEFAULT_DIRECTORY", usual)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_directory(Path("/elsewhere")) == Path("/elsewhere")
    with pytest.raises(RuntimeDirectoryError, match="XDG_RUNTIME_DIR is not set"):
        runtime_directory()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert runtime_directory() == Path("/run/user/1000/sunhelm")
    usual.parent.mkdir()
    assert runtime_directory() == usual
