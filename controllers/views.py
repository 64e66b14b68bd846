"""The records that people are shown, made of what the controller holds."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from controllers.claims.claims import PERSON, SCHEDULE, Claim, ClaimKey
from controllers.device_loop import DeviceLoop
from controllers.evcharging.mode_handle import EV_MODE
from controllers.evcharging.regulator import Regulator
from controllers.journal.values import words
from controllers.people import (
    CapabilityRecord,
    ChargingRecord,
    ClaimRecord,
    DeviceRecord,
    Kind,
    Means,
    ScheduleRecord,
    StateRecord,
    TaskRecord,
)
from controllers.schedules.means import schedule_promise
from controllers.schedules.schedules import Planned, Stage
from controllers.states.reconcile import Reconciler
from controllers.states.statuses import Status
from controllers.tasks.tasks import CLOCK_SYNC, Task
from controllers.tasks.watchdog import WatchdogReset
from sunhelm.devices.control import Action, ControlledDevice, Hazard, Promise
from sunhelm.devices.device_config import DeviceConfig


def cause(policy: str) -> str:
    """Return the word for who asks: the name of a policy, "person", "schedule" or "clock_sync"."""
    return {PERSON: "person", SCHEDULE: "schedule", CLOCK_SYNC: "clock_sync"}.get(policy, policy)


def claim_id(key: ClaimKey) -> str:
    """Return what people call a claim: short, and fit for an address."""
    return blake2b("\n".join(key).encode(), digest_size=8).hexdigest()


def claim_record(claim: Claim) -> ClaimRecord:
    """Return a claim as people see it."""
    order = claim.order
    return ClaimRecord(
        id=claim_id(claim.key),
        device=claim.key.device,
        action=order.action,
        state=order.state,
        value=words(order.value),
        cause=cause(claim.key.policy),
        fingerprint=claim.key.fingerprint,
        made_at=claim.made_at,
        renewed_at=claim.renewed_at,
        ends_at=claim.expires_at,
        priority=order.terms.priority,
        dry_run=order.terms.dry_run,
        ended="" if claim.ended is None else claim.ended.value,
        ended_at=claim.ended_at,
    )


def task_record(task: Task) -> TaskRecord:
    """Return a task as people see it."""
    return TaskRecord(
        id=task.id,
        device=task.key.device,
        action=task.action,
        cause=cause(task.key.policy),
        asked_at=task.asked_at,
        begun_at=task.begun_at,
        ended_at=task.ended_at,
        outcome="" if task.outcome is None else task.outcome.value,
        reason=task.reason,
    )


def schedule_record(plan: Planned, wall: float) -> ScheduleRecord:
    """Return a schedule as people see it: whoever carries it out, it runs from its start to its end."""
    schedule = plan.schedule
    runs = plan.stage is Stage.PLACED and schedule.start <= wall
    return ScheduleRecord(
        id=plan.id,
        device=plan.device,
        start=schedule.start,
        end=schedule.end,
        mode=schedule.mode,
        watts=schedule.watts,
        target_soc=schedule.target_soc,
        means="native" if plan.kept is None else "kept",
        state=(Stage.RUNNING if runs else plan.stage).value,
        cause=cause(plan.cause),
        key=plan.key,
        problem=plan.problem,
    )


def state_record(key: str, reconciler: Reconciler) -> StateRecord:
    """Return what is known of one state as people see it."""
    status = reconciler.statuses.get(key, Status())
    return StateRecord(
        key=key,
        desired=words(status.desired),
        written=words(status.written),
        observed=words(status.observed),
        baseline=words(reconciler.keeping.of(key).baseline),
        observed_at=status.observed_at,
        differs_since=status.differs_since,
        stands_back=status.stands_back,
        fail_safe=status.fail_safe,
    )


def device_record(config: DeviceConfig, loop: DeviceLoop, held_until: float | None) -> DeviceRecord:
    """Return a device as people see it."""
    reconciler = loop.reconciler
    lifted = [errand.lifted_s for errand in loop.errands if isinstance(errand, WatchdogReset)]
    states = [state_record(key, reconciler) for key in reconciler.statuses]
    charging = None
    if loop.regulator is not None and loop.regulator.configured:
        charging = charging_record(loop.regulator)
        states.append(mode_record(loop.regulator))
    return DeviceRecord(
        name=config.name,
        family=config.family,
        states=tuple(states),
        capabilities=tuple(capabilities(config, reconciler.device)),
        failing=reconciler.failing,
        held_until=held_until,
        budget_left=reconciler.budget.left,
        limit_lifted_s=lifted[0] if lifted else 0.0,
        charging=charging,
    )


def charging_record(regulator: Regulator) -> ChargingRecord:
    """Return what is regulated of a charger as people see it."""
    shown, state, terms = regulator.shown, regulator.shown.state, regulator.terms
    return ChargingRecord(
        mode=regulator.mode.value,
        own_mode=regulator.own_mode.value,
        reason=shown.reason,
        changes_left=regulator.changes_left,
        desired_a=shown.desired_a,
        limit_a=None if state is None else state.limit_a,
        power_w=None if state is None else state.power_w,
        excess_w=shown.excess_w,
        session_j=regulator.memory.session.energy_j,
        session_cap_j=terms.session_j,
        import_cap_a=terms.import_cap_a,
        looked_at=shown.looked_at,
        failing=shown.failing,
        house_failing=shown.house_failing,
        stands_back=regulator.memory.stood_back,
    )


def mode_record(regulator: Regulator) -> StateRecord:
    """Return the mode of a charger as a state that is asked for: the controller keeps it by itself."""
    mode, own = regulator.mode.value, regulator.own_mode.value
    return StateRecord(
        key=EV_MODE,
        desired=mode,
        written=mode,
        observed=mode,
        baseline=own,
        observed_at=regulator.now,
        stands_back=regulator.memory.stood_back,
    )


def capabilities(config: DeviceConfig, device: ControlledDevice) -> Iterator[CapabilityRecord]:
    """Yield all that can be commanded on a device."""
    for key, handle in device.handles.items():
        kind: Kind = "setting" if key.startswith("setting:") else "state"
        yield _capability(config, handle.promise, kind, "kept")
    for task in device.tasks.values():
        yield _capability(config, task.promise, "task", "native")
    if device.watchdog is not None:
        yield _capability(config, device.watchdog.promise, "task", "native")
    if device.schedules is not None:
        yield _capability(config, device.schedules.promise, "schedule", "native")
    elif kept := schedule_promise(device):
        yield _capability(config, kept, "schedule", "kept", (Action.CREATE_SCHEDULE, Action.DELETE_SCHEDULE))
    if device.envelopes is not None:
        yield _capability(config, device.envelopes.promise, "envelope", "native")


def _capability(
    config: DeviceConfig,
    promise: Promise,
    kind: Kind,
    means: Means,
    actions: tuple[Action, ...] | None = None,
) -> CapabilityRecord:
    actions = promise.actions if actions is None else actions
    opted_in = any(action.value in config.control.allow for action in promise.actions)
    by_policy = promise.hazard is Hazard.AUTOMATIC or (promise.hazard is Hazard.OPT_IN and opted_in)
    return CapabilityRecord(
        key=promise.key if means == "native" or kind != "schedule" else "schedule",
        kind=kind,
        actions=actions,
        means=means,
        hazard=promise.hazard,
        allowed=by_policy,
        rung=promise.rung,
        storage=promise.storage,
        proof=promise.proof,
        low=promise.low,
        high=promise.high,
        doubts=promise.doubts,
    )
