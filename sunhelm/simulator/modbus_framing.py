"""Modbus frames by hand: MBAP for Modbus TCP, and RTU with its checksum sent over TCP as it is.

Written from the Modbus specifications, apart from the drivers, so that a mistake there is not repeated
here.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from sunhelm.simulator.modbus_device import (
    ENCAPSULATED,
    READ_HOLDING,
    READ_INPUT,
    WRITE_MULTIPLE,
    WRITE_SINGLE,
)
from sunhelm.simulator.wire import Reply

_LARGEST_FRAME: Final = 260
_RTU_LENGTHS: Final = {READ_HOLDING: 8, READ_INPUT: 8, WRITE_SINGLE: 8, ENCAPSULATED: 7}


@dataclass(frozen=True, slots=True)
class Framed:
    """A request as it came off the wire; `header` is what the framing needs for the reply."""

    unit: int
    pdu: bytes
    header: bytes = b""


class Framing(Protocol):
    """How requests and replies are wrapped."""

    async def receive(self, reader: asyncio.StreamReader) -> Framed:
        """Return the next request; raises IncompleteReadError or ConnectionError at the end."""

    def reply(self, request: Framed, pdu: bytes) -> Reply:
        """Return the frame that answers the request."""


class TcpFraming:
    """MBAP: transaction, protocol (echoed, not checked), length, unit."""

    async def receive(self, reader: asyncio.StreamReader) -> Framed:
        header = await reader.readexactly(7)
        length = int.from_bytes(header[4:6], "big")
        if not 2 <= length <= _LARGEST_FRAME:
            raise ConnectionAbortedError
        return Framed(header[6], await reader.readexactly(length - 1), header[:4])

    def reply(self, request: Framed, pdu: bytes) -> Reply:
        transaction, protocol = struct.unpack(">HH", request.header)
        tail = struct.pack(">HHB", protocol, len(pdu) + 1, request.unit) + pdu
        return Reply(
            frame=struct.pack(">H", transaction) + tail,
            misaddressed=struct.pack(">H", (transaction + 1) & 0xFFFF) + tail,
        )


class RtuFraming:
    """Unit, PDU, checksum. The length follows from the function; a frame with a wrong checksum is ignored."""

    async def receive(self, reader: asyncio.StreamReader) -> Framed:
        while True:
            frame = await reader.readexactly(2)
            function = frame[1]
            if function == WRITE_MULTIPLE:
                frame += await reader.readexactly(5)
                frame += await reader.readexactly(frame[6] + 2)
            elif function in _RTU_LENGTHS:
                frame += await reader.readexactly(_RTU_LENGTHS[function] - 2)
            else:
                # Its length is anyone's guess: what came along with it belongs to it.
                frame += await reader.read(_LARGEST_FRAME)
            if len(frame) >= 4 and crc16(frame[:-2]) == frame[-2:]:
                return Framed(frame[0], frame[1:-2])

    def reply(self, request: Framed, pdu: bytes) -> Reply:
        return Reply(_sealed(request.unit, pdu), _sealed(request.unit % 247 + 1, pdu))


def _sealed(unit: int, pdu: bytes) -> bytes:
    frame = bytes((unit,)) + pdu
    return frame + crc16(frame)


def crc16(frame: bytes) -> bytes:
    """Return the two checksum bytes of an RTU frame, low byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")
