"""Every type: known words, and that packing and unpacking are inverse."""

from __future__ import annotations

import math
import re
from datetime import datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sunhelm.devices.registers import words as words_module
from sunhelm.devices.registers.words import Raw, limits, pack, parse_type, unpack

WHOLE = [
    "u16", "i16", "u32", "i32", "u64", "i64", "u32_le", "i32_le", "u64_le", "i64_le", "u8hi", "u8lo", "i8hi",
    "i8lo", "bits16", "bits32", "bits64", "bits32_le", "bits64_le", "sunssf", "hhmm", "u16[11:8]", "i16[3:0]",
    "u32[23:0]", "u32_le[19:12]", "u16[0:0]",
]  # fmt: skip
TEXT = ["string1", "string8", "string5_le", "string31_wide", "ascii5"]
CLOCKS = ["datetime2", "datetime3", "datetime6", "datetime6_full"]
EVERY = [*WHOLE, *TEXT, *CLOCKS, "hex1", "hex4", "f32", "f64", "f32_le", "f64_le"]

words = st.integers(0, 0xFFFF)
clock = datetime.fromisoformat


@pytest.mark.parametrize(
    ("name", "content", "raw"),
    [
        ("u16", [65535], 65535),
        ("i16", [0xF8C6], -1850),
        ("u32", [0x0001, 0x0002], 65538),
        ("u32_le", [0x5F90, 0x0001], 90000),  # Deye's rated power of 9000.0 W
        ("i32", [0xFFFF, 0xFFFE], -2),
        ("i32_le", [0xFF38, 0xFFFF], -200),
        ("u64", [1, 2, 3, 4], 0x0001_0002_0003_0004),
        ("bits64_le", [0, 0, 0x0004, 0x8000], 1 << 34 | 1 << 63),  # Deye's faults F35 and F64
        ("i64", [0x8000, 0, 0, 0], -(2**63)),
        ("u8hi", [0x0503], 5),
        ("u8lo", [0x0503], 3),
        ("i8hi", [0xFE01], -2),
        ("i8lo", [0x01FE], -2),
        ("u16[11:8]", [0xF5FF], 5),
        ("u16[1:0]", [0b1110], 2),
        ("u32[23:0]", [0xFFFF, 0xFFFD], 0xFFFFFD),  # an SMA enumeration that is not available
        ("sunssf", [0xFFFE], -2),
        ("hhmm", [1830], 1830),
        ("f32", [0x4366, 0x199A], 230.10000610351562),
        ("f32_le", [0x199A, 0x4366], 230.10000610351562),
        ("f64", [0x3FF8, 0, 0, 0], 1.5),
        ("string5", [0x3131, 0x3232, 0x3333, 0x3434, 0x3535], "1122334455"),
        ("ascii5", [0x3131, 0x3232, 0x3333, 0x3434, 0x3535], "1122334455"),
        ("string2", [0x4100, 0x4242], "A"),
        ("string2", [0x4120, 0x2020], "A"),
        ("string2", [0x2041, 0x2042], " A B"),
        ("string2_le", [0x4241, 0x0043], "ABC"),
        ("string3_wide", [0x41, 0x42, 0x00], "AB"),
        ("string4_digits", [0x4241, 0x4141, 0x0000, 0x0100], "BAAA0010"),
        ("string4_digits", [0, 0, 0, 0], ""),
        ("string1", [0xE9B0], "é°"),
        ("string2", [0xFFFF, 0xFFFF], ""),
        ("hex1", [0x2001], "2001"),
        ("hex2", [0, 0xABCD], "0000abcd"),
        ("version2", [0x0105, 0x0A04], "1.05.10.R"),
        ("version2", [0x0320, 0xFF00], "3.20.255.N"),
        ("version2", [0, 0], ""),
        ("version2", [0xFFFF, 0xFFFF], ""),
        ("version2", [0x0A05, 0x0A04], ""),
        ("datetime2", [0x665D, 0x9350], clock("2024-06-03 09:56:32")),
        ("datetime3", [0x1806, 0x0309, 0x140B], clock("2024-06-03 09:20:11")),
        ("datetime6", [24, 6, 3, 9, 20, 11], clock("2024-06-03 09:20:11")),
        ("datetime6_full", [2024, 6, 3, 9, 20, 11], clock("2024-06-03 09:20:11")),
    ],
)
def test_known_words(name: str, content: list[int], raw: Raw) -> None:
    assert unpack(parse_type(name), content) == raw


@pytest.mark.parametrize("name", WHOLE)
@given(st.data())
def test_a_whole_number_comes_back_and_leaves_the_other_bits_alone(name: str, data: st.DataObject) -> None:
    kind = parse_type(name)
    low, high = limits(kind)
    raw = data.draw(st.integers(low, high) | st.sampled_from([low, high]))
    onto = data.draw(st.lists(words, min_size=kind.words, max_size=kind.words))
    packed = pack(kind, raw, onto)
    assert unpack(kind, packed) == raw
    changed = [before ^ after for before, after in zip(onto, packed, strict=True)]
    number = 0
    for word in reversed(changed) if kind.low_word_first else changed:
        number = number << 16 | word
    assert number & ~kind.bits == 0


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_number_outside_its_type_is_refused(name: str) -> None:
    kind = parse_type(name)
    low, high = limits(kind)
    for raw in (low - 1, high + 1):
        with pytest.raises(ValueError, match=f"not from {low} to {high}"):
            pack(kind, raw)


@pytest.mark.parametrize("name", ["u16", "i16", "u32", "i64", "u32_le", "bits64_le", "hex3"])
@given(st.data())
def test_words_come_back(name: str, data: st.DataObject) -> None:
    kind = parse_type(name)
    content = tuple(data.draw(st.lists(words, min_size=kind.words, max_size=kind.words)))
    assert pack(kind, unpack(kind, content)) == content


@pytest.mark.parametrize("name", ["f64", "f64_le"])
@given(st.floats())
def test_a_double_comes_back(name: str, raw: float) -> None:
    back = unpack(parse_type(name), pack(parse_type(name), raw))
    assert isinstance(back, float)
    assert back == raw or (math.isnan(back) and math.isnan(raw))


@pytest.mark.parametrize("name", ["f32", "f32_le"])
@given(st.floats(width=32))
def test_a_single_comes_back(name: str, raw: float) -> None:
    back = unpack(parse_type(name), pack(parse_type(name), raw))
    assert isinstance(back, float)
    assert back == raw or (math.isnan(back) and math.isnan(raw))


def test_a_double_beyond_single_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        pack(parse_type("f32"), 1e39)


@pytest.mark.parametrize("name", TEXT)
@given(st.data())
def test_text_comes_back(name: str, data: st.DataObject) -> None:
    kind = parse_type(name)
    room = kind.words if kind.wide else 2 * kind.words
    characters = st.characters(min_codepoint=1, max_codepoint=255)
    text = data.draw(st.text(characters, max_size=room))
    assume(not text.endswith(" "))
    assume(set(text) != {"ÿ"})
    assert unpack(kind, pack(kind, text)) == text


@pytest.mark.parametrize(("text", "reason"), [("123456789", "at most 8"), ("a\0b", "zero"), ("€", "Latin-1")])
def test_text_that_does_not_fit_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pack(parse_type("string4"), text)


@pytest.mark.parametrize("text", ["123", "12345", "12g4"])
def test_hexadecimal_digits_must_be_as_many_as_the_words_have(text: str) -> None:
    with pytest.raises(ValueError, match="4 hexadecimal digits"):
        pack(parse_type("hex1"), text)


@pytest.mark.parametrize("name", CLOCKS)
@given(st.datetimes(clock("2000-01-01 00:00:00"), clock("2105-12-31 00:00:00")))
def test_a_date_comes_back_to_the_second(name: str, moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert unpack(parse_type(name), pack(parse_type(name), moment)) == moment


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("datetime2", [0, 0]),
        ("datetime2", [0xFFFF, 0xFFFF]),
        ("datetime3", [0, 0, 0]),
        ("datetime3", [0xFFFF, 0xFFFF, 0xFFFF]),
        ("datetime6", [24, 13, 1, 0, 0, 0]),  # GivEnergy firmware at new year
        ("datetime6", [25, 2, 29, 0, 0, 0]),
        ("datetime6", [0xFFFF] * 6),
        ("datetime6_full", [0xFFFF] * 6),
    ],
)
def test_words_that_are_no_date_are_refused(name: str, content: list[int]) -> None:
    with pytest.raises(ValueError, match=r"no date|not set"):
        unpack(parse_type(name), content)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("datetime2", clock("1969-12-31 00:00:00")),
        ("datetime2", clock("2106-02-08 00:00:00")),
        ("datetime3", clock("1999-12-31 00:00:00")),
        ("datetime3", clock("2256-01-01 00:00:00")),
        ("datetime6", clock("1999-12-31 00:00:00")),
    ],
)
def test_a_date_that_a_clock_cannot_show_is_refused(name: str, moment: datetime) -> None:
    with pytest.raises(ValueError, match="outside what"):
        pack(parse_type(name), moment)


@pytest.mark.parametrize("name", EVERY)
@given(st.data())
def test_no_words_make_unpacking_fail_but_for_dates(name: str, data: st.DataObject) -> None:
    kind = parse_type(name)
    content = data.draw(st.lists(words, min_size=kind.words, max_size=kind.words))
    try:
        raw = unpack(kind, content)
    except ValueError:
        assert kind.kind == "datetime"
    else:
        expected = (
            int if kind.is_whole else str if kind.is_text else float if kind.kind == "float" else datetime
        )
        assert type(raw) is expected


@pytest.mark.parametrize("name", EVERY)
def test_the_number_of_words_must_be_right(name: str) -> None:
    kind = parse_type(name)
    for count in (0, kind.words - 1, kind.words + 1):
        with pytest.raises(ValueError, match=f"has {kind.words} words, not {count}"):
            unpack(kind, [0] * count)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("raw", [1.5, "x", clock("2024-01-01 00:00:00"), None])
def test_a_raw_value_of_another_kind_is_refused(name: str, raw: Raw) -> None:
    kind = parse_type(name)
    fits = {float: kind.kind == "float", str: kind.is_text, datetime: kind.kind == "datetime"}
    if not fits.get(type(raw), False):
        with pytest.raises(TypeError, match=re.escape(f"as {name} holds")):
            pack(kind, raw)


@given(st.text(st.sampled_from("uifbts0123468_le[]:hxandwr"), max_size=12))
@example("u16[8:11]")
@example("u16[16:0]")
@example("u8hi[3:0]")
@example("bits32[3:0]")
@example("u16_le")
@example("f16")
@example("string0")
@example("string126")
@example("hex2_le")
def test_a_name_is_a_type_or_refused_with_what_is_allowed(name: str) -> None:
    try:
        kind = parse_type(name)
    except ValueError:
        with pytest.raises(ValueError, match=f'^"{re.escape(name)}" is no type; one of u16, '):
            parse_type(name)
    else:
        assert kind.name == name
        assert 1 <= kind.words <= 125


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("u32le", "u32_le"), ("uint16", "u16"), ("string", "string8"), ("date3", "datetime3")],
)
def test_a_wrong_type_brings_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match=f'did you mean "{right}"'):
        parse_type(wrong)


def test_the_bits_of_types_that_share_a_word() -> None:
    assert [parse_type(name).bits for name in ("u8hi", "u8lo", "u16", "u16[11:8]", "u32")] == [
        0xFF00,
        0x00FF,
        0xFFFF,
        0x0F00,
        0xFFFFFFFF,
    ]
    assert parse_type("string2").bits == 0xFFFFFFFF


def test_every_type_that_the_reference_names_is_one() -> None:
    table = (words_module.__doc__ or "").split("\n\n")[2]
    names = [name for line in table.splitlines() for name in line[:32].split() if name != "..."]
    assert len(names) == 29
    for name in names:
        assert parse_type(name.replace("N", "4")).words >= 1
