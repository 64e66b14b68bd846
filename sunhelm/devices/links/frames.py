"""Modbus frames on a stream: what was asked, and which bytes are an answer to it.

pymodbus builds and decodes. What it lets pass is refused here: another transaction id (it takes 0 for any),
another unit or function, a byte count that is not what was asked, bytes before the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU

from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.exchange import WireError

_DECODER = DecodePDU(is_server=False)
_EXCEPTION_LENGTH = 2
_MBAP_LENGTH = 7
_LONGEST = 254  # the MBAP length field counts the unit and at most 253 bytes of PDU
_RECENT = 100  # transaction ids so little behind are late answers, not a gateway that invents them


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and what its answer must look like unless it is an exception.

    `head` are the first bytes of the answer from its function code on. `length` is how many there are in
    all, or finds that out from those that came so far, None when they are too few.
    `cut` is the length that some gateways leave of it, when they do: where a header says how long the answer
    is, one of that length, and right as far as it goes, is taken for the whole.
    """

    request: ModbusPDU
    head: bytes
    length: int | Callable[[bytes], int | None]
    cut: int | None = None

    def answer_length(self, pdu: bytes) -> int | None:
        """Return the length of the answer that begins with these bytes, None when it cannot be known yet."""
        if pdu[0] & 0x80:
            return _EXCEPTION_LENGTH
        return self.length if isinstance(self.length, int) else self.length(pdu)


class Frames(Protocol):
    """One way of putting Modbus on a stream.

    `unasked` is how many bytes may come that nobody asked for; 0 means that device and we are out of step.
    """

    @property
    def unasked(self) -> int: ...

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send; each call makes a new request of it."""

    def take(self, question: Question, buffer: bytearray) -> ModbusPDU | None:
        """Remove the answer from the buffer and return it, None while it is not whole.

        Raises WireError as soon as the bytes cannot become an answer to this question.
        """


def _check(question: Question, pdu: bytes) -> None:
    """Raise WireError when an answer cannot begin with these bytes, of which there is at least one."""
    if pdu[0] == question.request.function_code | 0x80:
        return
    known = min(len(pdu), len(question.head))
    if pdu[:known] != question.head[:known]:
        raise WireError(f"answer begins {pdu[:known].hex(' ')}, expected was {question.head.hex(' ')}")


def decoded(question: Question, unit: int, pdu: bytes) -> ModbusPDU:
    """Return the whole answer decoded. Raises WireError."""
    _check(question, pdu)
    length = question.answer_length(pdu)
    if length is not None and len(pdu) == question.cut:
        pdu = question.head
    if len(pdu) != length:
        raise WireError(f"answer of {len(pdu)} bytes, expected were {length or 'more'}")
    if pdu[0] & 0x80:
        return ExceptionResponse(pdu[0] & 0x7F, pdu[1], device_id=unit)
    kind = _DECODER.lookupPduClass(bytes([unit]) + pdu)
    if kind is None:
        raise WireError(f"function {pdu[0]} has no such answer")
    answer = kind(dev_id=unit)
    try:
        answer.decode(pdu[1:])
    except (ModbusException, ValueError, IndexError, struct.error) as error:
        raise WireError(f"function {pdu[0]}: {error}") from error
    return answer


class TcpFrames:
    """Modbus TCP: a header with transaction id, length and unit.

    Answers to earlier questions are passed over and counted. The ids go on from connection to connection,
    for some gateways hand a late answer to the next one.
    """

    unasked = 0

    def __init__(self, statistics: LinkStatistics, first_id: int) -> None:
        self._statistics = statistics
        self._id = first_id
        self._framer = FramerSocket(_DECODER)

    def frame(self, question: Question) -> bytes:
        self._id = self._id % 0xFFFF + 1
        question.request.transaction_id = self._id
        return self._framer.buildFrame(question.request)

    def take(self, question: Question, buffer: bytearray) -> ModbusPDU | None:
        while len(buffer) >= _MBAP_LENGTH:
            transaction, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
            if protocol != 0 or not _EXCEPTION_LENGTH < length <= _LONGEST:
                raise WireError(f"no Modbus TCP header: {buffer[:_MBAP_LENGTH].hex(' ')}")
            end = _MBAP_LENGTH - 1 + length
            if len(buffer) < end:
                return None
            pdu = bytes(buffer[_MBAP_LENGTH:end])
            if transaction == self._id:
                if unit != question.request.dev_id:
                    raise WireError(f"answer of unit {unit}, asked was unit {question.request.dev_id}")
                answer = decoded(question, unit, pdu)
                del buffer[:end]
                return answer
            if (self._id - transaction) % 0xFFFF > _RECENT or transaction == 0:
                raise WireError(f"answer with transaction id {transaction}, asked was {self._id}")
            del buffer[:end]
            self._statistics.stale_answers += 1
        return None


class RtuFrames:
    """RTU frames on TCP: unit, PDU, checksum. There is no id, so any other bytes end the connection."""

    unasked = 0

    def __init__(self) -> None:
        self._framer = FramerRTU(_DECODER)

    def frame(self, question: Question) -> bytes:
        return self._framer.buildFrame(question.request)

    def take(self, question: Question, buffer: bytearray) -> ModbusPDU | None:
        unit = buffer[0]
        if unit != question.request.dev_id:
            raise WireError(f"answer of unit {unit}, asked was unit {question.request.dev_id}")
        if len(buffer) < 1 + _EXCEPTION_LENGTH:
            return None
        _check(question, bytes(buffer[1:]))
        length = question.answer_length(bytes(buffer[1:]))
        if length is None or len(buffer) < length + 3:
            return None
        size = length + 3  # the unit before, the checksum after
        frame = bytes(buffer[:size])
        if not FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
            raise WireError("wrong checksum")
        answer = decoded(question, unit, frame[1:-2])
        del buffer[:size]
        return answer
