"""The maps together: names, groups, what a write does, and how each kind says that it is not available."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.checks import metric_mistakes, sum_mistakes
from sunhelm.devices.registers.register import RegisterMap

ABSENT = {
    "u16": {0xFFFF},
    "i16": {-0x8000},
    "u32": {0xFFFFFFFF},
    "i32": {-0x80000000},
    "u64": {0xFFFFFFFFFFFFFFFF},
    "u32[23:0]": {0xFFFFFD, 0xFFFFFE, 0xFFFFFF},
}
CLASSES = ("sunny_island", "hybrid", "storage", "inverter")


def test_the_vendors_own_metric_names_are_frozen(
    maps: Mapping[str, RegisterMap], golden: Any, root: Path
) -> None:
    own = {
        f"{quantity.metric}{{{','.join(quantity.labels)}}} {quantity.kind}\n"
        for registers in maps.values()
        for register in registers.registers
        for quantity in (register.quantity, register.code)
        if quantity is not None and quantity.name not in CATALOGUE
    }
    golden.check(root / "tests" / "golden" / "names" / "sma.txt", "".join(sorted(own)))


def test_every_number_knows_what_is_not_available(maps: Mapping[str, RegisterMap]) -> None:
    for registers in maps.values():
        for register in registers.registers:
            if not register.name.startswith("unused_"):
                assert register.absent == ABSENT.get(register.type.name, set()), register.place


def test_enumerations_are_codes_of_24_bits(maps: Mapping[str, RegisterMap]) -> None:
    named = [r for registers in maps.values() for r in registers.registers if r.names]
    assert len(named) > 200
    assert {register.type.name for register in named} == {"u32[23:0]"}


def test_one_metric_has_one_shape(maps: Mapping[str, RegisterMap]) -> None:
    assert metric_mistakes(maps.values()) == []


def test_totals_name_registers(sma: RegisterFamily, maps: Mapping[str, RegisterMap]) -> None:
    for part in sma.spec.parts:
        for derived in part.derived:
            assert sum_mistakes(maps[part.name], derived.quantity, derived.sum) == []


def test_every_group_has_a_tier(sma: RegisterFamily, maps: Mapping[str, RegisterMap]) -> None:
    groups = {register.group for registers in maps.values() for register in registers.registers} - {"-"}
    assert groups == set(sma.spec.tiers)


def test_set_points_are_forgotten_and_settings_wear_the_memory(maps: Mapping[str, RegisterMap]) -> None:
    for name, registers in maps.items():
        for register in registers.registers:
            if register.access == "w":
                assert register.storage == "volatile", register.place
                assert name in ("control", "plant"), register.place
            elif register.access == "rw" and name != "control":
                assert register.storage == "persistent", register.place


def test_a_device_is_read_by_one_map_of_its_class(sma: RegisterFamily) -> None:
    parts = {part.name: part for part in sma.spec.parts}
    island, storage = parts["sunny_island"].probe, parts["storage"].probe
    assert island is not None
    assert storage is not None
    for code in (9223, 9278, 9333, 9476):
        assert island.is_there((0, code))
    assert not island.is_there((0, 9359))
    assert storage.is_there((0, 8007))
    assert not storage.is_there((0, 8001))
    assert parts["storage"].instead_of == ("sunny_island",)
    assert set(parts["inverter"].instead_of) == set(CLASSES) - {"inverter"}


def test_what_is_read_all_the_time_is_the_same_kind_of_thing_everywhere(
    maps: Mapping[str, RegisterMap],
) -> None:
    for address, quantity in ((30775, "inverter_power"), (30513, None)):
        found = {
            r.quantity.name for c in CLASSES for r in maps[c].registers if r.address == address and r.quantity
        }
        assert quantity is None or found == {quantity}
    assert {r.quantity.name for r in maps["inverter"].registers if r.address == 30513 and r.quantity} == {
        "pv_production"
    }
