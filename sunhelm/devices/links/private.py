"""Modbus with Huawei's private function 0x41: files, and the sign-in that some devices want before a write.

    start of a file   41 05 length type [parameters]   41 05 length type, size(4) frame(1) [...]
    frame of a file   41 06 03     type number(2)      41 06 length type number(2) bytes
    end of a file     41 0C 01     type                41 0C 03     type checksum(2)
    challenge         41 24 01 00                      41 24 11     challenge(16)
    sign-in           41 25 length ...                 41 25 length status ...

The reading half is here: identification and files. What changes something, and signs in for it, is
`PrivateControlLink` of `sunhelm.devices.links.private_control`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from pymodbus.framer import FramerRTU
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.decoders import DecodePDU

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError, Malformed
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.modbus import ModbusLink, check_place
from sunhelm.devices.links.trace import trace

PRIVATE: Final = 0x41
_START: Final = 0x05
_FRAME: Final = 0x06
_END: Final = 0x0C
_HEAD: Final = 3  # function, what it shall do, and how many bytes follow
_LARGEST_FILE: Final = 1 << 20  # far above what any plant has; a longer one is a wrong length


@runtime_checkable
class FileLink(RegisterLink, Protocol):
    """A link that can also read files and identifications."""

    async def read_file(self, unit: int, kind: int, deadline: Deadline, parameters: bytes = b"") -> bytes:
        """Return the file of this type, whole and with a right checksum; nothing else is read meanwhile.

        Raises what `read` raises; Busy when the device asks to be left alone for ten seconds.
        """

    async def read_identification(
        self, unit: int, deadline: Deadline, *, category: int = 1, first: int = 0
    ) -> Mapping[int, bytes]:
        """Return the objects of a device identification; see `ModbusLink.read_identification`."""


class PrivateRequest(ModbusPDU):
    """A private request: what it asks for, and data behind their length."""

    function_code = PRIVATE

    def __init__(self, what: int = 0, data: bytes = b"", dev_id: int = 0) -> None:
        super().__init__(dev_id=dev_id)
        self.what = what
        self.data = data

    def encode(self) -> bytes:
        return bytes([self.what, len(self.data)]) + self.data

    def decode(self, data: bytes) -> None:
        raise NotImplementedError("we ask, and are never asked")


class PrivateAnswer(ModbusPDU):
    """What answers a private request, behind its length."""

    function_code = PRIVATE
    data = b""

    def encode(self) -> bytes:
        raise NotImplementedError("we ask, and are never asked")

    def decode(self, data: bytes) -> None:
        self.data = data[_HEAD - 1 :]


class FileRequest(PrivateRequest):
    """A step of reading a file; `what` is one of start, frame and end."""


DecodePDU.add_pdu(FileRequest, PrivateAnswer)


def told_length(pdu: bytes) -> int | None:
    """Return the length of an answer that says how long it is."""
    return None if len(pdu) < _HEAD else _HEAD + pdu[_HEAD - 1]


class PrivateLink(ModbusLink):
    """A `FileLink` to one address and port."""

    requests = (*ModbusLink.requests, FileRequest)

    async def read_file(self, unit: int, kind: int, deadline: Deadline, parameters: bytes = b"") -> bytes:
        check_place(unit, kind, 1, 1)
        try:
            content = await self._read_file(unit, kind, deadline, parameters)
        except DeviceError as error:
            trace(f"unit {unit} file {kind:#04x}", error=error)
            raise
        trace(f"unit {unit} file {kind:#04x}", data=content)
        return content

    async def _read_file(self, unit: int, kind: int, deadline: Deadline, parameters: bytes) -> bytes:
        about = f"unit {unit} file {kind:#04x}"
        head = await self._step(unit, _START, bytes([kind]) + parameters, deadline, about)
        if len(head) < 5:
            raise Malformed(f"{about}: its beginning has {len(head)} bytes, at least 5 are right")
        (size,) = struct.unpack_from(">I", head)
        if size > _LARGEST_FILE:
            raise Malformed(f"{about}: {size} bytes; {_LARGEST_FILE} is more than any plant has")
        content = bytearray()
        number = 0
        while len(content) < size:
            data = await self._step(unit, _FRAME, struct.pack(">BH", kind, number), deadline, about)
            if len(data) <= 2 or struct.unpack_from(">H", data) != (number,):
                raise Malformed(f"{about}: {data[:2].hex()} with {len(data)} bytes is not its frame {number}")
            content += data[2:]
            number += 1
        end = await self._step(unit, _END, bytes([kind]), deadline, about)
        if len(content) != size:
            raise Malformed(f"{about}: {len(content)} bytes came, {size} were announced")
        # High byte first, other than behind a frame of the serial line.
        if int.from_bytes(end, "little") != FramerRTU.compute_CRC(bytes(content)):
            raise Malformed(f"{about}: its checksum is wrong")
        return bytes(content)

    async def _step(self, unit: int, what: int, data: bytes, deadline: Deadline, about: str) -> bytes:
        """Return what answers one step, behind the type of the file.

        It is not asked again: the steps of a file belong together.
        """
        question = Question(FileRequest(what, data, unit), bytes([PRIVATE, what]), told_length)
        answer = await self.ask(question, deadline, about=about, repeat=False)
        assert isinstance(answer, PrivateAnswer)
        if answer.data[:1] != data[:1]:
            raise Malformed(f"{about}: the answer is about file {answer.data[:1].hex() or 'none'}")
        return answer.data[1:]
