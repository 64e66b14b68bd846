"""When Alertmanager is asked: regularly, soon after a delivery, and often while a proof is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from controllers.claims.claims import Claim, Terms
from controllers.config import Configuration
from controllers.controller import OFTEN_S, TICK_S, Controller
from controllers.intake.alertmanager import NotListed
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy
from sunhelm.devices.control import Action, Limit
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site

LEASE_S = 600.0
ROOF = DeviceConfig(name="roof", family="sec1000s", control=Control(enabled=True))
CONFIGURATION = Configuration(
    Site(name="home", zone=ZoneInfo("UTC"), devices={"roof": ROOF}),
    Policies(
        policies={
            "price": Policy(
                name="price",
                match={"alertname": "Price"},
                action=Action.LIMIT_EXPORT,
                values={"roof": Limit(0)},
                terms=Terms(lease_s=LEASE_S, max_life_s=86_400),
            )
        },
        alertmanager=AlertmanagerSection(
            url=urlsplit("http://127.0.0.1:9093"), heartbeat=HeartbeatSection(match={"alertname": "Watchdog"})
        ),
    ),
)


@dataclass
class HeldClock:
    """A clock whose sleeps end only when they are let: `asked` are those that are slept now."""

    now: float = 1_780_000_000.0
    sleeping: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (seconds, end)
        self.sleeping.append(entry)
        try:
            await end
        finally:
            self.sleeping.remove(entry)

    async def let(self, seconds: float) -> None:
        """Let those pass that sleep for so long."""
        for slept, end in list(self.sleeping):
            if slept == seconds and not end.done():
                end.set_result(None)
        await settle()

    def sleeps(self) -> list[float]:
        return sorted(seconds for seconds, _ in self.sleeping)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Asked:
    """The controller that polls, and how often it has asked."""

    controller: Controller
    clock: HeldClock
    times: int = 0
    fails: bool = False

    async def listen(self, alertmanager: object) -> None:
        self.times += 1
        if self.fails:
            raise NotListed("down")


@pytest.fixture
def polling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Any) -> Callable[[], Any]:
    @asynccontextmanager
    async def run() -> AsyncIterator[Asked]:
        clock, journal = HeldClock(), Journal(tmp_path / "state")

        class Nobody:
            def ended(self, *_: object) -> None: ...

            def foreign(self, *_: object) -> None: ...

        controller = Controller(
            CONFIGURATION, journal, lambda config, site: device, observer=Nobody(), clock=clock
        )
        asked = Asked(controller, clock)
        monkeypatch.setattr(controller, "listen", asked.listen)
        task = asyncio.create_task(controller._poll(LEASE_S / 3))
        await settle()
        yield asked
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()

    return run


async def test_it_is_asked_three_times_a_lease(polling: Callable[[], Any]) -> None:
    async with polling() as asked:
        assert (asked.times, asked.clock.sleeps()) == (1, [TICK_S])
        await asked.clock.let(TICK_S)
        assert (asked.times, asked.clock.sleeps()) == (1, [LEASE_S / 3 - TICK_S])
        await asked.clock.let(LEASE_S / 3 - TICK_S)
        assert asked.times == 2


async def test_a_delivery_is_a_reason_to_ask_but_a_storm_of_them_is_one_reason(
    polling: Callable[[], Any],
) -> None:
    async with polling() as asked:
        for _ in range(100):
            await deliver(asked.controller, "Watchdog")
        assert asked.times == 1
        await asked.clock.let(TICK_S)
        assert asked.times == 2
        await asked.clock.let(TICK_S)
        assert asked.times == 2
        await deliver(asked.controller, "Watchdog")
        await settle()
        assert asked.times == 3


async def test_while_a_proof_is_waited_for_it_is_asked_often(
    polling: Callable[[], Any], claim_of: Callable[..., Claim]
) -> None:
    async with polling() as asked:
        claim = replace(claim_of(), resolved_at=1.0, told_at=1.0)
        asked.controller.ledger = replace(asked.controller.ledger, claims={claim.key: claim})
        await asked.clock.let(TICK_S)
        await asked.clock.let(LEASE_S / 3 - TICK_S)
        await asked.clock.let(TICK_S)
        assert asked.clock.sleeps() == [OFTEN_S - TICK_S]


async def test_one_that_does_not_answer_is_asked_again_soon(polling: Callable[[], Any]) -> None:
    async with polling() as asked:
        asked.fails = True
        await asked.clock.let(TICK_S)
        await asked.clock.let(LEASE_S / 3 - TICK_S)
        for times in (2, 3, 4):
            assert asked.times == times
            await asked.clock.let(TICK_S)
            await asked.clock.let(OFTEN_S - TICK_S)


async def deliver(controller: Controller, name: str) -> None:
    now = controller.clock.time()
    labels = {"alertname": name}
    alert = Alert(
        fingerprint=name, status=Status.FIRING, labels=labels, starts_at=1.0, stamp=now, seen_at=now
    )
    await controller.inbox.accept([alert])
    await controller.judge()
