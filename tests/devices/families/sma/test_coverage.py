"""Every register that the published lists offer is shown, or stands in a list with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib.resources import files
from typing import cast

import pytest
import yaml

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import Register, RegisterMap

ROWS = 1199
"""Rows of the lists: 1192 of devices, 7 of the Home Manager."""

IN_CONTROL = "control"
KINDS = {"u32": "uint", "i32": "int", "u64": "uint", "i16": "int", "u16": "uint", "string": "string"}


def is_filler(register: Register) -> bool:
    return register.name.startswith("unused_")


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[str, str]]:
    text = files("sunhelm.devices.families.sma").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    return cast("Mapping[str, Mapping[str, str]]", yaml.safe_load(text))


def test_every_map_belongs_to_a_part(sma: RegisterFamily) -> None:
    there = {f.name for f in files("sunhelm.devices.families.sma").iterdir() if f.name.endswith(".csv")}
    assert {part.map for part in sma.spec.parts} == there


def test_what_is_not_exported_is_listed_with_its_reason(
    sma: RegisterFamily,
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
) -> None:
    silent = {
        (part.map, register.name)
        for part in sma.spec.parts
        for register in maps[part.name].registers
        if part.name != IN_CONTROL
        and register.quantity is None
        and register.access != "w"
        and not is_filler(register)
    }
    listed = {
        (name, register)
        for name, reasons in not_exported.items()
        for register in reasons
        if name != "elsewhere"
    }
    assert silent == listed
    assert all(reason for reasons in not_exported.values() for reason in reasons.values())


def test_what_is_exported_is_read(maps: Mapping[str, RegisterMap]) -> None:
    never = {r.name for found in maps.values() for r in found.registers if r.group == "-" and r.quantity}
    assert not never


@pytest.mark.captures
def test_every_row_of_the_lists_is_exported_or_listed(
    sheet: Sequence[Mapping[str, str]],
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = {"exported": 0, "listed": 0, "write-only": 0}
    for row in sheet:
        address = int(row["address"])
        part = {"plant"} if row["block"] == "shm2-holding" else set(maps) - {"plant"}
        here = [(name, r) for name in part for r in maps[name].registers if r.address == address]
        here += [("plant", r) for r in maps["plant"].registers if r.address == address and not here]
        shown = [r for name, r in here if r.quantity is not None and name != IN_CONTROL]
        if row["access"] == "w":
            assert any("w" in r.access for _, r in here), row
            counts["write-only"] += 1
        elif shown:
            counts["exported"] += 1
        else:
            files_ = {f"{name}.csv" for name, _ in here}
            names = {r.name for _, r in here}
            assert row["address"] in not_exported["elsewhere"] or any(
                names & set(not_exported.get(file, {})) for file in files_
            ), row
            counts["listed"] += 1
    with capsys.disabled():
        print(f"\nsma: of {ROWS} rows {counts}")
    assert sum(counts.values()) == len(sheet) == ROWS
    assert counts == {"exported": 1128, "listed": 34, "write-only": 37}


@pytest.mark.captures
def test_the_maps_say_what_the_lists_say(
    sheet: Sequence[Mapping[str, str]], maps: Mapping[str, RegisterMap]
) -> None:
    rows = {(row["block"] == "shm2-holding", int(row["address"])): row for row in sheet}
    for name, registers in maps.items():
        for register in registers.registers:
            if is_filler(register):
                continue
            row = rows.get((name == "plant", register.address)) or rows[False, register.address]
            assert register.type.words == int(row["count"]), register.place
            if register.type.kind != "version":
                assert register.type.kind == KINDS[row["type"]], register.place
            if row["scale"] and not register.names and not register.type.is_text:
                assert register.scale == Fraction(row["scale"]), register.place
            if row["access"] == "r":
                assert register.access == "r", register.place
