"""Claims of people, holds, the owner's own values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from controllers.intake.alerts import Status
from controllers.people import Command, RefusalReason, Refused
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNLIMITED,
    Action,
    Charge,
    Hazard,
    Limit,
    Number,
    Promise,
    Proof,
    Rung,
    SelfConsumption,
    Storage,
)
from sunhelm.devices.errors import Rejected, Unreachable
from sunhelm.devices.sections import Control, FailSafeLimit

CAPACITY = Promise(
    key="setting:capacity",
    actions=(Action.SET,),
    hazard=Hazard.PERSON,
    rung=Rung.PERSISTENT,
    storage=Storage.PERSISTENT,
    proof=Proof.READ_BACK,
)


def limit(watts: str = "0W", action: Action = Action.LIMIT_EXPORT) -> Command:
    return Command(device="roof", action=action, parameters={"limit": watts})


def charge(power: str) -> Command:
    return Command(device="roof", action=Action.CHARGE, parameters={"power": power})


def capacity(value: str = "9000") -> Command:
    return Command(device="roof", action=Action.SET, parameters={"setting": "capacity", "value": value})


async def refusal(work: Any) -> RefusalReason:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.reason


async def test_a_persons_claim_lives_for_an_hour_and_gives_back(household: Any) -> None:
    claim = await household.people.claim(limit())
    await household.step()
    assert household.device.export.value == Limit(0)
    assert (claim.cause, claim.value, claim.ends_at - claim.made_at) == ("person", "limit 0W", 3600.0)

    await household.step(after_s=3601)
    assert household.device.export.value == UNLIMITED
    assert household.people.claims() == ()
    (ended,) = household.people.claims(ended=True)
    assert ended.ended == "released"


async def test_it_is_in_the_journal_before_the_device_hears_of_it(household: Any) -> None:
    await household.people.claim(limit())
    household.restart()
    assert household.device.export.writes == []

    await household.step()
    assert household.device.export.value == Limit(0)


async def test_it_needs_no_heartbeat(household: Any) -> None:
    await household.beat()
    await household.people.claim(limit(), lasting_s=86_400)
    await household.step(after_s=80_000)

    assert household.device.export.value == Limit(0)
    assert household.people.claims()[0].ended == ""


async def test_a_released_claim_gives_back_at_once(household: Any) -> None:
    claim = await household.people.claim(limit())
    await household.step()
    assert (await household.people.release(claim.id)).ended == "released"
    await household.step()

    assert household.device.export.value == UNLIMITED
    assert await refusal(household.people.release("nobody")) is RefusalReason.NOT_FOUND


async def test_the_claim_of_an_alert_released_stays_so_until_the_alert_resolves(household: Any) -> None:
    await household.beat()
    firing = household.alert("Price")
    await household.deliver(firing)
    (claim,) = household.people.claims()
    await household.people.release(claim.id)
    await household.deliver(replace(firing, seen_at=firing.seen_at + 60))
    assert household.device.export.value == UNLIMITED

    resolved = household.alert("Price", Status.RESOLVED, starts_at=firing.starts_at, ends_at=firing.starts_at)
    household.clock.now += 60
    await household.deliver(resolved, household.alert("Watchdog"))
    await household.deliver(household.alert("Price"))
    assert household.device.export.value == Limit(500)


async def test_a_release_ends_the_fail_safe_that_a_claim_left(household: Any) -> None:  # S14
    await household.beat()
    await household.deliver(household.alert("Price"))
    await household.step(after_s=4000)
    assert household.people.claims()[0].ended == "expired"
    assert household.device.export.value == Limit(500)

    await household.people.release_device("roof")
    await household.step()
    assert household.device.export.value == UNLIMITED


@pytest.mark.parametrize("claimed", [False, True], ids=["without a claim", "by what a claim left"])
async def test_a_release_ends_a_declared_limit_until_the_heartbeat_comes_again(
    make_household: Any, clock: Any, device: Any, tmp_path: Path, claimed: bool
) -> None:  # S14
    control = Control(enabled=True, fail_safe={"limit_export": FailSafeLimit(limit="300W")})
    home = make_household(clock, device, tmp_path / "declared", control=control)
    await home.beat()
    if claimed:
        await home.deliver(home.alert("Price"))
    await home.people.release_device("roof")
    await home.step(after_s=4000)
    assert device.export.value == Limit(300), "what was said before does not count"

    if claimed:
        await home.deliver(home.alert("Price", starts_at=clock.now))
        (claim,) = home.people.claims()
        await home.people.release(claim.id)
    else:
        await home.people.release_device("roof")
    await home.step()
    assert device.export.value == UNLIMITED
    home.restart()
    await home.step(after_s=600)
    assert device.export.value == UNLIMITED

    await home.beat()
    await home.step(after_s=4000)
    assert device.export.value == Limit(300)
    home.journal.close()


async def test_limits_of_people_and_alerts_stand_beside_each_other(household: Any) -> None:
    await household.beat()
    await household.deliver(household.alert("Price"))
    await household.people.claim(limit("2kW"))
    await household.step()
    assert household.device.export.value == Limit(500)

    await household.people.claim(limit("100W"))
    await household.step()
    assert household.device.export.value == Limit(100)


async def test_a_newer_order_for_the_battery_takes_the_place_of_the_older(household: Any) -> None:
    await household.people.claim(charge("2kW"))
    await household.people.claim(charge("3kW"))
    await household.step()

    assert household.device.battery.value == Charge(3000)
    assert len(household.people.claims()) == 1


async def test_a_hold_keeps_alerts_off_and_people_on(household: Any) -> None:
    await household.beat()
    await household.deliver(household.alert("Price"))
    until = await household.people.hold("roof", lasting_s=7200)
    await household.step()
    assert household.device.export.value == UNLIMITED
    assert household.people.devices()[0].held_until == until

    await household.people.claim(limit("200W"))
    household.restart()
    await household.step()
    assert household.device.export.value == Limit(200)

    await household.people.release_device("roof")
    await household.people.end_hold("roof")
    await household.step()
    assert household.people.devices()[0].held_until is None


@pytest.mark.parametrize("lasting_s", [0.0, -1.0, 8 * 86_400.0, float("inf"), float("nan")])
async def test_nothing_lasts_longer_than_a_week_or_not_at_all(household: Any, lasting_s: float) -> None:
    assert await refusal(household.people.claim(limit(), lasting_s=lasting_s)) is RefusalReason.WRONG
    assert await refusal(household.people.hold("roof", lasting_s=lasting_s)) is RefusalReason.WRONG


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command(device="rooof", action=Action.LIMIT_EXPORT), RefusalReason.UNKNOWN_DEVICE),
        (Command(device="meter", action=Action.LIMIT_EXPORT), RefusalReason.NOT_CONTROLLED),
        (limit(action=Action.LIMIT_PRODUCTION), RefusalReason.NOT_POSSIBLE),
        (capacity(), RefusalReason.NOT_POSSIBLE),
        (limit("0"), RefusalReason.WRONG),
        (limit("unlimited"), RefusalReason.WRONG),
        (limit("-5W"), RefusalReason.WRONG),
        (limit("2MW"), RefusalReason.WRONG),
        (Command(device="roof", action=Action.LIMIT_EXPORT), RefusalReason.WRONG),
        (Command(device="roof", action=Action.RESTART), RefusalReason.NOT_POSSIBLE),
    ],
)
async def test_what_means_nothing_is_refused(household: Any, command: Command, reason: RefusalReason) -> None:
    assert await refusal(household.people.claim(command)) is reason
    assert household.people.claims() == ()


async def test_no_claim_is_beyond_what_the_owner_ever_wants(household: Any) -> None:
    handle = household.device.export
    handle.promise = replace(handle.promise, owner_low=500.0, owner_high=5000.0)
    with pytest.raises(Refused, match=r"5001 is more than export_limit\.maximum of roof, 5000"):
        await household.people.claim(limit("5001W"))
    with pytest.raises(Refused, match=r"0 is less than export_limit\.minimum of roof, 500"):
        await household.people.claim(limit())

    await household.people.claim(limit("500W"))
    await household.step()
    assert handle.value == Limit(500)


async def test_what_is_for_a_person_has_to_be_confirmed(household: Any) -> None:
    handle = household.device.export
    handle.promise = replace(handle.promise, hazard=Hazard.PERSON)
    assert await refusal(household.people.claim(limit())) is RefusalReason.NEEDS_CONFIRMATION

    await household.people.claim(limit(), confirmed=True)
    await household.step()
    assert handle.value == Limit(0)
    handle.promise = replace(handle.promise, hazard=Hazard.NEVER)
    assert await refusal(household.people.claim(limit(), confirmed=True)) is RefusalReason.FORBIDDEN


async def test_a_plan_says_what_would_be_written_and_writes_nothing(household: Any) -> None:
    plan = await household.people.plan(limit())

    assert plan.writes == ("export_limit: limit 0W in place of unlimited",)
    assert (plan.observed, plan.desired, plan.needs_confirmation) == ("unlimited", "limit 0W", False)
    assert "stays for good" in plan.warnings[0]
    assert household.device.export.writes == []
    assert household.people.claims() == ()


async def test_a_plan_says_what_goes_before_it(household: Any) -> None:
    await household.people.claim(limit("100W"))
    await household.step()
    plan = await household.people.plan(limit("2kW"))

    assert (plan.desired, plan.writes) == ("limit 100W", ())
    assert "stricter" in plan.warnings[0]


async def test_a_device_that_is_gone_cannot_be_asked_for_a_plan(household: Any) -> None:
    household.device.fails = Unreachable("it is off")

    assert await refusal(household.people.plan(limit())) is RefusalReason.DEVICE


async def test_a_baseline_is_what_comes_back(household: Any) -> None:
    await household.people.claim(limit())
    await household.step()
    await household.people.set_baseline(limit("4kW"))
    await household.people.release_device("roof")
    await household.step()

    assert household.device.export.value == Limit(4000)


async def test_only_the_owner_says_unlimited(household: Any) -> None:
    household.device.export.value = Limit(800)
    await household.people.claim(limit())
    await household.step()
    await household.people.set_baseline(limit("unlimited"))
    await household.people.release_device("roof")
    await household.step()

    assert household.device.export.value == UNLIMITED


def with_capacity(household: Any, fake_handle: Any) -> Any:
    handle = fake_handle(CAPACITY, Number(10_000.0), household.clock)
    household.device.handles = {**household.device.handles, "setting:capacity": handle}
    return handle


async def test_a_setting_is_written_for_good(household: Any, fake_handle: Any) -> None:
    handle = with_capacity(household, fake_handle)
    assert await refusal(household.people.set(capacity())) is RefusalReason.NEEDS_CONFIRMATION

    await household.people.set(capacity(), confirmed=True)
    assert handle.value == Number(9000.0)
    household.restart()
    await household.step(after_s=90_000)
    assert handle.writes == [Number(9000.0)]


@dataclass
class Slow:
    """A setting that takes its time to be read, so that others come meanwhile."""

    handle: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.handle, name)

    async def observe(self, deadline: Deadline) -> Any:
        await asyncio.sleep(0)
        return await self.handle.observe(deadline)


async def test_of_two_people_who_set_one_thing_at_once_each_is_told_the_truth(
    household: Any, fake_handle: Any
) -> None:
    handle = with_capacity(household, fake_handle)
    household.device.handles["setting:capacity"] = Slow(handle)
    shown = []

    async def set_to(value: str) -> None:
        await household.people.set(capacity(value), confirmed=True)
        shown.append((value, handle.value))

    await asyncio.gather(set_to("9000"), set_to("8000"))
    assert shown == [("9000", Number(9000.0)), ("8000", Number(8000.0))]
    assert handle.writes == [Number(9000.0), Number(8000.0)]


async def test_a_setting_of_another_unit_is_refused(household: Any, fake_handle: Any) -> None:
    handle = fake_handle(replace(CAPACITY, unit="watts"), Number(9500.0), household.clock)
    household.device.handles = {**household.device.handles, "setting:capacity": handle}
    for value in ("50%", "9kWh"):
        with pytest.raises(Refused, match="capacity is set in watts, not in"):
            await household.people.set(capacity(value), confirmed=True)
    assert handle.writes == []
    await household.people.set(capacity("9kW"), confirmed=True)
    assert handle.writes == [Number(9000.0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e16, 10**400])
async def test_a_setting_to_what_is_no_number_of_any_device_is_refused(
    household: Any, fake_handle: Any, value: float
) -> None:
    handle = with_capacity(household, fake_handle)
    command = replace(capacity(), parameters={"setting": "capacity", "value": value})
    assert await refusal(household.people.set(command, confirmed=True)) is RefusalReason.WRONG
    assert handle.writes == []


async def test_a_setting_that_the_device_does_not_take_is_taken_back(
    household: Any, fake_handle: Any
) -> None:
    handle = with_capacity(household, fake_handle)
    handle.lost = 1
    assert await refusal(household.people.set(capacity(), confirmed=True)) is RefusalReason.DEVICE

    await household.step(after_s=60)
    assert handle.value == Number(10_000.0)
    assert household.controller.reconcilers["roof"].keeping.of("setting:capacity").written == ()


async def test_a_setting_that_cannot_be_read_is_told_once(household: Any, fake_handle: Any) -> None:
    blind = replace(CAPACITY, proof=Proof.NONE, blind=True, storage=Storage.VOLATILE)
    handle = with_capacity(household, fake_handle)
    handle.promise, handle.readable = blind, False
    await household.people.set(capacity(), confirmed=True)
    await household.step(after_s=7200)
    assert handle.writes == [Number(9000)]

    handle.write_fails = Rejected("no such code")
    assert await refusal(household.people.set(capacity("1"), confirmed=True)) is RefusalReason.DEVICE
    handle.write_fails = None
    await household.step(after_s=7200)
    assert handle.writes == [Number(9000), Number(1)], "a code that is refused is not tried again"


async def test_a_setting_interrupted_by_a_crash_is_finished(household: Any, fake_handle: Any) -> None:
    handle = with_capacity(household, fake_handle)
    reconciler = household.controller.reconcilers["roof"]
    await reconciler.set_baseline("setting:capacity", Number(9000.0), written=True)
    household.restart()
    await household.step()

    assert handle.value == Number(9000.0)


@pytest.mark.parametrize("control", [Control(enabled=True), Control(enabled=True, changes_a_day=2)])
async def test_a_claim_that_the_budget_does_not_allow_is_not_made(  # S18
    household: Any, control: Control
) -> None:
    household.control = control
    household.restart()
    for number in range(control.changes_a_day // 2):
        await household.people.claim(limit(f"{number}00W"))
        await household.step()
        await household.people.release_device("roof")
        await household.step(after_s=60)

    assert await refusal(household.people.claim(limit())) is RefusalReason.NOT_NOW


async def test_devices_and_history_are_told_in_words(household: Any) -> None:
    await household.people.claim(limit())
    await household.step()
    (device,) = household.people.devices()
    states = {state.key: state for state in device.states}
    events = await household.people.history()

    assert (states["export_limit"].observed, states["export_limit"].written) == ("limit 0W", "limit 0W")
    assert {capability.key for capability in device.capabilities} >= {"export_limit", "battery", "schedule"}
    assert [(event.kind, event.what, event.outcome) for event in events] == [
        ("write", "export_limit: limit 0W in place of unlimited", "verified"),
        ("claim", "made: export_limit limit 0W", ""),
    ]
    assert household.device.battery.value == SelfConsumption()
