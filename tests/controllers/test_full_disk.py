"""A journal that takes nothing any more: nothing new begins, and what a device would keep is given back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from controllers.journal.journal import Journal, JournalError
from controllers.people import Command
from sunhelm.devices.control import Action, Charge, Limit, Rung, SelfConsumption

CHARGE = Command(device="roof", action=Action.CHARGE, parameters={"power": "1kW"})
LIMIT = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "300W"})


@pytest.fixture
def home(household: Any) -> Any:
    """With a battery that stays as it was told, and an owner who exports at most 7 kW."""
    battery, export = household.device.battery, household.device.export
    battery.promise = replace(battery.promise, rung=Rung.VOLATILE, reverts_s=None)
    export.value = Limit(7000)
    return household


@pytest.fixture
def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def fill() -> None:
        async def commit(self: Journal, *statements: object) -> None:
            self.failing = True
            raise JournalError("the disk is full")

        monkeypatch.setattr(Journal, "commit", commit)

    return fill


async def look(home: Any, after_s: float) -> None:
    with suppress(JournalError):
        await home.step(after_s=after_s)
    await home.controller.fleet.loops["roof"].once()


async def test_an_order_ends_at_its_time(home: Any, fill_the_disk: Callable[[], None]) -> None:
    """Else the battery was forced until somebody makes room."""
    await home.people.claim(CHARGE, lasting_s=3600)
    await home.people.claim(LIMIT, lasting_s=3600)
    await home.step()
    fill_the_disk()
    await look(home, after_s=3500)
    assert (home.device.battery.value, home.device.export.value) == (Charge(1000), Limit(300))

    for _ in range(10):
        await look(home, after_s=200)
    assert home.device.battery.writes == [Charge(1000), SelfConsumption()]
    assert home.device.export.value == Limit(300)  # what stays, and would be loosened, waits for the journal


async def test_an_order_ends_with_the_process(home: Any, fill_the_disk: Callable[[], None]) -> None:
    await home.people.claim(CHARGE, lasting_s=3600)
    await home.step()
    fill_the_disk()
    await home.controller.close()
    assert home.device.battery.value == SelfConsumption()


async def test_nothing_begins(home: Any, fill_the_disk: Callable[[], None]) -> None:
    fill_the_disk()
    with pytest.raises(JournalError):
        await home.people.claim(CHARGE)
    await look(home, after_s=10)
    assert home.device.battery.writes == []


async def test_what_was_given_back_is_known_when_there_is_room_again(
    home: Any, fill_the_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        await home.people.claim(CHARGE, lasting_s=3600)
        await home.step()
    commit = Journal.commit
    fill_the_disk()
    await look(home, after_s=3700)
    monkeypatch.setattr(Journal, "commit", commit)
    home.journal.failing = False
    home.restart()
    await home.step()
    assert home.device.battery.writes == [Charge(1000), SelfConsumption()]
    assert not home.controller.reconcilers["roof"].keeping.holds
