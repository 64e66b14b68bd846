"""Files about the optimizers behind an inverter: what each of them does, and where it stands."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.huawei import quantities as of
from sunhelm.devices.reading import Sample

REAL_TIME: Final = 0x44
FEATURES: Final = 0x45

_HEADER: Final = 12
_SAMPLING: Final = struct.Struct("<i4xhh")
_RECORD: Final = struct.Struct("<hhhIhhhhhHI")
_FEATURES_HEADER: Final = struct.Struct(">4sHHB3xH")
_FEATURES: Final = struct.Struct(">HHBBH20s30s20s30s")
_PRIVATE: Final = ((8, 20), (58, 20))
"""Where a record has its serial number and its alias, and how long they are."""

_MORE_OF_V103: Final = struct.Struct(">HHHH")
_NO_POSITION: Final = 0xFFFF
_WH: Final = 3600.0
_NEVER: Final = -0x8000
_ABSENT: Final = 0x7FFF

STATUS: Final = {0: "offline", 1: "standby", 3: "faulty", 4: "running", 12: "switched_off"}
_CONNECTION: Final = {0: "offline", 1: "online", 2: "disconnected"}
ALARMS: Final = {
    0: "input_overvoltage",
    1: "input_undervoltage",
    3: "output_overvoltage",
    4: "overtemperature",
    5: "output_short_circuit",
    6: "eeprom",
    7: "internal_hardware",
    8: "voltage_to_ground",
    9: "off_by_heartbeat_timeout",
    10: "fast_shutdown",
    11: "escape_request",
    12: "version_mismatch",
    15: "input_overvoltage",
    16: "overtemperature",
    17: "output_short_circuit",
    18: "internal_hardware",
    19: "version_mismatch",
    20: "backfeed",
    21: "abnormal_output_voltage",
    22: "upgrade_failure",
}
"""Bits of the alarm word. Bit 26 says that bits 16 to 30 are in use, bit 31 stands in every healthy one."""

_FORMAT_BITS: Final = 1 << 31 | 1 << 26


def parameters(local_time: int, *, seconds: int = 600) -> bytes:
    """Return what asks for the real-time data of the last `seconds` of the device's own clock."""
    return b"\x10\x0c" + struct.pack(">III", local_time - seconds, local_time, 0)


def real_time_samples(content: bytes, offset_s: float, group: str) -> Iterator[Sample]:
    """Yield what the newest records of each optimizer in a file of real-time data tell.

    `offset_s` is how far the device's clock is ahead of Unix time. Raises Malformed.
    """
    newest: dict[int, tuple[int, bytes]] = {}
    place = _HEADER
    while place < len(content):
        if place + _SAMPLING.size > len(content):
            raise Malformed(f"optimizer data: {len(content)} bytes end in the head of a sampling")
        at, length, count = _SAMPLING.unpack_from(content, place)
        place += _SAMPLING.size
        if length != count * _RECORD.size or place + length > len(content):
            raise Malformed(f"optimizer data: {count} records in {length} bytes are not {_RECORD.size} each")
        for start in range(place, place + length, _RECORD.size):
            record = content[start : start + _RECORD.size]
            address = int.from_bytes(record[:2], "little")
            if address not in newest or newest[address][0] <= at:
                newest[address] = at, record
        place += length
    for at, record in newest.values():
        yield from record_samples(record, at - offset_s, group)


def record_samples(record: bytes, at: float, group: str) -> Iterator[Sample]:
    """Yield what one record of 26 bytes, made at Unix time `at`, tells of one optimizer."""
    address, power, ground, alarms, *numbers, status, energy = _RECORD.unpack(record)
    output_v, output_a, input_v, input_a, temperature = numbers
    labels = (str(address),)
    source = f"file {REAL_TIME:#04x}"
    for quantity, raw, gain in (
        (of.POWER, power, 10),
        (of.GROUND_VOLTAGE, ground, 10),
        (of.OUTPUT_VOLTAGE, output_v, 10),
        (of.OUTPUT_CURRENT, output_a, 100),
        (of.INPUT_VOLTAGE, input_v, 10),
        (of.INPUT_CURRENT, input_a, 100),
        (of.TEMPERATURE, temperature, 10),
    ):
        if raw not in (_ABSENT, _NEVER):
            yield Sample(quantity, raw / gain, labels, source, group)
    if energy != 0xFFFF_FFFF:
        yield Sample(of.PRODUCTION, energy * _WH, labels, source, group)
    yield from (
        Sample(of.STATUS, float(status == code), (*labels, name), source, group)
        for code, name in STATUS.items()
    )
    yield Sample(of.STATUS_CODE, float(status), labels, source, group)
    raised = dict.fromkeys(ALARMS.values(), 0.0)
    raised.update((name, 1.0) for bit, name in ALARMS.items() if alarms >> bit & 1)
    for name, on in raised.items():
        yield Sample(of.ALARM, on, (*labels, name), source, group)
    yield Sample(of.ALARM_CODE, float(alarms & ~_FORMAT_BITS), labels, source, group)
    yield Sample(of.READ_AT, at, labels, source, group)


def feature_samples(content: bytes, group: str) -> Iterator[Sample]:
    """Yield where each optimizer stands, and what it is, from a file of features. Raises Malformed."""
    if len(content) < _FEATURES_HEADER.size:
        raise Malformed(f"optimizer features: {len(content)} bytes are less than their head")
    version, _, length, _, count = _FEATURES_HEADER.unpack_from(content)
    more = _MORE_OF_V103.size if version == b"V103" else 0
    size = _FEATURES.size + more
    if version not in (b"V102", b"V103") or length != 6 + count * size:
        raise Malformed(f"optimizer features: {version!r} with {count} records in {length} bytes")
    if len(content) < _FEATURES_HEADER.size + count * size:
        raise Malformed(f"optimizer features: {count} records do not fit into {len(content)} bytes")
    for number in range(count):
        place = _FEATURES_HEADER.size + number * size
        address, online, _, string, position, *texts = _FEATURES.unpack_from(content, place)
        serial, software, alias, model = map(_text, texts)
        labels = (str(address),)
        source = f"file {FEATURES:#04x}"
        where = "" if position == _NO_POSITION else str(position)
        yield Sample(
            of.FEATURES, 1.0, (*labels, str(string), where, serial, model, software, alias), source, group
        )
        yield from (
            Sample(of.CONNECTED, float(online == code), (*labels, name), source, group)
            for code, name in _CONNECTION.items()
        )
        if more:
            _, _, rated, _ = _MORE_OF_V103.unpack_from(content, place + _FEATURES.size)
            if rated not in (0, 0xFFFF):
                yield Sample(of.RATED_POWER, float(rated), labels, source, group)


def masked_features(content: bytes) -> bytes:
    """Return a file of features without serial numbers and the names that owners give. Raises Malformed."""
    list(feature_samples(content, ""))
    masked = bytearray(content)
    size = _FEATURES.size + (_MORE_OF_V103.size if content[:4] == b"V103" else 0)
    for place in range(_FEATURES_HEADER.size, len(content) - size + 1, size):
        for start, length in _PRIVATE:
            text = slice(place + start, place + start + length)
            masked[text] = re.sub(b"[A-Za-z]", b"A", re.sub(b"[0-9]", b"0", bytes(masked[text])))
    return bytes(masked)


def _text(raw: bytes) -> str:
    text = raw.split(b"\0", 1)[0].decode("latin-1").strip()
    return text if text.isprintable() and not text.startswith("\xff") else ""
