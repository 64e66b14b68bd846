"""The maps of the models: what they name, and that they are whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.register import Register, RegisterMap

WORDS: Final = {
    "common": 66,
    "inverter": 50,
    "inverter_float": 60,
    "nameplate": 26,
    "settings": 30,
    "status": 44,
    "controls": 24,
    "storage": 24,
    "mppt": 28,
    "grid": 105,
    "grid_float": 124,
    "meter": 105,
    "meter_float": 124,
}
"""The length that the header of each model tells; that of model 160 with one module."""

ABSENT: Final = {
    "i16": -0x8000,
    "u16": 0xFFFF,
    "bits16": 0xFFFF,
    "bits32": 0xFFFFFFFF,
    "u64": 0,
    "sunssf": -0x8000,
}
ALWAYS_THERE: Final = {"model_id", "length", "pad"}


def test_the_vendors_own_metric_names_are_frozen(
    maps: Mapping[str, RegisterMap], root: Path, golden: Any
) -> None:
    lines = {
        f"{quantity.metric}{{{','.join(quantity.labels)}}} {quantity.kind}\n"
        for found in maps.values()
        for register in found.registers
        for quantity in (register.quantity, register.code)
        if quantity and quantity.name not in CATALOGUE
    }
    names = Counter(line.partition("{")[0] for line in lines)
    assert [name for name, count in names.items() if count > 1] == []
    golden.check(root / "tests" / "golden" / "names" / "sunspec.txt", "".join(sorted(lines)))


def test_every_word_of_a_model_is_in_its_map(maps: Mapping[str, RegisterMap]) -> None:
    assert maps.keys() == WORDS.keys()
    for name, found in maps.items():
        words = [place for r in found.registers for place in range(r.address, r.end)]
        assert words == list(range(2 + WORDS[name])), name


def test_every_type_has_its_own_word_for_what_is_not_implemented(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        for register in found.registers:
            if register.type.name in ABSENT and register.name not in ALWAYS_THERE:
                assert register.absent == {ABSENT[register.type.name]}, register.place


def test_a_map_and_its_twins_mean_the_same(maps: Mapping[str, RegisterMap]) -> None:
    """The float models and the maps of further meters have the same registers under the same names."""
    for one, other in (("inverter", "inverter_float"), ("grid", "grid_float"), ("grid", "meter")):
        scales = {r.name for r in maps[one].registers if r.type.kind == "scale_factor"}
        assert {r.name for r in maps[one].registers} - scales == {
            r.name for r in maps[other].registers if r.type.kind != "scale_factor"
        }
    for one, other in (("inverter", "inverter_float"), ("grid", "grid_float"), ("meter", "meter_float")):
        for register in maps[other].registers:
            assert _meaning(register) == _meaning(maps[one][register.name]), register.place


def _meaning(register: Register) -> tuple[object, ...]:
    metric = register.quantity and (register.quantity.metric, register.quantity.labels)
    return metric, register.labels, register.group, register.profile, register.names


def test_two_registers_of_a_map_never_give_the_same_series(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        given = Counter(
            (r.quantity.metric, tuple(sorted(r.labels.items()))) for r in found.registers if r.quantity
        )
        assert [key for key, count in given.items() if count > 1] == [], found.name


def test_what_can_be_written_says_whether_it_lasts(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        for register in found.registers:
            assert bool(register.storage) == (register.access == "rw"), register.place


def test_every_group_has_a_tier(sunspec: RegisterFamily, maps: Mapping[str, RegisterMap]) -> None:
    groups = {register.group for found in maps.values() for register in found.registers} - {"-"}
    assert groups == set(sunspec.spec.tiers)


def test_each_model_is_taken_by_the_first_part_that_may(sunspec: RegisterFamily) -> None:
    takers: dict[int, list[str]] = {}
    for part in sunspec.spec.parts:
        for model in part.models:
            for earlier in takers.get(model, ()):
                assert earlier in part.instead_of
            takers.setdefault(model, []).append(part.name)
    assert sorted(takers) == [
        *(1, 101, 102, 103, 111, 112, 113, 120, 121, 122, 123, 124, 160),
        *(201, 202, 203, 204, 211, 212, 213, 214),
    ]


@pytest.mark.parametrize("part", ["inverter", "mppt", "status", "storage", "grid"])
def test_totals_and_companions_name_registers(
    sunspec: RegisterFamily, maps: Mapping[str, RegisterMap], part: str
) -> None:
    spec = next(each for each in sunspec.spec.parts if each.name == part)
    tails = [name for names in (spec.repeat.tail.values() if spec.repeat else ()) for name in names]
    for sum_ in (spec.witness, spec.companions, *(derived.sum for derived in spec.derived)):
        for term in sum_:
            name = term.removeprefix("-")
            ending = next((tail for tail in tails if name.endswith(f"_{tail}")), "")
            assert maps[part][name.removesuffix(f"_{ending}")]
