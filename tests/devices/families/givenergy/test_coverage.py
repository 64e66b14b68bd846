"""Every row of the facts sheet is shown or listed with a reason, and nothing unsafe can be written."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap

SHEET_ROWS = 1347
OTHER_DEVICE = "evc-holding"

COMMON = {20, 27, 29, *range(35, 41), 50, 59, 111, 112, 114, 163, 166}
STRICT = COMMON | {31, 32, 44, 45, 56, 57, 94, 95, 96, 110, 116}
TEN_SLOTS = {*range(242, 270), 272, 275, *range(276, 300)}
SAFE = {
    "controls": COMMON,
    "slots": STRICT,
    "ten_slots": TEN_SLOTS,
    "ac_controls": {311, 313, 314, 317},
    "pause": {318, 319, 320},
    "three_phase_settings": {1078, 1108, 1109, *range(1110, 1117), *range(1118, 1124)},
    "ems_settings": {2040, *range(2044, 2072)},
}
"""Registers that the sheet calls safe to write, by part."""

WORKED_OUT = {
    "one_phase": {"grid_frequency"},
    "three_phase": {
        "meter_import_power",
        "meter_export_power",
        "battery_discharge_power",
        "battery_charge_power",
    },
    "controls": {"restart"},
    "meter": {
        *("power", "current", "neutral_current", "reactive_power", "apparent_power", "power_factor"),
        *(f"l{n}_{what}" for n in (1, 2, 3) for what in ("current", "apparent_power", "power_factor")),
    },
}
"""What is not shown as it stands, but worked out with others; the restart is a command."""


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[range, str]]:
    """The reasons by block and run of addresses."""
    folder = files("sunhelm.devices.families.givenergy")
    listed: Mapping[str, Mapping[str, str]] = yaml.safe_load(
        folder.joinpath("not_exported.yaml").read_text(encoding="utf-8")
    )
    return {block: {_run(run): why for run, why in runs.items()} for block, runs in listed.items()}


def _run(text: str) -> range:
    first, _, last = text.partition(" to ")
    return range(int(first), int(last or first) + 1)


def places(
    maps: Mapping[str, RegisterMap], parts: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, int]]:
    """Yield every address of the maps with its block of the sheet: of other parts, the inverter's own."""
    blocks = {part: block for block, named in parts.items() for part in named}
    for name, registers in maps.items():
        for register in registers.registers:
            block = blocks.get(name, register.table.value)
            yield from ((block, address) for address in range(register.address, register.end))


@pytest.mark.captures
def test_every_row_of_the_sheet_is_in_a_map_or_listed(
    maps: Mapping[str, RegisterMap],
    sheet_parts: Mapping[str, Any],
    not_exported: Mapping[str, Any],
    captures: Path,
    capsys: Any,
) -> None:
    sheet = captures.parent / "facts" / "givenergy.csv"
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ours = [row for row in rows if row["block"] != OTHER_DEVICE]
    shown = set(places(maps, sheet_parts["givenergy"]))
    listed = [
        row for row in ours if any(int(row["address"]) in run for run in not_exported.get(row["block"], ()))
    ]
    missing = [
        (row["block"], row["address"], row["name"])
        for row in ours
        if (row["block"], int(row["address"])) not in shown and row not in listed
    ]
    with capsys.disabled():
        print(f"\ngivenergy: {len(ours) - len(listed)} rows of the sheet, {len(listed)} listed")
    assert len(rows) == SHEET_ROWS
    assert not missing
    assert (len(ours) - len(listed), len(listed)) == (1016, 295)


def test_what_a_map_has_is_not_listed_as_missing(
    maps: Mapping[str, RegisterMap], sheet_parts: Mapping[str, Any], not_exported: Mapping[str, Any]
) -> None:
    shown = places(maps, sheet_parts["givenergy"])
    both = [place for place in shown for run in not_exported.get(place[0], ()) if place[1] in run]
    assert not both
    assert all(why for runs in not_exported.values() for why in runs.values())


def test_what_is_not_shown_as_it_stands_is_worked_out(maps: Mapping[str, RegisterMap]) -> None:
    silent = {
        name: {r.name for r in registers.registers if r.quantity is None and r.code is None}
        for name, registers in maps.items()
    }
    assert {name: names for name, names in silent.items() if names} == {
        name: names for name, names in WORKED_OUT.items() if names
    }


def test_only_registers_that_are_safe_can_be_written(maps: Mapping[str, RegisterMap]) -> None:
    writable = {
        name: {a for r in registers.registers if r.access == "rw" for a in range(r.address, r.end)}
        for name, registers in maps.items()
    }
    assert {name for name, addresses in writable.items() if addresses} == set(SAFE)
    for name, addresses in SAFE.items():
        assert writable[name] <= addresses, name
        assert writable[name] == addresses or name == "slots"
    assert writable["controls"] | writable["slots"] == STRICT
    assert not {162, 331, 1016, 5003, 5004, *range(63, 84)} & set().union(*writable.values())


def test_every_map_belongs_to_a_part(givenergy: RegisterFamily) -> None:
    there = {f.name for f in files("sunhelm.devices.families.givenergy").iterdir() if f.name.endswith(".csv")}
    assert {part.map for part in givenergy.spec.parts} == there
