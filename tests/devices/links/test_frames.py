"""No stream of bytes ever becomes a wrong value."""

from __future__ import annotations

import asyncio
import itertools
import struct
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links import Line, open_link
from sunhelm.devices.links.base import LinkStatistics, Span, Table
from sunhelm.devices.links.exchange import WireError
from sunhelm.devices.links.frames import Question, RtuFrames, TcpFrames

UNIT, COUNT, ID = 3, 2, 1000
WORDS = (0x0102, 0xFFFE)
RIGHT = struct.pack(">BB2H", 3, 4, *WORDS)


def question() -> Question:
    request = ReadHoldingRegistersRequest(dev_id=UNIT, address=0, count=COUNT)
    return Question(request, bytes([3, 2 * COUNT]), 2 + 2 * COUNT)


def tcp_frame(transaction: int, unit: int, pdu: bytes, protocol: int = 0, length: int | None = None) -> bytes:
    length = len(pdu) + 1 if length is None else length
    return struct.pack(">HHHB", transaction, protocol, length, unit) + pdu


PDUS = st.one_of(
    st.just(RIGHT),
    st.builds(
        lambda words: struct.pack(f">BB{len(words)}H", 3, 2 * len(words), *words),
        st.lists(st.integers(0, 0xFFFF), max_size=4),
    ),
    st.builds(lambda code: bytes([0x83, code]), st.integers(0, 255)),
    st.builds(
        lambda at, byte: RIGHT[:at] + bytes([byte]) + RIGHT[at + 1 :], st.integers(0, 5), st.integers(0, 255)
    ),
    st.binary(max_size=8),
)
TCP_FRAMES = st.builds(
    tcp_frame,
    st.sampled_from([ID, ID, ID, ID - 1, ID - 100, ID - 101, ID + 1, 0]),
    st.sampled_from([UNIT, UNIT, UNIT, 0, 1, 255]),
    PDUS,
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([None, None, None, 0, 3, 7, 8, 255, 256]),
)


@dataclass(frozen=True)
class Refused:
    code: int


def pdu_oracle(pdu: bytes) -> tuple[int, ...] | Refused | None:
    if pdu[0] == 0x83 and len(pdu) == 2:
        return Refused(pdu[1])
    return struct.unpack(">2H", pdu[2:]) if pdu[:2] == b"\x03\x04" and len(pdu) == 6 else None


def tcp_oracle(stream: bytes) -> tuple[int, ...] | Refused | None:
    """What the specification allows to believe of these bytes; None for nothing."""
    while len(stream) >= 8:
        transaction, protocol, length, unit = struct.unpack(">HHHB", stream[:7])
        pdu, stream = stream[7 : 6 + length], stream[6 + length :]
        if protocol or length < 3 or len(pdu) != length - 1:
            return None
        if transaction == ID:
            return pdu_oracle(pdu) if unit == UNIT else None
        if not 0 < ID - transaction <= 100:
            return None
    return None


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    return [stream[a:b] for a, b in itertools.pairwise(edges) if a < b]


def believed(
    frames: TcpFrames | RtuFrames, stream: bytes, cuts: list[int]
) -> tuple[int, ...] | Refused | None:
    asked, buffer = question(), bytearray()
    frames.frame(asked)
    for piece in pieces(stream, cuts):
        buffer += piece
        try:
            answer = frames.take(asked, buffer)
        except WireError:
            return None
        if isinstance(answer, ExceptionResponse):
            return Refused(answer.exception_code)
        if answer is not None:
            return tuple(answer.registers)
    return None


@given(
    st.lists(TCP_FRAMES, min_size=1, max_size=4).map(b"".join) | st.binary(max_size=30),
    st.lists(st.integers(0, 999), max_size=6),
)
@example(tcp_frame(ID, UNIT, RIGHT), [])
@example(tcp_frame(ID - 1, UNIT, RIGHT) + tcp_frame(ID, UNIT, RIGHT), [7, 9])
@settings(max_examples=1000)
def test_tcp_frames_believe_exactly_what_the_specification_allows(stream: bytes, cuts: list[int]) -> None:
    assert believed(TcpFrames(LinkStatistics(), ID - 1), stream, cuts) == tcp_oracle(stream)


@pytest.mark.parametrize("first", [0, 1, 0xFFFE, 0xFFFF])
def test_transaction_ids_come_round_without_zero(first: int) -> None:
    frames = TcpFrames(LinkStatistics(), first)
    ids = [int.from_bytes(frames.frame(question())[:2], "big") for _ in range(3)]
    assert all(1 <= number <= 0xFFFF for number in ids)
    assert all((later - earlier) % 0xFFFF == 1 for earlier, later in itertools.pairwise(ids))


def test_a_gateway_that_answers_without_id_is_never_believed_nor_waited_for() -> None:
    frames, asked = TcpFrames(LinkStatistics(), first_id=4), question()
    frames.frame(asked)
    with pytest.raises(WireError, match="transaction id 0, asked was 5"):
        frames.take(asked, bytearray(tcp_frame(0, UNIT, RIGHT)))


@st.composite
def rtu_streams(draw: st.DrawFn, crc: Any) -> bytes:
    unit, pdu = draw(st.sampled_from([UNIT, UNIT, UNIT, 0, 4])), draw(PDUS)
    check = crc(bytes([unit]) + pdu)
    if draw(st.booleans()):
        check = draw(st.binary(min_size=2, max_size=2))
    return (
        draw(st.binary(max_size=2)) * draw(st.booleans())
        + bytes([unit])
        + pdu
        + check
        + draw(st.binary(max_size=3))
    )


@given(st.data(), st.lists(st.integers(0, 999), max_size=6))
@settings(max_examples=1000)
def test_rtu_frames_believe_exactly_what_the_specification_allows(
    crc: Any, data: st.DataObject, cuts: list[int]
) -> None:
    stream = data.draw(rtu_streams(crc) | st.binary(max_size=20))
    expected: tuple[int, ...] | Refused | None = None
    if stream[:2] == bytes([UNIT, 0x83]) and len(stream) >= 5 and crc(stream[:3]) == stream[3:5]:
        expected = Refused(stream[2])
    elif stream[:3] == bytes([UNIT, 3, 4]) and len(stream) >= 9 and crc(stream[:7]) == stream[7:9]:
        expected = struct.unpack(">2H", stream[3:7])
    assert believed(RtuFrames(), stream, cuts) == expected


@given(
    garbage=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4),
    ends=st.booleans(),
    framing=st.sampled_from(["modbus_tcp", "rtu_over_tcp"]),
)
@settings(max_examples=40)
def test_garbage_on_a_socket_ends_in_an_error_before_the_deadline(
    make_device: Any, garbage: list[bytes], ends: bool, framing: Any
) -> None:
    async def babble(request: Any) -> None:
        for piece in garbage:
            await request.send(piece)
        if ends:
            await request.close()

    async def attempt() -> float:
        async with make_device(framing) as device:
            device.otherwise = babble
            link = open_link(framing, Line(device.host, device.port, Pacing(timeout="20ms"), single=True))
            deadline = Deadline.after(0.05)
            began = time.monotonic()
            with pytest.raises(DeviceError):
                async with link.turn(deadline):
                    await link.read(Span(UNIT, Table.HOLDING, 0, COUNT), deadline)
            return time.monotonic() - began

    assert asyncio.run(attempt()) < 1.0
