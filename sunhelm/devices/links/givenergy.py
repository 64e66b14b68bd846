"""GivEnergy's data adapters on TCP. This link can only read.

Heartbeats are answered whenever they come, for an adapter that misses three closes the connection. Answers
to other clients come to us as well; they are passed over unless they are what was asked.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.links.base import LinkStatistics, Span, Table
from sunhelm.devices.links.exchange import Exchanges, WireError
from sunhelm.devices.links.givenergy_frames import (
    READ_HOLDING,
    READ_INPUT,
    READ_METER,
    WRITE,
    Answer,
    Arrival,
    Corrupt,
    Heartbeat,
    Stream,
    is_left_over,
    request,
)
from sunhelm.devices.links.tcp import HungUp
from sunhelm.devices.links.trace import trace
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import Pacing

_READ: Final = {Table.HOLDING: READ_HOLDING, Table.INPUT: READ_INPUT, Table.METER: READ_METER}
_MOST_WORDS: Final = 60


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and by what its answer is known."""

    slave: int
    function: int
    first: int
    second: int

    @property
    def frame(self) -> bytes:
        """The bytes to send."""
        return request(self.slave, self.function, self.first, self.second)

    def is_answered_by(self, answer: Answer) -> bool:
        """Whether this is the answer, or a refusal of it; that one may name no registers at all."""
        if (answer.slave, answer.function) != (self.slave, self.function):
            return False
        if answer.refused:
            return answer.first == self.first or (answer.first, answer.second) == (0, 0)
        return (answer.first, answer.second) == (self.first, self.second)


class GivEnergyConnection(asyncio.Protocol):
    """One TCP connection to an adapter."""

    def __init__(self, statistics: LinkStatistics) -> None:
        self._statistics = statistics
        self._stream = Stream()
        self._question: Question | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport
        self._closed = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether it is open as far as we know."""
        return not self._transport.is_closing()

    async def ask(self, question: Question) -> Answer:
        """Send the question and return its answer, which may be a refusal.

        Whoever stops waiting has to close the connection. Raises EOFError or OSError when it breaks, and
        WireError when the answer comes damaged.
        """
        if not self.usable:
            raise EOFError("the connection was closed")
        self._question = question
        future = self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(question.frame)
        try:
            answer: Answer = await future
        finally:
            self._question = self._answer = None
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
        for arrival in self._stream.feed(data):
            self._take(arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or HungUp(0))

    def _take(self, arrival: Arrival) -> None:
        question = self._question if self._answer is not None and not self._answer.done() else None
        match arrival:
            case Heartbeat(raw):
                self._transport.write(raw)
            case Answer() if question is not None and question.is_answered_by(arrival):
                assert self._answer is not None
                self._answer.set_result(arrival)
            case Corrupt(slave, function) if question is not None:
                if (slave, function) == (question.slave, question.function):
                    assert self._answer is not None
                    self._answer.set_exception(WireError("wrong checksum"))
            case _:
                self._statistics.stale_answers += 1


class GivEnergyLink:
    """A `RegisterLink` to one data adapter; the unit of a span is the slave behind it."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        pacing: Pacing,
        single: bool,
        turns: Turns | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._exchanges = Exchanges(
            host, port, self._open, pacing=pacing, single=single, turns=turns, clock=clock
        )

    @property
    def statistics(self) -> LinkStatistics:
        """What this link has done so far."""
        return self._exchanges.statistics

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the endpoint; see `RegisterLink.turn`."""
        return self._exchanges.turn(deadline)

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        """Return the words of at most 60 registers; raises what `RegisterLink.read` raises."""
        if not (0 <= span.unit <= 255 and 1 <= span.count <= _MOST_WORDS and span.address >= 0):
            raise ValueError(f"{span}: one request takes 1 to {_MOST_WORDS} registers of slave 0 to 255")
        if span.end > 0x10000:
            raise ValueError(f"{span}: registers are 0 to 65535")
        question = Question(span.unit, _READ[span.table], span.address, span.count)
        try:
            answer = await self._ask(question, deadline, about=str(span), repeat=True)
        except DeviceError as error:
            trace(span, error=error)
            raise
        trace(span, answer.values)
        return answer.values

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
        await self._exchanges.close()

    async def _ask(self, question: Question, deadline: Deadline, *, about: str, repeat: bool) -> Answer:
        """Return the answer; a refusal is asked for once more, for an adapter refuses what it lost, too."""

        async def once(connection: GivEnergyConnection) -> Answer:
            answer = await connection.ask(question)
            if answer.refused:
                raise Rejected(f"{self._exchanges.where}: {about}: refused")
            if is_left_over(answer.values):
                raise WireError("the adapter sent what stood in its memory")
            return answer

        try:
            return await self._exchanges.run(once, deadline, repeat=repeat)
        except Rejected:
            if not repeat or question.function == WRITE or deadline.passed:
                raise
            self.statistics.retries += 1
            return await self._exchanges.run(once, deadline, repeat=repeat)

    async def _open(self, address: str, port: int) -> GivEnergyConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: GivEnergyConnection(self.statistics), address, port
        )
        return connection
