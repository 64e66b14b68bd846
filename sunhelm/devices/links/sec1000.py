"""The frames of GoodWe's SEC1000 and SEC1000S on TCP. This link can only read.

    request   length(2)            01 01 command data checksum(2)
    reply     04 "REVO" length(2)  01 01 command data checksum(2)

The length counts what follows it; the checksum is the sum of the bytes from the first 01 to the last of
the data. It does not notice swapped bytes, so that command and length are checked as well.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Rejected
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.exchange import Exchanges, Spacing, WireError
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.tcp import HungUp, TcpConnection
from sunhelm.devices.links.trace import trace

TELEMETRY: Final = 0x0B
LIMIT: Final = 0x43

PREFIX: Final = b"\x04REVO"
"""What stands before every reply; only two recordings of one site are known, so another one is taken too."""

_START: Final = b"\x01\x01"
_SHORTEST: Final = 5  # start, command and checksum
_HEAD: Final = len(PREFIX) + 2
_DATA_LENGTH: Final = {TELEMETRY: 44, LIMIT: 13}

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def frame(command: int, data: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    body = _START + bytes([command]) + data
    return (len(body) + 2).to_bytes(2) + body + sum(body).to_bytes(2)


def take_reply(command: int, buffer: bytearray) -> bytes | None:
    """Remove the reply to a command from the buffer and return its data, None while it is not whole.

    Raises WireError as soon as the bytes cannot become that reply.
    """
    if len(buffer) < _HEAD:
        return None
    length = int.from_bytes(buffer[len(PREFIX) : _HEAD])
    if not _SHORTEST <= length <= 255:
        raise WireError(f"a reply of {length} bytes; 5 to 255 are possible")
    if len(buffer) < _HEAD + length:
        return None
    whole = bytes(buffer[_HEAD : _HEAD + length])
    body, checksum = whole[:-2], whole[-2:]
    del buffer[: _HEAD + length]
    if sum(body).to_bytes(2) != checksum:
        raise ChecksumError(f"checksum {checksum.hex()}, {sum(body).to_bytes(2).hex()} is right")
    if body[:2] != _START or body[2] != command:
        raise WireError(f"reply {body[:3].hex()} to command {command:#04x}")
    return body[3:]


class ChecksumError(WireError):
    """The sum over a reply is not the one that it carries."""


class Sec1000Link:
    """Reads from one SEC1000; each request has a connection of its own, as in everything known to work.

    A request is sent once: asked too fast, the box stops answering until its power is cut.
    """

    commands: ClassVar[frozenset[int]] = frozenset({TELEMETRY, LIMIT})

    def __init__(self, line: Line) -> None:
        self._exchanges = Exchanges(line, self._open)
        self._spacing = line.pacing.between
        self._prefix = PREFIX

    @property
    def statistics(self) -> LinkStatistics:
        """What this link has done so far."""
        return self._exchanges.statistics

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the endpoint; see `RegisterLink.turn`."""
        return self._exchanges.turn(deadline)

    async def ask(self, command: int, deadline: Deadline, data: bytes = b"") -> bytes:
        """Return the data of the reply to a command.

        Raises Unreachable, TimedOut, Malformed, Busy when the box answers with nothing but a status, and
        Rejected when it hangs up instead of answering, which some firmware does when it does not like a
        command.
        """
        if command not in self.commands:
            raise ValueError(f"command {command:#04x} is not one that this link may send")
        name = f"{command:02x}"
        spacing = Spacing(name, self._spacing.get(name, 0.0))

        async def once(connection: TcpConnection) -> bytes:
            try:
                return await connection.ask(frame(command, data), lambda buffer: self._take(command, buffer))
            except HungUp as error:
                if error.received >= _HEAD:
                    raise
                raise Rejected(f"{self._exchanges.where}: command {name}: {error}") from error

        try:
            reply = await self._exchanges.run(once, deadline, repeat=False, spacing=spacing)
        except DeviceError as error:
            trace(f"command {name}", error=error)
            raise
        finally:
            await self._exchanges.close()
        trace(f"command {name}", data=reply)
        return reply

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
        await self._exchanges.close()

    def _take(self, command: int, buffer: bytearray) -> bytes | None:
        prefix = bytes(buffer[: len(PREFIX)])
        reply = take_reply(command, buffer)
        if reply is None:
            return None
        if prefix != self._prefix:
            was = self._prefix.hex()
            _log.info("sec1000_prefix", where=self._exchanges.where, prefix=prefix.hex(), was=was)
            self._prefix = prefix
        wanted = _DATA_LENGTH.get(command)
        if wanted is not None and len(reply) != wanted:
            if len(reply) == 1:
                raise Busy(f"{self._exchanges.where}: command {command:#04x}: status {reply[0]:#04x} only")
            raise WireError(f"{len(reply)} bytes of data in the reply to {command:#04x}; {wanted} are right")
        return reply

    async def _open(self, address: str, port: int) -> TcpConnection:
        return await TcpConnection.open(address, port, self.statistics)
