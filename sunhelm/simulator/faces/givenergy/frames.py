"""Frames of the data adapter by hand, written from the facts sheet and apart from the driver."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.modbus_framing import crc16

ADAPTER: Final = b"WX0000T001"
INVERTER: Final = b"QA0000T002"

HEARTBEAT: Final = 1
TRANSPARENT: Final = 2

_TRANSACTION: Final = 0x5959
_PROTOCOL: Final = 0x0001
_REQUEST: Final = 28
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of a slave: first register and count, or register and value."""

    slave: int
    function: int
    first: int
    second: int


def body_length(head: bytes) -> int | None:
    """Return how many bytes follow the first six of a frame; None when these are no head."""
    transaction, protocol, length = struct.unpack(">HHH", head)
    if (transaction, protocol) != (_TRANSACTION, _PROTOCOL) or not 2 <= length <= _LONGEST:
        return None
    return int(length)


def is_heartbeat(body: bytes) -> bool:
    """Return whether a frame's body is a heartbeat's."""
    return body[1] == HEARTBEAT


def asked(body: bytes) -> Asked | None:
    """Return the request in a frame's body; None when the adapter would not pass it on."""
    if len(body) != _REQUEST or body[0] != 1 or body[1] != TRANSPARENT:
        return None
    inner = body[20:]
    if int.from_bytes(body[12:20]) != len(inner) or crc16(inner[:-2]) != inner[-2:]:
        return None
    return Asked(*struct.unpack(">BBHH", inner[:-2]))


def heartbeat() -> bytes:
    """Return the frame by which the adapter asks whether anybody listens; it is on Wi-Fi."""
    return _framed(HEARTBEAT, b"\x01")


def values(question: Asked, words: tuple[int, ...]) -> bytes:
    """Return the answer to a read."""
    return _answer(question, question.function, struct.pack(f">{len(words)}H", *words))


def written(question: Asked) -> bytes:
    """Return the answer to a write."""
    return _answer(question, question.function, b"")


def refused(question: Asked) -> bytes:
    """Return the answer that refuses a request."""
    return _answer(question, question.function | 0x80, b"")


def _answer(question: Asked, function: int, data: bytes) -> bytes:
    inner = struct.pack(">BB", question.slave, function) + INVERTER
    inner += struct.pack(">HH", question.first, question.second) + data
    inner += crc16(inner)
    return _framed(TRANSPARENT, len(inner).to_bytes(8) + inner)


def _framed(function: int, rest: bytes) -> bytes:
    body = bytes((1, function)) + ADAPTER + rest
    return struct.pack(">HHH", _TRANSACTION, _PROTOCOL, len(body)) + body
