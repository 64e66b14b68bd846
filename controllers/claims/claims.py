"""Claims: who asks for which state of a device, until when, and how that ends.

A claim is level state: every firing delivery of an alert makes or renews it. Nothing here does anything;
every function takes a claim and the time, and returns the claim as it is afterwards.

    firing     makes the claim, renews its lease, makes it again after it has ended
    resolved   ends it once it is proven that the sender is alive; until then it stays
    released   a person, or `max_life`: the same episode of the alert makes no new claim
    silenced   the alert fires, and somebody has said that it shall not count
    expired    nobody knows: lease not renewed or heartbeat late; the fail-safe of the device holds

Times are seconds of our own steady time, but `starts_at` and `resolved_at`, which the alert's sender
stamps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from controllers.intake.heartbeat import Heartbeat
from sunhelm.devices.control import Action, Value


class End(StrEnum):
    """How a claim has ended."""

    RESOLVED = "resolved"
    RELEASED = "released"
    SILENCED = "silenced"
    EXPIRED = "expired"


PERSON = ""
"""The policy of claims that a person makes; their fingerprint is the id of the command."""

SCHEDULE = "(schedule)"
"""The policy of claims of a schedule whose time the controller keeps; their fingerprint is its id."""


class ClaimKey(NamedTuple):
    """What tells claims apart: the policy, the alert and the device it is about."""

    policy: str
    fingerprint: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long a claim lives, in seconds, and what it yields to; a larger `priority` wins.

    A limit of a state that survives no power cut is let go little by little within `release_ramp_s`.
    """

    lease_s: float
    max_life_s: float
    min_life_s: float = 0.0
    priority: int = 0
    dry_run: bool = False
    release_ramp_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a claim is for: one state of one device, and the value it shall have."""

    key: ClaimKey
    action: Action
    state: str
    value: Value
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. `resolved_at` is when the alert ended, and `told_at` when we were first told so."""

    order: Order
    starts_at: float
    made_at: float
    renewed_at: float
    resolved_at: float | None = None
    told_at: float | None = None
    ended: End | None = None
    ended_at: float | None = None

    @property
    def key(self) -> ClaimKey:
        """What tells it from other claims."""
        return self.order.key

    @property
    def live(self) -> bool:
        """Whether it counts."""
        return self.ended is None

    @property
    def by_person(self) -> bool:
        """Whether a person made it; such a claim needs no heartbeat and does not expire."""
        return self.key.policy == PERSON

    @property
    def by_alert(self) -> bool:
        """Whether it stands for an alert; holds are for these."""
        return self.key.policy not in (PERSON, SCHEDULE)

    @property
    def expires_at(self) -> float:
        """When it ends unless it is renewed."""
        terms = self.order.terms
        return min(self.renewed_at + terms.lease_s, self.made_at + terms.max_life_s)


def fired(claim: Claim | None, order: Order, starts_at: float, now: float) -> Claim:
    """Return the claim after its alert was seen firing."""
    if claim is None or starts_at > claim.starts_at:
        return Claim(order=order, starts_at=starts_at, made_at=now, renewed_at=now)
    if claim.ended is End.RELEASED:
        return replace(claim, renewed_at=now)
    return replace(
        claim, order=order, renewed_at=now, resolved_at=None, told_at=None, ended=None, ended_at=None
    )


def resolved(claim: Claim, starts_at: float, ends_at: float, now: float) -> Claim:
    """Return the claim after its alert was seen resolved; that it is over needs proof, see `advance`."""
    if starts_at < claim.starts_at or claim.ended not in (None, End.EXPIRED):
        return claim
    return replace(
        claim,
        resolved_at=ends_at if claim.resolved_at is None else max(ends_at, claim.resolved_at),
        told_at=now if claim.told_at is None else claim.told_at,
    )


def silenced(claim: Claim, now: float) -> Claim:
    """Return the claim after Alertmanager said that its alert is silenced or inhibited."""
    return claim if claim.ended is End.RELEASED else _end(claim, End.SILENCED, now)


def released(claim: Claim, now: float) -> Claim:
    """Return the claim after a person ended it, or the fail-safe it left behind."""
    return _end(claim, End.RELEASED, now)


def advance(claim: Claim, now: float, heartbeat: Heartbeat | None) -> Claim:
    """Return the claim as time alone has made it. Without a heartbeat to look for, the word is believed."""
    if claim.ended is End.EXPIRED:
        return _end(claim, End.RESOLVED, now) if _is_over(claim, now, heartbeat) else claim
    if claim.ended is not None:
        return claim
    terms = claim.order.terms
    too_old = now - claim.made_at >= terms.max_life_s
    if not claim.by_alert:
        return _end(claim, End.RELEASED, now) if too_old else claim
    late = heartbeat is not None and heartbeat.late(now)
    if claim.resolved_at is not None and claim.told_at is not None:
        if _is_over(claim, now, heartbeat):
            lived = now - claim.made_at >= min(terms.min_life_s, terms.max_life_s)
            return _end(claim, End.RESOLVED, now) if lived else claim
        unproven = heartbeat is not None and now - claim.told_at >= heartbeat.patience_s
        return _end(claim, End.EXPIRED, now) if late or unproven or too_old else claim
    if late or now - claim.renewed_at >= terms.lease_s:
        return _end(claim, End.EXPIRED, now)
    return _end(claim, End.RELEASED, now) if too_old else claim


def not_after(claim: Claim, now: float) -> Claim:
    """Return the claim with no time of ours in the future: a clock set back must not lengthen a lease."""
    return replace(
        claim,
        made_at=min(claim.made_at, now),
        renewed_at=min(claim.renewed_at, now),
        told_at=None if claim.told_at is None else min(claim.told_at, now),
        ended_at=None if claim.ended_at is None else min(claim.ended_at, now),
    )


def _is_over(claim: Claim, now: float, heartbeat: Heartbeat | None) -> bool:
    if claim.resolved_at is None:
        return False
    return heartbeat is None or heartbeat.proves(claim.resolved_at, now)


def _end(claim: Claim, end: End, now: float) -> Claim:
    return replace(claim, ended=end, ended_at=now)
