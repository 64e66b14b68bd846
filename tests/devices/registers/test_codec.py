"""Values are exact, come back, and say what the device does not have."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

POWER = Quantity("pack_power", "watts", "gauge", "Power of a pack.", ("battery", "pack"))


def register(kind: str, scale: str = "1", unit: str = "", **options: object) -> Register:
    conversion = BASE_UNITS[unit]
    return Register(
        name="pack_power",
        address=590,
        type=codec.parse_type(kind),
        scale=Fraction(scale),
        unit=unit,
        factor=conversion.factor,
        shift=conversion.offset,
        **options,  # type: ignore[arg-type]  # what a test wants to set
    )


def number(kind: str, scale: str = "1", unit: str = "", **options: object) -> Register:
    options.setdefault("quantity", Quantity("pack_power", "watts", "gauge", "Power of a pack."))
    return register(kind, scale, unit, **options)


def decoded(register: Register, words: Sequence[int], **options: object) -> list[Sample | Held]:
    return list(codec.samples(register, words, **options))  # type: ignore[arg-type]  # as samples takes them


@pytest.mark.parametrize(
    ("kind", "scale", "unit", "raw", "value"),
    [
        ("u16", "0.01", "V", 5230, 52.3),
        ("u16", "0.1", "A", 3, 0.3),
        ("u32", "0.1", "kWh", 1779, 640_440_000.0),
        ("u32", "0.01", "kWh", 1, 36_000.0),
        ("u64", "1", "kWh", 2**64 - 1, float((2**64 - 1) * 3_600_000)),
        ("i16", "-0.1", "Ah", 1234, -444_240.0),
        ("u16", "0.1", "%", 1000, 1.0),
        ("u16", "0.1", "%", 333, 0.333),
        ("u16", "1e-07", "", 3, 3e-07),
        ("u16", "0.1", "degF", 0, -160 / 9),
        ("u16", "1", "degF", 212, 100.0),
        ("u16", "0.1", "K", 2982, 25.05),
        ("u16", "1", "rpm", 1500, 25.0),
        ("i16", "0.001", "", -1000, -1.0),
        ("f32", "1", "kW", 1.5, 1500.0),
        ("f64", "0.1", "", 0.1, float(Fraction(0.1) / 10)),
    ],
)
def test_values_are_the_nearest_float_to_the_exact_one(
    kind: str, scale: str, unit: str, raw: float, value: float
) -> None:
    assert codec.value(number(kind, scale, unit), raw) == value


def test_an_offset_is_added_before_the_unit_is_converted() -> None:
    assert codec.value(number("u16", "0.1", "degC", offset=Fraction(-100)), 1210) == 21.0
    assert codec.value(number("u16", "1", "degF", offset=Fraction(-40)), 72) == 0.0


@pytest.mark.parametrize(("exponent", "value"), [(-2, 52_300.0), (0, 5_230_000.0), (2, 523_000_000.0)])
def test_a_scale_register_moves_the_decimal_point_of_the_raw_value_only(exponent: int, value: float) -> None:
    assert codec.value(number("u16", "1", "kW"), 5230, exponent) == value
    shifted = number("u16", "1", "kW", offset=Fraction(7))
    assert codec.value(shifted, 5230, exponent) == value + 7000


@given(
    st.integers(-(2**63), 2**64 - 1),
    st.decimals(-1000, 1000, places=6).filter(bool),
    st.decimals(-1000, 1000, places=3),
    st.sampled_from(sorted(BASE_UNITS)),
    st.integers(-10, 10),
)
def test_a_value_is_rounded_once(raw: int, scale: Decimal, offset: Decimal, unit: str, exponent: int) -> None:
    made = number("i64", str(scale), unit, offset=Fraction(offset))
    conversion = BASE_UNITS[unit]
    exact = raw * Fraction(scale) * Fraction(10) ** exponent + Fraction(offset)
    exact = exact * conversion.factor + conversion.offset
    assert codec.value(made, raw, exponent) == float(exact)


@given(
    st.sampled_from(["u16", "i16", "u32", "i32_le", "u8hi", "i8lo", "u16[11:4]"]),
    st.sampled_from(["1", "0.1", "-0.1", "0.01", "0.001", "10", "6553.6", "-1"]),
    st.sampled_from(sorted(BASE_UNITS)),
    st.integers(-10, 10),
    st.data(),
)
def test_a_raw_value_comes_back(kind: str, scale: str, unit: str, exponent: int, data: st.DataObject) -> None:
    made = number(kind, scale, unit, offset=data.draw(st.sampled_from([Fraction(0), Fraction(-100)])))
    raw = data.draw(st.integers(*codec.limits(made.type)))
    if exponent < -3 or unit == "K":  # a float near 273.15 or 100 cannot tell smaller steps apart
        made = replace(made, offset=Fraction(0), shift=Fraction(0))
    assert codec.raw_of(made, codec.value(made, raw, exponent), exponent) == raw


@given(st.floats(-1e4, 1e4))
def test_a_written_value_is_off_by_at_most_half_a_step(value: float) -> None:
    made = number("i32", "0.1", "W")
    raw = codec.raw_of(made, value)
    assert abs(Fraction(raw) / 10 - Fraction(value)) <= Fraction(1, 20)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_comes_back_as_raw_value(value: float) -> None:
    assert codec.raw_of(number("f32"), value) == value


@pytest.mark.parametrize(
    ("made", "value", "reason"),
    [
        (number("u16", "0.1", "W"), -0.1, r"would be -1 on the wire, where u16 holds 0 to 65535"),
        (number("u16", "0.1", "W"), 6553.6, r"would be 65536 on the wire"),
        (
            number("i16", "1", "kW"),
            40_000_000,
            r"would be 40000 on the wire, where i16 holds -32768 to 32767",
        ),
        (number("u8hi"), 256, r"where u8hi holds 0 to 255"),
        (number("i32", absent=frozenset([-(2**31)])), -(2.0**31), r'means "not available"'),
        (number("u16"), math.nan, r"no number"),
        (number("f32"), math.inf, r"no number"),
        (number("f32"), 1e39, r"too large for f32"),
        (number("hhmm"), -60, r"no time of day"),
        (number("hhmm"), 86_460, r"no time of day"),
        (number("string4"), 1, r"no whole number"),
        (number("datetime6"), 1, r"no whole number"),
    ],
)
def test_what_a_register_cannot_hold_is_not_written(made: Register, value: float, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        codec.raw_of(made, value)


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_seconds_since_midnight(hours: int, minutes: int) -> None:
    made = number("hhmm")
    assert codec.value(made, 100 * hours + minutes) == 3600 * hours + 60 * minutes
    assert codec.raw_of(made, 3600 * hours + 60 * minutes) == 100 * hours + minutes


def test_the_end_of_the_day_is_2400() -> None:
    assert codec.value(number("hhmm"), 2400) == 86_400
    assert codec.raw_of(number("hhmm"), 86_400) == 2400


@pytest.mark.parametrize("raw", [60, 1260, 2401, 9999, 65535])
def test_what_is_no_time_of_day_is_held(raw: int) -> None:
    [held] = decoded(number("hhmm"), [raw])
    assert isinstance(held, Held)
    assert held.guard is Guard.SENTINEL
    assert f"{raw:04} is no time of day" in held.detail


def test_text_has_no_number() -> None:
    with pytest.raises(TypeError, match="pack_power is text"):
        codec.value(number("string4"), "abc")


def test_a_number_is_one_sample_with_its_labels_in_the_order_of_the_quantity() -> None:
    made = register("i16", "1", "W", quantity=POWER, labels={"pack": "2"})
    [sample] = codec.samples(made, [0xF8C6], {"battery": "1", "unused": "x"})
    assert sample == Sample(POWER, -1850.0, ("1", "2"), "holding 590 pack_power", "live")


def test_a_label_of_the_register_wins_over_that_of_the_part() -> None:
    made = register("i16", "1", "W", quantity=POWER, labels={"pack": "2", "battery": "7"})
    [sample] = codec.samples(made, [1], {"battery": "1"})
    assert isinstance(sample, Sample)
    assert sample.labels == ("7", "2")


def test_a_label_that_nobody_gives_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError, match="battery"):
        decoded(register("i16", "1", "W", quantity=POWER, labels={"pack": "2"}), [1])


def test_the_reader_may_name_the_group() -> None:
    made = number("u16", absent=frozenset([0]))
    assert [result.group for result in decoded(made, [1], group="battery_225_live")] == ["battery_225_live"]
    assert [result.group for result in decoded(made, [0], group="battery_225_live")] == ["battery_225_live"]


@pytest.mark.parametrize(
    ("kind", "absent", "words"),
    [
        ("u16", [0xFFFF], [0xFFFF]),
        ("i16", [-32768], [0x8000]),
        ("u32", [0xFFFFFFFF], [0xFFFF, 0xFFFF]),
        ("u32[23:0]", [0xFFFFFD], [0x00FF, 0xFFFD]),
        ("bits16", [0xFFFF], [0xFFFF]),
        ("f32", [0], [0, 0]),
        ("hhmm", [60], [60]),
    ],
)
def test_a_sentinel_is_held_and_no_sample(kind: str, absent: list[int], words: list[int]) -> None:
    [held] = decoded(number(kind, absent=frozenset(absent)), words)
    assert isinstance(held, Held)
    assert (held.guard, held.group, held.source) == (Guard.SENTINEL, "live", "holding 590 pack_power")
    assert codec.plain_value(number(kind, absent=frozenset(absent)), words) is None


@pytest.mark.parametrize("words", [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]])
def test_nan_and_infinity_are_held(words: list[int]) -> None:
    [held] = decoded(number("f32", "0.1", "kWh"), words)
    assert isinstance(held, Held)
    assert held.guard is Guard.SENTINEL


def test_a_value_beyond_all_floats_is_held() -> None:
    [held] = decoded(number("f64", "1", "kWh"), codec.pack(codec.parse_type("f64"), 1e308))
    assert isinstance(held, Held)
    assert held.guard is Guard.SENTINEL


@pytest.mark.parametrize("exponent", [-11, 11, 32767, -32768])
def test_a_corrupt_scale_factor_holds_the_value(exponent: int) -> None:
    [held] = decoded(number("u16"), [1], exponent=exponent)
    assert isinstance(held, Held)
    assert f"scale factor {exponent}" in held.detail


@pytest.mark.parametrize(("word", "exponent"), [(0xFFFE, -2), (0, 0), (10, 10), (11, None), (0x8000, None)])
def test_the_exponent_of_a_scale_register(word: int, exponent: int | None) -> None:
    assert codec.exponent_of(register("sunssf"), [word]) == exponent


def test_an_exponent_that_the_map_calls_absent_is_none() -> None:
    assert codec.exponent_of(register("sunssf", absent=frozenset([0])), [0]) is None


def enumeration(names: Mapping[int, str], kind: str = "u16", label: str = "state") -> Register:
    return register(
        kind,
        quantity=Quantity("victron_mode", "", "state", "Mode.", ("battery", label)),
        code=Quantity("victron_mode_code", "", "gauge", "Mode as a number.", ("battery",)),
        names=names,
    )


def values(results: Sequence[Sample | Held]) -> dict[tuple[str, ...], float]:
    return {
        (result.quantity.name, *result.labels): result.value
        for result in results
        if isinstance(result, Sample)
    }


def test_an_enumeration_is_a_state_set_and_a_code() -> None:
    results = decoded(enumeration({1: "on", 4: "off", 0x100: "on"}), [4], labels={"battery": "1"})
    assert values(results) == {
        ("victron_mode", "1", "on"): 0.0,
        ("victron_mode", "1", "off"): 1.0,
        ("victron_mode_code", "1"): 4.0,
    }
    assert not [result for result in results if isinstance(result, Held)]


def test_two_codes_may_share_a_state() -> None:
    results = decoded(enumeration({1: "on", 4: "off", 0x100: "on"}), [0x100], labels={"battery": "1"})
    assert values(results)["victron_mode", "1", "on"] == 1.0


def test_a_code_without_a_name_is_no_state_but_kept_as_a_code_and_told() -> None:
    results = decoded(enumeration({1: "on", 4: "off"}), [7], labels={"battery": "1"})
    assert values(results) == {
        ("victron_mode", "1", "on"): 0.0,
        ("victron_mode", "1", "off"): 0.0,
        ("victron_mode_code", "1"): 7.0,
    }
    assert [(r.guard, r.detail) for r in results if isinstance(r, Held)] == [
        (Guard.UNKNOWN_CODE, "7 has no name")
    ]


def test_a_bit_field_is_one_series_a_named_bit_and_a_code() -> None:
    made = enumeration({1: "fan", 3: "meter", 30: "battery", 31: "battery"}, "bits32_le", "alarm")
    results = decoded(made, [0b1010, 0x4000], labels={"battery": "1"})
    assert values(results) == {
        ("victron_mode", "1", "fan"): 1.0,
        ("victron_mode", "1", "meter"): 1.0,
        ("victron_mode", "1", "battery"): 1.0,
        ("victron_mode_code", "1"): float(0x4000_000A),
    }
    quiet = values(decoded(made, [0b0101, 0], labels={"battery": "1"}))
    assert sum(quiet.values()) == 5.0, "unnamed bits show in the code alone"
    assert not [result for result in results if isinstance(result, Held)]


def test_a_bit_field_without_names_is_a_code() -> None:
    code = Quantity("victron_mode_code", "", "gauge", "Mode as a number.")
    assert decoded(register("bits16", code=code), [5]) == [
        Sample(code, 5.0, (), "holding 590 pack_power", "live")
    ]


SERIAL = Quantity("deye_serial", "", "info", "Serial number.", ("battery", "serial"))


def test_text_is_an_info_sample_with_the_text_as_last_label() -> None:
    made = register("string2", quantity=SERIAL)
    assert decoded(made, [0x4142, 0x4300], labels={"battery": "1"}) == [
        Sample(SERIAL, 1.0, ("1", "ABC"), "holding 590 pack_power", "live")
    ]


@pytest.mark.parametrize("words", [[0, 0], [0x2020, 0x2020], [0xFFFF, 0xFFFF], [0, 0x4142]])
def test_empty_text_is_nothing(words: list[int]) -> None:
    assert decoded(register("string2", quantity=SERIAL), words, labels={"battery": "1"}) == []


def test_text_with_control_characters_is_held() -> None:
    [held] = decoded(register("string2", quantity=SERIAL), [0x4101, 0], labels={"battery": "1"})
    assert isinstance(held, Held)
    assert held.guard is Guard.SENTINEL


CLOCK = Quantity("device_clock", "timestamp_seconds", "gauge", "The device's clock.")


def test_a_clock_is_told_in_the_zone_of_the_device() -> None:
    made = register("datetime6", quantity=CLOCK)
    summer = [24, 6, 3, 9, 20, 11]
    [utc] = decoded(made, summer)
    [local] = decoded(made, summer, zone=ZoneInfo("Europe/Amsterdam"))
    assert isinstance(utc, Sample)
    assert isinstance(local, Sample)
    assert utc.value == datetime.fromisoformat("2024-06-03T09:20:11Z").timestamp()
    assert local.value == datetime.fromisoformat("2024-06-03T09:20:11+02:00").timestamp()


def test_a_date_that_is_none_is_held() -> None:
    [held] = decoded(register("datetime6", quantity=CLOCK), [24, 13, 1, 0, 0, 0])
    assert isinstance(held, Held)
    assert held.guard is Guard.SENTINEL
    assert "2024-13-01 00:00:00 is no date" in held.detail


def test_a_register_that_is_only_read_for_others_has_no_sample_but_a_plain_value() -> None:
    made = register("u16", "0.1", "V")
    assert decoded(made, [2301]) == []
    assert codec.plain_value(made, [2301]) == 230.1
    assert codec.plain_value(register("string2"), [0x4142, 0]) == "AB"
    assert codec.plain_value(enumeration({1: "on"}), [9]) == 9.0


def test_the_wrong_number_of_words_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="u32 has 2 words, not 1"):
        decoded(number("u32"), [1])


@given(
    st.sampled_from(["u16", "i32", "f32", "f64", "hhmm", "datetime3", "string3", "bits16", "hex2", "u8lo"]),
    st.integers(-12, 12),
    st.data(),
)
def test_whatever_the_words_samples_are_finite_and_nothing_is_raised(
    kind: str, exponent: int, data: st.DataObject
) -> None:
    made = (
        number(kind, "0.1", "kWh") if not codec.parse_type(kind).is_text else register(kind, quantity=SERIAL)
    )
    count = made.type.words
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=count, max_size=count))
    for result in codec.samples(made, words, {"battery": "1"}, exponent=exponent):
        if isinstance(result, Sample):
            assert math.isfinite(result.value)
            assert len(result.labels) == len(result.quantity.labels)
        else:
            assert result.detail


def test_three_hundred_registers_cost_a_small_part_of_a_scrape() -> None:
    kinds = ("u16", "i16", "u32", "i32_le")
    registers = [register(kinds[i % 4], "0.1", "W", quantity=POWER, labels={"pack": "1"}) for i in range(300)]
    words = [(0x12,) * made.type.words for made in registers]
    seconds = []
    for _ in range(10):
        started = time.process_time()
        for made, own in zip(registers, words, strict=True):
            list(codec.samples(made, own, {"battery": "1"}))
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.01, "it is well below a millisecond where nothing traces the code"
