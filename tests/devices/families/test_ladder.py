"""What a family promises of its commands, held against the rules that hold for all of them."""

from __future__ import annotations

import pytest

from sunhelm.devices.families import FAMILIES, load_family
from sunhelm.devices.families.control import promise
from sunhelm.devices.units import BASE_UNITS


@pytest.mark.parametrize("name", FAMILIES)
def test_what_stays_when_the_controller_dies_needs_the_owners_leave(name: str) -> None:
    spec = load_family(name).spec
    stays = {key for key, each in (*spec.controls.items(), *spec.tasks.items()) if each.rung == "C"}
    automatic = {
        key for key, each in (*spec.controls.items(), *spec.tasks.items()) if each.hazard == "automatic"
    }
    assert not stays & automatic


@pytest.mark.parametrize("name", FAMILIES)
def test_what_the_device_lets_go_by_itself_says_after_what_time_and_is_renewed_before(name: str) -> None:
    spec = load_family(name).spec
    for key, each in (*spec.controls.items(), *spec.tasks.items()):
        if each.rung == "A" and each.reverts is not None:
            assert each.renew is not None, key
            assert each.renew <= each.reverts / 3 + 1e-9, key


@pytest.mark.parametrize("name", FAMILIES)
def test_every_setting_says_in_which_unit_it_is_set(name: str) -> None:
    """Else 50% of a power is read as half a watt, and written as none."""
    bases = {conversion.base for conversion in BASE_UNITS.values()}
    spec = load_family(name).spec
    for key, each in spec.controls.items():
        if "set" in each.actions:
            assert each.unit == "" or each.unit in bases, key
            assert promise(key, each).unit == each.unit
