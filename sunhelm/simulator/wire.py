"""A TCP port with faults: connections that are refused, shared out or deaf, replies that go astray.

What is said on a connection is the business of the protocol that serves it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faults import (
    Delay,
    Drop,
    Duplicate,
    Faults,
    Late,
    OneClient,
    Trickle,
    Truncate,
    WrongTransaction,
)
from sunhelm.simulator.request_log import RequestLog

_GRACE_S: Final = 0.05  # a client that has just closed is not always seen to before the next knocks


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply frame, and the same frame as the answer to somebody else's request."""

    frame: bytes
    misaddressed: bytes


class Connection:
    """One client's connection, as the protocol that serves it sees it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults, clock: Clock
    ) -> None:
        self.reader = reader
        self._writer = writer
        self._faults = faults
        self._clock = clock
        self._deaf = False
        self._held = b""

    def hears(self) -> bool:
        """Return whether what has come in reaches the device; once it did not, it never does again."""
        self._deaf = self._deaf or self._faults.mute
        return not self._deaf

    async def send(self, reply: Reply) -> None:
        """Send a reply, or what the faults leave of it. Raises ConnectionError when the client has gone."""
        if not self.hears():
            return
        faults = self._faults
        before, self._held = self._held, b""
        await self._write(before)
        if faults.strikes(Late):
            self._held = reply.frame
            return
        if faults.strikes(Drop):
            return
        delay = faults.strikes(Delay)
        if delay is not None:
            await self._clock.sleep(delay.seconds)
        frame = reply.misaddressed if faults.strikes(WrongTransaction) else reply.frame
        if faults.strikes(Duplicate):
            frame += frame
        truncate = faults.strikes(Truncate)
        if truncate is not None:
            frame = frame[: truncate.keep]
        await self._write(frame)
        if truncate is not None and truncate.close:
            raise ConnectionAbortedError

    async def _write(self, frame: bytes) -> None:
        trickle = self._faults.strikes(Trickle) if frame else None
        size = len(frame) if trickle is None else trickle.size
        for begin in range(0, len(frame), max(1, size)):
            if begin and trickle is not None:
                await self._clock.sleep(trickle.seconds)
            self._writer.write(frame[begin : begin + size])
            await self._writer.drain()


class Listening(Protocol):
    """What stands on one TCP port, or will."""

    @property
    def port(self) -> int:
        """The number of the port, known once it was opened."""

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises OSError when that cannot be."""

    async def close(self) -> None:
        """Stop listening and end every connection."""


class OnPort:
    """A simulated device that stands on the port `_port`; implements `Listening` by it."""

    _port: Listening

    @property
    def port(self) -> int:
        """The number of the port, known once it was opened."""
        return self._port.port

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises OSError when that cannot be."""
        await self._port.open(host, port)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        await self._port.close()


class Port:
    """A listening TCP port that hands each connection to `serve`.

    With `single` a second client is turned away while the first is there, as by the fault OneClient.
    """

    def __init__(
        self,
        serve: Callable[[Connection], Awaitable[None]],
        *,
        faults: Faults,
        log: RequestLog,
        single: bool = False,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self._serve = serve
        self._faults = faults
        self._log = log
        self._single = single
        self._clock = clock
        self._address = ("127.0.0.1", 0)
        self._listening: socket.socket | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._turned_away: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._free = asyncio.Event()
        self._free.set()
        self._open = False
        faults.subscribe(self._obey)

    @property
    def port(self) -> int:
        """Its number, known once it was opened."""
        return self._address[1]

    @property
    def clients(self) -> int:
        """How many connections are served."""
        return len(self._served)

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises OSError when that cannot be."""
        self._address = (host, port)
        self._listen()
        self._open = True
        self._obey()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self._open = False
        self._stop_listening()
        await asyncio.sleep(0)  # a task cancelled before its first step would leave its socket open
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    # Listening is done by hand, not by asyncio's server: the port must open and close at a fault's word,
    # also between a client's connect and its accept.

    def _listen(self) -> None:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=100)
        listening.setblocking(False)
        self._address = (host, listening.getsockname()[1])
        self._listening = listening
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _obey(self) -> None:
        """Make the port what the faults want it to be, at once."""
        if not self._open:
            return
        if self._faults.gone:
            self._stop_listening()
            for writer in (*self._served.values(), *self._turned_away.values()):
                writer.transport.abort()
        elif self._listening is None:
            self._listen()

    def _accept(self, listening: socket.socket) -> None:
        try:
            accepted, _ = listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        accepted.setblocking(False)
        conversation = asyncio.create_task(self._converse(accepted), name=f"client of port {self.port}")
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, accepted: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        reader, writer = await asyncio.open_connection(sock=accepted)
        try:
            if self._faults.gone:
                writer.transport.abort()
            elif await self._has_place():
                self._served[task] = writer
                self._free.clear()
                self._log.connections += 1
                await self._serve(Connection(reader, writer, self._faults, self._clock))
            else:
                self._turned_away[task] = writer
                self._log.turned_away += 1
                await self._turn_away(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._served.pop(task, None)
            self._turned_away.pop(task, None)
            if not self._served:
                self._free.set()
            writer.close()

    async def _has_place(self) -> bool:
        if not (self._single or self._faults.on(OneClient)) or not self._served:
            return True
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._free.wait()
        except TimeoutError:
            return False
        return not self._served

    async def _turn_away(self, reader: asyncio.StreamReader) -> None:
        fault = self._faults.on(OneClient)
        if fault is not None and fault.how == "silent":
            while await reader.read(1024):
                pass
