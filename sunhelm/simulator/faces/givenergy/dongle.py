"""The data adapter: one port, several clients, of whom each sees the answers to all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import Face, ModbusException, Table
from sunhelm.simulator.faces.givenergy import frames
from sunhelm.simulator.faces.givenergy.frames import Asked
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.faults.faulty import FaultyFace
from sunhelm.simulator.request_log import Request, RequestLog, Write
from sunhelm.simulator.wire import Connection, OnPort, Port, Reply

_TABLES: Final = {3: Table.HOLDING, 4: Table.INPUT, 0x16: Table.METER}
_WRITE: Final = 6
_INVERTER: Final = 0x11
_MOST_WORDS: Final = 60
_PATIENCE: Final = 3
"""So many heartbeats in a row without an answer end a connection."""


class Silent(Exception):
    """Behind the adapter nobody answers."""


class Dongle(OnPort):
    """The adapter on its port, before `face`; implements `Endpoint`.

    A heartbeat goes to each client every `heartbeat_s`. With `fans_out`, what one client asked is answered to
    all of them.
    """

    def __init__(
        self,
        face: Face,
        *,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
        heartbeat_s: float = 180.0,
        fans_out: bool = True,
    ) -> None:
        self.face = face
        self.faults = faults or Faults()
        self.log = RequestLog()
        self.heartbeat_s = heartbeat_s
        self.fans_out = fans_out
        self.heartbeats_answered = 0
        self._clock = clock
        self._faulty = FaultyFace(face, self.faults)
        self._port = Port(self._serve, faults=self.faults, log=self.log, clock=clock)
        self._unanswered: dict[Connection, int] = {}

    def update(self) -> None:
        """Let the inverter do what it does by itself once a step."""
        self.face.update()

    async def _serve(self, connection: Connection) -> None:
        self._unanswered[connection] = 0
        listening = asyncio.ensure_future(self._listen(connection))
        beating = asyncio.ensure_future(self._beat(connection))
        try:
            await asyncio.wait((listening, beating), return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._unanswered[connection]
            for task in (listening, beating):
                task.cancel()
            await asyncio.gather(listening, beating, return_exceptions=True)

    async def _beat(self, connection: Connection) -> None:
        while self._unanswered[connection] < _PATIENCE:
            await self._clock.sleep(self.heartbeat_s)
            self._unanswered[connection] += 1
            await connection.send(Reply(frames.heartbeat(), frames.heartbeat()))

    async def _listen(self, connection: Connection) -> None:
        while True:
            length = frames.body_length(await connection.reader.readexactly(6))
            if length is None:
                return
            body = await connection.reader.readexactly(length)
            if not connection.hears():
                continue
            question = frames.asked(body)
            if frames.is_heartbeat(body):
                self._unanswered[connection] = 0
                self.heartbeats_answered += 1
            elif question is not None:
                with suppress(Silent):
                    await self._reply(connection, question, self._answer(question))

    async def _reply(self, connection: Connection, question: Asked, frame: bytes) -> None:
        """Answer who asked, and show it to the others; a frame that goes astray is that of another slave."""
        astray = replace(question, slave=question.slave ^ 0x80)
        others = [other for other in self._unanswered if other is not connection] if self.fans_out else []
        await connection.send(Reply(frame, frames.refused(astray)))
        for other in others:
            with suppress(ConnectionError):
                await other.send(Reply(frame, frame))

    def _answer(self, question: Asked) -> bytes:
        """Return the frame that answers; notes what was asked. Raises Silent."""
        slave = question.slave or _INVERTER
        refused = 0
        try:
            if question.function == _WRITE:
                self._write(slave, question)
                return frames.written(question)
            return frames.values(question, self._read(slave, question))
        except ModbusException as error:
            refused = error.code
            return frames.refused(question)
        finally:
            count = 1 if question.function == _WRITE else question.second
            self.log.record(Request(slave, question.function, question.first, count, refused))

    def _read(self, slave: int, question: Asked) -> tuple[int, ...]:
        table = _TABLES.get(question.function)
        if table is None or not 1 <= question.second <= _MOST_WORDS:
            raise Silent
        return tuple(self._faulty.read(slave, table, question.first, question.second))

    def _write(self, slave: int, question: Asked) -> None:
        if slave != _INVERTER:
            raise ModbusException(2)
        words = (question.second,)
        self._faulty.write(slave, question.first, words)
        self.log.writes.append(Write(slave, question.first, words))
