"""GivEnergy's data adapters on TCP. This link can only read.

Heartbeats are answered whenever they come, for an adapter that misses three closes the connection. Answers
to other clients come to us as well; they are passed over unless they are what was asked.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
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
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.tcp import Conversation
from sunhelm.devices.links.trace import trace

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


class GivEnergyConnection(Conversation[Answer]):
    """One TCP connection to an adapter."""

    def __init__(self, statistics: LinkStatistics) -> None:
        super().__init__()
        self._statistics = statistics
        self._stream = Stream()
        self._question: Question | None = None

    async def ask(self, question: Question) -> Answer:
        """Send the question and return its answer, which may be a refusal.

        Whoever stops waiting has to close the connection. Raises EOFError or OSError when it breaks, and
        WireError when the answer comes damaged.
        """
        self._question = question
        try:
            return await self._answer_to(question.frame)
        finally:
            self._question = None

    def data_received(self, data: bytes) -> None:
        for arrival in self._stream.feed(data):
            self._take(arrival)

    def _take(self, arrival: Arrival) -> None:
        question, awaited = self._question, self._awaited
        if isinstance(arrival, Heartbeat):
            self._transport.write(arrival.raw)
        elif question is None or awaited is None:
            self._statistics.stale_answers += 1
        elif isinstance(arrival, Answer) and question.is_answered_by(arrival):
            awaited.set_result(arrival)
        elif isinstance(arrival, Corrupt):
            if (arrival.slave, arrival.function) == (question.slave, question.function):
                awaited.set_exception(WireError("wrong checksum"))
        else:
            self._statistics.stale_answers += 1


class GivEnergyLink:
    """A `RegisterLink` to one data adapter; the unit of a span is the slave behind it."""

    def __init__(self, line: Line) -> None:
        self._exchanges = Exchanges(line, self._open)

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
