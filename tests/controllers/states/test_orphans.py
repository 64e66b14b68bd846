"""Devices that hold what we wrote, and that nobody may command any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controllers.config import Configuration
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


async def test_a_device_that_is_called_something_else_now_is_none(household: Any) -> None:
    limit = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    await household.people.claim(limit)
    await household.step()
    controller, device = household.controller, household.device
    barn = replace(controller.site.devices["roof"], name="barn")
    site = replace(controller.site, devices={"barn": barn})
    device.name = "barn"
    await controller.follow(Configuration(site, Policies()), lambda config, site: device)
    assert controller.orphans == {"roof"}

    await household.people.claim(replace(limit, device="barn"))
    await household.step()
    await household.people.release_device("barn")
    await household.step()
    assert device.export.value == UNLIMITED
