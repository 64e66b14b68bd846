"""The simulated logger: the bytes of the facts sheet, its own errors, its habits and faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.faults import Duplicate, WrongTransaction
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.solarman import Habits, SolarmanLogger

SERIAL = 3_123_456_789
REQUEST = bytes.fromhex("a5170010452100152b2cba0200000000000000000000000000000103024c00048466f515")
WRITE = bytes.fromhex("a51a0010452200152b2cba0200000000000000000000000000000110008f0001021388b439e415")
RTU = bytes.fromhex("01030800390000fa24f4f28b42")


class StillClock:
    """Time that only moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Client:
    """One connection to a logger."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        """Return the next frame."""
        self.writer.write(request)
        return await self.frame()

    async def frame(self) -> bytes:
        head = await asyncio.wait_for(self.reader.readexactly(3), 2)
        assert head[0] == 0xA5
        rest = await self.reader.readexactly(int.from_bytes(head[1:], "little") + 10)
        frame = head + rest
        assert frame[-1] == 0x15
        assert frame[-2] == sum(frame[1:-2]) & 0xFF
        return frame

    async def is_silent(self) -> bool:
        try:
            await asyncio.wait_for(self.reader.readexactly(1), 0.05)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def logger(clock: StillClock) -> AsyncIterator[SolarmanLogger]:
    start = datetime(2026, 6, 21, 13, tzinfo=UTRECHT.zone).timestamp()
    face = DeyeFace(Plant(seed=3, start=start, warm_up=False))
    face._written.update({588: 57, 589: 0, 590: 0xFA24, 591: 0xF4F2})
    stick = SolarmanLogger(face, serial=SERIAL, limits=Limits(functions={3, 16}), clock=clock)
    await stick.open("127.0.0.1", 0)
    yield stick
    await stick.close()


@pytest.fixture
async def connect(logger: SolarmanLogger) -> AsyncIterator[Any]:
    opened: list[asyncio.StreamWriter] = []

    async def client() -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", logger.port)
        opened.append(writer)
        return Client(reader, writer)

    yield client
    for writer in opened:
        writer.close()


async def test_a_reply_is_the_frame_of_the_sheet(connect: Any) -> None:
    reply = await (await connect()).ask(REQUEST)
    assert reply[:6] == bytes.fromhex("a51b00101521")
    assert reply[7:13] == bytes.fromhex("152b2cba0201")
    assert int.from_bytes(reply[13:17], "little") == 20_000_000
    assert reply[25:-2] == RTU


async def test_the_checksum_may_be_there_twice(logger: SolarmanLogger, connect: Any) -> None:
    logger.habits.checksum_twice = True
    reply = await (await connect()).ask(REQUEST)
    assert reply[25:-2] == RTU + b"\0\0"
    assert reply[1] == 29


async def test_a_write_is_taken_and_echoed(logger: SolarmanLogger, connect: Any) -> None:
    reply = await (await connect()).ask(WRITE)
    assert reply[25:-2].hex() == "0110008f00013022"
    assert [(write.address, write.words) for write in logger.log.writes] == [(143, (5000,))]


async def test_the_logger_counts_its_frames_and_echoes_the_clients_number(connect: Any) -> None:
    client = await connect()
    one, two = await client.ask(REQUEST), await client.ask(REQUEST)
    assert (one[5], two[5]) == (0x21, 0x21)
    assert two[6] == one[6] + 1


@pytest.mark.parametrize(
    ("rtu", "code"), [("0104024c000431a6", 5), ("0203024c00048455", 5), ("010300ffffff0000", 5)]
)
async def test_what_the_inverter_does_not_answer_is_error_5(connect: Any, rtu: str, code: int) -> None:
    frame = bytearray(REQUEST[:26] + bytes.fromhex(rtu) + REQUEST[-2:])
    frame[-2] = sum(frame[1:-2]) & 0xFF
    reply = await (await connect()).ask(bytes(frame))
    assert reply[25:-2] == bytes((code, 0))
    assert len(reply) == 29


async def test_strangers_get_silence_or_the_true_serial_number(logger: SolarmanLogger, connect: Any) -> None:
    wrong = bytearray(REQUEST)
    wrong[7] ^= 1
    wrong[-2] = sum(wrong[1:-2]) & 0xFF
    client = await connect()
    client.writer.write(bytes(wrong))
    assert await client.is_silent()
    logger.habits.to_strangers = "tells"
    reply = await client.ask(bytes(wrong))
    assert reply[25:-2] == b"\x06\0"
    assert int.from_bytes(reply[7:11], "little") == SERIAL
    assert logger.strangers == 2
    assert not logger.log.recent


async def test_a_heartbeat_goes_before_an_answer_every_two_minutes(connect: Any, clock: StillClock) -> None:
    client = await connect()
    assert (await client.ask(REQUEST))[3:5] == b"\x10\x15"
    clock.now += 121
    beat = await client.ask(REQUEST)
    assert (len(beat), beat[3:5]) == (14, b"\x10\x47")
    assert (await client.frame())[3:5] == b"\x10\x15"
    assert (await client.ask(REQUEST))[3:5] == b"\x10\x15"


async def test_noise_is_passed_over(connect: Any) -> None:
    client = await connect()
    broken = bytearray(REQUEST)
    broken[-2] ^= 1
    client.writer.write(b"AT+\r\n" + bytes(broken))
    assert await client.is_silent()
    assert (await client.ask(REQUEST))[25:-2] == RTU


async def test_a_second_client_finds_no_place(logger: SolarmanLogger, connect: Any) -> None:
    first = await connect()
    await first.ask(REQUEST)
    second = await connect()
    assert await second.reader.read() == b""
    assert logger.log.turned_away == 1


async def test_a_plain_logger_takes_an_envelope_for_a_header(logger: SolarmanLogger, connect: Any) -> None:
    logger.habits = Habits(plain=True)
    client = await connect()
    client.writer.write(REQUEST)
    assert (await client.reader.readexactly(9)).hex() == "a51700104503009502"
    client.writer.write(bytes.fromhex("0001000000060103024c0004"))
    answer = await client.reader.readexactly(17)
    assert answer.hex() == "00010000000b01030800390000fa24f4f2"
    client.writer.write(bytes.fromhex("0002000000090110008f0001021388"))
    assert (await client.reader.readexactly(10)).hex() == "0002000000040110008f"


async def test_faults_strike_its_frames(logger: SolarmanLogger, connect: Any) -> None:
    client = await connect()
    with logger.faults.during(WrongTransaction()):
        assert (await client.ask(REQUEST))[5] == 0x22
    with logger.faults.during(Duplicate()):
        assert await client.ask(REQUEST) == await client.frame()
