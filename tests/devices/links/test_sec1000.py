"""The SEC1000's frames and habits, against a box of the test's own on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.exchange import WireError
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.sec1000 import LIMIT, TELEMETRY, Sec1000Link, frame, take_reply
from sunhelm.devices.links.trace import watched
from sunhelm.devices.links.turns import Turns

# Recorded at a real box: 241.0 240.4 240.9 V; 4.80 3.90 5.08 A; 295 -114 -532 W; meter -351 W; 3386 W.
RECORDED = bytes.fromhex(
    "0452455 64F 0031 01010B 0000096A 00000964 00000969 000001E0 00000186 000001FC"
    "00000127 FFFFFF8E FFFFFDEC FFFFFEA1 00000D3A 0F42".replace("0452455 64F", "04 52 45 56 4F")
)
LIMIT_REPLY = bytes.fromhex("04524556 4F 0012 010143 03 00004E20 00000000 00001B58 0129")
REFUSED = bytes.fromhex("04524556 4F 0006 01010B 15 0022")

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Box:
    """Answers each request as `answer` says, then hangs up; remembers what it was asked, and when."""

    answer: Answer
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            length = await reader.readexactly(2)
            request = length + await reader.readexactly(int.from_bytes(length))
            self.requests.append(request)
            await self.answer(request, writer)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_now -= 1
            writer.close()


@asynccontextmanager
async def box(answer: Answer) -> AsyncIterator[Box]:
    device = Box(answer)
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()


def pieces(*parts: bytes) -> Answer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


def then_close(part: bytes) -> Answer:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        writer.close()

    return answer


async def silent(_: bytes, writer: asyncio.StreamWriter) -> None:
    del writer


def link_to(port: int, *, clock: Any = None, turns: Turns | None = None, timeout: float = 2.0) -> Sec1000Link:
    pacing = Pacing(timeout=f"{int(timeout * 1000)}ms", between={"0b": "5s"})  # type: ignore[arg-type, dict-item]
    line = Line("127.0.0.1", port, pacing, single=True, turns=turns, **({"clock": clock} if clock else {}))
    return Sec1000Link(line)


async def ask(link: Sec1000Link, command: int = TELEMETRY, seconds: float = 9.0) -> bytes:
    deadline = Deadline.after(seconds, link._exchanges._clock)
    async with link.turn(deadline):
        return await link.ask(command, deadline)


def test_requests_are_those_seen_on_the_wire() -> None:
    assert frame(TELEMETRY) == bytes.fromhex("0005 0101 0B 000D")
    assert frame(LIMIT) == bytes.fromhex("0005 0101 43 0045")
    assert frame(0x40, b"\x01") == bytes.fromhex("0006 0101 40 01 0043")
    assert frame(0x42, bytes.fromhex("00004E20 00001B58 02")) == bytes.fromhex(
        "000E 0101 42 00004E20 00001B58 02 0127"
    )


async def test_a_recorded_reply_is_read() -> None:
    async with box(pieces(RECORDED)) as device:
        data = await ask(link_to(device.port))
    assert data == RECORDED[10:-2]
    assert device.requests == [frame(TELEMETRY)]


async def test_a_watched_request_shows_the_bytes_that_came_or_the_error() -> None:
    with watched() as seen:
        async with box(pieces(RECORDED)) as device:
            await ask(link_to(device.port))
        async with box(pieces(REFUSED)) as device:
            with pytest.raises(Busy):
                await ask(link_to(device.port))
    assert [traced.request for traced in seen] == ["command 0b", "command 0b"]
    assert seen[0].came == RECORDED[10:-2].hex(" ", 4)
    assert "status 0x15" in seen[1].came


async def test_a_reply_in_pieces_is_read() -> None:
    async with box(pieces(RECORDED[:7], RECORDED[7:8], RECORDED[8:])) as device:
        assert await ask(link_to(device.port)) == RECORDED[10:-2]


async def test_another_prefix_is_taken() -> None:
    async with box(pieces(b"\x04EVIL" + RECORDED[5:])) as device:
        assert await ask(link_to(device.port)) == RECORDED[10:-2]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (pieces(RECORDED[:-1] + b"\x43"), Malformed),
        (then_close(RECORDED[:30]), Unreachable),
        (then_close(b""), Rejected),
        (then_close(RECORDED[:5]), Rejected),
        (pieces(REFUSED), Busy),
        (pieces(bytes.fromhex("04524556 4F 0006 010140 06 0048")), Malformed),
        (pieces(bytes.fromhex("04524556 4F FFFF 0101")), Malformed),
        (pieces(LIMIT_REPLY), Malformed),
    ],
    ids=["checksum", "cut", "hung up", "prefix only", "busy", "other command", "length", "other reply"],
)
async def test_a_wrong_reply_has_its_reason(answer: Answer, error: type[Exception]) -> None:
    async with box(answer) as device:
        with pytest.raises(error) as raised:
            await ask(link_to(device.port))
    assert type(raised.value) is error
    assert len(device.requests) == 1


async def test_silence_is_a_time_out_and_the_connection_is_gone() -> None:
    async with box(silent) as device:
        link = link_to(device.port, timeout=0.05)
        with pytest.raises(TimedOut):
            await ask(link)
        await link.close()


async def test_each_request_has_a_connection_of_its_own() -> None:
    async with box(pieces(LIMIT_REPLY)) as device:
        link = link_to(device.port)
        deadline = Deadline.after(5)
        async with link.turn(deadline):
            for _ in range(3):
                await link.ask(LIMIT, deadline)
    assert device.connections == 3
    assert device.most_open == 1


async def test_telemetry_is_asked_at_most_every_five_seconds(clock: Any) -> None:
    async with box(pieces(RECORDED)) as device:
        link = link_to(device.port, clock=clock)
        await ask(link, seconds=9)
        await ask(link, seconds=9)
        assert clock.slept == [pytest.approx(5.0)]
        with pytest.raises(Busy, match="every 5 s"):
            await ask(link, seconds=2)
    assert len(device.requests) == 2


async def test_the_pace_holds_across_processes(tmp_path: Path, clock: Any) -> None:
    async with box(pieces(RECORDED)) as device:
        for role in ("reader", "control"):
            turns = Turns(tmp_path, role=role, boot_clock=clock.monotonic)  # type: ignore[arg-type]
            await ask(link_to(device.port, clock=clock, turns=turns))
            clock.advance(1)
    assert clock.slept == [pytest.approx(4.0)]


async def test_a_limit_is_not_paced_by_telemetry(clock: Any) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(LIMIT_REPLY if request[4] == LIMIT else RECORDED)

    async with box(answer) as device:
        link = link_to(device.port, clock=clock)
        await ask(link)
        await ask(link, LIMIT)
    assert clock.slept == []


@pytest.mark.parametrize("command", [0x42, 0x40, 0x33, 0x28, 0x05, 0x00, 0xFF])
async def test_nothing_that_writes_leaves_this_link(command: int) -> None:
    async with box(pieces(RECORDED)) as device:
        with pytest.raises(ValueError, match="may send"):
            await ask(link_to(device.port), command)
    assert device.connections == 0


@given(st.binary(max_size=80))
def test_garbage_is_never_a_reply(garbage: bytes) -> None:
    try:
        data = take_reply(TELEMETRY, bytearray(garbage))
    except WireError:
        return
    assert data is None or garbage[9] == TELEMETRY


@given(st.integers(0, len(RECORDED) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_changes_a_value(place: int, flip: int) -> None:
    corrupt = bytearray(RECORDED)
    corrupt[place] ^= flip
    try:
        data = take_reply(TELEMETRY, corrupt)
    except WireError:
        return
    assert data in (None, RECORDED[10:-2])
