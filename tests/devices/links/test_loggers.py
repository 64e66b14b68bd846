"""Finding loggers over UDP: those that answer, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sunhelm.devices.links.loggers import Logger, find_loggers

HOST = "127.0.0.1"


@pytest.fixture
async def box() -> AsyncIterator[Callable[..., Any]]:
    """Open a box that answers every question with these bytes, and keeps what it was asked."""
    opened: list[asyncio.DatagramTransport] = []

    class Box(asyncio.DatagramProtocol):
        def __init__(self, answer: bytes) -> None:
            self.answer = answer
            self.asked: list[bytes] = []
            self.port = 0

        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.port = transport.get_extra_info("sockname")[1]

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.asked.append(data)
            self.transport.sendto(self.answer, addr)

    async def open_box(answer: bytes) -> Box:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(lambda: Box(answer), local_addr=(HOST, 0))
        opened.append(transport)
        return protocol

    yield open_box
    for transport in opened:
        transport.close()


async def test_a_logger_tells_its_serial_number(box: Any) -> None:
    logger = await box(b"192.0.2.7,C4D4F5010203,4123456789")
    assert await find_loggers([HOST], port=logger.port, wait_s=0.1) == (Logger(HOST, 4_123_456_789),)
    assert logger.asked == [b"WIFIKIT-214028-READ", b"HF-A11ASSISTHREAD"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"+ok",
        b"192.0.2.7,C4D4F5010203",
        b"192.0.2.7,C4D4F5010203,HF-LPT230",
        b"192.0.2.7,C4D4F5010203,4294967296",
        b"192.0.2.7,C4D4F5010203,0",
        b"\xff\xfe,x,12",
        b"a,b,1,2",
        b"1" * 4096,
    ],
)
async def test_other_answers_are_no_logger(box: Any, answer: bytes) -> None:
    other = await box(answer)
    found = await find_loggers([HOST], port=other.port, wait_s=0.05)
    assert found == ((Logger(HOST, 12),) if answer.endswith(b",x,12") else ())


async def test_where_nobody_listens_there_is_none(box: Any) -> None:
    gone = await box(b"")
    gone.transport.close()
    await asyncio.sleep(0)
    assert await find_loggers(["::1", HOST], port=gone.port, wait_s=0.05) == ()
