"""Export curtailed by an envelope, from the alert to the meter and back, through the whole controller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controllers.claims.claims import Terms
from controllers.config import Configuration
from controllers.controller import Controller
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy
from sunhelm.devices.control import Action, Limit
from sunhelm.devices.controlled import open_controlled

ALERT = "FeedInPriceNegative"


class Nobody:
    """Counts nothing."""

    def ended(self, *_: object) -> None: ...

    def foreign(self, *_: object) -> None: ...


@dataclass
class House:
    """A home with a controller that hears of a price."""

    home: Any
    controller: Controller
    began: float
    exported: list[float] = field(default_factory=list)
    cut_at: float | None = None

    @classmethod
    def of(cls, home: Any, journal: Journal) -> House:
        price = Policy(
            name="price",
            match={"alertname": ALERT},
            action=Action.LIMIT_EXPORT,
            values={"roof": Limit(0)},
            terms=Terms(lease_s=1200, max_life_s=86_400, min_life_s=0),
        )
        heartbeat = HeartbeatSection(match={"alertname": "Watchdog"})
        policies = Policies(policies={"price": price}, alertmanager=AlertmanagerSection(heartbeat=heartbeat))
        controller = Controller(
            Configuration(home.site, policies),
            journal,
            lambda config, site: open_controlled(config, site, clock=home.clock),
            observer=Nobody(),
            clock=home.clock,
        )
        return cls(home, controller, home.clock.time() + 120)

    async def hear(self, ended: float | None = None) -> None:
        """Hear what Alertmanager delivers, and live for a minute."""
        alerts = [self._alert("Watchdog", Status.FIRING)]
        if ended is None and self.home.clock.time() >= self.began:
            alerts.append(self._alert(ALERT, Status.FIRING))
        elif ended is not None:
            alerts.append(self._alert(ALERT, Status.RESOLVED, ended))
        await self.controller.inbox.accept(alerts)
        await self.controller.judge()
        for _ in range(60):
            await self.home.clock.sleep(1)
            self.exported.append(-self.home.plant.state.grid.power_w)
            if self.cut_at is None and self.home.plant.steering.feed_in_limit_w == 0:
                self.cut_at = self.home.clock.time()

    def _alert(self, name: str, status: Status, ends_at: float = 0.0) -> Alert:
        return Alert(
            fingerprint=name,
            status=status,
            labels={"alertname": name},
            starts_at=self.began,
            ends_at=ends_at,
            stamp=self.controller.clock.time(),
            seen_at=self.controller.time.now(),
        )


def test_a_negative_price_stops_the_export_within_the_minutes_of_the_cloud(
    at_home: Callable[..., None], tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "state")

    async def program(home: Any) -> None:
        house = House.of(home, journal)
        running = asyncio.create_task(house.controller.run())
        for _ in range(62):  # two minutes, and an hour of a negative price
            await house.hear()
        ended = home.clock.time()
        assert house.cut_at is not None
        delay_s = house.cut_at - house.began
        held = house.exported[round(delay_s) + 150 :]
        assert max(house.exported[:120]) > 500
        assert 0 < delay_s <= 135
        assert max(held) < 100
        for _ in range(5):
            await house.hear(ended)
        assert home.cloud.inverter.envelopes() == []
        assert home.plant.steering.feed_in_limit_w is None
        assert max(house.exported[-180:]) > 500
        posts = sum(path.startswith("POST /Api") for path in home.cloud.paths)
        assert posts <= 4
        print(f"cut {delay_s:.0f} s after the alert, at most {max(held):.0f} W exported in an hour,", end=" ")
        print(f"{posts} envelopes, {len(home.cloud.paths)} requests")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for loop in house.controller.fleet.loops.values():
            await loop.reconciler.device.close()

    at_home(program)
    rows = journal.read("SELECT value, outcome FROM acts WHERE outcome IS NOT NULL ORDER BY rowid")
    journal.close()
    assert rows[0] == ('{"limit_watts": 0}', "verified")
    assert {outcome for _, outcome in rows} == {"verified"}
