"""What the maps promise: names that stay, labels that do not clash, few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.plan import Field, plan
from sunhelm.devices.registers.register import Register, RegisterMap

TARGET_LABELS = {"device", "site", "family", "group", "job", "instance"}
USUAL = ("system", "settings", "hub4", "vebus", "battery", "grid", "solarcharger")
EVERY_SCRAPE = ("live", "energy", "alarms")


def read(found: RegisterMap, *groups: str, profile: str = "core") -> list[Register]:
    """The registers of these groups that are read from a GX with new firmware."""
    return [
        r
        for r in found.registers
        if r.group in groups and (profile == "full" or r.profile == "core") and not r.instead_of
    ]


def requests(victron: RegisterFamily, found: RegisterMap, registers: list[Register]) -> tuple[Field, ...]:
    pacing = victron.spec.pacing
    return plan(
        sorted({Field(r.address, r.end) for r in registers}),
        words=victron.spec.read.words,
        request_cost=pacing.request_cost,
        word_cost=pacing.word_cost,
        readable=[Field(r.address, r.end) for r in found.registers],
    )


def series(register: Register) -> int:
    """How many samples one register is, when it has a value."""
    if register.quantity is None:
        return 0
    states = len(set(register.names.values()))
    return states + 1 if register.code and states else 1


def test_the_vendors_own_metric_names_are_frozen(
    victron: RegisterFamily, maps: Mapping[str, RegisterMap], root: Path, golden: Any
) -> None:
    lines = set()
    for found in maps.values():
        for register in found.registers:
            for quantity in (register.quantity, register.code):
                if quantity and quantity.name not in CATALOGUE:
                    lines.add(f"{quantity.metric}{{{','.join(quantity.labels)}}} {quantity.kind}\n")
    names = Counter(line.partition("{")[0] for line in lines)
    assert [name for name, count in names.items() if count > 1] == []
    golden.check(root / "tests" / "golden" / "names" / "victron.txt", "".join(sorted(lines)))


def test_no_sub_device_is_labelled_like_a_target(maps: Mapping[str, RegisterMap]) -> None:
    labels = {
        label
        for found in maps.values()
        for r in found.registers
        for quantity in (r.quantity, r.code)
        if quantity
        for label in quantity.labels
    }
    assert not labels & TARGET_LABELS


def test_two_registers_of_a_map_never_give_the_same_series(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        given = Counter(
            (r.quantity.metric, tuple(sorted(r.labels.items())))
            for r in found.registers
            if r.quantity and not r.instead_of
        )
        assert [key for key, count in given.items() if count > 1] == [], found.name


def test_a_register_stands_in_for_one_of_the_same_meaning(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        for register in found.registers:
            if register.instead_of:
                better = found[register.instead_of]
                assert (register.quantity, register.labels, register.group, register.profile) == (
                    better.quantity,
                    better.labels,
                    better.group,
                    better.profile,
                ), register.place
                assert register.type.words < better.type.words


def test_totals_are_sums_of_registers_that_are_always_read(
    victron: RegisterFamily, maps: Mapping[str, RegisterMap]
) -> None:
    for part in victron.spec.parts:
        for derived in part.derived:
            assert derived.quantity in CATALOGUE
            terms = [maps[part.name][name] for name in derived.sum]
            assert {term.group for term in terms} == {derived.group}
            assert len({term.profile for term in terms}) == 1


def test_companions_are_read_with_what_hangs_on_them(
    victron: RegisterFamily, maps: Mapping[str, RegisterMap]
) -> None:
    tiers = victron.spec.tiers
    for part in victron.spec.parts:
        summed = {name for derived in part.derived for name in derived.sum}
        for companion, names in part.companions.items():
            for name in names:
                register = maps[part.name][name]
                assert name not in summed, f"{name} is a term of a total, which it would take along"
                assert register.group == "-" or (
                    tiers[register.group] == tiers[maps[part.name][companion].group]
                ), register.place


def test_every_group_has_a_tier(victron: RegisterFamily, maps: Mapping[str, RegisterMap]) -> None:
    groups = {register.group for found in maps.values() for register in found.registers} - {"-"}
    assert groups == set(victron.spec.tiers)
    assert {name for name, period in victron.spec.tiers.items() if period == 0} == set(EVERY_SCRAPE)


def test_what_can_be_written_says_whether_it_lasts(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        for register in found.registers:
            assert bool(register.storage) == (register.access == "rw"), register.place


@pytest.mark.parametrize(
    ("service", "expected"),
    [("system", 1), ("vebus", 1), ("battery", 2), ("grid", 1), ("solarcharger", 2), ("pvinverter", 1)],
)
def test_a_scrape_takes_few_requests(
    victron: RegisterFamily, maps: Mapping[str, RegisterMap], service: str, expected: int
) -> None:
    for profile in ("core", "full"):
        registers = read(maps[service], *EVERY_SCRAPE, profile=profile)
        assert len(requests(victron, maps[service], registers)) <= expected + (profile == "full")


def test_the_core_profile_of_a_usual_house_is_small(maps: Mapping[str, RegisterMap]) -> None:
    """With all three phases; a house with one has 30 series less."""
    registers = [register for name in USUAL for register in maps[name].registers if not register.instead_of]
    assert sum(series(register) for register in registers if register.profile == "core") <= 225
    assert sum(series(register) for register in registers) <= 900


def test_looking_for_parts_takes_a_bounded_number_of_requests(victron: RegisterFamily) -> None:
    assert sum(len(part.units) for part in victron.spec.parts if part.probe) <= 100
