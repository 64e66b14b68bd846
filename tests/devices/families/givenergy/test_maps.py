"""The maps as one family: names that stay, and meters whose kinds are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.givenergy.meters import (
    EMS_METER,
    ONE_PHASE_METER,
    THREE_PHASE_METER,
    Steps,
    power_factor,
    steps_of,
)
from sunhelm.devices.families.givenergy.models import model_of
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.registers.checks import metric_mistakes
from sunhelm.devices.registers.lint import lint
from sunhelm.devices.registers.register import RegisterMap


def test_the_vendors_own_metric_names_are_frozen(givenergy: RegisterFamily, root: Path, golden: Any) -> None:
    lines = {
        f"{quantity.metric}{{{','.join(sorted(quantity.labels))}}} {quantity.kind}\n"
        for quantities in givenergy.offers.values()
        for quantity in quantities
        if quantity.name not in CATALOGUE
    }
    names = Counter(line.partition("{")[0] for line in lines)
    assert [name for name, count in names.items() if count > 1] == []
    golden.check(root / "tests" / "golden" / "names" / "givenergy.txt", "".join(sorted(lines)))


def test_maps_agree_on_metrics_and_names_are_clean(
    givenergy: RegisterFamily, maps: Mapping[str, RegisterMap]
) -> None:
    assert metric_mistakes(maps.values()) == []
    derived = givenergy.offers["derived"]
    assert [complaint for quantity in derived for complaint in lint(quantity)] == []


@pytest.mark.parametrize(
    ("code", "firmware", "told"),
    [
        (0x2001, 449, ("Hybrid Gen1", 5000, 2600, 1)),
        (0x2003, 920, ("Hybrid Gen2", 3600, 3600, 2)),
        (0x2002, 899, ("Hybrid Gen2", 4600, 3600, 2)),
        (0x2001, 312, ("Hybrid Gen3", 5000, 3600, 3)),
        (0x2104, 312, ("Polar", 6000, None, 0)),
        (0x2201, 312, ("Hybrid Gen3 Plus", 5000, 5400, 0)),
        (0x3001, 579, ("AC Coupled", 3000, 3000, 0)),
        (0x4004, 1121, ("Three-phase hybrid", 11_000, None, 0)),
        (0x4102, 1, ("Commercial All-in-One", None, None, 0)),
        (0x5001, 1036, ("EMS", None, None, 0)),
        (0x7001, 10, ("Gateway", 12_000, None, 0)),
        (0x8001, 612, ("All-in-One", 6000, 6000, 0)),
        (0x8102, 1, ("Hybrid HV Gen3", 8000, 8000, 0)),
        (0x8304, 1, ("Hybrid Gen4", 6000, 6000, 0)),
        (0x29FF, 1, ("Hybrid", None, None, 0)),
    ],
)
def test_models_are_those_of_the_sheet(
    code: int, firmware: int, told: tuple[str, float | None, float | None, int]
) -> None:
    model = model_of(code, firmware)
    assert (model.name, model.rated_power, model.battery_power, model.generation) == told


# A meter's raw numbers as recorded: voltage in 0.1 V, current, apparent power.
@pytest.mark.parametrize(
    ("volts", "current", "apparent", "steps"),
    [
        (241.7, 81, 19_604, EMS_METER),
        (242.1, 3, 963, EMS_METER),
        (233.7, 11, 276, THREE_PHASE_METER),
        (244.6, 214, 525, ONE_PHASE_METER),
    ],
)
def test_a_meters_own_numbers_tell_its_steps(
    volts: float, current: float, apparent: float, steps: Steps
) -> None:
    values = {"l1_voltage": volts, "l1_current": float(current), "l1_apparent_power": float(apparent)}
    for ems in (False, True):
        assert steps_of(values, ems=ems) == steps


def test_a_meter_that_measures_nothing_is_of_the_usual_kind() -> None:
    one = {"l1_voltage": 240.0, "l1_current": 0.0, "l1_apparent_power": 0.0}
    three = {f"l{n}_voltage": 240.0 for n in (1, 2, 3)}
    assert steps_of(one, ems=True) == EMS_METER
    assert steps_of(one, ems=False) == ONE_PHASE_METER
    assert steps_of(three, ems=False) == THREE_PHASE_METER


def test_power_factors_are_signed_or_shifted() -> None:
    assert power_factor(56_073, EMS_METER) == -0.9463
    assert power_factor(7210, THREE_PHASE_METER) == -0.279
    assert power_factor(10_050, ONE_PHASE_METER) == 0.005
    assert power_factor(0, ONE_PHASE_METER) is None
    assert power_factor(30_000, ONE_PHASE_METER) is None
    assert power_factor(20_000, EMS_METER) is None
