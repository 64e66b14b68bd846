"""What dongles answered to another program, and what that made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.families.sessy.family import measured, totals_of_p1
from sunhelm.devices.families.sessy.schedule import schedule_samples
from sunhelm.devices.reading import Sample

pytestmark = pytest.mark.captures

OURS: Mapping[str, tuple[str, Mapping[str, tuple[tuple[str, ...], float]]]] = {
    "Status response": (
        "live",
        {
            "soc_pct": (("battery_state_of_charge",), 0.01),
            "power_w": (("battery_power",), 1),
            "frequency_hz": (("inverter_frequency",), 1),
            "phase1_voltage_v": (("sessy_renewable_phase_voltage", "L1"), 1),
            "phase1_current_a": (("sessy_renewable_phase_current", "L1"), 1),
            "phase1_power_w": (("sessy_renewable_phase_power", "L1"), 1),
            "strategy_overridden": (("sessy_strategy_overridden",), 1),
        },
    ),
    "status p1 v2": (
        "p1_live",
        {
            "voltage_l1_v": (("grid_phase_voltage", "L1"), 1),
            "current_l1_a": (("grid_phase_current", "L1"), 1),
            "import_total_kwh": (("grid_import",), 3_600_000),
            "export_total_kwh": (("grid_export",), 3_600_000),
            "power_w": (("grid_power",), 1),
        },
    ),
    "status modbus": ("modbus_live", {"voltage_l3_v": (("sessy_modbus_phase_voltage", "L3"), 1)}),
}


@pytest.fixture(scope="module")
def recorded(captures: Path) -> dict[str, Any]:
    return dict(json.loads((captures / "sessy" / "nl_sessy_samples.json").read_text()))


def seen(group: str, document: Mapping[str, Any]) -> dict[tuple[str, ...], float]:
    config = DeviceConfig(name="it", family="sessy", profile="full")
    family: Any = load_family("sessy")
    samples = family.values.samples(group, measured(document), config)
    found = [each for each in samples if isinstance(each, Sample)]
    found += totals_of_p1(found)
    return {(each.quantity.name, *each.labels): each.value for each in found}


def test_every_expected_value_is_there_and_equal(recorded: dict[str, Any]) -> None:
    expected = recorded["expected_decode"]
    equal = 0
    for name, (group, ours) in OURS.items():
        values = seen(group, recorded["samples"][name])
        assert set(expected[name]) == set(ours)
        for theirs, (key, scale) in ours.items():
            assert values[key] == pytest.approx(float(expected[name][theirs]) * scale, rel=1e-6), theirs
            equal += 1
    schedule = recorded["samples"]["/api/v1/dynamic/schedule"]
    midnight = 1_666_476_000.0  # 23 October 2022 at Amsterdam
    samples = schedule_samples(schedule, midnight, ZoneInfo("Europe/Amsterdam"))
    (price,) = (sample.value for sample in samples if sample.quantity.name == "sessy_energy")
    assert price == pytest.approx(expected["dynamic price first hour eur_kwh"])
    print(f"{equal + 1} of {equal + 1} values present and equal")
    assert equal + 1 == 14


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Energy response", "counters"),
        ("system Info Sessy", "identity"),
        ("systemSettings get", "settings"),
        ("/v1/system/settings", "settings"),
        ("GET /api/v1/ota/status", "firmware"),
        ("during check", "firmware"),
        ("after check", "firmware"),
        ("/api/v1/network/status", "network"),
        ("/api/v1/p1/details", "p1_live"),
    ],
)
def test_every_answer_says_something(recorded: dict[str, Any], name: str, group: str) -> None:
    document = recorded["samples"].get(name)
    if document is None:
        pytest.fail(f"{name} is not recorded; there are {sorted(recorded['samples'])}")
    assert seen(group, document)
