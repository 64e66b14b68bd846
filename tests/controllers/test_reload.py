"""Another site file while the controller works."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from controllers.config import Configuration
from controllers.people import Command
from controllers.policy.policies import Policies
from sunhelm.devices.control import Action, Charge, Rung, SelfConsumption
from sunhelm.devices.sections import Control


@dataclass
class Slow:
    """A device that takes its time to close: meanwhile `happens`."""

    device: Any
    happens: Any = field(default=None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)

    async def close(self) -> None:
        await self.happens()


async def test_an_alert_that_comes_during_a_reload_is_judged_by_the_new_policies(
    clock: Any, device: Any, make_household: Any, tmp_path: Path
) -> None:
    slow = Slow(device)
    household = make_household(clock, slow, tmp_path / "state")
    await household.beat()
    controller = household.controller

    async def happens() -> None:
        if await controller.inbox.accept([household.alert("Price")]):
            await controller.judge()

    slow.happens = happens
    changed = replace(controller.site.devices["roof"], rated_power=12_000.0)
    site = replace(controller.site, devices={**controller.site.devices, "roof": changed})
    await controller.follow(
        Configuration(site, Policies(alertmanager=controller.policies.alertmanager)), lambda *_: device
    )

    assert not any(claim.live for claim in controller.ledger.claims.values())
    household.journal.close()


CHARGE = Command(device="roof", action=Action.CHARGE, parameters={"power": "1kW"})


async def charged(household: Any, **promise: Any) -> Any:
    battery = household.device.battery
    battery.promise = replace(battery.promise, **promise)
    await household.people.claim(CHARGE)
    await household.step()
    assert battery.value == Charge(1000)
    return battery


@pytest.mark.parametrize("left", ["taken out", "may only be read", "may do something else"])
async def test_a_device_that_leaves_is_not_left_with_an_order_that_nothing_ends(
    household: Any, left: str
) -> None:  # S11
    battery = await charged(household, rung=Rung.VOLATILE)
    controller = household.controller
    roof = controller.site.devices["roof"]
    control = (
        Control(enabled=False) if left == "may only be read" else Control(enabled=True, allow=("restart",))
    )
    devices = {"meter": controller.site.devices["meter"]}
    if left != "taken out":
        devices["roof"] = replace(roof, control=control)
    await controller.follow(
        Configuration(replace(controller.site, devices=devices), Policies()), lambda *_: household.device
    )

    assert battery.value == SelfConsumption()
    assert controller.orphans == frozenset()


async def test_a_device_that_changes_otherwise_goes_on_with_its_order(household: Any) -> None:
    battery = await charged(household, rung=Rung.VOLATILE)
    controller = household.controller
    roof = replace(controller.site.devices["roof"], rated_power=12_000.0)
    await controller.follow(
        Configuration(replace(controller.site, devices={"roof": roof}), Policies()),
        lambda *_: household.device,
    )

    assert battery.writes == [Charge(1000)]


async def test_what_stays_and_does_nothing_unless_it_is_repeated_is_given_back_at_an_orderly_end(
    household: Any,
) -> None:
    battery = await charged(household, rung=Rung.PERSISTENT, renew_s=3.0)
    await household.controller.close()

    assert battery.value == SelfConsumption()
