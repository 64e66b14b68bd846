"""One TCP connection on which one question at a time waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self, TypeVar

from sunhelm.devices.links.base import LinkStatistics

Answer = TypeVar("Answer")
Take = Callable[[bytearray], Answer | None]
"""Removes the answer from the bytes that came so far and returns it, None while it is not whole.

Raises WireError as soon as they cannot become an answer any more.
"""


class HungUp(EOFError):
    """The device closed the connection after `received` bytes of an answer that has more."""

    def __init__(self, received: int) -> None:
        part = "in the middle of an answer" if received else "instead of an answer"
        super().__init__(f"the device closed the connection {part}")
        self.received = received


class TcpConnection(asyncio.Protocol):
    """A connection that closes itself when bytes come that belong to no answer.

    Such bytes mean that device and we are out of step; without an id in the protocol nothing but a new
    connection brings both back into step. With `unasked`, up to so many bytes are kept for whoever asks next.
    """

    def __init__(self, statistics: LinkStatistics, unasked: int = 0) -> None:
        self._statistics = statistics
        self._unasked = unasked
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._take: Take[Any] | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._closed = asyncio.Event()

    @classmethod
    async def open(cls, address: str, port: int, statistics: LinkStatistics, *, unasked: int = 0) -> Self:
        """Return a new connection that counts its stale answers. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(statistics, unasked), address, port)
        return connection

    @property
    def usable(self) -> bool:
        """Whether it is open as far as we know."""
        return not self._transport.is_closing()

    async def ask(self, question: bytes, take: Take[Answer]) -> Answer:
        """Send the question and return what `take` makes of the bytes that come.

        Whoever stops waiting has to close the connection. Raises EOFError or OSError when it breaks, and
        what `take` raises.
        """
        if not self.usable:
            raise EOFError("the connection was closed")
        self._take = take
        future = self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(question)
        try:
            answer: Answer = await future
        finally:
            self._take = self._answer = None
            if future.done() and not future.cancelled():
                future.exception()  # heard, even when a cancellation came first
        return answer

    async def close(self) -> None:
        """Return when the socket is closed; nothing that comes later is heard."""
        self._transport.abort()
        await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._take is None or self._answer is None or self._answer.done():
            self._rest()
            return
        try:
            answer = self._take(self._buffer)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, else the event loop would swallow it
            self._answer.set_exception(error)
            return
        if answer is not None:
            self._answer.set_result(answer)
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or HungUp(len(self._buffer)))

    def _rest(self) -> None:
        """Close the connection when there is more than may come unasked."""
        if len(self._buffer) <= self._unasked:
            return
        self._statistics.stale_answers += 1
        self._transport.abort()
