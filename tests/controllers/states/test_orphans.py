"""Devices that hold what we wrote, and that nobody may command any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controllers.config import Configuration
from controllers.controller import ORPHANS_S, Controller
from controllers.people import Command
from controllers.policy.policies import Policies
from sunhelm.devices.control import UNLIMITED, Action, Limit


async def test_a_device_that_leaves_the_site_file_with_our_write_is_told(household: Any) -> None:
    limit = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    await household.people.claim(limit)
    await household.step()
    controller, device = household.controller, household.device
    assert controller.orphans == frozenset()
    whole = controller.site
    without = replace(whole, devices={"meter": whole.devices["meter"]})
    await controller.follow(Configuration(without, Policies()), lambda config, site: device)
    assert controller.orphans == {"roof"}
    assert device.export.value == Limit(0)

    await controller.follow(Configuration(whole, Policies()), lambda config, site: device)
    await household.people.release_device("roof")
    await household.step()
    assert controller.orphans == frozenset()
    assert device.export.value == UNLIMITED


@pytest.mark.parametrize("restarts", [False, True], ids=["reloaded", "started again"])
async def test_a_device_that_is_called_something_else_now_gets_back_what_it_had(
    household: Any, restarts: bool
) -> None:
    limit = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    await household.people.claim(limit)
    await household.step()
    controller, device = household.controller, household.device
    barn = replace(controller.site.devices["roof"], name="barn")
    site = replace(controller.site, devices={"barn": barn})
    device.name = "barn"
    if restarts:
        configuration = Configuration(site, Policies())
        controller = Controller(
            configuration,
            household.journal,
            lambda *_: device,
            observer=household.counts,
            clock=household.clock,
        )
    else:
        await controller.follow(Configuration(site, Policies()), lambda *_: device)
    assert controller.orphans == {"roof"}
    await controller.fleet.loops["barn"].once()
    assert device.export.value == UNLIMITED

    household.clock.now += ORPHANS_S
    await controller.tick()
    assert controller.orphans == frozenset()


async def test_another_device_does_not_get_what_one_that_left_had(household: Any, fake_device: Any) -> None:
    limit = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    await household.people.claim(limit)
    await household.step()
    controller = household.controller
    barn = replace(controller.site.devices["roof"], name="barn")
    other = fake_device(household.clock, name="barn", serial="SN2")
    other.export.value = Limit(0)
    site = replace(controller.site, devices={"barn": barn})
    await controller.follow(Configuration(site, Policies()), lambda *_: other)
    for _ in range(3):
        household.clock.now += ORPHANS_S
        await controller.tick()
        await controller.fleet.loops["barn"].once()

    assert (controller.orphans, other.export.writes) == ({"roof"}, [])
