"""Every readable row of the facts sheet is in a map and shown, or stands in a list with the reason."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import NEVER_READ, RegisterMap

ROWS = {"holding-3p": 377, "holding-1p": 198, "holding-string": 58, "holding-micro": 47}

RENAMED_TWICE = {("holding-3p", 22), ("holding-1p", 18), ("holding-string", 18), ("holding-micro", 18)}
"""Words with two numbers in them, trackers and phases."""


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[str, str]]:
    text = files("sunhelm.devices.families.deye").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@pytest.mark.captures
def test_every_row_of_the_sheet_is_in_a_map_or_in_the_list(
    captures: Path,
    maps: Mapping[str, RegisterMap],
    sheet_parts: Mapping[str, Mapping[str, tuple[str, ...]]],
    not_exported: Mapping[str, Mapping[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    with (captures.parent / "facts" / "deye.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["block"]].append(row)
    assert {block: len(own) for block, own in rows.items()} == ROWS
    for block, parts in sheet_parts["deye"].items():
        for part in parts:
            by_address = {register.address: register for register in maps[part].registers}
            listed = not_exported[f"{part}.csv"]
            for row in rows[block]:
                register = by_address.get(int(row["address"]))
                if register is None:
                    assert row["name"] in listed, f"{part}: {row['address']} {row['name']}"
                    continue
                two = (block, register.address) in RENAMED_TWICE
                words = register.type.words
                assert two or words == int(row["count"]), register.place
                assert (register.access == "rw") == (row["access"] == "rw"), register.place
    with capsys.disabled():
        print(f"\ndeye: {sum(ROWS.values())} rows of the sheet, all in a map or listed with the reason")


def test_what_is_not_exported_is_listed_with_its_reason(
    deye: RegisterFamily,
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
) -> None:
    silent = {
        (part.map, register.name)
        for part in deye.spec.parts
        for register in maps[part.name].registers
        if register.quantity is None and register.code is None
    }
    listed = {(name, register) for name, reasons in not_exported.items() for register in reasons or {}}
    never_needed = {
        (name, register)
        for name, register in listed
        if name == "three_phase_lv.csv" and register.endswith("high_word")
    }
    assert silent == listed - never_needed
    assert len(never_needed) == 28
    assert all(reason for reasons in not_exported.values() for reason in (reasons or {}).values())


def test_what_is_exported_is_read(maps: Mapping[str, RegisterMap]) -> None:
    assert not [
        register.name
        for each in maps.values()
        for register in each.registers
        if register.group == NEVER_READ and register.quantity
    ]


def test_low_and_high_voltage_differ_in_units_alone(maps: Mapping[str, RegisterMap]) -> None:
    """The two maps are one list: a row that is changed in one is changed in the other."""
    low, high = maps["three_phase_lv"], maps["three_phase_hv"]
    words = {register.name for register in high.registers if register.name.endswith("high_word")}
    assert {register.name for register in low.registers} == {
        register.name for register in high.registers
    } - words
    for one in low.registers:
        other = high[one.name]
        assert (one.address, one.type, one.access, one.group, one.labels, one.unit) == (
            other.address,
            other.type,
            other.access,
            other.group,
            other.labels,
            other.unit,
        )
        assert other.scale / one.scale in (1, 10) or one.name in ("bms_1_current", "bms_2_current")
