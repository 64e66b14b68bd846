"""The map of the charger: every row of the sheet is in it, and shown or listed with a reason."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.checks import metric_mistakes
from sunhelm.devices.registers.lint import lint
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.simulator.faces.face import Table
from sunhelm.simulator.faces.givenergy_evc import EvcFace
from sunhelm.simulator.plant import Plant

BLOCK = "evc-holding"
ROWS = 36
WORKED_OUT = {"hardware_maximum", "hardware_minimum"}
"""Amperes or tenths of them: shown once it is known which."""

WRITABLE = {91, 93, 95, *range(97, 103)}


@pytest.fixture(scope="module")
def family() -> RegisterFamily:
    return cast("RegisterFamily", load_family("givenergy_evc"))


@pytest.fixture(scope="module")
def charger(family: RegisterFamily) -> RegisterMap:
    (part,) = family.spec.parts
    return family.map_of(part)


def rows_of(captures: Path) -> list[dict[str, str]]:
    sheet = captures.parent / "facts" / "givenergy.csv"
    with sheet.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["block"] == BLOCK]


def test_the_vendors_own_metric_names_are_frozen(family: RegisterFamily, root: Path, golden: Any) -> None:
    lines = {
        f"{quantity.metric}{{{','.join(sorted(quantity.labels))}}} {quantity.kind}\n"
        for quantities in family.offers.values()
        for quantity in quantities
        if quantity.name not in CATALOGUE
    }
    golden.check(root / "tests" / "golden" / "names" / "givenergy_evc.txt", "".join(sorted(lines)))


def test_names_are_clean(family: RegisterFamily, charger: RegisterMap) -> None:
    assert metric_mistakes([charger]) == []
    quantities = [each for group in family.offers.values() for each in group if each.name not in CATALOGUE]
    assert [complaint for quantity in quantities for complaint in lint(quantity)] == []


@pytest.mark.captures
def test_every_row_of_the_sheet_is_in_the_map(charger: RegisterMap, captures: Path) -> None:
    rows = rows_of(captures)
    covered = {a for register in charger.registers for a in range(register.address, register.end)}
    assert len(rows) == ROWS
    assert [row["name"] for row in rows if int(row["address"]) not in covered] == []
    print(f"givenergy_evc: {len(rows)} rows of the sheet, all in the map")


@pytest.mark.captures
def test_what_can_be_written_is_what_the_sheet_says(charger: RegisterMap, captures: Path) -> None:
    told = {int(row["address"]) for row in rows_of(captures) if "w" in row["access"]}
    ours = {
        a
        for register in charger.registers
        if "w" in register.access
        for a in range(register.address, register.end)
    }
    assert ours == told == WRITABLE


def test_what_is_not_shown_is_worked_out_or_listed_with_its_reason(charger: RegisterMap) -> None:
    folder = files("sunhelm.devices.families.givenergy_evc")
    listed = yaml.safe_load(folder.joinpath("not_exported.yaml").read_text(encoding="utf-8"))["charger.csv"]
    silent = {each.name for each in charger.registers if each.quantity is None and each.code is None}
    assert silent == {*listed, *WORKED_OUT}
    assert all(listed.values())


@pytest.mark.captures
def test_the_face_plays_every_row_that_is_told_of_a_vehicle_on_one_phase(captures: Path) -> None:
    face = EvcFace(Plant(start=1_782_036_000.0, seed=3))
    face.control = 1
    for _ in range(200):
        face.plant.advance(30.0)
        face.update()
    face.missing_j = 0.0
    face.update()
    face.missing_j, face.state = 1e9, face.state
    face.update()
    words = face.read(1, Table.HOLDING, 0, 115)
    silent = {
        int(row["address"])
        for row in rows_of(captures)
        if "r" in row["access"] and not words[int(row["address"])]
    }
    assert silent <= {4, 8, 10, 20, 24, 76, 79, 84, 93, 101, 102, 111, 113}
