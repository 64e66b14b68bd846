"""GivEnergy's adapters on a real socket: others' answers, heartbeats, damage, refusals, silence."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links import Line, open_link
from sunhelm.devices.links.base import Span, Table
from sunhelm.devices.links.control import GivEnergyControlLink, open_control_link
from sunhelm.devices.links.givenergy import GivEnergyLink

BEAT = bytes.fromhex("59590001000d01015758303030305430303101")
SPAN = Span(0x11, Table.INPUT, 0, 4)

Behaviour = Callable[["Asked"], Awaitable[None]]


def answer(crc: Any, asked: tuple[int, int, int, int], *, refused: bool = False, last: int = 0) -> bytes:
    """An answer built by hand: the value of each register is its address, but that of the last."""
    slave, function, first, second = asked
    values = b"" if function == 6 or refused else struct.pack(f">{second}H", *range(first, first + second))
    if last:
        values = values[:-2] + last.to_bytes(2)
    inner = struct.pack(">BB10sHH", slave, function | 0x80 * refused, b"QA0000T002", first, second) + values
    inner += bytes(crc(inner))
    return (
        bytes.fromhex("59590001")
        + (len(inner) + 20).to_bytes(2)
        + b"\x01\x02WX0000T001"
        + len(inner).to_bytes(8)
        + inner
    )


@dataclass
class Asked:
    """One request that came, and the means to answer it."""

    device: Dongle
    writer: asyncio.StreamWriter
    words: tuple[int, int, int, int]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def honest(self) -> None:
        await self.send(answer(self.device.crc, self.words))

    async def refuse(self) -> None:
        await self.send(answer(self.device.crc, self.words, refused=True))

    async def silent(self) -> None:
        pass


@dataclass
class Dongle:
    """Behaviours in `script` are used up first, then it is honest."""

    crc: Any
    script: list[Behaviour] = field(default_factory=list)
    asked: list[tuple[int, int, int, int]] = field(default_factory=list)
    beats: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    beaten: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readexactly(6)
                body = await reader.readexactly(int.from_bytes(head[4:]))
                if body[1] == 1:
                    self.beats.append(head + body)
                    self.beaten.set()
                    continue
                inner = body[20:]
                assert self.crc(inner[:-2]) == inner[-2:]
                self.asked.append(struct.unpack(">BBHH", inner[:-2]))
                behaviour = self.script.pop(0) if self.script else Asked.honest
                await behaviour(Asked(self, writer, self.asked[-1]))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def dongle(crc: Any) -> AsyncIterator[Dongle]:
    device = Dongle(crc)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    yield device
    server.close()


@asynccontextmanager
async def linked(device: Dongle, quick: Pacing) -> AsyncIterator[GivEnergyLink]:
    link = open_link("givenergy", Line("127.0.0.1", device.port, quick, single=False))
    assert isinstance(link, GivEnergyLink)
    async with link.turn(Deadline.after(20)):
        yield link
    await link.close()


async def test_what_was_asked_comes(dongle: Dongle, quick: Pacing) -> None:
    async with linked(dongle, quick) as link:
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)
        assert await link.read(Span(1, Table.METER, 60, 9), Deadline.after(5)) == tuple(range(60, 69))
        assert await link.read(Span(0x11, Table.HOLDING, 60, 60), Deadline.after(5)) == tuple(range(60, 120))
    assert dongle.asked == [(0x11, 4, 0, 4), (1, 0x16, 60, 9), (0x11, 3, 60, 60)]
    assert dongle.connections == 1


@pytest.mark.parametrize("span", [Span(0x11, Table.INPUT, 0, 61), Span(256, Table.INPUT, 0, 1)])
async def test_more_than_sixty_registers_are_not_asked_for(span: Span, quick: Pacing) -> None:
    link = open_link("givenergy", Line("127.0.0.1", 1, quick, single=False))
    with pytest.raises(ValueError, match="one request takes 1 to 60"):
        await link.read(span, Deadline.after(5))


async def test_answers_to_others_are_passed_over(dongle: Dongle, quick: Pacing) -> None:
    """Another slave, function, register or count, a write, and a refusal of something else."""

    async def others_first(asked: Asked) -> None:
        for other in ((0x32, 4, 0, 4), (0x11, 3, 0, 4), (0x11, 4, 60, 4), (0x11, 4, 0, 3), (0x11, 6, 0, 4)):
            await asked.send(answer(dongle.crc, other))
        await asked.send(answer(dongle.crc, (0x11, 4, 240, 60), refused=True))
        await asked.honest()

    dongle.script = [others_first]
    async with linked(dongle, quick) as link:
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)
        assert link.statistics.stale_answers == 6
        assert link.statistics.retries == 0


async def test_a_heartbeat_is_answered_also_while_nothing_is_asked(dongle: Dongle, quick: Pacing) -> None:
    async def beat_after(asked: Asked) -> None:
        await asked.honest()
        await asked.send(BEAT)

    dongle.script = [beat_after]
    async with linked(dongle, quick) as link:
        await link.read(SPAN, Deadline.after(5))
        await asyncio.wait_for(dongle.beaten.wait(), 5)
    assert dongle.beats == [BEAT]


async def test_a_damaged_answer_is_asked_for_again_on_a_new_connection(dongle: Dongle, quick: Pacing) -> None:
    async def damaged(asked: Asked) -> None:
        frame = bytearray(answer(dongle.crc, asked.words))
        frame[45] ^= 1
        await asked.send(bytes(frame))

    dongle.script = [damaged]
    async with linked(dongle, quick) as link:
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)
        assert dongle.connections == 2
        dongle.script = [damaged, damaged]
        with pytest.raises(Malformed, match="wrong checksum"):
            await link.read(SPAN, Deadline.after(5))


@pytest.mark.parametrize("names_nothing", [False, True])
async def test_a_refusal_is_believed_when_it_comes_twice(
    names_nothing: bool, dongle: Dongle, quick: Pacing
) -> None:
    async def refuse(asked: Asked) -> None:
        words = (*asked.words[:2], 0, 0) if names_nothing else asked.words
        await asked.send(answer(dongle.crc, words, refused=True))

    dongle.script = [refuse]
    async with linked(dongle, quick) as link:
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)
        dongle.script = [refuse, refuse]
        with pytest.raises(Rejected, match="unit 17 input 0\\+4: refused"):
            await link.read(SPAN, Deadline.after(5))
    assert dongle.connections == 1


async def test_a_late_answer_is_never_taken_for_the_next_one(dongle: Dongle, quick: Pacing) -> None:
    """After a time-out the connection is gone, and with it whatever would still come on it."""
    dongle.script = [Asked.silent, Asked.silent]
    async with linked(dongle, quick) as link:
        with pytest.raises(TimedOut):
            await link.read(SPAN, Deadline.after(5))
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)
    assert dongle.connections == 3


async def test_a_connection_that_ends_is_made_anew_in_silence(dongle: Dongle, quick: Pacing) -> None:
    """Some adapters end idle connections every ten seconds."""

    async def hang_up(asked: Asked) -> None:
        await asked.honest()
        asked.writer.close()

    dongle.script = [hang_up]
    async with linked(dongle, quick) as link:
        await link.read(SPAN, Deadline.after(5))
        assert await link.read(SPAN, Deadline.after(5)) == (0, 1, 2, 3)


async def test_a_connection_that_breaks_in_an_answer_is_unreachable(dongle: Dongle, quick: Pacing) -> None:
    async def half(asked: Asked) -> None:
        await asked.send(answer(dongle.crc, asked.words)[:30])
        asked.writer.close()

    dongle.script = [half, half]
    async with linked(dongle, quick) as link:
        with pytest.raises(Unreachable) as raised:
            await link.read(SPAN, Deadline.after(5))
    assert isinstance(raised.value, DeviceError)
    assert not isinstance(raised.value, TimedOut)


@asynccontextmanager
async def commanding(device: Dongle, quick: Pacing) -> AsyncIterator[GivEnergyControlLink]:
    link = open_control_link("givenergy", Line("127.0.0.1", device.port, quick, single=True))
    assert isinstance(link, GivEnergyControlLink)
    async with link.turn(Deadline.after(20)):
        yield link


async def test_a_write_is_one_register_and_its_echo(dongle: Dongle, quick: Pacing) -> None:
    async with commanding(dongle, quick) as link:
        await link.write(0x11, 96, (1,), Deadline.after(5), function=6)
        await link.write(0x11, 163, (100,), Deadline.after(5), function=6)
    assert dongle.asked == [(0x11, 6, 96, 1), (0x11, 6, 163, 100)]


async def test_a_write_is_sent_once(dongle: Dongle, quick: Pacing) -> None:
    """An echo of another value, or none, is no acknowledgement; only reading back can tell."""

    async def other_value(asked: Asked) -> None:
        await asked.send(answer(dongle.crc, (*asked.words[:3], 2)))

    dongle.script = [other_value]
    async with commanding(dongle, quick) as link:
        with pytest.raises(TimedOut):
            await link.write(0x11, 96, (1,), Deadline.after(5), function=6)
        dongle.script = [Asked.refuse]
        with pytest.raises(Rejected, match="write 96=1: refused"):
            await link.write(0x11, 96, (1,), Deadline.after(5), function=6)
    assert len(dongle.asked) == 2


@pytest.mark.parametrize(
    ("address", "words"),
    [
        *((address, (1,)) for address in (162, 331, 1016, 5003, 5004, 63, 83)),
        *((163, (value,)) for value in (0, 1, 99, 101, 200)),
        (96, (1, 0)),
        (96, (0x10000,)),
        (0x10000, (1,)),
    ],
)
async def test_what_could_break_the_device_is_not_sent(
    address: int, words: tuple[int, ...], dongle: Dongle, quick: Pacing
) -> None:
    async with commanding(dongle, quick) as link:
        with pytest.raises(ValueError, match=r"never written|nothing else|writes one|is no word"):
            await link.write(0x11, address, words, Deadline.after(5), function=6)
    assert not dongle.asked
