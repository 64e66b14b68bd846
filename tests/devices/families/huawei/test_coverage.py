"""Every row of the facts sheet is shown, or stands in a list with the reason."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap

ROWS = 1070


@pytest.fixture(scope="module")
def blocks(sheet_parts: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    return sheet_parts["huawei"]


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[str, str]]:
    text = files("sunhelm.devices.families.huawei").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@pytest.mark.captures
def test_every_row_of_the_sheet_is_exported_or_listed(
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
    blocks: Mapping[str, tuple[str, ...]],
    captures: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (captures.parent / "facts" / "huawei_sun2000.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS
    exported, listed = 0, 0
    for row in rows:
        block, address = row["block"], int(row["address"])
        registers = [r for part in blocks[block] for r in maps[part].registers if r.address == address]
        shown = [register for register in registers if register.quantity or register.code]
        reasons = [
            reason
            for register in registers
            for name, its in not_exported.items()
            if (reason := its.get(register.name)) and name.removesuffix(".csv") in blocks[block]
        ]
        if shown:
            exported += 1
            continue
        reason = not_exported.get(block, {}).get(row["address"]) or (reasons and reasons[0])
        assert reason, f"{block} {address} {row['name']} is neither exported nor listed"
        listed += 1
    with capsys.disabled():
        print(f"\nhuawei: {exported} of {ROWS} rows exported, {listed} listed with their reason")
    assert exported + listed == ROWS


def test_what_is_not_exported_is_listed(
    huawei: RegisterFamily,
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
    blocks: Mapping[str, tuple[str, ...]],
) -> None:
    silent = {
        (part.map, register.name)
        for part in huawei.spec.parts
        for register in maps[part.name].registers
        if register.quantity is None and register.code is None
    }
    listed = {
        (name, register)
        for name, reasons in not_exported.items()
        if name not in blocks
        for register in reasons
    }
    assert silent == listed
    assert all(reason for reasons in not_exported.values() for reason in reasons.values())


def test_what_is_never_to_be_written_is_not_writable(maps: Mapping[str, RegisterMap]) -> None:
    writable = {
        (part, register.address)
        for part, found in maps.items()
        for register in found.registers
        if register.access != "r"
    }
    dangerous = {("inverter", address) for address in (40_200, 40_201, 42_000, 45_086, 47_604)}
    dangerous |= {
        ("inverter", address) for address in range(42_021, 42_178) if address not in (42_054, 42_055)
    }
    assert not writable & dangerous
    assert not {place for place in writable if place[0] == "inverter_v2" and 42_000 <= place[1] < 43_000}


def test_every_map_belongs_to_a_part(huawei: RegisterFamily) -> None:
    there = {f.name for f in files("sunhelm.devices.families.huawei").iterdir() if f.name.endswith(".csv")}
    assert {part.map for part in huawei.spec.parts} == there


def test_not_available_is_known_of_every_number_but_bit_fields(maps: Mapping[str, RegisterMap]) -> None:
    marks = {"u16": 0xFFFF, "i16": 0x7FFF, "u32": 0xFFFF_FFFF, "i32": 0x7FFF_FFFF, "u64": (1 << 64) - 1}
    for part, found in maps.items():
        for register in found.registers:
            if register.type.name in marks and (part, register.name) != ("dongle", "wireless_status"):
                assert marks[register.type.name] in register.absent or 0 in register.absent, register.place
            if register.type.kind == "bits":
                assert not register.absent
