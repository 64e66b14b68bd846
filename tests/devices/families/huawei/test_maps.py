"""What the maps promise: names that stay, labels that do not clash, few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.huawei.quantities import OFFERS
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.lint import lint
from sunhelm.devices.registers.plan import Field, plan
from sunhelm.devices.registers.register import Register, RegisterMap

TARGET_LABELS = {"device", "site", "family", "group", "job", "instance"}
LIVE = ("live", "energy")
STRINGS = 4
"""Of a usual inverter with many; those beyond are not asked for."""


def is_there(register: Register) -> bool:
    number = register.labels.get("string") or register.labels.get("tracker") or "1"
    return int(number) <= STRINGS and not register.instead_of


def fewest(found: RegisterMap, words: int, huawei: RegisterFamily, profile: str) -> tuple[Field, ...]:
    """The requests that the live registers of a part take, when one request has so many words at most."""
    spec = huawei.spec
    wanted = [
        r
        for r in found.registers
        if r.group in LIVE and is_there(r) and (profile == "full" or r.profile == "core")
    ]
    islands: list[Field] = []
    for register in found.registers:
        if islands and register.address - islands[-1].end <= spec.read.gap:
            islands[-1] = Field(islands[-1].start, max(islands[-1].end, register.end))
        else:
            islands.append(Field(register.address, register.end))
    return plan(
        sorted({Field(r.address, r.end) for r in wanted}),
        words=words,
        request_cost=spec.pacing.request_cost + spec.pacing.pause,
        word_cost=spec.pacing.word_cost,
        readable=islands,
    )


def test_the_vendors_own_metric_names_are_frozen(
    maps: Mapping[str, RegisterMap], root: Path, golden: Any
) -> None:
    lines = set()
    quantities = [
        quantity
        for found in maps.values()
        for register in found.registers
        for quantity in (register.quantity, register.code)
        if quantity
    ]
    for quantity in (*quantities, *(each for offered in OFFERS.values() for each in offered)):
        if quantity.name not in CATALOGUE:
            lines.add(f"{quantity.metric}{{{','.join(quantity.labels)}}} {quantity.kind}\n")
            assert not list(lint(quantity))
            assert not TARGET_LABELS & set(quantity.labels)
    names = Counter(line.partition("{")[0] for line in lines)
    assert [name for name, count in names.items() if count > 1] == []
    golden.check(root / "tests" / "golden" / "names" / "huawei.txt", "".join(sorted(lines)))


def test_every_group_has_a_tier(huawei: RegisterFamily, maps: Mapping[str, RegisterMap]) -> None:
    groups = {register.group for found in maps.values() for register in found.registers} - {"-"}
    assert groups == set(huawei.spec.tiers)
    assert {name for name, period in huawei.spec.tiers.items() if period == 0} == set(LIVE)


def test_what_can_be_written_says_whether_it_lasts(maps: Mapping[str, RegisterMap]) -> None:
    for found in maps.values():
        for register in found.registers:
            assert bool(register.storage) == (register.access != "r"), register.place


def test_the_places_that_the_family_names_are_registers(
    huawei: RegisterFamily, maps: Mapping[str, RegisterMap]
) -> None:
    spec = huawei.spec
    places = [place for each in (*spec.controls.values(), *spec.tasks.values()) for place in each.registers]
    for place in (*places, *spec.setting_hazards, *spec.identity.values()):
        part, _, name = place.partition(".")
        assert name == "*" or maps[part][name], place


@pytest.mark.parametrize(
    ("words", "expected"), [(64, (2, 1, 3, 1)), (116, (1, 1, 2, 1)), (125, (1, 1, 2, 1))]
)
def test_the_live_tier_takes_the_fewest_requests(
    huawei: RegisterFamily,
    maps: Mapping[str, RegisterMap],
    words: int,
    expected: tuple[int, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside these, one for the meter's status before the meter."""
    parts = ("inverter", "meter", "battery", "dongle")
    with capsys.disabled():
        for profile in ("core", "full"):
            plans = {part: fewest(maps[part], words, huawei, profile) for part in parts}
            counts = ", ".join(f"{part} {len(blocks)}" for part, blocks in plans.items())
            print(f"\nhuawei: live tier, {profile}, {words} words a read: {counts}", end="")
            if profile == "core":
                assert tuple(map(len, plans.values())) == expected
