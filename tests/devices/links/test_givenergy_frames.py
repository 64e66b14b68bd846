"""GivEnergy's frames: the bytes of the facts sheet, and streams that were cut, glued and damaged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.links.givenergy_frames import (
    Answer,
    Arrival,
    Corrupt,
    Heartbeat,
    Stream,
    checksum,
    is_left_over,
    request,
)

ADAPTER = b"WX0000T001"
OURS = request(0x11, 4, 0, 60)[8:18]

REQUESTS = {
    "59590001001c010257583030303054303031000000000000000811040000003cf28b": (0x11, 4, 0, 60),
    "59590001001c010257583030303054303031000000000000000811030000003c474b": (0x11, 3, 0, 60),
    "59590001001c01025758303030305430303100000000000000083204003c003c35d4": (0x32, 4, 60, 60),
    "59590001001c0102575830303030543030310000000000000008" + "0104003c001eb00e": (1, 4, 60, 30),
    "59590001001c01025758303030305430303100000000000000080116003c00094803": (1, 0x16, 60, 9),
    "59590001001c01025758303030305430303100000000000000081106006000014a84": (0x11, 6, 96, 1),
    "59590001001c01025758303030305430303100000000000000081106005e00826ae9": (0x11, 6, 94, 130),
    "59590001001c0102575830303030543030310000000000000008110600a300647a93": (0x11, 6, 163, 100),
}
SERIAL = b"QA0000T002"
SOC = "5959000100280102575830303030543030310000000000000014110451413030303054303032003b00010039a655"
BATTERY = (
    "59590001002c0102575830303030543030310000000000000018110451413030303054303032003200031479fc18fdf48893"
)
WRITTEN = "5959000100260102575830303030543030310000000000000012110651413030303054303032006000017ae6"
REFUSED = "5959000100260102575830303030543030310000000000000012118351413030303054303032012c003c3e7f"
BEAT = "59590001000d01015758303030305430303101"
ANSWERS: dict[str, Arrival] = {
    SOC: Answer(0x11, 4, 59, 1, (57,), SERIAL),
    BATTERY: Answer(0x11, 4, 50, 3, (0x1479, 0xFC18, 0xFDF4), SERIAL),
    WRITTEN: Answer(0x11, 6, 96, 1, (), SERIAL),
    REFUSED: Answer(0x11, 3, 300, 60, (), SERIAL, refused=True),
    BEAT: Heartbeat(bytes.fromhex(BEAT)),
}
LAN = (
    bytes.fromhex("595900010038010257583030303054303031" + "00" * 7)
    + b",192.0.2.9,255.255.0.0,192.0.2.1\r\nxy"
)


def arrivals(*pieces: bytes) -> list[Arrival]:
    stream = Stream()
    return [arrival for piece in pieces for arrival in stream.feed(piece)]


@pytest.mark.parametrize("frame", REQUESTS)
def test_requests_are_the_bytes_of_the_facts_sheet(frame: str) -> None:
    assert request(*REQUESTS[frame]) == bytes.fromhex(frame).replace(ADAPTER, OURS)


def test_the_checksum_is_that_of_the_facts_sheet() -> None:
    assert checksum(bytes.fromhex("11030000003C")) == bytes.fromhex("474B")


@pytest.mark.parametrize("frame", ANSWERS)
def test_answers_of_the_facts_sheet_are_understood(frame: str) -> None:
    assert arrivals(bytes.fromhex(frame)) == [ANSWERS[frame]]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_frames_arrive_however_the_stream_is_cut(sizes: list[int]) -> None:
    stream = b"".join(bytes.fromhex(frame) for frame in ANSWERS) * 2
    pieces = []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    assert arrivals(*pieces, stream) == [*ANSWERS.values()] * 2


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x59\x59",
        b"\x59\x59\x00\x01",
        b"\x59\x59\x00\x01\x00\x9e\x01\x02WX0000T001",
        b"\x59\x59\x00\x01\xff\xff\x01\x02WX0000T001",
        b"\x59\x59\x00\x01\x00\x9e\x07\x02WX0000T001",
        b"\x59\x59\x00\x01\x00\x9e\x01\x09WX0000T001",
        b"\x59\x59\x00\x01\x00\x0d\x01\x01WX0000\x00\x01\x02\x03\x01",
        b"\x00" * 400,
        LAN,
    ],
)
def test_what_is_no_frame_is_passed_over(rubbish: bytes) -> None:
    """Marks that begin nothing, frames whose rest never comes, the adapter's news of its network."""
    after = arrivals(rubbish + bytes.fromhex(SOC))
    assert [each for each in after if not isinstance(each, Corrupt)] == [ANSWERS[SOC]]


def test_an_unprompted_null_answer_says_nothing() -> None:
    inner = b"\x22\x00" + bytes(10 + 124)
    frame = bytes.fromhex("59590001009e0102") + ADAPTER + len(inner + b"xx").to_bytes(8) + inner
    assert arrivals(frame + checksum(inner) + bytes.fromhex(BEAT)) == [ANSWERS[BEAT]]


def test_a_zero_filled_tail_with_checksum_0_is_damage() -> None:
    """As failed answers came in the field."""
    frame = bytes.fromhex(BATTERY)
    damaged = frame[:-6] + bytes(6)
    assert arrivals(damaged) == [Corrupt(0x11, 4)]


def test_the_request_of_another_client_says_nothing() -> None:
    assert arrivals(request(0x11, 4, 0, 60)) == []


def test_the_adapters_memory_is_no_page() -> None:
    page = [0] * 60
    page[28], page[30], page[31], page[32], page[33] = 0x4C32, 0xA119, 0x34EA, 0xE77F, 0xD475
    assert not is_left_over(page)
    page[50] = 0x503C
    assert is_left_over(page)
    assert not is_left_over(page[:59])


# Recordings of real adapters


@pytest.fixture(scope="module")
def recorded(captures: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((captures / "givenergy").glob("capture_*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))["frames"]
    return found


def told(frame: dict[str, Any]) -> Arrival | None:
    """What the recording says that a frame is; None for our side's."""
    if frame.get("kind") == "heartbeat":
        return Heartbeat(bytes.fromhex(frame["hex"]))
    if frame["direction"] == "tx":
        return None
    slave, function = frame["slave"], frame["inner_function"]
    if not frame["crc_ok"]:
        return Corrupt(slave, function)
    serial = frame["inverter_serial"].encode()
    if frame["error"]:
        words = bytes.fromhex(frame["hex"])[38:42]
        first, second = int.from_bytes(words[:2]), int.from_bytes(words[2:])
        return Answer(slave, function, first, second, (), serial, refused=True)
    return Answer(slave, function, frame["base"], frame["count"], tuple(frame["values"]), serial)


def right(found: Iterable[Arrival]) -> list[Arrival]:
    return [arrival for arrival in found if not isinstance(arrival, Corrupt)]


@pytest.mark.captures
def test_every_recorded_frame_is_understood(
    recorded: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    understood = 0
    for frame in recorded:
        expected = told(frame)
        assert arrivals(bytes.fromhex(frame["hex"])) == ([] if expected is None else [expected])
        understood += 1
    with capsys.disabled():
        print(f"\ngivenergy: {understood} recorded frames understood")
    assert understood == 111


@pytest.mark.captures
def test_recorded_frames_cut_at_every_byte_and_glued_lose_nothing_else(
    recorded: list[dict[str, Any]],
) -> None:
    """The rest of a frame never comes; the one after it does, and is the first that is understood."""
    frames = [bytes.fromhex(frame["hex"]) for frame in recorded]
    after = bytes.fromhex(SOC)
    for frame in frames:
        for cut in range(len(frame)):
            assert right(arrivals(frame[:cut], after)) == [ANSWERS[SOC]], (frame.hex(), cut)
            assert right(arrivals(frame[:cut] + after)) == [ANSWERS[SOC]]


@pytest.mark.captures
def test_a_flipped_bit_of_a_recorded_frame_never_makes_another_value(
    recorded: list[dict[str, Any]],
) -> None:
    wrong = 0
    for frame in recorded[:20]:
        sound = bytes.fromhex(frame["hex"])
        believed = {told(frame)}
        for bit in range(8 * len(sound)):
            flipped = bytearray(sound)
            flipped[bit // 8] ^= 1 << bit % 8
            found = right(arrivals(bytes(flipped) + bytes.fromhex(SOC) * 8))
            values = [each for each in found if isinstance(each, Answer) and each != ANSWERS[SOC]]
            assert set(values) <= believed
            assert ANSWERS[SOC] in found
            wrong += not values
    assert wrong
