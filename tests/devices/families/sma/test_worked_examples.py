"""Frames worked out by hand, byte for byte: what the driver makes of them, and what our device answers."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.devices.units import BASE_UNITS
from sunhelm.simulator.faces.sma import HomeManagerFace, SmaFace
from sunhelm.simulator.faces.sma.models import INVERTER, STORAGE
from sunhelm.simulator.modbus_device import Limits, ModbusDevice
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import RequestLog

NOON = 1_782_036_000.0

READINGS = [
    ("sunny_island", "0001 0000 0006 03 03 787D 0002", "0000 0057", {"state_of_charge": 87}),
    ("sunny_island", "0002 0000 0006 03 03 7837 0002", "FFFF F63C", {"power": -2500}),
    ("sunny_island", "0002 0000 0006 03 03 7837 0002", "8000 0000", {"power": None}),
    (
        "sunny_island",
        "0003 0000 0006 03 03 787B 000A",
        "FFFF439A 00000057 00000062 000000D7 0000145D",
        {
            "battery_current": -48.230,
            "state_of_charge": 87,
            "battery_capacity_left": 98,
            "battery_temperature": 21.5,
            "battery_voltage": 52.13,
        },
    ),
    ("inverter", "0004 0000 0006 03 03 7731 0004", "0000 0000 00BC 614E", {"yield": 12345.678}),
    ("inverter", "0004 0000 0006 03 03 7731 0004", "FFFF FFFF FFFF FFFF", {"yield": None}),
    ("device", "000A 0000 0006 03 03 756B 0002", "0105 0A04", {"firmware": "1.05.10.R"}),
    ("device", "0009 0000 0006 03 03 7565 0002", "0000 2504", {"device_type": 9476}),
    ("sunny_island", "0011 0000 0006 03 03 75F9 0002", "0000 0133", {"condition": 307}),
    ("sunny_island", "0011 0000 0006 03 03 75F9 0002", "00FF FFFD", {"condition": None}),
    ("sunny_island", "0011 0000 0006 03 03 75F9 0002", "FFFF FFFF", {"condition": None}),
]
"""The part, the request, the data of the answer, and what it says in the vendor's unit."""


@pytest.mark.parametrize(("part", "request_", "data", "expected"), READINGS)
def test_an_answer_says(
    maps: Mapping[str, RegisterMap],
    part: str,
    request_: str,
    data: str,
    expected: Mapping[str, float | str | None],
) -> None:
    asked = bytes.fromhex(request_)
    start, count = struct.unpack(">HH", asked[8:12])
    words = struct.unpack(f">{count}H", bytes.fromhex(data))
    registers = [r for r in maps[part].registers if start <= r.address and r.end <= start + count]
    assert {r.name for r in registers} == set(expected)
    for register in registers:
        own = words[register.address - start : register.end - start]
        value, said = codec.plain_value(register, own), expected[register.name]
        if said is None or isinstance(said, str):
            assert value == said
        else:
            assert value == pytest.approx(said * float(BASE_UNITS[register.unit].factor)), register.place


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("power_setpoint", -2500.0, (0xFFFF, 0xF63C)),
        ("setpoint_control", 802.0, (0x0000, 0x0322)),
        ("setpoint_control", 803.0, (0x0000, 0x0323)),
        ("power_limit_percent_fine", 0.5, (0x1388,)),
        ("power_limit_percent_whole", 0.0, (0x0000,)),
        ("battery_mode", 2424.0, (0x0000, 0x0978)),
        ("charge_power_maximum", 5000.0, (0x0000, 0x1388)),
        ("grid_guard_code", 123456789.0, (0x075B, 0xCD15)),
    ],
)
def test_a_value_packs_to_the_words(
    maps: Mapping[str, RegisterMap], name: str, value: float, words: tuple[int, ...]
) -> None:
    register = maps["control"][name]
    assert codec.pack(register.type, codec.raw_of(register, value)) == words


def test_a_set_point_that_means_not_available_cannot_be_made(maps: Mapping[str, RegisterMap]) -> None:
    with pytest.raises(ValueError, match="not available"):
        codec.raw_of(maps["control"]["power_setpoint"], -2147483648.0)


def device(face: SmaFace | HomeManagerFace) -> ModbusDevice:
    return ModbusDevice(face, RequestLog(), Limits(functions={3, 4, 6, 16}))


def asked(played: ModbusDevice, frame: str) -> str:
    """Return the answer to a frame of Modbus TCP."""
    content = bytes.fromhex(frame)
    assert int.from_bytes(content[4:6]) == len(content) - 6
    answer = played.answer(content[6], content[7:])
    head = content[:4] + (len(answer) + 1).to_bytes(2) + content[6:7]
    return (head + answer).hex().upper()


def same(frame: str) -> str:
    return frame.replace(" ", "")


@pytest.mark.parametrize(
    ("told", "answered"),
    [
        (
            "0005 0000 000F 03 10 9CD5 0004 08 FFFF F63C 0000 0322",
            "0005 0000 0006 03 10 9CD5 0004",
        ),
        ("0006 0000 000B 03 10 9CD7 0002 04 0000 0323", "0006 0000 0006 03 10 9CD7 0002"),
        ("0007 0000 000B 03 10 9CD5 0002 04 FFFF F63C", "0007 0000 0006 03 10 9CD5 0002"),
        ("0009 0000 0006 03 03 7565 0002", "0009 0000 0007 03 03 04 0000 2504"),
        ("000D 0000 000B 03 10 A852 0002 04 075B CD15", "000D 0000 0006 03 10 A852 0002"),
        ("0012 0000 0006 03 03 787C 0002", "0012 0000 0003 03 83 02"),
        ("0012 0000 0006 03 03 787B 0001", "0012 0000 0003 03 83 02"),
        ("0013 0000 000F 03 10 AC07 0004 08 00000000 FFFFD8F0", "0013 0000 0006 03 10 AC07 0004"),
        ("0014 0000 0006 09 03 7565 0002", "0014 0000 0003 09 83 04"),
        ("0015 0000 0006 03 06 9CD5 0001", "0015 0000 0003 03 86 03"),
        ("0016 0000 0006 03 03 9CD5 0004", "0016 0000 000B 03 03 08 80000000 00FFFFFD"),
    ],
)
def test_our_island_answers(told: str, answered: str) -> None:
    face = SmaFace(Plant(start=NOON, warm_up=False))
    assert asked(device(face), told) == same(answered)


def test_our_device_says_who_is_there_at_unit_1() -> None:
    face = SmaFace(Plant(start=NOON, warm_up=False))
    answer = asked(device(face), "000C 0000 0006 01 03 A47D 0004")
    assert answer.endswith("01B80003")


def test_our_storage_takes_the_six_in_two_frames() -> None:
    played = device(SmaFace(Plant(start=NOON, warm_up=False), model=STORAGE))
    mode = "000F 0000 000B 03 10 9D2C 0002 04 0000 0978"
    limits = "0010 0000 001B 03 10 9F59 000A 14 00000000 00001388 00000000 00000000 00000000"
    assert asked(played, mode) == same("000F 0000 0006 03 10 9D2C 0002")
    assert asked(played, limits) == same("0010 0000 0006 03 10 9F59 000A")


def test_our_inverter_and_our_home_manager_take_one_register() -> None:
    half = "0008 0000 0006 03 06 9C57 1388"
    assert asked(device(SmaFace(Plant(start=NOON, warm_up=False), model=INVERTER)), half) == same(half)
    nothing = "0009 0000 0006 02 06 9C50 0000"
    assert asked(device(HomeManagerFace(Plant(start=NOON, warm_up=False))), nothing) == same(nothing)
