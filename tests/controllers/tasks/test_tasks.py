"""What is done once: for each episode of an alert, and through a crash at any step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from controllers.intake.alerts import Status
from controllers.people import Command, RefusalReason, Refused
from controllers.policy.policies import TaskPolicy
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    Action,
    Envelope,
    EnvelopeEntry,
    Hazard,
    Promise,
    Proof,
    Rung,
    Storage,
)
from sunhelm.devices.errors import Rejected, Unreachable


def promise(action: Action, hazard: Hazard = Hazard.AUTOMATIC) -> Promise:
    return Promise(
        key=action.value,
        actions=(action,),
        hazard=hazard,
        rung=Rung.PERSISTENT,
        storage=Storage.UNKNOWN,
        proof=Proof.NONE,
    )


@dataclass
class Once:
    """A task that counts how often it was done."""

    promise: Promise
    runs: int = 0
    fails: Exception | None = None
    upon: Callable[[], None] = lambda: None

    async def run(self, deadline: Deadline) -> None:
        self.upon()
        if self.fails is not None:
            raise self.fails
        self.runs += 1
        self.upon()


@dataclass
class Bounds:
    """Envelopes of a device."""

    promise: Promise = field(default_factory=lambda: promise(Action.CREATE_ENVELOPE))
    there: dict[str, tuple[Envelope, str]] = field(default_factory=dict)

    def check(self, envelope: Envelope) -> None:
        if envelope.generation is not None:
            raise ValueError("it bounds no generation")

    async def entries(self, deadline: Deadline) -> tuple[EnvelopeEntry, ...]:
        return tuple(EnvelopeEntry(key=key, envelope=each) for key, (each, _) in self.there.items())

    async def create(self, envelope: Envelope, mark: str, deadline: Deadline) -> str:
        known = [key for key, (_, other) in self.there.items() if other == mark]
        key = known[0] if known else f"e{len(self.there)}"
        self.there[key] = (envelope, mark)
        return key

    async def delete(self, key: str, deadline: Deadline) -> None:
        self.there.pop(key, None)


def policy(action: Action = Action.SET_CLOCK, **more: Any) -> TaskPolicy:
    return TaskPolicy(name="drift", match={"alertname": "Drift"}, action=action, devices=("roof",), **more)


@pytest.fixture
def clock_task(device: Any) -> Once:
    device.tasks = {
        "set_clock": Once(promise(Action.SET_CLOCK)),
        "restart": Once(promise(Action.RESTART, Hazard.PERSON)),
    }
    return device.tasks["set_clock"]


@pytest.fixture
def home(make_household: Any, clock: Any, device: Any, clock_task: Once, tmp_path: Path) -> Any:
    home = make_household(clock, device, tmp_path / "state", tasks={"drift": policy()})
    yield home
    home.journal.close()


def outcomes(home: Any) -> list[tuple[str, str]]:
    return [(task.outcome, task.reason) for task in home.people.tasks()]


async def test_it_is_done_once_for_each_episode(home: Any, clock_task: Once) -> None:  # W3, W4, W5
    first = home.alert("Drift")
    for _ in range(3):
        await home.deliver(first)
        home.restart()
    assert clock_task.runs == 1
    home.clock.now += 60
    await home.deliver(home.alert("Drift"))

    assert clock_task.runs == 2
    assert outcomes(home) == [("done", ""), ("done", "")]


async def test_a_resolved_alert_asks_for_nothing(home: Any, clock_task: Once) -> None:  # W1
    await home.deliver(home.alert("Drift", Status.RESOLVED, ends_at=home.clock.time()))

    assert clock_task.runs == 0
    assert home.people.tasks() == ()


@dataclass
class Late:
    """A device whose turn is long in coming: `meanwhile` happens."""

    device: Any
    meanwhile: Callable[[], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)

    async def identify(self, deadline: Deadline) -> str:
        await self.meanwhile()
        return str(await self.device.identify(deadline))


async def test_what_is_called_off_while_it_waits_for_its_turn_is_not_done(
    make_household: Any, clock: Any, device: Any, clock_task: Once, tmp_path: Path
) -> None:  # W1
    async def resolved() -> None:
        await home.controller.inbox.accept([replace(drift, status=Status.RESOLVED, ends_at=clock.time())])
        await home.controller.judge()

    tasks = {"drift": policy(), "again": replace(policy(), name="again")}
    home = make_household(clock, Late(device, resolved), tmp_path / "late", tasks=tasks)
    drift = home.alert("Drift")
    await home.deliver(drift)

    assert clock_task.runs == 0
    assert outcomes(home) == [("refused", "resolved")] * 2
    home.journal.close()


async def test_a_hold_keeps_back_what_an_alert_asked_for_before(home: Any, clock_task: Once) -> None:
    home.device.fails = Unreachable("gone")
    await home.deliver(home.alert("Drift"))
    await home.people.hold("roof")
    await home.people.run_task(Command(device="roof", action=Action.SET_CLOCK))
    home.device.fails = None
    await home.step(10)

    assert clock_task.runs == 1
    assert sorted(outcomes(home)) == [("done", ""), ("refused", "held")]


async def test_a_device_that_is_away_does_it_later_and_not_for_ever(home: Any, clock_task: Once) -> None:
    home.device.fails = Unreachable("off")
    await home.deliver(home.alert("Drift"))
    assert outcomes(home) == [("", "")]
    home.device.fails = None
    await home.step(after_s=10)
    assert clock_task.runs == 1

    home.device.fails = Unreachable("off")
    await home.deliver(home.alert("Drift"))
    await home.step(after_s=3601)
    home.device.fails = None
    await home.step(after_s=10)
    assert clock_task.runs == 1
    assert outcomes(home)[0] == ("refused", "too_late")


async def test_a_device_that_refuses_is_not_asked_again(home: Any, clock_task: Once) -> None:
    clock_task.fails = Rejected("no")
    await home.deliver(home.alert("Drift"))
    clock_task.fails = None
    await home.step(after_s=600)

    assert clock_task.runs == 0
    assert outcomes(home) == [("failed", "rejected")]


async def test_cooldown_most_a_day_hold_and_dry_run(
    make_household: Any, clock: Any, device: Any, clock_task: Once, tmp_path: Path
) -> None:  # W9
    limited = policy(cooldown_s=300.0, most_a_day=3)
    home = make_household(clock, device, tmp_path / "a", tasks={"drift": limited})
    for _ in range(20):
        clock.now += 200
        await home.deliver(home.alert("Drift"))
        home.restart()
    assert clock_task.runs == 3
    await home.people.hold("roof")
    clock.now += 86_400 - 3600
    await home.people.hold("roof", lasting_s=7200)
    await home.deliver(home.alert("Drift"))
    assert clock_task.runs == 3
    home.journal.close()

    home = make_household(clock, device, tmp_path / "b", tasks={"drift": replace(limited, dry_run=True)})
    await home.deliver(home.alert("Drift"))
    assert clock_task.runs == 3
    assert outcomes(home) == [("refused", "dry_run")]
    home.journal.close()


async def test_what_is_for_a_person_is_confirmed_and_done(home: Any) -> None:
    restart = Command(device="roof", action=Action.RESTART)
    with pytest.raises(Refused) as caught:
        await home.people.run_task(restart)
    assert caught.value.reason is RefusalReason.NEEDS_CONFIRMATION
    assert (await home.people.plan(restart)).needs_confirmation

    await home.people.run_task(restart, confirmed=True)
    await home.step()
    assert home.device.tasks["restart"].runs == 1
    assert home.people.tasks()[0].cause == "person"


async def test_a_task_that_only_the_family_knows_is_run_by_its_name(home: Any) -> None:
    own = Once(replace(promise(Action.RUN, Hazard.PERSON), key="task:reset_to_auto"))
    home.device.tasks = {**home.device.tasks, "task:reset_to_auto": own}

    def run(name: str) -> Command:
        return Command(device="roof", action=Action.RUN, parameters={"task": name})

    with pytest.raises(Refused, match="roof knows reset_to_auto") as caught:
        await home.people.run_task(run("reset_all"), confirmed=True)
    assert caught.value.reason is RefusalReason.NOT_POSSIBLE
    with pytest.raises(Refused) as caught:
        await home.people.run_task(run("reset_to_auto"))
    assert caught.value.reason is RefusalReason.NEEDS_CONFIRMATION
    assert (await home.people.plan(run("reset_to_auto"))).writes == ("its reset to auto is begun",)

    await home.people.run_task(run("reset_to_auto"), confirmed=True)
    await home.step()
    assert own.runs == 1
    assert home.device.tasks["restart"].runs == 0


async def test_envelopes_are_made_and_deleted_by_alerts(
    make_household: Any, clock: Any, device: Any, tmp_path: Path
) -> None:
    device.envelopes = Bounds()
    parameters = {"start": "now", "duration": "1h", "export": "0W"}
    tasks = {
        "on": policy(Action.CREATE_ENVELOPE, parameters=parameters),
        "off": replace(policy(Action.DELETE_ENVELOPE), name="off", match={"alertname": "Over"}),
    }
    home = make_household(clock, device, tmp_path / "state", tasks=tasks)
    await home.deliver(home.alert("Drift"))
    ((envelope, _),) = device.envelopes.there.values()
    assert (envelope.end - envelope.start, envelope.grid_export) == (3600.0, 0.0)

    device.envelopes.there["theirs"] = (envelope, "x")
    await home.deliver(home.alert("Over"))
    assert list(device.envelopes.there) == ["theirs"]
    (told,) = await home.people.envelopes("roof")
    assert (told.id, told.grid_export) == ("theirs", 0.0)
    home.journal.close()


async def test_an_envelope_that_cannot_be_is_refused(home: Any) -> None:
    parameters = {"start": "now", "duration": "1h", "generation": "0W"}
    command = Command(device="roof", action=Action.CREATE_ENVELOPE, parameters=parameters)
    with pytest.raises(Refused, match="keeps no envelopes"):
        await home.people.create_envelope(command)
    home.device.envelopes = Bounds()
    with pytest.raises(Refused, match="bounds no generation"):
        await home.people.create_envelope(command)


@pytest.mark.parametrize("action", [Action.SET_CLOCK, Action.RESTART])
async def test_killed_at_any_step_its_outcome_is_known_and_nothing_risky_is_done_twice(
    make_fresh: Callable[[int], Any], killed: type[BaseException], action: Action
) -> None:
    for dies_at in range(1, 50):
        home = make_fresh(dies_at)
        device, once = home.device, Once(promise(action))
        device.tasks = {action.value: once}
        once.upon = home.dies_at(dies_at).step
        lived = True
        try:
            await home.people.run_task(Command(device="roof", action=action))
            await home.step()
        except killed:
            lived, device.busy = False, 0
        once.upon = lambda: None
        home.restart()
        await home.step(after_s=6)
        ended = home.people.tasks()
        assert len(ended) <= 1
        assert all(task.outcome for task in ended), dies_at
        assert once.runs <= (1 if action is Action.RESTART else 2), dies_at
        if not ended:
            assert once.runs == 0
        home.journal.close()
        if lived:
            break
    assert lived
    assert dies_at > 7
