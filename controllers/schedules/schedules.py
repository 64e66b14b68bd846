"""Schedules: what a device shall do from one moment to another, by itself or because we keep the time.

A schedule that the device carries out is placed there and, where it would be repeated daily, taken away after
its end. For any other one the controller makes a claim at its start and ends it at its end. Times are
those of the clock on the wall, Unix time, for a device goes by such a clock as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from controllers.claims.claims import SCHEDULE, ClaimKey, Order, Terms
from sunhelm.devices.control import Action, Schedule, Value

_BACKSTOP_S = 7200.0
"""So much longer than the schedule its claim may live when the clock is set back meanwhile."""

_SET_BACK_S = 120.0
"""What has begun waits again where the clock was set back to so long before its start. A clock that is set
right by less makes nothing go off and on again."""


class Stage(StrEnum):
    """Where a schedule is."""

    PLANNED = "planned"  # not begun, and not on the device yet
    PLACING = "placing"  # it may be on the device
    PLACED = "placed"
    RUNNING = "running"  # its claim lives
    DELETING = "deleting"  # it may still be on the device
    ENDED = "ended"
    DELETED = "deleted"
    FAILED = "failed"


_OVER = (Stage.ENDED, Stage.DELETED, Stage.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the controller asks of a device while one of its schedules runs."""

    action: Action
    state: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One schedule of ours.

    `kept` is None where the device carries it out by itself. `placed_from` is the time before which it may
    not be on the device, and `tidy` whether it has to be taken away after its end. `cause` is the policy that
    asked for it, empty for a person. `why` is what it ends as once it is off the device.
    """

    id: str
    device: str
    schedule: Schedule
    cause: str = ""
    kept: Kept | None = None
    placed_from: float = 0.0
    tidy: bool = False
    stage: Stage = Stage.PLANNED
    key: str = ""
    problem: str = ""
    why: Stage = Stage.ENDED

    @property
    def over(self) -> bool:
        """Whether nothing of it is left."""
        return self.stage in _OVER

    @property
    def claim_key(self) -> ClaimKey:
        """The key of the claim that stands for it while it runs."""
        return ClaimKey(SCHEDULE, self.id, self.device)

    @property
    def order(self) -> Order | None:
        """What its claim asks for; None where the device does it by itself."""
        if self.kept is None:
            return None
        lasts = self.schedule.end - self.schedule.start + _BACKSTOP_S
        return Order(
            key=self.claim_key,
            action=self.kept.action,
            state=self.kept.state,
            value=self.kept.value,
            terms=Terms(lease_s=lasts, max_life_s=lasts),
        )


Plans = Mapping[str, Planned]


def after_time(plans: Plans, wall: float) -> Plans:
    """Return the schedules as time alone has made them."""
    changed = {plan.id: later for plan in plans.values() if (later := _advance(plan, wall)) != plan}
    return {**plans, **changed} if changed else plans


def added(plans: Plans, new: Iterable[Planned]) -> Plans:
    """Return the schedules with new ones; those that are there by their id stay as they are."""
    return {**{plan.id: plan for plan in new}, **plans}


def deleted(plans: Plans, gone: Iterable[str]) -> Plans:
    """Return the schedules after somebody has deleted some; the device may still have to hear of it."""
    changed = {}
    for plan in map(plans.__getitem__, gone):
        if not plan.over:
            changed[plan.id] = _withdrawn(plan, Stage.DELETED)
    return {**plans, **changed}


def reached(plans: Plans, gone: str) -> Plans:
    """Return the schedules after the battery has got where one should bring it."""
    return {**plans, gone: _withdrawn(plans[gone], Stage.ENDED)}


def placing(plans: Plans, name: str) -> Plans:
    """Return the schedules when one is about to be placed, unless somebody has deleted it meanwhile."""
    plan = plans[name]
    if plan.stage is not Stage.PLANNED:
        return plans
    return {**plans, name: replace(plan, stage=Stage.PLACING)}


def placed(plans: Plans, name: str, key: str) -> Plans:
    """Return the schedules after the device has taken one."""
    plan = plans[name]
    stage = Stage.PLACED if plan.stage is Stage.PLACING else plan.stage
    return {**plans, name: replace(plan, stage=stage, key=key, problem="")}


def refused(plans: Plans, name: str, problem: str) -> Plans:
    """Return the schedules after the device has not taken one: it is not there, and may be tried again."""
    plan = plans[name]
    stage = Stage.PLANNED if plan.stage is Stage.PLACING else plan.why
    return {**plans, name: replace(plan, stage=stage, problem=problem)}


def gone(plans: Plans, name: str) -> Plans:
    """Return the schedules after one is proven not to be on the device any more."""
    plan = plans[name]
    return {**plans, name: replace(plan, stage=plan.why, problem="")}


def troubled(plans: Plans, name: str, problem: str) -> Plans:
    """Return the schedules with the reason why one is not where it should be."""
    return {**plans, name: replace(plans[name], problem=problem)}


def failed(plans: Plans, name: str, problem: str) -> Plans:
    """Return the schedules after one cannot be carried out."""
    return {**plans, name: replace(plans[name], stage=Stage.FAILED, problem=problem)}


def overlapping(plans: Plans, device: str, schedule: Schedule) -> list[Planned]:
    """Return those of a device that are not over and would run at the same time."""
    return [
        plan
        for plan in plans.values()
        if plan.device == device
        and not plan.over
        and plan.stage is not Stage.DELETING
        and plan.schedule.start < schedule.end
        and schedule.start < plan.schedule.end
    ]


def _advance(plan: Planned, wall: float) -> Planned:
    start, end = plan.schedule.start, plan.schedule.end
    if plan.over or plan.stage is Stage.DELETING:
        return plan
    if wall >= end:
        if plan.stage is Stage.PLANNED:
            problem = plan.problem or ("" if plan.kept is None else "nobody kept the time")
            return replace(plan, stage=Stage.FAILED, problem=problem or "it never came to the device")
        return _withdrawn(plan, Stage.ENDED)
    if plan.kept is not None and plan.stage is Stage.PLANNED and wall >= start:
        return replace(plan, stage=Stage.RUNNING)
    if plan.stage is Stage.RUNNING and wall < start - _SET_BACK_S:
        return replace(plan, stage=Stage.PLANNED)
    return plan


def _withdrawn(plan: Planned, why: Stage) -> Planned:
    """Return the schedule after it shall not count any more."""
    on_device = plan.stage in (Stage.PLACING, Stage.PLACED)
    if on_device and (plan.tidy or why is Stage.DELETED or plan.stage is Stage.PLACING):
        return replace(plan, stage=Stage.DELETING, why=why)
    return replace(plan, stage=why)
