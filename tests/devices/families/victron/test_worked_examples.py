"""Frames worked out by hand, word for word, and what they say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sunhelm.devices.families.victron.family import firmware_name
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.devices.units import BASE_UNITS

EXAMPLES = [
    pytest.param(
        "system",
        "0001 0000 0006 64 03 0348 0007",
        "0001 0000 0011 64 03 0E 020B FF84 FD78 0057 0002 0138 0048",
        {
            "battery_voltage": 52.3,
            "battery_current": 12.4,
            "battery_power": 648,
            "battery_state_of_charge": 87,
            "battery_state": 2,
            "battery_consumed_charge": -31.2,
            "battery_time_to_go": 7200,
        },
        id="battery as the GX sees it",
    ),
    pytest.param(
        "system",
        "0009 0000 0006 64 03 0342 0002",
        "0009 0000 0007 64 03 04 0351 0000",
        {"firmware": 0x0351_0000},
        id="firmware",
    ),
    pytest.param(
        "vebus",
        "000A 0000 0006 E3 03 000C 0003",
        "000A 0000 0009 E3 03 06 FF6A 0000 0000",
        {"ac_in_l1_power": -1500, "ac_in_l2_power": 0, "ac_in_l3_power": 0},
        id="AC input of a Multi",
    ),
    pytest.param(
        "grid",
        "000B 0000 0006 1E 03 0A4E 0006",
        "000B 0000 000F 1E 03 0C FFFF F6D7 0000 0078 0000 0000",
        {"l1_power": -2345, "l2_power": 120, "l3_power": 0},
        id="grid meter",
    ),
    pytest.param(
        "battery",
        "000E 0000 0006 E1 03 0102 0009",
        "000E 0000 0015 E1 03 12 FD80 146E 0000 FF86 00D7 0000 0000 0138 0369",
        {
            "power_16bit": 640,
            "voltage": 52.3,
            "auxiliary_voltage": None,
            "current": 12.2,
            "temperature": 21.5,
            "midpoint_voltage": None,
            "midpoint_deviation": 0,
            "consumed_charge": -31.2,
            "state_of_charge": 87.3,
        },
        id="battery",
    ),
    pytest.param(
        "system",
        "000F 0000 0006 64 03 033E 0004",
        "000F 0000 000B 64 03 08 0000 0000 6AB1 3B80",
        {"clock": 1_790_000_000},
        id="clock",
    ),
]


@pytest.mark.parametrize(("service", "request_frame", "answer_frame", "expected"), EXAMPLES)
def test_an_example_decodes_to_what_it_says(
    maps: Mapping[str, RegisterMap],
    service: str,
    request_frame: str,
    answer_frame: str,
    expected: Mapping[str, float | None],
) -> None:
    """Battery values have our sign here: discharging is positive. None: not offered."""
    request, answer = bytes.fromhex(request_frame), bytes.fromhex(answer_frame)
    start, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
    assert int.from_bytes(answer[4:6], "big") == len(answer) - 6
    assert answer[8] == 2 * count
    words = [int.from_bytes(answer[i : i + 2], "big") for i in range(9, len(answer), 2)]
    registers = [r for r in maps[service].registers if start <= r.address and r.end <= start + count]
    assert {r.name for r in registers} == set(expected)
    for register in registers:
        own = words[register.address - start : register.end - start]
        value, said = codec.plain_value(register, own), expected[register.name]
        if said is None:
            assert value is None
        else:
            assert value == pytest.approx(said * float(BASE_UNITS[register.unit].factor)), register.place


@pytest.mark.parametrize(
    ("number", "name"),
    [(0x0351_0000, "v3.51"), (0x0351_000C, "v3.51 beta 12"), (0x0300_0000, "v3.00"), (0, "")],
)
def test_firmware_is_named_as_the_gx_shows_it(number: int, name: str) -> None:
    assert firmware_name(number) == name


def test_what_is_written_in_the_examples_packs_to_their_words(maps: Mapping[str, RegisterMap]) -> None:
    for service, name, value, words in (
        ("vebus", "ac_in_l1_setpoint_16bit", -1500.0, (0xFA24,)),
        ("hub4", "grid_setpoint_override", 3000.0, (0x0000, 0x0BB8)),
        ("settings", "maximum_feed_in_power", 0.0, (0x0000, 0x0000)),
        ("settings", "minimum_state_of_charge", 0.25, (0x00FA,)),
        ("settings", "ess_state", 9.0, (0x0009,)),
    ):
        register = maps[service][name]
        assert codec.pack(register.type, codec.raw_of(register, value)) == words
