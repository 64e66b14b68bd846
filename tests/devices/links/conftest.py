"""A device on a real socket that answers by the Modbus specification, and misbehaves when told to.

Frames are built here by hand, with nothing of pymodbus and nothing of ours.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.modbus import Framing


def checksum(data: bytes) -> bytes:
    """CRC-16 of the serial line specification, bit by bit, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def word(unit: int, function: int, address: int) -> int:
    """The word at a place of the honest device: different at every place nearby."""
    return (unit * 7919 + function * 104_729 + address * 31) & 0xFFFF


@dataclass
class Request:
    """One request that came, and the means to answer it rightly or wrongly."""

    device: Device
    writer: asyncio.StreamWriter
    transaction: int
    unit: int
    pdu: bytes

    @property
    def honest(self) -> bytes:
        """The PDU of the right answer."""
        function = self.pdu[0]
        if function in (3, 4):
            address, count = struct.unpack(">HH", self.pdu[1:])
            words = [word(self.unit, function, address + i) for i in range(count)]
            return struct.pack(f">BB{count}H", function, 2 * count, *words)
        return self.pdu[:5]

    def frame(self, pdu: bytes, *, unit: int | None = None, transaction: int | None = None) -> bytes:
        unit = self.unit if unit is None else unit
        if self.device.framing == "rtu_over_tcp":
            return bytes([unit]) + pdu + checksum(bytes([unit]) + pdu)
        transaction = self.transaction if transaction is None else transaction
        return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> None:
        await self.send(self.frame(self.honest))

    async def refuse(self, code: int) -> None:
        await self.send(self.frame(bytes([self.pdu[0] | 0x80, code])))

    async def close(self) -> None:
        self.writer.close()


Behaviour = Callable[[Request], Awaitable[None]]

_TURNS_TO_BEGIN = 8
"""Turns of the event loop within which a connection that it has taken has its task under way."""


@dataclass
class Device:
    """A device on a port of this machine. Behaviours in `script` are used up first, then it is honest."""

    framing: Framing
    script: list[Behaviour] = field(default_factory=list)
    otherwise: Behaviour = Request.answer
    seen: list[bytes] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    outstanding: int = 0
    most_outstanding: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is looked at whenever something happens here."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(condition)

    async def _happened(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _next(self, reader: asyncio.StreamReader) -> tuple[bytes, int, int, bytes]:
        if self.framing == "modbus_tcp":
            head = await reader.readexactly(7)
            transaction, protocol, length, unit = struct.unpack(">HHHB", head)
            assert protocol == 0
            pdu = await reader.readexactly(length - 1)
            return head + pdu, transaction, unit, pdu
        head = await reader.readexactly(2)
        if head[1] == 16:
            head += await reader.readexactly(5)
            rest = await reader.readexactly(head[6] + 2)
        else:
            rest = await reader.readexactly({3: 6, 4: 6, 6: 6, 0x2B: 5}[head[1]])
        frame = head + rest
        assert checksum(frame[:-2]) == frame[-2:]
        return frame, 0, frame[0], frame[1:-2]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await self._happened()
        try:
            while True:
                frame, transaction, unit, pdu = await self._next(reader)
                self.seen.append(pdu)
                self.frames.append(frame)
                self.outstanding += 1
                self.most_outstanding = max(self.most_outstanding, self.outstanding)
                await self._happened()
                behaviour = self.script.pop(0) if self.script else self.otherwise
                await behaviour(Request(self, writer, transaction, unit, pdu))
                self.outstanding -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # cancelled at the end of a test; asyncio's server would log that
        finally:
            self.open -= 1
            writer.close()
            await self._happened()


@asynccontextmanager
async def running(device: Device) -> AsyncIterator[Device]:
    server = await asyncio.start_server(device.serve, device.host, 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        for _ in range(_TURNS_TO_BEGIN):  # cancelled before it began, a connection would never be closed
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if getattr(task.get_coro(), "__name__", "") == "serve":
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a device does, neither the libraries below nor the event loop log about it."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.WARNING] == []


@pytest.fixture(params=["modbus_tcp", "rtu_over_tcp"])
def framing(request: pytest.FixtureRequest) -> Framing:
    framing: Framing = request.param
    return framing


@pytest.fixture
async def device(framing: Framing) -> AsyncIterator[Device]:
    async with running(Device(framing)) as device:
        yield device


@pytest.fixture
async def tcp_device() -> AsyncIterator[Device]:
    async with running(Device("modbus_tcp")) as device:
        yield device


@pytest.fixture(scope="session")
def make_device() -> Any:
    """Start a device where no fixture reaches: `async with make_device(framing) as device`."""
    return lambda framing: running(Device(framing))


@pytest.fixture(scope="session")
def word_at() -> Any:
    return word


@pytest.fixture(scope="session")
def crc() -> Any:
    return checksum


@pytest.fixture
def quick() -> Pacing:
    """No pauses, and little patience: for tests whose time is that of real sockets."""
    return Pacing(timeout="400ms")
