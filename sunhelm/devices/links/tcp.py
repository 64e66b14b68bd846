"""TCP connections on which one question at a time waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

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


class Conversation(asyncio.Protocol, Generic[Answer]):
    """A connection on which one question at a time waits for its answer.

    `data_received` of each kind says what becomes of the bytes that come.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None
        self._closed = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether it is open as far as we know."""
        return not self._transport.is_closing()

    async def close(self) -> None:
        """Return when the socket is closed; nothing that comes later is heard."""
        self._transport.abort()
        await self._closed.wait()

    async def _answer_to(self, question: bytes) -> Answer:
        """Send the question and return its answer, or raise what stands for it.

        Whoever stops waiting has to close the connection. Raises EOFError or OSError when it breaks.
        """
        if not self.usable:
            raise EOFError("the connection was closed")
        future = self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(question)
        try:
            answer: Answer = await future
        finally:
            self._answer = None
            if future.done() and not future.cancelled():
                future.exception()  # heard, even when a cancellation came first
        return answer

    @property
    def _awaited(self) -> asyncio.Future[Answer] | None:
        """The answer that is waited for; None when nothing is."""
        return self._answer if self._answer is not None and not self._answer.done() else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        if (awaited := self._awaited) is not None:
            awaited.set_exception(exc or HungUp(self._received))

    @property
    def _received(self) -> int:
        """How many bytes came of an answer that is not whole."""
        return 0


class TcpConnection(Conversation[Any]):
    """A connection that closes itself when bytes come that belong to no answer.

    Such bytes mean that device and we are out of step; without an id in the protocol nothing but a new
    connection brings both back into step. With `unasked`, up to so many bytes are kept for whoever asks next.
    """

    def __init__(self, statistics: LinkStatistics, unasked: int = 0) -> None:
        super().__init__()
        self._statistics = statistics
        self._unasked = unasked
        self._buffer = bytearray()
        self._take: Take[Any] | None = None

    @classmethod
    async def open(cls, address: str, port: int, statistics: LinkStatistics, *, unasked: int = 0) -> Self:
        """Return a new connection that counts its stale answers. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(statistics, unasked), address, port)
        return connection

    async def ask(self, question: bytes, take: Take[Answer]) -> Answer:
        """Send the question and return what `take` makes of the bytes that come.

        Whoever stops waiting has to close the connection. Raises EOFError or OSError when it breaks, and
        what `take` raises.
        """
        self._take = take
        try:
            answer: Answer = await self._answer_to(question)
        finally:
            self._take = None
        return answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        awaited = self._awaited
        if self._take is None or awaited is None:
            self._rest()
            return
        try:
            answer = self._take(self._buffer)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, else the event loop would swallow it
            awaited.set_exception(error)
            return
        if answer is not None:
            awaited.set_result(answer)
            self._rest()

    @property
    def _received(self) -> int:
        return len(self._buffer)

    def _rest(self) -> None:
        """Close the connection when there is more than may come unasked."""
        if len(self._buffer) <= self._unasked:
            return
        self._statistics.stale_answers += 1
        self._transport.abort()
