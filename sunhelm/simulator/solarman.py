"""A Solarman logger: a stick that carries Modbus frames to the inverter behind it in envelopes of its own.

Written from what is known of the protocol, apart from the drivers, frames by hand. Its habits are those of
real sticks: it beats every two minutes between the answers, may append the checksum twice, serves one client,
and says in two bytes what is wrong without the inverter.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.face import Face
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.faults.faulty import FaultyFace
from sunhelm.simulator.modbus_device import ILLEGAL_FUNCTION, Limits, ModbusDevice
from sunhelm.simulator.modbus_framing import crc16
from sunhelm.simulator.request_log import RequestLog
from sunhelm.simulator.wire import Connection, OnPort, Port, Reply

DEFAULT_SERIAL: Final = 2_712_345_678

_START: Final = 0xA5
_END: Final = 0x15
_REQUEST: Final = 0x4510
_REPLY: Final = 0x1510
_HEARTBEAT: Final = 0x4710
_REQUEST_ENVELOPE: Final = 15
_LARGEST: Final = 300
_INVERTER: Final = 2
_REAL_TIME: Final = 1
_NO_ANSWER: Final = 5
_WRONG_SERIAL: Final = 6
_NO_ANSWER_BEHIND: Final = 11
_WORKED_S: Final = 20_000_000
"""How long the stick has run in its life when it is switched on."""


@dataclass(slots=True)
class Habits:
    """How the stick behaves; every one can be switched.

    `beats_every_s` is how often its heartbeat goes before an answer, in the same segment; None for never.
    With `checksum_twice`, the Modbus frame ends with its checksum and two zeros. `to_strangers` is what it
    does for a request with another serial number: it tells its own, or says nothing. One that is `plain`
    speaks Modbus TCP on this port, and no envelopes.
    """

    beats_every_s: float | None = 120.0
    checksum_twice: bool = False
    to_strangers: Literal["tells", "silent"] = "silent"
    plain: bool = False


_QUESTIONS: Final = (b"WIFIKIT-214028-READ", b"HF-A11ASSISTHREAD")


class _Beacon(asyncio.DatagramProtocol):
    """Answers whoever looks for loggers."""

    def __init__(self, stick: SolarmanLogger) -> None:
        self._stick = stick
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if data.strip() in _QUESTIONS and not self._stick.faults.gone:
            self._transport.sendto(self._stick.told(), addr)


class SolarmanLogger(OnPort):
    """One stick before one inverter's face; implements `Endpoint`.

    `log` tells what the inverter was asked, `faults` what goes wrong, `strangers` how often somebody used a
    wrong serial number. One client finds a place at a time. Who asks at the UDP port of the same number is
    told the address and the serial number.
    """

    def __init__(
        self,
        face: Face,
        *,
        serial: int = DEFAULT_SERIAL,
        limits: Limits | None = None,
        habits: Habits | None = None,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self.face = face
        self.serial = serial
        self.habits = habits or Habits()
        self.faults = faults or Faults()
        self.log = RequestLog()
        self.strangers = 0
        self._clock = clock
        self._device = ModbusDevice(FaultyFace(face, self.faults), self.log, limits)
        self._port = Port(self._serve, faults=self.faults, log=self.log, single=True, clock=clock)
        self._host = ""
        self._beacon: asyncio.DatagramTransport | None = None
        self._sent = 0
        self._started = clock.monotonic()
        self._beaten_at = self._started

    async def open(self, host: str, port: int) -> None:
        await super().open(host, port)
        self._host = host
        loop = asyncio.get_running_loop()
        self._beacon, _ = await loop.create_datagram_endpoint(
            lambda: _Beacon(self), local_addr=(host, self.port)
        )

    async def close(self) -> None:
        if self._beacon is not None:
            self._beacon.close()
        await super().close()

    def told(self) -> bytes:
        """Return what the stick says of itself: address, MAC address and serial number."""
        return f"{self._host},C4D4F5010203,{self.serial}".encode("ascii")

    def update(self) -> None:
        """Let the inverter do what it does by itself once a step."""
        self.face.update()

    async def _serve(self, connection: Connection) -> None:
        while True:
            if self.habits.plain:
                await self._serve_plain(connection)
                continue
            frame = await self._receive(connection)
            if frame is None or not connection.hears():
                continue
            serial = int.from_bytes(frame[7:11], "little")
            if serial != self.serial:
                self.strangers += 1
                if self.habits.to_strangers == "tells":
                    await connection.send(self._reply(frame[5], bytes((_WRONG_SERIAL, 0))))
                continue
            await connection.send(self._reply(frame[5], self._asked(frame[26:-2])))

    @staticmethod
    async def _receive(connection: Connection) -> bytes | None:
        """Return the next request; None for what is none."""
        reader = connection.reader
        if (await reader.readexactly(1))[0] != _START:
            return None
        header = await reader.readexactly(10)
        length = int.from_bytes(header[:2], "little")
        if length > _LARGEST:
            return None
        frame = bytes((_START,)) + header + await reader.readexactly(length + 2)
        code = int.from_bytes(frame[3:5], "little")
        whole = frame[-1] == _END and frame[-2] == sum(frame[1:-2]) & 0xFF
        return frame if whole and code == _REQUEST and length > _REQUEST_ENVELOPE else None

    def _asked(self, rtu: bytes) -> bytes:
        """Return what the inverter answers, or the stick in its place."""
        if len(rtu) < 4 or crc16(rtu[:-2]) != rtu[-2:]:
            return bytes((_NO_ANSWER, 0))
        pdu = self._device.answer(rtu[0], rtu[1:-2])
        if pdu[0] & 0x80 and pdu[1] in (ILLEGAL_FUNCTION, _NO_ANSWER_BEHIND):
            return bytes((_NO_ANSWER, 0))
        answer = rtu[:1] + pdu
        return answer + crc16(answer) + (b"\0\0" if self.habits.checksum_twice else b"")

    def _reply(self, sequence: int, content: bytes) -> Reply:
        up = int(self._clock.monotonic() - self._started)
        envelope = struct.pack("<BBIII", _INVERTER, _REAL_TIME, _WORKED_S + up, up, 0)  # its clock is not set
        before = self._beat(sequence)
        self._sent = self._sent + 1 & 0xFF
        return Reply(
            before + self._frame(_REPLY, sequence, envelope + content),
            before + self._frame(_REPLY, sequence + 1 & 0xFF, envelope + content),
        )

    def _beat(self, sequence: int) -> bytes:
        """Return the heartbeat when it is due; it bears the last sequence number that the stick saw."""
        now, every = self._clock.monotonic(), self.habits.beats_every_s
        if every is None or now - self._beaten_at < every:
            return b""
        self._beaten_at = now
        self._sent = self._sent + 1 & 0xFF
        return self._frame(_HEARTBEAT, sequence, b"\0")

    def _frame(self, code: int, sequence: int, payload: bytes) -> bytes:
        head = struct.pack("<HHBBI", len(payload), code, sequence, self._sent, self.serial)
        body = head + payload
        return bytes((_START,)) + body + bytes((sum(body) & 0xFF, _END))

    async def _serve_plain(self, connection: Connection) -> None:
        """Answer one request of Modbus TCP, as loggers with a network plug do: writes without their count."""
        header = await connection.reader.readexactly(7)
        if header[0] == _START and header[3] == _REQUEST & 0xFF:
            # An envelope's beginning is taken for a header whose function does not exist.
            function = (await connection.reader.read(_LARGEST))[:1] or b"\0"
            answer = header[:5] + b"\x03" + b"\x00" + bytes((function[0] | 0x80, 2))
            await connection.send(Reply(answer, answer))
            return
        length = int.from_bytes(header[4:6], "big")
        pdu = self._device.answer(header[6], await connection.reader.readexactly(length - 1))
        cut = pdu[:3] if pdu[0] == 16 else pdu
        tail = struct.pack(">HHB", 0, len(cut) + 1, header[6]) + cut
        transaction = int.from_bytes(header[:2], "big")
        await connection.send(Reply(header[:2] + tail, struct.pack(">H", transaction + 1 & 0xFFFF) + tail))
