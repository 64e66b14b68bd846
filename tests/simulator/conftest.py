"""A device of plain registers, a bare client, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from sunhelm.simulator.faces.face import ModbusException, Table


@dataclass
class Registers:
    """A face of words: `words` answer reads, `counters` are said to be counters, the rest is exception 2."""

    words: dict[int, int] = field(default_factory=lambda: {address: address for address in range(100)})
    counter_addresses: frozenset[int] = frozenset()
    objects: dict[int, str] | None = None

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        try:
            return [self.words[place] for place in range(address, address + count)]
        except KeyError:
            raise ModbusException(2) from None

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        for place, word in enumerate(words, address):
            if place not in self.words:
                raise ModbusException(2)
            self.words[place] = word

    def identification(self, unit: int) -> Mapping[int, str] | None:
        return self.objects

    def counters(self, unit: int, table: Table) -> Container[int]:
        return self.counter_addresses

    def update(self) -> None:
        pass


class ManualClock:
    """Time stands still until `advance`; whoever sleeps past it then goes on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        self._asleep = asyncio.Event()

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, woken))
        self._asleep.set()
        await woken.wait()

    async def someone_sleeps(self) -> None:
        """Wait until somebody sleeps."""
        while not self._sleepers:
            self._asleep.clear()
            await self._asleep.wait()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, woken in self._sleepers:
            if due <= self.now:
                woken.set()
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.now]


class Client:
    """Raw bytes to a port and back; text is hexadecimal with spaces where they please."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str) -> None:
        self.writer.write(bytes.fromhex(text))
        await self.writer.drain()

    async def receive(self, count: int) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readexactly(count)).hex(" ", 1)

    async def ask(self, text: str) -> str:
        """Send one Modbus TCP request and return the whole reply, as hexadecimal."""
        await self.send(text)
        header = bytes.fromhex(await self.receive(6))
        return (header + bytes.fromhex(await self.receive(int.from_bytes(header[4:], "big")))).hex()

    async def is_silent(self) -> bool:
        """Whether nothing comes while the event loop works off all that is ready."""
        try:
            async with asyncio.timeout(0.05):
                return not await self.reader.read(1)
        except TimeoutError:
            return True

    async def ended(self) -> bool:
        """Whether the other side closes or resets the connection."""
        try:
            async with asyncio.timeout(5):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True


class Connect(Protocol):
    async def __call__(self, port: int) -> Client: ...


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    writers: list[asyncio.StreamWriter] = []

    async def connect(port: int) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return Client(reader, writer)

    yield connect
    for writer in writers:
        writer.close()
    for writer in writers:
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
def registers() -> Registers:
    return Registers()


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()
