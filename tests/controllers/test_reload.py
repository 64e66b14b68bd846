"""Another site file while the controller works."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controllers.config import Configuration
from controllers.policy.policies import Policies


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
