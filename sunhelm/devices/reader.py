"""One read of one device: what is due, in which order, under one deadline, guarded.

Live groups are read first and together. Slow groups (settings, identity) are served from memory until
their tier ends; then one of them is renewed at each read, and more only when they are late, so that they
never crowd out live values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

import structlog

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import DeviceError, Reason
from sunhelm.devices.families.source import Fetched, Group, Source
from sunhelm.devices.guards import MOST_JOULES, CounterGuard
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Guard, Held, Outcome, Reading, Sample

EVERYTHING: Final = "all"
"""The group that fails when not even the parts of the device could be found out."""

_SLOW_SHARE: Final = 0.5
"""A slow group is begun only while less than this share of the time has gone by."""

_LATE: Final = 1.5
"""A slow group that is so many tiers old is renewed even where another one was in the same read."""

_TRY_AGAIN_S: Final = 60.0
"""A slow group that failed is left alone for so long, or for its tier when that is shorter."""

_KEPT_TIERS: Final = 2.0
"""A slow value may wait its turn to be renewed, but is not served for longer than so many tiers."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A slow group as it was last asked for, and when, in monotonic seconds; `again` is how it is served."""

    asked_at: float
    fetched: Fetched
    again: Fetched

    @classmethod
    def of(cls, asked_at: float, fetched: Fetched) -> Self:
        """Remember what a group brought."""
        outcome = replace(fetched.outcome, requests=0, waited_s=0.0)
        return cls(asked_at, fetched, replace(fetched, outcome=outcome, held=()))


@dataclass(slots=True)
class Reader:
    """Reads one device again and again; remembers slow groups, counters, and what was lost.

    `asleep` tells whether a device that does not answer at a moment (Unix time) is just without sun.
    `patience_s` is how long whoever asks usually waits: a read may last until its deadline, but slow groups
    are begun only while half of the patience is left.
    """

    device: str
    family: str
    source: Source
    clock: Clock
    asleep: Callable[[float], bool] = lambda _: False
    patience_s: float = math.inf
    _slow: dict[str, _Remembered] = field(default_factory=dict)
    _counters: CounterGuard = field(default_factory=CounterGuard)
    _lost: dict[str, Reason] = field(default_factory=dict)
    _serial: str = ""

    async def read(self, deadline: Deadline, groups: Collection[str] | None = None) -> Reading:
        """Read what is due, or just these groups. Never raises DeviceError: failure is an `Outcome`."""
        began = self.clock.time()
        fetched: dict[str, Fetched] = {}
        try:
            async with self.source.turn(deadline):
                await self.source.prepare(deadline)
                await self._fetch(deadline, groups, fetched)
        except DeviceError as error:
            self._fail_the_rest(Outcome(self._reason(error.reason), str(error)), groups, fetched)
        return self._reading(began, fetched)

    async def _fetch(
        self, deadline: Deadline, wanted: Collection[str] | None, fetched: dict[str, Fetched]
    ) -> None:
        """Read the live groups at once, then slow ones as far as they are due and time allows."""
        time = deadline.remaining()
        enough = time - min(time, self.patience_s) * _SLOW_SHARE
        groups = [group for group in self.source.groups() if wanted is None or group.name in wanted]
        live = [group.name for group in groups if group.period_s == 0]
        if live:
            came = await self.source.fetch(live, deadline)
            fetched.update(came)
            if came and not any(group.outcome.ok for group in came.values()):
                worst = next(iter(fetched.values())).outcome
                self._fail_the_rest(Outcome(worst.reason, worst.detail), wanted, fetched)
                return
        slow = [group for group in groups if group.period_s > 0]
        for group in self._due(slow):
            if deadline.remaining() > enough:
                now = self.clock.monotonic()
                came = await self.source.fetch([group.name], deadline)
                fetched.update(came)
                self._slow |= {name: _Remembered.of(now, one) for name, one in came.items()}
        there = {group.name for group in self.source.groups()}
        for group in slow:
            if group.name not in fetched and group.name in there:
                self._serve_from_memory(group, fetched)

    def _due(self, slow: list[Group]) -> list[Group]:
        """Return the slow groups to read now: all that never came, else the longest due and all the late."""
        now = self.clock.monotonic()
        new = [group for group in slow if group.name not in self._slow]
        if new:
            return new
        due = [group for group in slow if self._lateness(group, now) >= 1]
        due.sort(key=lambda group: self._slow[group.name].asked_at)
        late = [group for group in due[1:] if self._lateness(group, now) >= _LATE]
        return [*due[:1], *late]

    def _lateness(self, group: Group, now: float) -> float:
        """Return the age of a slow group in tiers; of one that failed, in times until it is tried."""
        known = self._slow[group.name]
        tier_s = group.period_s if known.fetched.outcome.ok else min(group.period_s, _TRY_AGAIN_S)
        return (now - known.asked_at) / tier_s

    def _serve_from_memory(self, group: Group, fetched: dict[str, Fetched]) -> None:
        known = self._slow.get(group.name)
        if known is None:
            outcome = Outcome(Reason.TIMEOUT, "no time was left in this read; it is read in one of the next")
            fetched[group.name] = Fetched(outcome)
        elif known.fetched.outcome.ok and self._lateness(group, self.clock.monotonic()) > _KEPT_TIERS:
            outcome = Outcome(Reason.TIMEOUT, "its tier has ended and no read since then had time for it")
            fetched[group.name] = Fetched(outcome)
        else:
            fetched[group.name] = known.again

    def _fail_the_rest(
        self, outcome: Outcome, wanted: Collection[str] | None, fetched: dict[str, Fetched]
    ) -> None:
        """Give the groups that have no outcome this one: the device is not there, so nothing is shown."""
        names = [group.name for group in self.source.groups() if wanted is None or group.name in wanted]
        for name in names or list(wanted or (EVERYTHING,)):
            if name not in fetched or fetched[name].outcome.ok:
                fetched[name] = Fetched(outcome)

    def _reason(self, reason: Reason | None) -> Reason | None:
        """Return the reason, but asleep for a device that is silent because it has no sun."""
        silent = reason in {Reason.UNREACHABLE, Reason.TIMEOUT}
        return Reason.ASLEEP if silent and self.asleep(self.clock.time()) else reason

    def _explained(self, outcome: Outcome) -> Outcome:
        return replace(outcome, reason=self._reason(outcome.reason))

    def _reading(self, began: float, fetched: Mapping[str, Fetched]) -> Reading:
        outcomes = {
            name: group.outcome if group.outcome.ok else self._explained(group.outcome)
            for name, group in fetched.items()
        }
        up = any(outcome.ok for outcome in outcomes.values())
        read = [sample for group in fetched.values() for sample in group.samples]
        came = [name for name, outcome in outcomes.items() if outcome.ok]
        samples = [*read, *self.source.derive(read, came)] if up else []
        held = [held for group in fetched.values() for held in group.held]
        again = {name for name, group in fetched.items() if self._is_remembered(name, group)}
        samples = [*self._guarded(samples, held, again), *self.source.remarks()]
        self._log_changes(outcomes)
        now = [outcome for outcome in outcomes.values() if outcome.ok and outcome.requests]
        times = [outcome.taken_at for outcome in now if outcome.taken_at is not None]
        return Reading(self.device, min(times, default=began), tuple(samples), outcomes, tuple(held))

    def _is_remembered(self, name: str, group: Fetched) -> bool:
        known = self._slow.get(name)
        return known is not None and group is known.again

    def _guarded(self, samples: list[Sample], held: list[Held], again: Collection[str]) -> list[Sample]:
        """Return the samples without lifetime counters that cannot be true; `again` are remembered groups."""
        for sample in samples:
            if sample.quantity is CATALOGUE["device"] and sample.labels[2]:
                if self._serial and self._serial != sample.labels[2]:
                    self._counters.clear()
                self._serial = sample.labels[2]
        kept: list[Sample] = []
        for sample in samples:
            key = (sample.quantity.metric, sample.labels)
            most = MOST_JOULES if sample.quantity.unit == "joules" else math.inf
            if sample.quantity.kind == "counter" and not self._counters.allow(
                key, sample.value, again=sample.group in again, most=most
            ):
                detail = f"{sample.value:g} is 0, less than before, or far more"
                held.append(Held(Guard.COUNTER, sample.group, sample.source, detail))
            else:
                kept.append(sample)
        return kept

    def _log_changes(self, outcomes: Mapping[str, Outcome]) -> None:
        """Say once when a group is lost and once when it is back."""
        log = _log.bind(device=self.device, family=self.family)
        lost = {name: outcome.reason for name, outcome in outcomes.items() if outcome.reason is not None}
        kept = len(outcomes) - len(lost)
        for name, reason in lost.items():
            if self._lost.get(name) != reason:
                say = log.info if reason is Reason.ASLEEP else log.warning
                detail = outcomes[name].detail
                say("group_lost", group=name, reason=str(reason), detail=detail, groups_kept=kept)
        for name in [name for name in self._lost if name not in lost]:
            if name in outcomes or (name == EVERYTHING and kept):
                log.info("group_back", group=name, was=str(self._lost[name]))
                del self._lost[name]
        self._lost.update(lost)
