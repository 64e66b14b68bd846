"""Every register that the official list offers is shown, or stands in a list with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import pytest
import yaml

from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import Register, RegisterMap

LISTED = {
    "system": 78,
    "settings": 38,
    "hub4": 3,
    "vebus": 147,
    "multi": 108,
    "acsystem": 35,
    "inverter": 63,
    "battery": 106,
    "grid": 34,
    "pvinverter": 26,
    "solarcharger": 58,
    "acload": 24,
    "generator": 11,
    "pump": 1,
    "platform": 8,
    "evcharger": 25,
    "genset": 44,
    "dcgenset": 28,
    "heatpump": 8,
    "charger": 18,
    "dcdc": 13,
    "alternator": 22,
    "fuelcell": 11,
    "dcsource": 13,
    "dcload": 13,
    "dcsystem": 14,
    "motordrive": 6,
    "tank": 8,
    "temperature": 16,
    "pulsemeter": 4,
    "digitalinput": 6,
    "meteo": 7,
    "gps": 7,
}
"""Rows of each service in the server's list, release 1.0.101; all services are here."""

GAPLESS = {
    "vebus": [(3, 147), (200, 247)],
    "battery": [(256, 331), (1282, 1343)],
    "solarcharger": [(771, 793), (3700, 3747)],
    "pvinverter": [(1026, 1077)],
    "grid": [(2600, 2657)],
    "multi": [(4500, 4633)],
    "acsystem": [(4900, 4957)],
    "inverter": [(3100, 3187)],
    "genset": [(3200, 3257), (5000, 5127)],
    "dcgenset": [(5200, 5357)],
    "evcharger": [(3800, 3847)],
    "acload": [(3900, 3947)],
    "alternator": [(4100, 4137)],
    "temperature": [(3300, 3327)],
    "tank": [(3000, 3017)],
    "platform": [(5800, 5819)],
    "heatpump": [(5500, 5517)],
    "meteo": [(3600, 3617)],
}
"""First and last word of what one request may cover."""


def is_filler(register: Register) -> bool:
    return register.name.startswith("reserved_")


@pytest.fixture(scope="module")
def not_exported() -> Mapping[str, Mapping[str, str]]:
    text = files("sunhelm.devices.families.victron").joinpath("not_exported.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def test_every_row_of_the_official_list_is_in_a_map(maps: Mapping[str, RegisterMap]) -> None:
    assert {name: len(found.registers) for name, found in maps.items()} == LISTED
    assert sum(LISTED.values()) == 1003


def test_every_map_belongs_to_a_part(victron: RegisterFamily) -> None:
    there = {f.name for f in files("sunhelm.devices.families.victron").iterdir() if f.name.endswith(".csv")}
    assert {part.map for part in victron.spec.parts} == there


@pytest.mark.parametrize("service", GAPLESS)
def test_a_map_covers_its_gapless_spans(maps: Mapping[str, RegisterMap], service: str) -> None:
    covered = {a for register in maps[service].registers for a in range(register.address, register.end)}
    assert covered == {a for first, last in GAPLESS[service] for a in range(first, last + 1)}


def test_what_is_not_exported_is_listed_with_its_reason(
    victron: RegisterFamily,
    maps: Mapping[str, RegisterMap],
    not_exported: Mapping[str, Mapping[str, str]],
) -> None:
    silent = {
        (part.map, register.name)
        for part in victron.spec.parts
        for register in maps[part.name].registers
        if register.quantity is None and not is_filler(register)
    }
    listed = {
        (name, register)
        for name, reasons in not_exported.items()
        for register in reasons
        if name != "evcs-direct"
    }
    assert silent == listed
    assert all(reason for reasons in not_exported.values() for reason in reasons.values())
    assert len(not_exported["evcs-direct"]) == 8


def test_what_is_exported_is_read(maps: Mapping[str, RegisterMap]) -> None:
    never = {r.name for found in maps.values() for r in found.registers if r.group == "-" and r.quantity}
    assert not never


def test_fillers_are_passed_over_and_never_asked_for(maps: Mapping[str, RegisterMap]) -> None:
    fillers = [r for found in maps.values() for r in found.registers if is_filler(r)]
    assert fillers
    assert all(r.group == "-" and r.quantity is None for r in fillers)
