"""What alerts, time and people make of a ledger: every function returns the one afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from controllers.claims.claims import (
    PERSON,
    SCHEDULE,
    Claim,
    ClaimKey,
    End,
    Order,
    advance,
    fired,
    released,
    resolved,
    silenced,
)
from controllers.claims.ledger import BEGINNINGS_KEPT_S, Ledger
from controllers.claims.limits import is_limit
from controllers.intake.alerts import Alert, Status
from controllers.policy.policies import Policies, Policy, TaskPolicy
from controllers.schedules import schedules
from controllers.schedules.schedules import Planned, Stage
from controllers.states.budget import DAY_S
from controllers.tasks import tasks
from controllers.tasks.tasks import CLOCK_SYNC, Task, TaskKey


def after_alerts(
    ledger: Ledger, policies: Policies, alerts: Iterable[Alert], *, listed: bool = False
) -> Ledger:
    """Return the ledger after these were seen, in this order. Each is judged by itself.

    Of a heartbeat that fires, the list tells when it was sent, a delivery only that Alertmanager has not
    forgotten it yet: where there is a list, only that counts.
    """
    for alert in alerts:
        told = listed or policies.alertmanager.url is None or alert.status is Status.RESOLVED
        if told and policies.is_heartbeat(alert.labels):
            ledger = _beaten(ledger, alert)
        for policy, order in policies.orders(alert.fingerprint, alert.labels):
            ledger = _judged(ledger, policy, order, alert)
        for task_policy, device in policies.tasks_for(alert.labels):
            ledger = _tasked(ledger, task_policy, device, alert)
    return ledger


def after_listing(
    ledger: Ledger, policies: Policies, alerts: Iterable[Alert], *, asked_at: float, ahead_s: float = 0.0
) -> Ledger:
    """Return the ledger after Alertmanager listed all its alerts, having been asked at `asked_at`.

    What it does not list is resolved, but only while it lists the heartbeat; when it ended is not known, so
    that only a heartbeat sent after this proves it: one that has just been started lists nothing either.
    `ahead_s` is by how much the clock that stamps alerts is ahead of our steady time.
    """
    alerts = list(alerts)
    ledger = after_alerts(ledger, policies, alerts, listed=True)
    if ledger.heartbeat is not None and not any(policies.is_heartbeat(alert.labels) for alert in alerts):
        return replace(ledger, heartbeat=ledger.heartbeat.missed())
    listed = {alert.fingerprint for alert in alerts}
    for key, claim in ledger.claims.items():
        absent = key.fingerprint not in listed and claim.by_alert and claim.renewed_at < asked_at
        if absent and claim.resolved_at is None:
            ledger = _with(ledger, resolved(claim, claim.starts_at, asked_at + ahead_s, asked_at))
    waiting = ledger.tasks
    for asked, task in ledger.tasks.items():
        by_alert = asked.policy not in (PERSON, CLOCK_SYNC)
        if by_alert and asked.fingerprint not in listed and task.asked_at < asked_at:
            waiting = tasks.called_off(waiting, asked, "resolved", asked_at)
    return ledger if waiting is ledger.tasks else replace(ledger, tasks=waiting)


def after_time(ledger: Ledger, now: float, wall: float | None = None) -> Ledger:
    """Return the ledger as time alone has made it; `wall` is the clock's time, by which schedules go."""
    after = tasks.after_time(ledger.tasks, now)
    plans = schedules.after_time(ledger.plans, now if wall is None else wall)
    begun = {
        plan.id
        for plan in plans.values()
        if plan.stage is Stage.RUNNING and ledger.plans[plan.id].stage is Stage.PLANNED
    }
    if after is not ledger.tasks or plans is not ledger.plans:
        ledger = replace(ledger, tasks=after, plans=plans)
    for plan in ledger.plans.values():
        ledger = _scheduled(ledger, plan, now, begins=plan.id in begun)
    for claim in ledger.claims.values():
        ledger = _with(ledger, advance(claim, now, ledger.heartbeat))
    return ledger


def after_person(ledger: Ledger, order: Order, now: float) -> Ledger:
    """Return the ledger after a person has asked for this.

    Limits stand beside each other; any other state that a person asked for before gives way.
    """
    for claim in ledger.claims.values():
        same = claim.key.device == order.key.device and claim.order.state == order.state
        if claim.live and claim.by_person and same and not is_limit(order.value):
            ledger = _with(ledger, released(claim, now))
    return _with(ledger, Claim(order=order, starts_at=now, made_at=now, renewed_at=now))


def after_release(ledger: Ledger, key: ClaimKey, now: float) -> Ledger:
    """Return the ledger after a person has ended a claim, or what it left behind; a schedule is deleted."""
    if key.policy == SCHEDULE and key.fingerprint in ledger.plans:
        ledger = replace(ledger, plans=schedules.deleted(ledger.plans, [key.fingerprint]))
    return _with(ledger, released(ledger.claims[key], now))


def after_freeing(ledger: Ledger, device: str, now: float) -> Ledger:
    """Return the ledger after a person has ended the fail-safe of a device that a late heartbeat brings."""
    return replace(ledger, freed={**ledger.freed, device: now}) if ledger.unwatched(device, now) else ledger


def after_hold(ledger: Ledger, device: str, until: float) -> Ledger:
    """Return the ledger after a person has said that alerts make no claims on a device until then."""
    return replace(ledger, holds={**ledger.holds, device: until})


def _beaten(ledger: Ledger, alert: Alert) -> Ledger:
    if ledger.heartbeat is None:
        return ledger
    if alert.status is Status.RESOLVED:
        if alert.ends_at < ledger.heartbeat.stamp:
            return ledger
        return replace(ledger, heartbeat=ledger.heartbeat.missed())
    return replace(ledger, heartbeat=ledger.heartbeat.seen(alert.seen_at, alert.stamp))


def _judged(ledger: Ledger, policy: Policy, order: Order, alert: Alert) -> Ledger:
    claim = ledger.claims.get(order.key)
    match alert.status:
        case Status.FIRING:
            return _fired(ledger, policy, order, alert)
        case Status.RESOLVED if claim is not None:
            return _with(ledger, resolved(claim, alert.starts_at, alert.ends_at, alert.seen_at))
        case Status.SILENCED if claim is not None and claim.ended in (None, End.EXPIRED):
            return _with(ledger, silenced(claim, alert.seen_at))
        case _:
            return ledger


def _tasked(ledger: Ledger, policy: TaskPolicy, device: str, alert: Alert) -> Ledger:
    key = TaskKey(policy.name, alert.fingerprint, alert.starts_at, device)
    now = alert.seen_at
    if alert.status is not Status.FIRING:
        word = str(alert.status)
        return replace(ledger, tasks=tasks.called_off(ledger.tasks, key, word, now))
    if key in ledger.tasks:
        return ledger
    reason = tasks.refusal(
        ledger.tasks.values(),
        policy.name,
        device,
        now,
        cooldown_s=policy.cooldown_s,
        most_a_day=policy.most_a_day,
    )
    if reason is None and ledger.held(device, now):
        reason = "held"
    if reason is not None:
        return _counted(ledger, policy.name, reason)
    task = Task(key=key, action=policy.action, parameters=policy.parameters, asked_at=now)
    ledger = replace(ledger, tasks=tasks.asked(ledger.tasks, task))
    if policy.dry_run:
        ledger = replace(ledger, tasks=tasks.called_off(ledger.tasks, key, "dry_run", now))
    return ledger


def _scheduled(ledger: Ledger, plan: Planned, now: float, *, begins: bool) -> Ledger:
    """Return the ledger with the claim of a schedule whose time we keep, as it has to be.

    One that runs keeps what has become of its claim, but for one that `begins`: maybe not for the first time.
    """
    claim = ledger.claims.get(plan.claim_key)
    if plan.stage is Stage.RUNNING and (claim is None or begins) and plan.order is not None:
        return _with(ledger, Claim(order=plan.order, starts_at=now, made_at=now, renewed_at=now))
    waits = plan.over or plan.stage is Stage.PLANNED
    if waits and claim is not None and claim.live:
        return _with(ledger, released(claim, now))
    return ledger


def _counted(ledger: Ledger, policy: str, reason: str) -> Ledger:
    counted = {**ledger.refused, (policy, reason): ledger.refused.get((policy, reason), 0) + 1}
    return replace(ledger, refused=counted)


def _fired(ledger: Ledger, policy: Policy, order: Order, alert: Alert) -> Ledger:
    claim = ledger.claims.get(order.key)
    if claim is not None and alert.starts_at <= claim.starts_at:
        return _with(ledger, fired(claim, order, alert.starts_at, alert.seen_at))
    began = (policy.name, order.key.device)
    times = ledger.beginnings.get(began, ())
    reason = _refusal(policy, times, alert.seen_at)
    if reason is not None:
        return _counted(ledger, policy.name, reason)
    times = (*(at for at in times if alert.seen_at - at < BEGINNINGS_KEPT_S), alert.seen_at)
    ledger = replace(ledger, beginnings={**ledger.beginnings, began: times})
    return _with(ledger, fired(claim, order, alert.starts_at, alert.seen_at))


def _refusal(policy: Policy, times: tuple[float, ...], now: float) -> str | None:
    """Return why a policy may not begin another claim now; independent of how alerts are tuned."""
    if times and now - times[-1] < policy.cooldown_s:
        return "cooldown"
    if policy.most_a_day is not None and sum(now - at < DAY_S for at in times) >= policy.most_a_day:
        return "most_a_day"
    return None


def _with(ledger: Ledger, claim: Claim) -> Ledger:
    if ledger.claims.get(claim.key) == claim:
        return ledger
    return replace(ledger, claims={**ledger.claims, claim.key: claim})
