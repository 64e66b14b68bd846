"""The device side of Modbus: what a request means and how it is answered. No sockets, no framing.

Written from the Modbus Application Protocol Specification V1.1b3, apart from the drivers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sunhelm.simulator.faces.face import Face, ModbusException, Table
from sunhelm.simulator.request_log import Request, RequestLog, Write

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_SINGLE: Final = 6
WRITE_MULTIPLE: Final = 16
ENCAPSULATED: Final = 43
EVERY_FUNCTION: Final = frozenset({READ_HOLDING, READ_INPUT, WRITE_SINGLE, WRITE_MULTIPLE, ENCAPSULATED})

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3

_DEVICE_IDENTIFICATION: Final = 0x0E
_LARGEST_PDU: Final = 253
_HIGHEST_OBJECT: Final = {1: 0x02, 2: 0x7F, 3: 0xFF}  # basic, regular, extended


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device accepts: its functions, and the most registers of one read and of one write."""

    functions: Collection[int] = EVERY_FUNCTION
    read_words: int = 125
    write_words: int = 123


Private = Callable[[int, bytes], bytes]
"""Answers a PDU of a unit, of a function of the vendor's own; raises ModbusException."""


class ModbusDevice:
    """Answers request PDUs from a face and keeps the log. `private` are functions of the vendor's own."""

    def __init__(
        self,
        face: Face,
        log: RequestLog,
        limits: Limits | None = None,
        private: Mapping[int, Private] = MappingProxyType({}),
    ) -> None:
        self._face = face
        self._log = log
        self._limits = limits or Limits()
        self._handlers: Mapping[int, Private] = {
            READ_HOLDING: self._read,
            READ_INPUT: self._read,
            WRITE_SINGLE: self._write_single,
            WRITE_MULTIPLE: self._write_multiple,
            ENCAPSULATED: self._identify,
            **private,
        }

    def answer(self, unit: int, pdu: bytes) -> bytes:
        """Return the reply PDU, an exception where the request deserves one."""
        function = pdu[0]
        exception = 0
        try:
            return self._handler(function)(unit, pdu)
        except ModbusException as error:
            exception = error.code
            return bytes((function | 0x80, exception))
        finally:
            self._log.record(_request(unit, pdu, exception))

    def _handler(self, function: int) -> Callable[[int, bytes], bytes]:
        if function not in self._limits.functions or function not in self._handlers:
            raise ModbusException(ILLEGAL_FUNCTION)
        return self._handlers[function]

    def _read(self, unit: int, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            raise ModbusException(ILLEGAL_VALUE)
        function, address, count = struct.unpack(">BHH", pdu)
        if not 1 <= count <= self._limits.read_words:
            raise ModbusException(ILLEGAL_VALUE)
        if address + count > 0x10000:
            raise ModbusException(ILLEGAL_ADDRESS)
        table = Table.HOLDING if function == READ_HOLDING else Table.INPUT
        words = self._face.read(unit, table, address, count)
        return struct.pack(f">BB{count}H", function, 2 * count, *words)

    def _write_single(self, unit: int, pdu: bytes) -> bytes:
        if len(pdu) != 5:
            raise ModbusException(ILLEGAL_VALUE)
        _, address, word = struct.unpack(">BHH", pdu)
        self._write(unit, address, (word,))
        return pdu

    def _write_multiple(self, unit: int, pdu: bytes) -> bytes:
        if len(pdu) < 6:
            raise ModbusException(ILLEGAL_VALUE)
        function, address, count, size = struct.unpack(">BHHB", pdu[:6])
        if (
            not 1 <= count <= self._limits.write_words
            or size != (2 * count) & 0xFF
            or len(pdu) != 6 + 2 * count
        ):
            raise ModbusException(ILLEGAL_VALUE)
        self._write(unit, address, struct.unpack(f">{count}H", pdu[6:]))
        return struct.pack(">BHH", function, address, count)

    def _write(self, unit: int, address: int, words: tuple[int, ...]) -> None:
        if address + len(words) > 0x10000:
            raise ModbusException(ILLEGAL_ADDRESS)
        self._face.write(unit, address, words)
        self._log.writes.append(Write(unit, address, words))

    def _identify(self, unit: int, pdu: bytes) -> bytes:
        objects = self._face.identification(unit)
        if objects is None or len(pdu) < 2 or pdu[1] != _DEVICE_IDENTIFICATION:
            raise ModbusException(ILLEGAL_FUNCTION)
        if len(pdu) != 4 or pdu[2] not in {1, 2, 3, 4}:
            raise ModbusException(ILLEGAL_VALUE)
        code, first = pdu[2], pdu[3]
        if code == 4:
            if first not in objects:
                raise ModbusException(ILLEGAL_ADDRESS)
            wanted = [first]
        else:
            known = sorted(number for number in objects if number <= _HIGHEST_OBJECT[code])
            # An unknown first object starts from the beginning, says the specification.
            wanted = [number for number in known if number >= first] if first in known else known
        body, more, follows, sent = b"", 0, 0, 0
        for number in wanted:
            text = objects[number].encode("latin-1")
            if 7 + len(body) + 2 + len(text) > _LARGEST_PDU:
                more, follows = 0xFF, number
                break
            body += bytes((number, len(text))) + text
            sent += 1
        level = 0x80 | next(level for level, top in _HIGHEST_OBJECT.items() if max(objects, default=0) <= top)
        return bytes((ENCAPSULATED, _DEVICE_IDENTIFICATION, code, level, more, follows, sent)) + body


def _request(unit: int, pdu: bytes, exception: int) -> Request:
    """Return the log's entry; a request that is too short to say what it wants counts as no words."""
    function = pdu[0]
    if function == WRITE_SINGLE and len(pdu) >= 3:
        return Request(unit, function, int.from_bytes(pdu[1:3], "big"), 1, exception)
    if function in {READ_HOLDING, READ_INPUT, WRITE_MULTIPLE} and len(pdu) >= 5:
        address, count = struct.unpack(">HH", pdu[1:5])
        return Request(unit, function, address, count, exception)
    return Request(unit, function, 0, 0, exception)
