"""When a server does its work: it takes connections, or answers that it is ready."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sunhelm.cli.processes import Ready


def takes_connections(host: str, port: int) -> Ready:
    """Return a check whether a port takes connections."""

    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        await _close(writer)
        return True

    return ready


def answers(host: str, port: int, path: str) -> Ready:
    """Return a check whether a page of an HTTP server answers with status 200."""

    async def ready() -> bool:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
            status = await reader.readline()
        except OSError:
            return False
        finally:
            await _close(writer)
        return status.split()[1:2] == [b"200"]

    return ready


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
