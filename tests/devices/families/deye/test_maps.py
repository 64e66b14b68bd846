"""The maps of the family together: names that are frozen, and what a read of them costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.families import Surroundings
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.checks import metric_mistakes
from sunhelm.devices.registers.plan import Field
from sunhelm.devices.registers.register import RegisterMap


def test_the_maps_agree_on_what_their_metrics_are(maps: Mapping[str, RegisterMap]) -> None:
    assert metric_mistakes(maps.values()) == []


def test_the_vendors_own_metric_names_are_frozen(
    maps: Mapping[str, RegisterMap], root: Path, golden: Any
) -> None:
    lines = {
        f"{quantity.metric}{{{','.join(quantity.labels)}}} {quantity.kind}\n"
        for each in maps.values()
        for register in each.registers
        for quantity in (register.quantity, register.code)
        if quantity is not None and quantity.name not in CATALOGUE
    }
    golden.check(root / "tests" / "golden" / "names" / "deye.txt", "".join(sorted(lines)))


@pytest.mark.parametrize("kind", ["three_phase_lv", "three_phase_hv", "single_phase", "string", "micro"])
async def test_the_live_tier_takes_the_fewest_requests(
    play: Any, deye: RegisterFamily, clock: Any, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No plan with fewer requests covers the live registers, at the usual 60 words and at the most of 125."""
    inverter = await play(kind)
    found = {}
    for words in (60, 125):
        config = replace(inverter.config, model=None, read_words=words)
        source = deye.open(config, Surroundings(ZoneInfo("UTC"), clock))
        deadline = Deadline.after(60, clock)
        async with source.turn(deadline):
            await source.prepare(deadline)
        plan = source.plan(["live", "energy"])
        await source.close()
        fields = [
            Field(register.address, register.end)
            for register in source.parts[0].map.registers
            if register.group in ("live", "energy") and register.profile == "core" and register.access != "w"
        ]
        fields += [
            Field(high.address, high.end)
            for register in source.parts[0].map.registers
            if register.group in ("live", "energy") and register.profile == "core" and register.high
            for high in [source.parts[0].map[register.high]]
        ]
        assert len(plan) == fewest(fields, words)
        found[words] = len(plan)
    with capsys.disabled():
        print(f"\ndeye {kind}: live values by {found[60]} requests of 60 words, {found[125]} of 125")


def fewest(fields: list[Field], words: int) -> int:
    """How many requests cover the fields, taking each as far as it goes: that is the least there is."""
    count, end = 0, -1
    for field in sorted(fields):
        if field.end > end:
            count, end = count + 1, field.start + words
    return count


def test_only_inverters_without_a_battery_sleep_at_night(deye: RegisterFamily) -> None:
    models = {"SUN-12K-SG04LP3": False, "SUN-12K-G05": True, "SUN-M200G4": True, None: False}
    assert {model: deye.spec.is_asleep_without_sun(model) for model in models} == models
