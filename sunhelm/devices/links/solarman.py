"""Solarman V5: the envelope in which logger sticks carry Modbus RTU frames over TCP.

pysolarmanv5 makes the envelopes. Its reading of the stream is not used: it takes what one segment brings for
one frame, and so loses a reply that comes in pieces or glued to the logger's heartbeat.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import structlog
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pysolarmanv5 import PySolarmanV5

from sunhelm.devices.errors import AuthFailed, Busy, DeviceError, Rejected, Unreachable
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.exchange import WireError
from sunhelm.devices.links.frames import Question, TcpFrames, decoded

_START: Final = 0xA5
_END: Final = 0x15
_AROUND: Final = 13
"""Bytes of a frame that its length field does not count."""

_HEADER: Final = 11
_ENVELOPE: Final = 14
"""Bytes of a reply's payload before the RTU frame."""

_LONGEST: Final = 1024
_CODES: Final = range(0x11, 0x49)
"""High bytes of the control codes, of requests and replies; the low one is always 0x10."""

_REPLY: Final = 0x1510
_WRONG_SERIAL: Final = 6
_BUSY: Final = 4
_SHORTEST_RTU: Final = 5
_AROUND_PDU: Final = 3
"""Bytes of an RTU frame that are unit and checksum."""

_SHORT_ERROR: Final = 2
_AT: Final = b"AT+"
"""Micro inverters leak such text; loggers with firmware 2.x send nothing else."""

_log = logging.getLogger(__name__)
_news: structlog.stdlib.BoundLogger = structlog.get_logger()


class _Envelopes(PySolarmanV5):  # type: ignore[misc]  # the library has no types
    """The library's envelopes, without its sockets and threads."""

    def __init__(self, serial: int) -> None:
        super().__init__("", serial, logger=_log)

    def _socket_setup(self, *_: object) -> None:
        """Connect to nothing."""

    def wrap(self, rtu: bytes) -> bytes:
        """Return the request that carries this frame, with the next sequence number."""
        return bytes(self._v5_frame_encoder(rtu))

    @property
    def sequence(self) -> int | None:
        """The number of the last request, which its reply bears."""
        number: int | None = self.sequence_number
        return number

    def checksum(self, frame: bytes) -> int:
        """Return what the last byte but one of a frame must be."""
        checksum: int = self._calculate_v5_frame_checksum(frame)
        return checksum


@dataclass(frozen=True, slots=True)
class _Reply:
    """A whole frame of the logger, whose checksum is right."""

    code: int
    sequence: int
    serial: int
    rtu: bytes


class SolarmanFrames:
    """Modbus RTU frames in the envelopes of one logger; implements `Frames`.

    Heartbeats, late answers to earlier questions, text and frames of others are passed over. A logger that
    turns out to speak plain Modbus TCP is asked that way from then on.
    """

    unasked = 4096

    def __init__(self, serial: int, statistics: LinkStatistics, first_id: int) -> None:
        """`serial` is that of the logger, `first_id` where plain Modbus would begin to count."""
        self._serial = serial
        self._statistics = statistics
        self._first_id = first_id
        self._envelopes = _Envelopes(serial)
        self._framer = FramerRTU(DecodePDU(is_server=False))
        self._sent = b""
        self._strange: bytearray | None = bytearray()  # what came before the first whole frame
        self._plain: TcpFrames | None = None

    def frame(self, question: Question) -> bytes:
        if self._plain is not None:
            return self._plain.frame(question)
        self._sent = self._envelopes.wrap(self._framer.buildFrame(question.request))
        return self._sent

    def take(self, question: Question, buffer: bytearray) -> ModbusPDU | None:
        if self._plain is not None:
            return self._plain.take(question, buffer)
        if bytes(buffer[:7]) == self._sent[:5] + b"\x03\x00":
            # It took the first seven bytes for the header of Modbus TCP and refuses the function they name.
            self._plain = TcpFrames(self._statistics, self._first_id)
            _news.info("logger_speaks_modbus_tcp", logger_serial=self._serial, link="modbus_tcp would do")
            raise WireError("this logger speaks plain Modbus TCP; it is asked that way from now on")
        while (reply := self._next(buffer)) is not None:
            if reply.code != _REPLY:
                continue
            if reply.sequence != self._envelopes.sequence:
                self._statistics.stale_answers += 1
                continue
            return self._answer(question, reply)
        return None

    def _next(self, buffer: bytearray) -> _Reply | None:
        """Remove the first whole frame of the buffer, and what stands before it that can be none."""
        first_open: int | None = None
        start = buffer.find(_START)
        while start >= 0:
            size = _size(buffer[start : start + 5])
            if size is None or (size and len(buffer) - start < size):
                first_open = start if first_open is None else first_open
            elif size and self._is_whole(frame := bytes(buffer[start : start + size])):
                del buffer[: start + size]
                self._strange = None
                return _parsed(frame)
            start = buffer.find(_START, start + 1)
        end = len(buffer) if first_open is None else first_open
        self._pass_over(bytes(buffer[:end]))
        del buffer[:end]
        return None

    def _pass_over(self, strange: bytes) -> None:
        """Tell once of a logger that has said nothing so far but what another protocol knows."""
        if self._strange is None:
            return
        self._strange = (self._strange + strange)[-_LONGEST:]
        if _AT in self._strange:
            self._strange = None
            _news.warning(
                "logger_sends_at_commands",
                logger_serial=self._serial,
                detail="if it never answers, it speaks that protocol (UDP 48899) alone, which we do not",
            )

    def _is_whole(self, frame: bytes) -> bool:
        return frame[-1] == _END and frame[-2] == self._envelopes.checksum(frame)

    def _answer(self, question: Question, reply: _Reply) -> ModbusPDU:
        """Return the Modbus answer in the reply. Raises WireError, or what the logger says is wrong."""
        rtu = reply.rtu
        if len(rtu) == _SHORT_ERROR and not rtu[1]:
            raise self._refusal(rtu[0], reply.serial)
        if reply.serial != self._serial:
            raise WireError(f"answer of logger {reply.serial}, asked was {self._serial}")
        if len(rtu) < _SHORTEST_RTU:
            raise WireError(f"the logger's answer carries {len(rtu)} bytes, which are no Modbus frame")
        if len(rtu) - _AROUND_PDU != question.answer_length(rtu[1:]) and _is_sealed_twice(rtu):
            rtu = rtu[:-2]
        if not _is_sealed(rtu):
            raise WireError("wrong checksum of the Modbus frame")
        if rtu[0] != question.request.dev_id:
            raise WireError(f"answer of unit {rtu[0]}, asked was unit {question.request.dev_id}")
        return decoded(question, rtu[0], rtu[1:-2])

    def _refusal(self, code: int, serial: int) -> DeviceError:
        """Return what one of the logger's own errors means."""
        if code == _WRONG_SERIAL:
            return AuthFailed(
                f"the serial number of this logger is {serial}; logger_serial in the site file says "
                f"{self._serial}"
            )
        if code == _BUSY:
            return Busy("the logger says that the inverter could not get the data (code 4)")
        if code < _BUSY:
            return Rejected(f"the logger refuses the request (code {code})", code=code)
        return Unreachable(
            f"the inverter does not answer the logger (code {code}): it is off or asleep, has another unit "
            "id, or does not know the function"
        )


def _size(head: bytes | bytearray) -> int | None:
    """Return the size of the frame that begins so: None while that is not known, 0 for no frame."""
    if len(head) < 5:
        return None
    size = int.from_bytes(head[1:3], "little") + _AROUND
    return size if head[3] == 0x10 and head[4] in _CODES and size <= _LONGEST else 0


def _parsed(frame: bytes) -> _Reply:
    return _Reply(
        code=int.from_bytes(frame[3:5], "little"),
        sequence=frame[5],
        serial=int.from_bytes(frame[7:11], "little"),
        rtu=frame[_HEADER + _ENVELOPE : -2],
    )


def _is_sealed_twice(rtu: bytes) -> bool:
    """Whether the checksum was appended twice, as some inverters and loggers do: that makes two zeros."""
    return rtu.endswith(b"\0\0") and _is_sealed(rtu[:-2])


def _is_sealed(rtu: bytes) -> bool:
    """Whether a frame ends with the checksum of what stands before."""
    return len(rtu) > 2 and bool(FramerRTU.check_CRC(rtu[:-2], int.from_bytes(rtu[-2:], "big")))
