"""One state of a device, settled: observe, decide, journal, write, prove, until there is nothing to do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import structlog

from controllers.claims.demand import Demand
from controllers.journal import records
from controllers.journal.journal import JournalError
from controllers.journal.records import Kept
from controllers.journal.values import words
from controllers.states.curtailment import Adopt, Forget, Purpose, StandBack, State, Step, Write, decide
from controllers.states.keeping import Keeping
from controllers.states.leases import is_due
from controllers.states.permission import refusal
from controllers.states.repeats import Repeats
from controllers.states.statuses import Observer, Status
from controllers.states.writing import EXCHANGE_S, Outcome, Result, is_same, write_and_prove
from controllers.steady import SteadyTime
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import UNKNOWN, Charge, Discharge, Handle, Proof, Rung, Storage, Unknown, Value

_MOST_STEPS: Final = 5
_AGAIN_S: Final = 1.0
_LASTING: Final = ("changed_by_someone_else", "keeps_forgetting")
"""Reasons to stand back that only a person takes away."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lent:
    """What a regulation has of one state: values that may be there by its hand, and what the owner had."""

    values: tuple[Value, ...] = ()
    owner: Value | None = None


@dataclass(slots=True, kw_only=True)
class Settling:
    """Takes the steps that bring single states of a device to what is asked, in a turn on it.

    `ours` are the values that policies ask of each state at all, `allowed` the actions that the site file
    lets them ask. `defaults` is what the owner has without us, for when the journal cannot tell. `lent` tells
    what else of ours may be found there: a regulation writes without a claim. `statuses` is what is known of
    each state.
    """

    device: str
    keeping: Keeping
    clock: Clock
    time: SteadyTime
    observer: Observer
    ours: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    allowed: Collection[str] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)
    lent: Callable[[], Mapping[str, Lent]] = dict
    statuses: dict[str, Status] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)

    def state(self, handle: Handle, demand: Demand, observed: Value | Unknown) -> State:
        """Return what is known of a state, to decide by."""
        now = self.time.now()
        kept = self.keeping.of(handle.promise.key)
        observed = _as_told(handle, kept, observed)
        lent = self.lent().get(handle.promise.key, Lent())
        ours = (*self.ours.get(handle.promise.key, ()), *lent.values)
        return State(
            asked=demand.value,
            baseline=kept.baseline,
            written=kept.written,
            observed=observed,
            ours=lent.values if handle.promise.key in self.keeping.states else ours,
            foreign=len(kept.foreign),
            forgotten=len(kept.forgotten) if kept.proven else 0,
            stood_back=kept.stood_back,
            blind=isinstance(observed, Unknown) and _is_blind(handle, kept),
            renew=is_due(handle.promise, kept.written_at, now),
            torn=handle.promise.in_steps and bool(kept.written) and not kept.proven,
            owed=None if kept.proven or not handle.promise.blind else kept.value,
            hands_back=handle.promise.blind,
        )

    def is_doubtful(self, handle: Handle, found: Value | Unknown) -> bool:
        """Return whether what is found may be ours, although the journal knows nothing of it."""
        if isinstance(found, Unknown) or handle.promise.key in self.keeping.states:
            return False
        return any(is_same(handle, value, found) for value in self.ours.get(handle.promise.key, ()))

    def note(self, handle: Handle, demand: Demand, observed: Value | Unknown) -> None:
        """Keep in mind what was read, and since when it is not what it shall be."""
        now = self.time.now()
        status = self.statuses.setdefault(handle.promise.key, Status())
        state = self.state(handle, demand, observed)
        status.desired = state.desired
        status.observed = observed
        status.observed_at = None if isinstance(observed, Unknown) else now
        status.fail_safe = demand.fail_safe
        same = (
            status.desired is None
            or state.blind
            or (not isinstance(observed, Unknown) and is_same(handle, status.desired, observed))
        )
        status.differs_since = None if same else status.differs_since or now

    async def settle(self, handle: Handle, demand: Demand) -> None:
        """Take the steps of one state until there is none to take. Raises DeviceError and JournalError.

        That somebody else has changed a value is believed when it is read twice: once may be a slip, and what
        is taken for the owner's is what comes back at the end.
        """
        observed, sure = await handle.observe(Deadline.after(EXCHANGE_S, self.clock)), False
        for _ in range(_MOST_STEPS):
            self.note(handle, demand, observed)
            step = decide(self.state(handle, demand, observed), partial(is_same, handle))
            match step:
                case Adopt(foreign=True) | Forget(foreign=True) if not sure:
                    await self.clock.sleep(_AGAIN_S)
                    observed, sure = await handle.observe(Deadline.after(EXCHANGE_S, self.clock)), True
                case Adopt():
                    await self._adopt(handle, step, observed)
                case Write() if self._is_too_soon(handle, step):
                    return
                case Write():
                    outcome = await self._write(handle, step, demand)
                    if not outcome.done:
                        return
                    blind = outcome.result is Result.ACCEPTED
                    observed = UNKNOWN if blind else step.value
                case _:
                    await self._stop(handle, step)
                    return

    def _is_too_soon(self, handle: Handle, step: Write) -> bool:
        written_at = self.keeping.of(handle.promise.key).written_at
        return self.repeats.are_too_soon(handle.promise, step.value, written_at, self.time.now())

    async def _stop(self, handle: Handle, step: Step) -> None:
        state = handle.promise.key
        kept = self.keeping.of(state)
        reason = step.reason if isinstance(step, StandBack) else ""
        if reason and reason != self.statuses[state].stands_back:
            _log.warning("stands_back", device=self.device, state=state, reason=reason)
        self.statuses[state].stands_back = reason
        match step:
            case Forget(foreign):
                await self.keeping.keep(state, Kept())
                self.repeats.forget(state)
                if foreign:
                    self._was_foreign(state, self.statuses[state].observed)
                else:
                    _log.info("restored", device=self.device, state=state, value=words(kept.baseline))
                self.statuses[state].desired = None
                self.statuses[state].written = None
            case StandBack() if reason in _LASTING and not kept.stood_back:
                await self.keeping.keep(state, replace(kept, stood_back=reason))

    async def _adopt(self, handle: Handle, step: Adopt, observed: Value | Unknown) -> None:
        state, now = handle.promise.key, self.time.now()
        kept = self.keeping.of(state)
        adopted = replace(kept, baseline=step.value, proven=False if step.foreign else kept.proven)
        default = self.defaults.get(state, self.lent().get(state, Lent()).owner)
        if isinstance(step.value, Unknown) and default is not None and not isinstance(observed, Unknown):
            # It is one of ours that is found, and the owner has said what there would be without us.
            written = tuple(dict.fromkeys((*kept.written, observed)))
            adopted = replace(adopted, baseline=default, written=written)
        if step.replaced and not isinstance(observed, Unknown):
            adopted = replace(adopted, written=tuple(dict.fromkeys((*kept.written, observed))))
        if step.foreign:
            adopted = replace(adopted, foreign=(*kept.foreign, now))
            self._was_foreign(state, observed if step.replaced else step.value)
        await self.keeping.keep(state, adopted)

    def _was_foreign(self, state: str, value: Value | Unknown | None) -> None:
        self.observer.foreign(self.device, state)
        _log.warning("foreign_write", device=self.device, state=state, value=words(value))

    async def _write(self, handle: Handle, step: Write, demand: Demand) -> Outcome:
        state, promise, now = handle.promise.key, handle.promise, self.time.now()
        refused = refusal(handle, step, demand, allowed=self.allowed, budget=self.keeping.budget)
        if refused is not None:
            if self.statuses[state].stands_back != refused.reason:
                self.observer.ended(self.device, state, refused)
                _log.warning("refused", device=self.device, state=state, reason=refused.reason)
            self.statuses[state].stands_back = refused.reason
            return refused
        kept = self.keeping.of(state)
        if step.purpose is Purpose.REPEAT and kept.proven and promise.rung is not Rung.TIMER:
            kept = replace(kept, forgotten=(*kept.forgotten, now))
        written = (*(value for value in kept.written if value != step.value), step.value)
        act = secrets.token_hex(8)
        serial = self.keeping.serial
        assert serial is not None
        intent = records.put_act(act, self.device, serial, promise, write=step, now=now)
        kept = replace(kept, written=written, proven=False, written_at=now)
        try:
            await self.keeping.keep(state, kept, intent)
        except JournalError:
            if step.purpose is not Purpose.RESTORE or promise.storage is not Storage.VOLATILE:
                raise
            return await self._give_back(handle, step)
        self.keeping.changed(promise, step.purpose, now)
        renewing = step.purpose is Purpose.RENEW
        outcome = await write_and_prove(handle, step.value, self.clock, renewing=renewing)
        self.repeats.noted(state, step.value, outcome)
        ended = records.end_act(act, outcome.result.value, outcome.reason, self.time.now())
        if outcome.done:
            kept = replace(kept, written=(step.value,), proven=True)
        await self.keeping.keep(state, kept, ended)
        self.statuses[state].stands_back = ""
        self.observer.ended(self.device, state, outcome)
        self.statuses[state].written = step.value
        quiet = outcome.done and step.purpose is Purpose.RENEW
        log = _log.debug if quiet else _log.info if outcome.done else _log.warning
        log(
            "acted" if outcome.done else "act_failed",
            device=self.device,
            state=state,
            value=words(step.value),
            replacing=words(step.replacing),
            purpose=step.purpose.value,
            outcome=outcome.result.value,
            reason=outcome.reason,
        )
        return outcome

    async def _give_back(self, handle: Handle, step: Write) -> Outcome:
        """Restore what the journal says is owed, although it cannot note that.

        It goes on saying so, and whoever reads it finds the owner's value there already. What survives a
        power cut, and what begins, waits for the journal.
        """
        outcome = await write_and_prove(handle, step.value, self.clock)
        state = handle.promise.key
        self.observer.ended(self.device, state, outcome)
        _log.warning(
            "given_back_unnoted",
            device=self.device,
            state=state,
            value=words(step.value),
            outcome=outcome.result.value,
            reason=outcome.reason,
        )
        return outcome


def _as_told(handle: Handle, kept: Kept, observed: Value | Unknown) -> Value | Unknown:
    """Return what the device was told, where only its effect can be read and that shows that it obeys.

    How much power moves just then is no number that somebody has written.
    """
    if handle.promise.blind:
        return UNKNOWN
    moves = isinstance(observed, Charge | Discharge)
    if handle.promise.proof is Proof.EFFECT and moves and kept.written:
        return kept.written[-1]
    return observed


def _is_blind(handle: Handle, kept: Kept) -> bool:
    """Return whether to go on without reading; what shows its effect may be somebody else's at first."""
    proof = handle.promise.proof
    return handle.promise.blind or proof is Proof.NONE or (proof is Proof.EFFECT and bool(kept.written))
