"""The whole controller dies at any write of its journal, from the delivery of an alert to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controllers.claims.claims import Terms
from controllers.config import Configuration
from controllers.controller import Controller
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal, Statement
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy
from sunhelm.devices.control import Action, Limit, Value
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site

OWNERS = Limit(7000)
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
                terms=Terms(lease_s=600, max_life_s=7200),
            )
        },
        alertmanager=AlertmanagerSection(
            resend="1s", heartbeat=HeartbeatSection(match={"alertname": "Watchdog"})
        ),
    ),
)
STORY: tuple[tuple[str, Status, Value], ...] = (
    ("Watchdog", Status.FIRING, OWNERS),
    ("Price", Status.FIRING, Limit(0)),
    ("Price", Status.FIRING, Limit(0)),
    ("Price", Status.RESOLVED, Limit(0)),
    ("Watchdog", Status.FIRING, OWNERS),
)
"""What is delivered, and where the device is when all that follows from it is done."""


class Killed(BaseException):
    """The process is no more."""


class MortalJournal(Journal):
    """A journal whose process dies at one commit: before it, or when it is on the disk."""

    commits = 0
    dies_at = 0
    dies_after = False

    async def commit(self, *statements: Statement) -> None:
        self.commits += 1
        if self.commits == self.dies_at and not self.dies_after:
            raise Killed
        await super().commit(*statements)
        if self.commits == self.dies_at and self.dies_after:
            raise Killed


class Nobody:
    """An observer that looks away."""

    def ended(self, device: str, state: str, outcome: object) -> None:
        """Nothing is counted."""

    def foreign(self, device: str, state: str) -> None:
        """Nothing is counted."""


async def tell(
    device: Any, clock: Any, folder: Path, chapters: list[int], *, dies_at: int = 0, dies_after: bool = False
) -> int:
    """Live through the story from the first of `chapters` that is left; return how often was committed.

    Raises Killed in the chapter that is left first then.
    """
    journal = MortalJournal(folder)
    journal.dies_at, journal.dies_after = dies_at, dies_after
    try:
        controller = Controller(
            CONFIGURATION, journal, lambda config, site: device, observer=Nobody(), clock=clock
        )
        for chapter in list(chapters):
            name, status, place = STORY[chapter]
            clock.now += 30.0
            await controller.inbox.accept([alert(name, status, clock, controller)])
            while len(controller.inbox):
                await controller.judge()
            await controller.tick()
            await controller.reconcilers["roof"].reconcile()
            assert device.export.value == place
            chapters.remove(chapter)
        assert not [claim for claim in controller.ledger.claims.values() if claim.live]
    finally:
        journal.close()
    return journal.commits


def alert(name: str, status: Status, clock: Any, controller: Controller) -> Alert:
    over = status is Status.RESOLVED
    return Alert(
        fingerprint=name,
        status=status,
        labels={"alertname": name},
        starts_at=1_779_999_000.0,
        ends_at=clock.now - 1.0 if over else 0.0,
        stamp=clock.time(),
        seen_at=controller.time.now(),
    )


@pytest.fixture
def begin(fast_clock: Any, fake_device: Any) -> Callable[[], tuple[Any, Any]]:
    def begin() -> tuple[Any, Any]:
        clock = fast_clock()
        device = fake_device(clock)
        device.export.value = OWNERS
        return device, clock

    return begin


async def lives_on(
    begin: Callable[[], tuple[Any, Any]], folder: Path, death: Mapping[str, Any]
) -> list[Value]:
    """Die once, begin again where the deliverer has no answer; return what was written to the device."""
    device, clock = begin()
    chapters = list(range(len(STORY)))
    with pytest.raises(Killed):
        await tell(device, clock, folder, chapters, **death)
    device.busy = 0
    await tell(device, clock, folder, chapters)
    return list(device.export.writes)


async def test_killed_at_any_write_of_the_journal_the_story_ends_as_it_should(  # S9, S10
    begin: Callable[[], tuple[Any, Any]], tmp_path: Path
) -> None:
    device, clock = begin()
    commits = await tell(device, clock, tmp_path / "whole", list(range(len(STORY))))
    assert device.export.writes == [Limit(0), OWNERS]
    assert commits > 10

    for dies_at in range(1, commits + 1):
        for dies_after in (False, True):
            folder = tmp_path / f"{dies_at}-{dies_after}"
            writes = await lives_on(begin, folder, {"dies_at": dies_at, "dies_after": dies_after})
            # The same again is harmless; anything else, or another order, is not.
            assert [value for index, value in enumerate(writes) if value not in writes[:index]] == [
                Limit(0),
                OWNERS,
            ], f"killed at {dies_at}, {dies_after}: {writes}"
            assert len(writes) <= 3
