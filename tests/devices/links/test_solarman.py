"""Frames of a logger: the bytes of the facts sheet, and no stream that becomes a wrong value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, WriteMultipleRegistersRequest
from structlog.testing import capture_logs

from sunhelm.devices.errors import AuthFailed, Busy, Rejected, Unreachable
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.exchange import WireError
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.solarman import SolarmanFrames

SERIAL = 3_123_456_789
REQUEST = "a5170010452100152b2cba0200000000000000000000000000000103024c00048466f515"
REPLY = "a51b0010152107152b2cba0201002d3101100e000080e14e6801030800390000fa24f4f28b423b15"
DOUBLE_CRC = "a51d0010152107152b2cba0201002d3101100e000080e14e6801030800390000fa24f4f28b4200003d15"
WORDS = [57, 0, 0xFA24, 0xF4F2]
WRITE = "a51a0010452200152b2cba0200000000000000000000000000000110008f0001021388b439e415"
WRITTEN = "a5160010152208152b2cba0201002d3101100e000080e14e680110008f000130221515"
IDENTITY = "a5170010452500152b2cba02000000000000000000000000000001030000001705c49d15"
ERROR_05 = "a5100010152309152b2cba0201002d3101100e000080e14e6805002315"
ERROR_06 = "a5100010152309152b2cba0201002d3101100e000080e14e6806002415"
EXCEPTION = "a513001015240a152b2cba0201002d3101100e000080e14e68018302c0f15a15"
HEARTBEAT = "a501001047240b152b2cba00ad15"
OTHER_LOGGER = "a51b0010152107142b2cba0201002d3101100e000080e14e6801030800390000fa24f4f28b423a15"
PLAIN = "a51700104503009502"


def reading(address: int = 588, count: int = 4, unit: int = 1) -> Question:
    request = ReadHoldingRegistersRequest(dev_id=unit, address=address, count=count)
    return Question(request, bytes([3, 2 * count]), 2 + 2 * count)


def writing() -> Question:
    request = WriteMultipleRegistersRequest(dev_id=1, address=143, registers=[5000])
    return Question(request, bytes.fromhex("10008f0001"), 5)


def asked(question: Question, sequence: int, serial: int = SERIAL) -> tuple[SolarmanFrames, bytes]:
    """Frames that have just sent this question with this sequence number, and what they sent."""
    frames = SolarmanFrames(serial, LinkStatistics(), 1000)
    frames._envelopes.sequence_number = (sequence - 1) & 0xFF
    return frames, frames.frame(question)


def heard(frames: SolarmanFrames, question: Question, pieces: Iterator[bytes]) -> ModbusPDU | None:
    """What the question is answered with when the stream comes in these pieces."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        answer = frames.take(question, buffer)
        if answer is not None:
            return answer
    return None


def bytewise(stream: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for byte in stream)


def test_requests_are_the_bytes_of_the_sheet() -> None:
    assert asked(reading(), 0x21)[1].hex() == REQUEST
    assert asked(writing(), 0x22)[1].hex() == WRITE
    assert asked(reading(0, 23), 0x25)[1].hex() == IDENTITY


@pytest.mark.parametrize("reply", [REPLY, DOUBLE_CRC], ids=["plain", "double crc"])
def test_a_reply_is_read_however_it_is_cut(reply: str) -> None:
    stream = bytes.fromhex(reply)
    for cut in range(len(stream) + 1):
        frames, _ = asked(reading(), 0x21)
        answer = heard(frames, reading(), iter([stream[:cut], stream[cut:]]))
        assert answer is not None
        assert answer.registers == WORDS


def enveloped(rtu: bytes, sequence: int, kind: int = 2) -> bytes:
    """A reply of the logger that carries these bytes, made as the sheet says."""
    inner = bytes([kind, 1]) + bytes(12) + rtu
    head = (
        (len(inner)).to_bytes(2, "little") + b"\x10\x15" + bytes([sequence, 7]) + SERIAL.to_bytes(4, "little")
    )
    return b"\xa5" + head + inner + bytes([sum(head + inner) & 0xFF, 0x15])


def sealed(frame: bytes) -> bytes:
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_reply_of_another_frame_type_carries_a_good_frame_all_the_same(kind: int) -> None:
    frames, _ = asked(reading(), 0x21)
    rtu = bytes.fromhex("01030800390000fa24f4f28b42")
    answer = heard(frames, reading(), iter([enveloped(rtu, 0x21, kind)]))
    assert answer is not None
    assert answer.registers == WORDS


def test_a_checksum_that_ends_in_zeros_is_not_cut() -> None:
    """Of one register a frame can end in two zeros of its own: 00 00 is then the checksum's."""
    question = reading(count=1)
    for word in range(0x10000):
        rtu = sealed(bytes([1, 3, 2, *word.to_bytes(2, "big")]))
        if rtu.endswith(b"\0"):
            for doubled in (rtu, rtu + b"\0\0"):
                frames, _ = asked(question, 0x21)
                answer = heard(frames, question, iter([enveloped(doubled, 0x21)]))
                assert answer is not None
                assert answer.registers == [word]


@pytest.mark.parametrize("rtu", ["0110008f00013022", "018302c0f1"], ids=["a write", "an exception"])
def test_writes_and_exceptions_may_be_sealed_twice_too(rtu: str) -> None:
    question = writing() if rtu.startswith("0110") else reading()
    frames, _ = asked(question, 0x21)
    answer = heard(frames, question, iter([enveloped(bytes.fromhex(rtu + "0000"), 0x21)]))
    assert isinstance(answer, ExceptionResponse) is rtu.startswith("0183")


def test_a_logger_that_sends_nothing_but_at_commands_is_told_of_once() -> None:
    with capture_logs() as logs:
        frames, _ = asked(reading(), 0x21)
        assert heard(frames, reading(), bytewise(2 * b"AT+YZCMPVER=1.0\r\n")) is None
    assert [line["event"] for line in logs] == ["logger_sends_at_commands"]
    with capture_logs() as logs:
        frames, _ = asked(reading(), 0x21)
        assert heard(frames, reading(), bytewise(bytes.fromhex(REPLY))) is not None
        frames.frame(reading())
        assert heard(frames, reading(), bytewise(b"AT+YZCMPVER=1.0\r\n")) is None
    assert not logs


def test_a_write_is_acknowledged() -> None:
    frames, _ = asked(writing(), 0x22)
    answer = heard(frames, writing(), bytewise(bytes.fromhex(WRITTEN)))
    assert answer is not None
    assert answer.function_code == 16


@pytest.mark.parametrize("before", [True, False])
def test_a_heartbeat_glued_to_a_reply_costs_nothing(before: bool) -> None:
    frames, _ = asked(reading(), 0x21)
    buffer = bytearray.fromhex(HEARTBEAT + REPLY if before else REPLY + HEARTBEAT)
    answer = frames.take(reading(), buffer)
    assert answer is not None
    assert answer.registers == WORDS
    assert len(buffer) <= frames.unasked


def test_a_heartbeat_alone_is_no_answer() -> None:
    frames, _ = asked(reading(), 0x24)
    assert frames.take(reading(), bytearray.fromhex(HEARTBEAT)) is None


def test_a_late_reply_is_not_taken_for_the_next_one() -> None:  # T15
    frames, _ = asked(reading(), 0x22)
    assert frames.take(reading(), bytearray.fromhex(REPLY)) is None
    assert frames._statistics.stale_answers == 1


def test_text_and_frames_of_others_are_skipped() -> None:
    frames, _ = asked(reading(), 0x21)
    noise = b"AT+YZCMPVER=1.0\r\n\xaa\x55\xa5\xff\xff\x10\x15\xa5"
    answer = heard(frames, reading(), bytewise(noise + bytes.fromhex(REPLY)))
    assert answer is not None
    assert answer.registers == WORDS


def test_the_reply_of_another_logger_is_refused() -> None:
    frames, _ = asked(reading(), 0x21)
    with pytest.raises(WireError, match="logger 3123456788, asked was 3123456789"):
        frames.take(reading(), bytearray.fromhex(OTHER_LOGGER))


def test_the_reply_of_another_unit_is_refused() -> None:
    frames, _ = asked(reading(unit=2), 0x21)
    with pytest.raises(WireError, match="unit 1, asked was unit 2"):
        frames.take(reading(unit=2), bytearray.fromhex(REPLY))


def test_error_05_means_that_the_inverter_does_not_answer() -> None:
    frames, _ = asked(reading(), 0x23)
    with pytest.raises(Unreachable, match="does not answer the logger"):
        frames.take(reading(), bytearray.fromhex(ERROR_05))


def test_error_06_tells_the_true_serial_number() -> None:
    frames, _ = asked(reading(), 0x23, serial=1)
    with pytest.raises(AuthFailed, match="is 3123456789; logger_serial in the site file says 1"):
        frames.take(reading(), bytearray.fromhex(ERROR_06))


@pytest.mark.parametrize(("code", "error"), [(1, Rejected), (2, Rejected), (3, Rejected), (4, Busy)])
def test_the_other_errors_of_the_logger_are_those_of_modbus(code: int, error: type[Exception]) -> None:
    frames, _ = asked(reading(), 0x23)
    frame = bytearray.fromhex(ERROR_05)
    frame[25] = code
    frame[-2] = (frame[-2] - 5 + code) & 0xFF
    with pytest.raises(error):
        frames.take(reading(), frame)


def test_a_modbus_exception_is_one() -> None:
    frames, _ = asked(reading(), 0x24)
    answer = frames.take(reading(), bytearray.fromhex(EXCEPTION))
    assert isinstance(answer, ExceptionResponse)
    assert answer.exception_code == 2


def test_a_logger_that_speaks_plain_modbus_is_asked_that_way_from_then_on() -> None:
    frames, _ = asked(reading(), 0x21)
    with pytest.raises(WireError, match="speaks plain Modbus TCP"):
        frames.take(reading(), bytearray.fromhex(PLAIN))
    assert frames.frame(reading()).hex() == "03e90000000601030" + "24c0004"
    answer = frames.take(reading(), bytearray.fromhex("03e90000000b01030800390000fa24f4f2"))
    assert answer is not None
    assert answer.registers == WORDS


@given(
    st.lists(
        st.one_of(
            st.sampled_from([HEARTBEAT, ERROR_05, EXCEPTION, WRITTEN]).map(bytes.fromhex),
            st.binary(max_size=40),
            st.just(b"\xa5\xff\x03\x10\x15"),
        ),
        max_size=4,
    ),
    st.data(),
)
def test_a_reply_is_found_in_any_stream(noise: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(noise) + bytes.fromhex(REPLY)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    edges = [0, *cuts, len(stream)]
    frames, sent = asked(reading(), 0x21)
    if stream[:7] == sent[:5] + b"\x03\x00":
        return
    answer = heard(frames, reading(), (stream[a:b] for a, b in pairwise(edges)))
    assert answer is not None
    assert answer.registers == WORDS


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 7)), min_size=1, max_size=6))
def test_flipped_bits_never_make_a_wrong_value(flips: list[tuple[int, int]]) -> None:
    stream = bytearray.fromhex(REPLY)
    for place, bit in flips:
        stream[place] ^= 1 << bit
    frames, _ = asked(reading(), 0x21)
    try:
        answer = heard(frames, reading(), bytewise(bytes(stream)))
    except (WireError, Busy, Rejected, Unreachable, AuthFailed):
        return
    assert answer is None or answer.registers == WORDS


@pytest.mark.captures
def test_a_stream_of_captured_frames_always_comes_into_step_again(
    captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cut at every byte, glued, and with every byte flipped: the right words, or none."""
    text = (captures / "solarman" / "frames.json").read_text(encoding="utf-8")
    cases = [case for case in json.loads(text) if "decode" in case]
    whole = [c for c in cases if c["decode"].get("registers") and c["decode"]["checksum_ok"]]
    everything = b"".join(bytes.fromhex(case["frame"]) for case in cases if case["decode"]["checksum_ok"])
    cut = glued = flipped = 0
    for case in whole:
        frame, decode = bytes.fromhex(case["frame"]), case["decode"]
        rtu = bytes.fromhex(decode["modbus_hex"])
        serial = int.from_bytes(frame[7:11], "little")
        question = reading(0, len(decode["registers"]), unit=rtu[0])
        if rtu[1] == 4:
            question = Question(question.request, bytes([4, rtu[2]]), 2 + rtu[2])
            question.request.function_code = 4
        words = decode["registers"]
        for at in range(len(frame) + 1):
            frames, _ = asked(question, frame[5], serial)
            answer = heard(frames, question, iter([frame[:at], frame[at:]]))
            assert answer is not None
            assert answer.registers == words
            cut += 1
        others = b"".join(
            bytes.fromhex(c["frame"])
            for c in cases
            if c["decode"]["checksum_ok"] and c["frame"][10:12] != case["frame"][10:12]
        )
        for stream in (others + frame, frame + everything, others[: len(others) // 2] + frame):
            frames, _ = asked(question, frame[5], serial)
            answer = frames.take(question, bytearray(stream))
            assert answer is not None
            assert answer.registers == words
            glued += 1
        for place in range(len(frame)):
            for bit in range(8):
                bad = bytearray(frame)
                bad[place] ^= 1 << bit
                frames, _ = asked(question, frame[5], serial)
                try:
                    answer = frames.take(question, bytearray(bytes(bad) + frame))
                except (WireError, AuthFailed):
                    answer = None
                assert answer is None or answer.registers == words
                flipped += 1
    with capsys.disabled():
        print(
            f"\nsolarman: {len(whole)} frames; {cut} cuts, {glued} streams and {flipped} flips, no wrong word"
        )
    assert len(whole) >= 6
