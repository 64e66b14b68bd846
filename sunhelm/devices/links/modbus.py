"""Modbus over TCP, with its own framing or with that of the serial line. It can only read.

pymodbus makes and decodes the frames. Its client is not used: it lets a request wait for the whole time-out
when the connection breaks or an answer cannot be decoded, and reconnects and retries by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from random import SystemRandom
from typing import ClassVar, Literal

from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected
from sunhelm.devices.links.base import LinkStatistics, Span, Table
from sunhelm.devices.links.exchange import Exchanges
from sunhelm.devices.links.frames import Frames, Question, RtuFrames, TcpFrames
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.tcp import TcpConnection
from sunhelm.devices.links.trace import trace

Framing = Literal["modbus_tcp", "rtu_over_tcp", "solarman_v5"]

_READ = {Table.HOLDING: ReadHoldingRegistersRequest, Table.INPUT: ReadInputRegistersRequest}
_BUSY = (5, 6)
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
_MOST_WORDS = 125


def check_place(unit: int, address: int, count: int, most: int) -> None:
    """Raise ValueError when no Modbus request can name these registers."""
    if not 0 <= unit <= 255:
        raise ValueError(f"unit {unit} is not in 0 to 255")
    if not 1 <= count <= most:
        raise ValueError(f"{count} registers at {address}: one request takes 1 to {most}")
    if not 0 <= address <= 0x10000 - count:
        raise ValueError(f"registers {address} to {address + count - 1} are not in 0 to 65535")


def _identification_length(pdu: bytes) -> int | None:
    header = 7
    if len(pdu) < header:
        return None
    end = header
    for _ in range(pdu[header - 1]):
        if len(pdu) < end + 2:
            return None
        end += 2 + pdu[end + 1]
    return end


def _frames(framing: Framing, statistics: LinkStatistics, logger_serial: int | None) -> Frames:
    if framing == "rtu_over_tcp":
        return RtuFrames()
    first_id = SystemRandom().randrange(0x10000)
    if framing == "modbus_tcp":
        return TcpFrames(statistics, first_id)
    # Only those who have a logger load the library that speaks to it.
    from sunhelm.devices.links.solarman import SolarmanFrames  # noqa: PLC0415 - see above

    if logger_serial is None:
        raise ValueError("link solarman_v5 needs the serial number of the logger")
    return SolarmanFrames(logger_serial, statistics, first_id)


class ModbusLink:
    """A `RegisterLink` to one address and port; several units may be behind it."""

    # A link that knows a further function which reads (Huawei's file read, 0x41) adds it to these.
    requests: ClassVar[tuple[type[ModbusPDU], ...]] = (
        ReadHoldingRegistersRequest,
        ReadInputRegistersRequest,
        ReadDeviceInformationRequest,
    )

    def __init__(
        self,
        framing: Framing,
        line: Line,
        *,
        logger_serial: int | None = None,
    ) -> None:
        """`logger_serial` is that of the logger, which only solarman_v5 needs."""
        self.framing = framing
        self._exchanges = Exchanges(line, self._open)
        self._frames = _frames(framing, self.statistics, logger_serial)

    @property
    def statistics(self) -> LinkStatistics:
        """What this link has done so far."""
        return self._exchanges.statistics

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self._exchanges.turn(deadline)

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        check_place(span.unit, span.address, span.count, _MOST_WORDS)
        request = _READ[span.table](dev_id=span.unit, address=span.address, count=span.count)
        head = bytes([request.function_code, 2 * span.count])
        try:
            answer = await self.ask(Question(request, head, 2 + 2 * span.count), deadline, about=str(span))
        except DeviceError as error:
            trace(span, error=error)
            raise
        trace(span, answer.registers)
        return tuple(answer.registers)

    async def read_identification(
        self, unit: int, deadline: Deadline, *, category: int = 1, first: int = 0
    ) -> Mapping[int, bytes]:
        """Return the objects of a device identification (function 2B/0E) by their numbers.

        `category` is 1 basic, 2 regular, 3 extended, 4 only the object `first`; else all from `first` on
        are returned, with as many requests as that takes. Raises what `read` raises.
        """
        check_place(unit, first, 1, 1)
        objects: dict[int, bytes] = {}
        while True:
            request = ReadDeviceInformationRequest(read_code=category, object_id=first, dev_id=unit)
            question = Question(request, bytes([0x2B, 0x0E, category]), _identification_length)
            answer = await self.ask(question, deadline, about=f"unit {unit} identification")
            assert isinstance(answer, ReadDeviceInformationResponse)
            if len(answer.information) != answer.number_of_objects:
                raise Malformed(f"{self._exchanges.where}: unit {unit} identification names an object twice")
            objects.update(answer.information)
            if not answer.more_follows:
                return objects
            if answer.next_object_id <= first:
                raise Malformed(
                    f"{self._exchanges.where}: unit {unit} identification goes on with object "
                    f"{answer.next_object_id} after {first}"
                )
            first = answer.next_object_id

    async def ask(
        self, question: Question, deadline: Deadline, *, about: str, repeat: bool = True
    ) -> ModbusPDU:
        """Return the answer, which is the one that the question expects; raises what `read` raises.

        `about` tells people what was asked. With `repeat` a lost or wrong answer is asked for once more.
        """
        if type(question.request) not in self.requests:
            raise ValueError(
                f"{type(question.request).__name__} is not one of the requests that this link may send: "
                f"{', '.join(kind.__name__ for kind in self.requests)}"
            )

        async def once(connection: TcpConnection) -> ModbusPDU:
            answer = await connection.ask(
                self._frames.frame(question), lambda buffer: self._frames.take(question, buffer)
            )
            if isinstance(answer, ExceptionResponse):
                raise self._refusal(answer.exception_code, about)
            return answer

        return await self._exchanges.run(once, deadline, repeat=repeat)

    async def close(self) -> None:
        await self._exchanges.close()

    async def _open(self, address: str, port: int) -> TcpConnection:
        return await TcpConnection.open(address, port, self.statistics, unasked=self._frames.unasked)

    def _refusal(self, code: int, about: str) -> DeviceError:
        name = _EXCEPTIONS.get(code, "of the vendor's own")
        text = f"{self._exchanges.where}: {about}: exception {code} ({name})"
        return Busy(text) if code in _BUSY else Rejected(text, code=code)
