"""All claims together, with the heartbeat, holds, tasks and schedules: what the journal holds, as one object.

A ledger is never changed: `controllers.claims.judgement` makes the one afterwards, which counts only once
what is new in it is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, TypeVar

from controllers.claims.claims import (
    PERSON,
    Claim,
    ClaimKey,
    End,
    not_after,
    released,
)
from controllers.claims.demand import LIMITING, Demand, demand, fading, state_of
from controllers.intake.heartbeat import Heartbeat
from controllers.journal import plan_records, records
from controllers.journal.journal import Journal, Statement
from controllers.policy.policies import Policies
from controllers.schedules.schedules import Plans
from controllers.states.budget import DAY_S
from controllers.tasks import tasks
from controllers.tasks.tasks import CLOCK_SYNC, Tasks
from sunhelm.devices.device_config import DeviceConfig

Key = TypeVar("Key")
Kept = TypeVar("Kept")

BEGINNINGS_KEPT_S: Final = 7 * DAY_S


@dataclass(frozen=True)
class Ledger:
    """What is asked, and what is known of whoever asks.

    `heartbeat` is None when none is configured. `holds` says until when alerts make no claims on a device,
    `freed` when a person has ended the fail-safe that a late heartbeat brings there.
    `beginnings` are the times at which claims of a policy on a device began. `refused` counts claims that
    were not made, by policy and reason. `tasks` are done once, `plans` are schedules.
    """

    claims: Mapping[ClaimKey, Claim] = field(default_factory=dict)
    heartbeat: Heartbeat | None = None
    holds: Mapping[str, float] = field(default_factory=dict)
    freed: Mapping[str, float] = field(default_factory=dict)
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

    def unwatched(self, device: str, now: float) -> bool:
        """Return whether the heartbeat is late, and no person has ended what follows from that for a device.

        What a person has said holds until the heartbeat comes again.
        """
        beat = self.heartbeat
        if beat is None or beat.seen_at is None or not beat.late(now):
            return False
        return self.freed.get(device, float("-inf")) < beat.seen_at

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
                late=self.unwatched(device.name, now),
                held=self.held(device.name, now),
                fading=fading(state, claims, ramped[state], now) if ramped and state in ramped else None,
            )
            for state in asked.intersection(states)
        }


def recall(journal: Journal, policies: Policies, now: float) -> Ledger:
    """Return the ledger that the journal holds.

    The clock may have been set back since then: nothing in it is from the future, and no hold lasts longer.
    """
    beginnings: dict[tuple[str, str], tuple[float, ...]] = {}
    for policy, device, at in records.beginnings(journal, now - BEGINNINGS_KEPT_S):
        beginnings[policy, device] = (*beginnings.get((policy, device), ()), min(at, now))
    section = policies.alertmanager.heartbeat
    claims = {key: not_after(claim, now) for key, claim in records.all_claims(journal).items()}
    set_back_s = max(0.0, records.newest(journal) - now)
    ledger = Ledger(
        claims=claims,
        heartbeat=None if section is None else records.last_heartbeat(journal, section.late, now),
        holds={device: until - set_back_s for device, until in records.all_holds(journal).items()},
        freed=records.all_freed(journal, now),
        beginnings=beginnings,
        tasks=tasks.not_after(plan_records.all_tasks(journal), now),
        plans=plan_records.all_plans(journal),
    )
    return rebound(ledger, policies, now)


def rebound(ledger: Ledger, policies: Policies, now: float) -> Ledger:
    """Return the ledger as other policies would have made it: who takes one away ends what it asked for."""
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
    open_tasks = ledger.tasks
    for asked in ledger.tasks:
        if asked.policy not in (PERSON, CLOCK_SYNC) and asked.policy not in policies.tasks:
            open_tasks = tasks.called_off(open_tasks, asked, "policy_gone", now)
    return replace(ledger, claims=claims, heartbeat=heartbeat, tasks=open_tasks)


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
    for device in _changed_keys(before.holds, after.holds):
        yield records.put_hold(device, after.holds[device])
    for device in _changed_keys(before.freed, after.freed):
        yield records.put_freed(device, after.freed[device])
    if after.tasks is not before.tasks:
        yield from map(plan_records.put_task, _changed(before.tasks, after.tasks))
    if after.plans is not before.plans:
        yield from (plan_records.put_plan(plan, now) for plan in _changed(before.plans, after.plans))


def _changed(before: Mapping[Key, Kept], after: Mapping[Key, Kept]) -> list[Kept]:
    return [after[key] for key in _changed_keys(before, after)]


def _changed_keys(before: Mapping[Key, Kept], after: Mapping[Key, Kept]) -> list[Key]:
    return [key for key, kept in after.items() if before.get(key) != kept]


def transition(before: Claim | None, after: Claim) -> str | None:
    """Return the word for what became of a claim; None when it went on as it was."""
    if after.live:
        if before is None or before.starts_at != after.starts_at:
            return "made"
        return None if before.live else "again"
    ended = None if before is None else before.ended
    return None if after.ended is ended else str(after.ended)
