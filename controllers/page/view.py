"""What the page shows, made of the records of the controller: nothing but words, ready for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from controllers.page.words import (
    clock_words,
    power_words,
    reason_words,
    span_words,
    state_words,
    value_words,
)
from controllers.people import (
    ChargingRecord,
    ClaimRecord,
    DeviceRecord,
    EventRecord,
    ScheduleRecord,
    StateRecord,
)

MOST_EVENTS: Final = 20

EV_MODES: Final = ("off", "grid", "solar", "hybrid")
"""The modes of a charger that can be chosen."""

_EV_MODE: Final = "ev_mode"
_J_A_KWH: Final = 3_600_000.0
_UNSAID: Final = ("", "nothing", "unknown")
_MEANS: Final = {"native": "by the device itself", "kept": "kept by the controller", "no": "not possible"}
_LASTING: Final = ("person", "schedule")
_GOOD: Final = ("verified", "effect_seen", "accepted", "done")


@dataclass(frozen=True, slots=True)
class StateView:
    """One state of a device."""

    name: str
    desired: str
    written: str
    observed: str
    baseline: str
    age: str
    differs: str
    stands_back: str
    fail_safe: bool


@dataclass(frozen=True, slots=True)
class ChargingView:
    """What is regulated of a charger; `modes` are the others that can be chosen, with their addresses."""

    mode: str
    own: str
    why: str
    offered: str
    excess: str
    session: str
    changes_left: int
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device."""

    name: str
    family: str
    failing: str
    held: str
    lifted: str
    budget_left: int
    states: tuple[StateView, ...]
    charging: ChargingView | None


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One claim; `path` is its id as a part of an address."""

    path: str
    device: str
    state: str
    value: str
    cause: str
    age: str
    ends: str
    ended: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """One schedule."""

    device: str
    what: str
    start: str
    end: str
    means: str
    state: str
    problem: str


@dataclass(frozen=True, slots=True)
class EventView:
    """One thing that has happened."""

    at: str
    kind: str
    device: str
    what: str
    cause: str
    outcome: str
    good: bool


@dataclass(frozen=True, slots=True)
class View:
    """Makes words of records, for one moment `now` in the zone of the site.

    `askers` has who made which claim, by its id.
    """

    now: float
    zone: ZoneInfo
    askers: Mapping[str, str] = field(default_factory=dict)

    def device(self, device: DeviceRecord) -> DeviceView:
        """Return a device, with those of its states of which anything is known or asked."""
        held = device.held_until is not None and device.held_until > self.now
        return DeviceView(
            name=device.name,
            family=device.family,
            failing=reason_words(device.failing),
            held=self.clock(device.held_until) if held and device.held_until is not None else "",
            lifted=span_words(device.limit_lifted_s) if device.limit_lifted_s else "",
            budget_left=device.budget_left,
            states=tuple(
                self._state(state)
                for state in device.states
                if _is_told(state) and (device.charging is None or state.key != _EV_MODE)
            ),
            charging=None if device.charging is None else _charging(device.charging),
        )

    def claim(self, claim: ClaimRecord) -> ClaimView:
        """Return a claim."""
        renewed = "" if claim.cause in _LASTING else " unless it is renewed"
        return ClaimView(
            path=quote(claim.id, safe=""),
            device=claim.device,
            state=state_words(claim.state).lower(),
            value=value_words(claim.value),
            cause=self.askers.get(claim.id) or cause_words(claim.cause),
            age=span_words(self.now - claim.made_at),
            ends=f"ends {self.clock(claim.ends_at)}{renewed}",
            ended=claim.ended,
            dry_run=claim.dry_run,
        )

    def schedule(self, schedule: ScheduleRecord) -> ScheduleView:
        """Return a schedule."""
        power = "" if schedule.watts is None else f" {power_words(schedule.watts)}"
        target = "" if schedule.target_soc is None else f" to {schedule.target_soc:.0%}"
        return ScheduleView(
            device=schedule.device,
            what=f"{schedule.mode.replace('_', ' ')}{power}{target}",
            start=self.clock(schedule.start),
            end=self.clock(schedule.end),
            means=_MEANS[schedule.means],
            state=schedule.state,
            problem=reason_words(schedule.problem),
        )

    def event(self, event: EventRecord) -> EventView:
        """Return an event."""
        outcome = ": ".join(filter(None, (event.outcome.replace("_", " "), reason_words(event.reason))))
        return EventView(
            at=self.clock(event.at),
            kind=event.kind,
            device=event.device,
            what=f"claim {event.what}" if event.kind == "claim" else event.what,
            cause=event.cause,
            outcome=outcome,
            good=event.outcome in _GOOD,
        )

    def notes(self, devices: Sequence[DeviceRecord], claims: Sequence[ClaimRecord]) -> Iterator[str]:
        """Yield what somebody should know before anything else."""
        for device in devices:
            if device.failing:
                yield f"{device.name} cannot be reached: {reason_words(device.failing)}."
            if device.limit_lifted_s:
                lifted = span_words(device.limit_lifted_s)
                yield f"{device.name} has had no export limit for {lifted}: a watchdog reset has lifted it."
            for state in device.states:
                name = f"{device.name}, {state_words(state.key).lower()}"
                if state.stands_back:
                    yield f"{name}: nothing is written: {reason_words(state.stands_back)}."
                elif state.differs_since is not None:
                    since = span_words(self.now - state.differs_since)
                    yield f"{name}: does not hold what it shall, since {since}."
                if state.fail_safe:
                    yield f"{name}: the fail-safe holds, for nobody can say what is asked."
        expired = sum(claim.ended == "expired" for claim in claims)
        if expired:
            yield f"{expired} of the claims below ended without a word; release what no longer counts."

    def clock(self, at: float) -> str:
        """Return a time by the clock on the wall of the site."""
        return clock_words(at, self.zone, self.now)

    def _state(self, state: StateRecord) -> StateView:
        seen_at, since = state.observed_at, state.differs_since
        return StateView(
            name=state_words(state.key),
            desired=value_words(state.desired),
            written=value_words(state.written),
            observed=value_words(state.observed),
            baseline="" if state.baseline == "nothing" else value_words(state.baseline),
            age="" if seen_at is None else span_words(self.now - seen_at),
            differs="" if since is None else self.clock(since),
            stands_back=reason_words(state.stands_back) if state.stands_back else "",
            fail_safe=state.fail_safe,
        )


def cause_words(cause: str) -> str:
    """Return who asks: a policy is an alert's."""
    return {"person": "a person", "schedule": "a schedule"}.get(cause, f"policy {cause}")


def _charging(charging: ChargingRecord) -> ChargingView:
    cap = charging.session_cap_j
    most = "" if cap is None else f" of {cap / _J_A_KWH:g}"
    session = 0.0 if charging.session_j is None else charging.session_j / _J_A_KWH
    why = charging.stands_back or charging.reason or "charging"
    return ChargingView(
        mode=charging.mode,
        own="" if charging.own_mode == charging.mode else charging.own_mode,
        why=reason_words(why),
        offered="\N{EN DASH}" if charging.limit_a is None else f"{charging.limit_a:g} A",
        excess="\N{EN DASH}" if charging.excess_w is None else power_words(round(charging.excess_w)),
        session=f"{session:.1f}{most} kWh",
        changes_left=charging.changes_left,
        modes=tuple(mode for mode in EV_MODES if mode != charging.own_mode or charging.stands_back),
    )


def _is_told(state: StateRecord) -> bool:
    said = (state.desired, state.written, state.observed)
    return state.fail_safe or bool(state.stands_back) or any(word not in _UNSAID for word in said)
