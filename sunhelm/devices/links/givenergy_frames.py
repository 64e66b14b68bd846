"""Frames of GivEnergy's data adapters: an outer frame of the adapter, with a Modbus-like one inside.

    0   5959 0001   every frame begins so
    4   length      of what follows it
    6   01          (or 00)
    7   1 or 2      heartbeat, or something for the inverter behind the adapter
    8   adapter     its serial number, ten characters
    18  length      of the inner frame, eight bytes
    26  inner frame: slave, function, [the inverter's serial number, in answers], body, checksum

The checksum is that of Modbus over the inner frame alone, low byte first. Nothing tells whose request an
answer belongs to, and answers come to every client, so that an answer is known by what it tells: slave,
function, first register and how many.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

HEARTBEAT: Final = 1
TRANSPARENT: Final = 2

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE: Final = 6
READ_METER: Final = 0x16
"""Reads what a meter is: its serial number, kind and versions."""

READS: Final = frozenset({READ_HOLDING, READ_INPUT, READ_METER})

_ERROR: Final = 0x80
_MARK: Final = b"\x59\x59\x00\x01"
_NOBODY: Final = b"SUNHELM000"
"""The serial number of the adapter in our requests: any ten characters do."""

_HEAD: Final = 18
_INNER: Final = 26
_SERIAL: Final = 10
_LONGEST: Final = 300
_HEARTBEAT_LENGTH: Final = 13
_REQUEST_LENGTH: Final = 28
_ANSWER_HEAD: Final = 2 + _SERIAL + 4
"""Bytes of an inner answer up to its values: slave, function, serial number, two words."""

_WORDS: Final = 60


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The adapter asks whether anybody listens; `raw` is the frame, which is its own answer."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came from behind the adapter, to us or to another of its clients.

    `first` and `second` are the words behind the serial number: first register and count of a read, register
    and value of a write. `serial` is the inverter's, as ten bytes. `refused` is whether it is an error.
    """

    slave: int
    function: int
    first: int
    second: int
    values: tuple[int, ...] = ()
    serial: bytes = b""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A frame whose checksum is wrong; `slave` and `function` are what stands there."""

    slave: int
    function: int


Arrival = Heartbeat | Answer | Corrupt


def request(slave: int, function: int, first: int, second: int) -> bytes:
    """Return the bytes of a request: first register and count, or register and value."""
    inner = struct.pack(">BBHH", slave, function, first, second)
    inner += checksum(inner)
    return (
        _MARK
        + struct.pack(">HBB", _REQUEST_LENGTH, 1, TRANSPARENT)
        + _NOBODY
        + len(inner).to_bytes(8)
        + inner
    )


def checksum(inner: bytes) -> bytes:
    """Return the two bytes of Modbus' checksum, low byte first."""
    crc = 0xFFFF
    for byte in inner:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_entry(byte) for byte in range(256))


class Stream:
    """The bytes of one connection, from which frames are taken however they were cut or glued.

    What is no frame is passed over up to the next mark that begins one.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Arrival]:
        """Yield what has become whole by these bytes, in the order of the wire."""
        self._buffer += data
        while True:
            end = self._align()
            if end is None:
                return
            frame = bytes(self._buffer[:end])
            arrival = _parsed(frame)
            # A wrong length may have swallowed the beginning of the next frame, which is looked for again.
            del self._buffer[: end if not isinstance(arrival, Corrupt) else len(_MARK)]
            if arrival is not None:
                yield arrival

    def _align(self) -> int | None:
        """Drop what stands before the first frame and return where that ends; None while it is not whole."""
        while True:
            start = self._buffer.find(_MARK)
            if start < 0:
                del self._buffer[: max(0, len(self._buffer) - len(_MARK) + 1)]
                return None
            del self._buffer[:start]
            if len(self._buffer) < _HEAD:
                return None
            end = _end(self._buffer, 0)
            # A frame without a checksum must not end with the beginning of the next one.
            unsafe = end if end is not None and self._buffer[7] == HEARTBEAT else _HEAD
            if end is None or self._buffer.find(_MARK, len(_MARK), unsafe + len(_MARK) - 1) > 0:
                del self._buffer[: len(_MARK)]
            elif end <= len(self._buffer):
                return end
            elif (following := self._whole_behind()) is None:
                return None
            else:
                del self._buffer[:following]

    def _whole_behind(self) -> int | None:
        """Return where a whole and right frame begins behind one whose rest has not come: it never will."""
        start = self._buffer.find(_MARK, len(_MARK))
        while start >= 0:
            end = _end(self._buffer, start)
            if end is not None and end <= len(self._buffer):
                arrival = _parsed(bytes(self._buffer[start:end]))
                if arrival is not None and not isinstance(arrival, Corrupt):
                    return start
            start = self._buffer.find(_MARK, start + len(_MARK))
        return None


def _end(buffer: bytearray, start: int) -> int | None:
    """Return where the frame that begins at `start` ends, as it says; None when no frame begins so."""
    if len(buffer) < start + _HEAD:
        return None
    length, unit, function = struct.unpack_from(">HBB", buffer, start + 4)
    shortest = {HEARTBEAT: _HEARTBEAT_LENGTH, TRANSPARENT: _HEARTBEAT_LENGTH}.get(function)
    longest = {HEARTBEAT: _HEARTBEAT_LENGTH, TRANSPARENT: _LONGEST}.get(function, 0)
    if unit > 1 or shortest is None or not shortest <= length <= longest:
        return None
    return start + 6 + int(length)


def _parsed(frame: bytes) -> Arrival | None:
    """Return what a whole frame is; None for one that is right and tells nothing."""
    if frame[7] == HEARTBEAT:
        return Heartbeat(frame) if frame[8:_HEAD].isalnum() else None
    inner = frame[_INNER:]
    if len(inner) < 4:
        return None
    if checksum(inner[:-2]) != inner[-2:]:
        return Corrupt(inner[0], inner[1] & ~_ERROR)
    # A request of another client is shorter, and so may be what an adapter tells of its network.
    return _answer(inner[:-2]) if len(inner) >= _ANSWER_HEAD + 2 else None


def _answer(inner: bytes) -> Answer | None:
    """Return what an inner frame says; None when it has not the form of an answer."""
    slave, function, serial, first, second = struct.unpack_from(f">BB{_SERIAL}sHH", inner)
    body = inner[_ANSWER_HEAD:]
    if function & _ERROR:
        return Answer(slave, function & ~_ERROR, first, second, serial=serial, refused=True)
    if function == WRITE and not body:
        return Answer(slave, function, first, second, serial=serial)
    if function in READS and 1 <= second <= _WORDS and len(body) == 2 * second:
        return Answer(slave, function, first, second, struct.unpack(f">{second}H", body), serial)
    return None


# fmt: off
_LEFT_OVER: Final = {
    28: 0x4C32, 30: 0xA119, 31: 0x34EA, 32: 0xE77F, 33: 0xD475, 35: 0x4500, 41: 0xC0A8, 43: 0xC0A8,
    46: 0xC5E9, 51: 0x8018, 52: 0x43E0, 53: 0xF6CE, 56: 0x080A, 58: 0xFCC1, 59: 0x661E,
}
# fmt: on
_LEFT_OVER_EITHER: Final = {40: (0xE4F9, 0xB619), 50: (0x60EF, 0x503C)}
_LEFT_OVER_ENOUGH: Final = 5


def is_left_over(values: Sequence[int]) -> bool:
    """Whether a whole page is not registers but what stood in the adapter's memory, as it sends sometimes."""
    if len(values) != _WORDS:
        return False
    same = sum(values[index] == word for index, word in _LEFT_OVER.items())
    same += sum(values[index] in words for index, words in _LEFT_OVER_EITHER.items())
    return same > _LEFT_OVER_ENOUGH
