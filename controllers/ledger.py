"""All claims together, with the heartbeat and the holds, as alerts and time change them.

A ledger is never changed: every function returns the one afterwards, which counts only once what is new in
it is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, TypeVar

from controllers import plan_records, records, schedules, tasks
from controllers.alerts import Alert, Status
from controllers.budget import DAY_S
from controllers.claims import (
    SCHEDULE,
    Claim,
    ClaimKey,
    End,
    Order,
    advance,
    fired,
    not_after,
    released,
    resolved,
    silenced,
)
from controllers.demand import LIMITING, Demand, demand, fading, state_of
from controllers.heartbeat import Heartbeat
from controllers.journal import Journal, Statement
from controllers.limits import is_limit
from controllers.policies import Policies, Policy, TaskPolicy
from controllers.schedules import Planned, Plans, Stage
from controllers.tasks import Task, TaskKey, Tasks
from sunhelm.devices.device_config import DeviceConfig

Key = TypeVar("Key")
Kept = TypeVar("Kept")

_BEGINNINGS_KEPT_S: Final = 7 * DAY_S


@dataclass(frozen=True)
class Ledger:
    """What is asked, and what is known of whoever asks.

    `heartbeat` is None when none is configured. `holds` says until when alerts make no claims on a device.
    `beginnings` are the times at which claims of a policy on a device began. `refused` counts claims that
    were not made, by policy and reason. `tasks` are done once, `plans` are schedules.
    """

    claims: Mapping[ClaimKey, Claim] = field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    holds: Mapping[str, float] = field(default_factory=dict)
    beginnings: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    tasks: Tasks = field(default_factory=dict)
    plans: Plans = field(default_factory=dict)

    def held(self, device: str, now: float) -> bool:
        """Return whether a person has asked that alerts do nothing on a device."""
        return self.holds.get(device, 0.0) > now

    def late(self, now: float) -> bool:
        """Return whether the heartbeat is."""
        return self.heartbeat is not None and self.heartbeat.late(now)

    @cached_property
    def _by_device(self) -> Mapping[str, list[Claim]]:
        """Every device asks after each change of any claim."""
        claims: dict[str, list[Claim]] = {}
        for claim in self.claims.values():
            claims.setdefault(claim.key.device, []).append(claim)
        return claims

    @property
    def unproven(self) -> bool:
        """Whether an alert is said to be over, and its claim lives on for want of a proof."""
        return any(claim.live and claim.resolved_at is not None for claim in self.claims.values())

    def demands(
        self,
        device: DeviceConfig,
        states: Iterable[str],
        now: float,
        ramped: Mapping[str, float] | None = None,
    ) -> dict[str, Demand]:
        """Return what is asked of those of these states of a device that somebody asks for.

        `ramped` are those whose limits may be let go little by little, with the watts that they go up to.
        """
        claims = self._by_device.get(device.name, ())
        asked = {claim.order.state for claim in claims}.union(map(state_of, LIMITING))
        return {
            state: demand(
                state,
                claims,
                fail_safe=device.control.fail_safe,
                late=self.late(now),
                held=self.held(device.name, now),
                fading=fading(state, claims, ramped[state], now) if ramped and state in ramped else None,
            )
            for state in asked.intersection(states)
        }


def recall(journal: Journal, policies: Policies, now: float) -> Ledger:
    """Return the ledger that the journal holds."""
    beginnings: dict[tuple[str, str], tuple[float, ...]] = {}
    for policy, device, at in records.beginnings(journal, now - _BEGINNINGS_KEPT_S):
        beginnings[policy, device] = (*beginnings.get((policy, device), ()), at)
    section = policies.alertmanager.heartbeat
    claims = {key: not_after(claim, now) for key, claim in records.all_claims(journal).items()}
    ledger = Ledger(
        claims=claims,
        heartbeat=None if section is None else records.last_heartbeat(journal, section.late, now),
        holds=records.all_holds(journal),
        beginnings=beginnings,
        tasks=plan_records.all_tasks(journal),
        plans=plan_records.all_plans(journal),
    )
    return rebound(ledger, policies, now)


def rebound(ledger: Ledger, policies: Policies, now: float) -> Ledger:
    """Return the ledger as other policies would have made it: who takes one away releases its claims."""
    section = policies.alertmanager.heartbeat
    heartbeat = None
    if section is not None:
        known = ledger.heartbeat or Heartbeat(section.late)
        heartbeat = replace(known, late_s=section.late, echo_s=policies.alertmanager.echo_s)
    claims: dict[ClaimKey, Claim] = {}
    for key, claim in ledger.claims.items():
        policy = policies.policies.get(key.policy)
        if not claim.by_alert:
            claims[key] = claim
        elif policy is None or key.device not in policy.values or policy.state != claim.order.state:
            claims[key] = claim if claim.ended is End.RELEASED else released(claim, now)
        else:
            claims[key] = replace(claim, order=policy.order_on(key.device, key.fingerprint))
    return replace(ledger, claims=claims, heartbeat=heartbeat)


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
    return ledger


def after_time(ledger: Ledger, now: float, wall: float | None = None) -> Ledger:
    """Return the ledger as time alone has made it; `wall` is the clock's time, by which schedules go."""
    after = tasks.after_time(ledger.tasks, now)
    plans = schedules.after_time(ledger.plans, now if wall is None else wall)
    if after is not ledger.tasks or plans is not ledger.plans:
        ledger = replace(ledger, tasks=after, plans=plans)
    for plan in ledger.plans.values():
        ledger = _scheduled(ledger, plan, now)
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


def after_hold(ledger: Ledger, device: str, until: float) -> Ledger:
    """Return the ledger after a person has said that alerts make no claims on a device until then."""
    return replace(ledger, holds={**ledger.holds, device: until})


def difference(before: Ledger, after: Ledger, now: float) -> Iterator[Statement]:
    """Yield the statements that bring the journal from one ledger to the other."""
    for key, claim in after.claims.items():
        former = before.claims.get(key)
        if claim != former:
            yield records.put_claim(claim, now)
        what = transition(former, claim)
        if what is not None:
            yield records.put_transition(claim, what, now)
    if after.heartbeat is not None and after.heartbeat != before.heartbeat:
        yield records.put_heartbeat(after.heartbeat)
    for device, until in after.holds.items():
        if before.holds.get(device) != until:
            yield records.put_hold(device, until)
    if after.tasks is not before.tasks:
        yield from map(plan_records.put_task, _changed(before.tasks, after.tasks))
    if after.plans is not before.plans:
        yield from (plan_records.put_plan(plan, now) for plan in _changed(before.plans, after.plans))


def _changed(before: Mapping[Key, Kept], after: Mapping[Key, Kept]) -> list[Kept]:
    return [kept for key, kept in after.items() if before.get(key) != kept]


def transition(before: Claim | None, after: Claim) -> str | None:
    """Return the word for what became of a claim; None when it went on as it was."""
    if after.live:
        if before is None or before.starts_at != after.starts_at:
            return "made"
        return None if before.live else "again"
    ended = None if before is None else before.ended
    return None if after.ended is ended else str(after.ended)


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


def _scheduled(ledger: Ledger, plan: Planned, now: float) -> Ledger:
    """Return the ledger with the claim of a schedule whose time we keep, as it has to be."""
    claim = ledger.claims.get(plan.claim_key)
    if plan.stage is Stage.RUNNING and claim is None and plan.order is not None:
        return _with(ledger, Claim(order=plan.order, starts_at=now, made_at=now, renewed_at=now))
    if plan.over and claim is not None and claim.live:
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
    times = (*(at for at in times if alert.seen_at - at < _BEGINNINGS_KEPT_S), alert.seen_at)
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
