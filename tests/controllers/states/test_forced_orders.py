"""Orders to charge or discharge found on a device: whoever gave them, none is an owner's own value."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from controllers.journal import records
from sunhelm.devices.control import Charge, Discharge, SelfConsumption, Value


def lose_the_journal(bench: Any) -> None:
    bench.journal.close()
    shutil.rmtree(bench.directory)
    bench.start()


@pytest.mark.parametrize("asked", [Charge(500), Charge(900), Discharge(700)])
@pytest.mark.parametrize("is_policys", [True, False])
async def test_an_order_that_outlived_the_journal_ends_with_the_claim(
    asked: Value, is_policys: bool, bench: Any
) -> None:
    bench.ours = {"battery": (Charge(500),)} if is_policys else {}
    await bench.ask(Charge(500), "battery")
    lose_the_journal(bench)
    await bench.ask(asked, "battery")
    assert bench.device.battery.value == asked

    bench.restart()
    await bench.ask(None, "battery")
    assert bench.device.battery.value == SelfConsumption()
    assert records.owes(bench.journal) == set()


async def test_without_a_journal_and_without_a_claim_nothing_is_written(bench: Any) -> None:
    await bench.ask(Charge(500), "battery")
    lose_the_journal(bench)
    await bench.ask(None, "battery")
    assert bench.device.battery.writes == [Charge(500)]


async def test_an_order_of_somebody_else_is_replaced_once_and_never_given_back(bench: Any) -> None:
    await bench.ask(Charge(500), "battery")
    bench.device.battery.value = Discharge(800)
    await bench.later()
    assert bench.device.battery.value == Charge(500)
    assert bench.counts.foreigners == 1

    await bench.ask(None, "battery")
    assert bench.device.battery.value == SelfConsumption()


async def test_after_a_second_one_within_the_hour_it_stands_back(bench: Any) -> None:
    await bench.ask(Charge(500), "battery")
    for watts in (800, 900):
        bench.device.battery.value = Discharge(watts)
        await bench.later()
    assert bench.device.battery.value == Discharge(900)
    assert bench.reconciler.statuses["battery"].stands_back == "changed_by_someone_else"


async def test_one_that_comes_as_the_claim_ends_is_left_alone_and_not_kept(bench: Any) -> None:
    await bench.ask(Charge(500), "battery")
    bench.device.battery.value = Discharge(800)
    await bench.ask(None, "battery")
    assert bench.device.battery.value == Discharge(800)
    assert bench.counts.foreigners == 1
    assert records.owes(bench.journal) == set()

    await bench.ask(Charge(500), "battery")
    await bench.ask(None, "battery")
    assert bench.device.battery.value == SelfConsumption()


async def test_a_person_who_names_an_order_as_his_own_gets_self_consumption_back(bench: Any) -> None:
    await bench.ask(Charge(500), "battery")
    await bench.reconciler.set_baseline("battery", Discharge(900))
    await bench.ask(None, "battery")
    assert bench.device.battery.value == SelfConsumption()
