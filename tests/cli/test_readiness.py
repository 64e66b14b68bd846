from __future__ import annotations

import asyncio

import pytest

from sunhelm.cli.readiness import answers, takes_connections


async def serve(answer: bytes) -> tuple[asyncio.Server, int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False),
        (b"", False),
        (b"200\n", False),
    ],
)
async def test_only_status_200_is_ready(answer: bytes, ready: bool) -> None:
    server, port = await serve(answer)
    async with server:
        assert await answers("127.0.0.1", port, "/-/ready")() is ready


async def test_a_port_is_ready_when_something_listens() -> None:
    server, port = await serve(b"")
    async with server:
        assert await takes_connections("127.0.0.1", port)()
    assert not await takes_connections("127.0.0.1", port)()
    assert not await answers("127.0.0.1", port, "/")()
