"""One device, brought to what is asked: observe, decide, journal, write, prove.

It looks when what is asked changes, when something is owed to the owner, when a device's own timer wants
to be renewed, and about once a minute to see what others write; otherwise it leaves the device alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import structlog

from controllers import records
from controllers.budget import Budget
from controllers.curtailment import Adopt, Forget, Purpose, StandBack, State, Step, Write, decide
from controllers.demand import Demand
from controllers.journal import Journal
from controllers.keeping import Keeping
from controllers.leases import is_due, renewal_s
from controllers.permission import refusal
from controllers.records import Kept
from controllers.statuses import Observer, Status
from controllers.steady import SteadyTime
from controllers.values import words
from controllers.writing import EXCHANGE_S, Outcome, Result, write_and_prove
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    Charge,
    ControlledDevice,
    Discharge,
    Handle,
    Proof,
    Rung,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Asleep, Busy, DeviceError, Unreachable

WATCH_S: Final = 60.0
FIRST_RETRY_S: Final = 1.0
_MOST_STEPS: Final = 4
_LASTING: Final = ("changed_by_someone_else", "keeps_forgetting")
"""Reasons to stand back that only a person takes away."""

_log = structlog.get_logger(__name__)


class Reconciler:
    """Keeps one device in the state that is asked for.

    `asked` tells what is asked of each state now, `ours` the values that policies ask of each at all, and
    `allowed` the actions that the site file lets them ask; `defaults` is what the owner has without us, for
    when the journal cannot tell. `hands` is held by whoever speaks with the device.
    """

    def __init__(
        self,
        device: ControlledDevice,
        journal: Journal,
        asked: Callable[[], Mapping[str, Demand]],
        *,
        clock: Clock,
        time: SteadyTime,
        observer: Observer,
        ours: Mapping[str, tuple[Value, ...]] | None = None,
        allowed: Collection[str] = (),
        defaults: Mapping[str, Value] | None = None,
    ) -> None:
        self.device = device
        self.statuses: dict[str, Status] = {}
        self.failing: str = ""
        self.keeping = Keeping(device, journal, time)
        self.ours: Mapping[str, tuple[Value, ...]] = {} if ours is None else ours
        self.allowed = allowed
        self.defaults: Mapping[str, Value] = {} if defaults is None else defaults
        self.hands = asyncio.Lock()
        self._asked = asked
        self._clock = clock
        self._time = time
        self._observer = observer
        self._failures = 0
        self._leaving = False

    @property
    def budget(self) -> Budget:
        """The changes of settings that survive a power cut."""
        return self.keeping.budget

    @property
    def values(self) -> dict[str, Value | None]:
        """What is asked of each state now."""
        return {state: demand.value for state, demand in self._asked().items()}

    def heed(self) -> None:
        """Tell of a fail-safe as soon as it is in force or ends; the device is not asked for that."""
        for state, demand in self._asked().items():
            if state in self.statuses:
                self.statuses[state].fail_safe = demand.fail_safe

    @property
    def owes(self) -> bool:
        """Whether something may have to be given back that was not looked at since the start."""
        return self.keeping.owes

    async def leave(self) -> None:
        """At an orderly end, give back what neither a timer nor a memory of the device would end or keep."""
        self._leaving = True
        if self.keeping.holds_volatile:
            await self.reconcile()

    async def reconcile(self) -> float | None:
        """Bring the device to what is asked, as far as that is possible now.

        Returns after how many seconds to look again; None when not before something is asked.
        """
        demands = self._asked()
        if not self._concerned(demands):
            return None
        error: DeviceError | None = None
        try:
            async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
                await self.keeping.identify(self._clock)
                for state, handle in self.device.handles.items():
                    error = await self._try(handle, demands.get(state, Demand())) or error
                    if isinstance(error, Unreachable | Busy | Asleep):
                        break
        except DeviceError as raised:
            error = raised
        return self._next_look(error)

    async def observe(self, state: str) -> Value | Unknown:
        """Return what the device holds now. Raises DeviceError and KeyError."""
        handle = self.device.handles[state]
        async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
            return await handle.observe(Deadline.after(EXCHANGE_S, self._clock))

    def desired(self, state: str, demand: Demand, observed: Value | Unknown) -> Value | None:
        """Return what the device would have to hold if this were asked of it."""
        return self._state(self.device.handles[state], demand, observed).desired

    async def forget(self, state: str) -> None:
        """Keep nothing of this state: nobody is to try again what a person wanted of it."""
        async with self.hands:
            await self.keeping.keep(state, Kept())

    async def set_baseline(self, state: str, value: Value, *, written: bool = False) -> None:
        """Let a person say what the owner's value is; ends standing back. Raises DeviceError.

        With `written`, the device gets it in place of what is found there, whatever that is; so it does where
        it was not known before whether that is the owner's.
        """
        async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
            await self.keeping.identify(self._clock)
            kept = self.keeping.of(state)
            if written or isinstance(kept.baseline, Unknown):
                found = await self.device.handles[state].observe(Deadline.after(EXCHANGE_S, self._clock))
                replaced = kept.written if isinstance(found, Unknown) else (found, *kept.written)
                others = tuple(dict.fromkeys(each for each in replaced if each != value))
                kept = replace(kept, written=(*others, value), proven=False)
            elif kept.written and not isinstance(kept.baseline, Unknown | None):
                # Where a write of ours was lost, what stood there before us is nobody's new wish.
                kept = replace(kept, written=tuple(dict.fromkeys((kept.baseline, *kept.written))))
            kept = replace(kept, baseline=value, foreign=(), forgotten=(), stood_back="")
            await self.keeping.keep(state, kept)
        self.keeping.owes = True

    def failed(self) -> float:
        """Note that a look has failed; return after how many seconds to look again."""
        self._failures += 1
        return min(FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10), WATCH_S)

    def _concerned(self, demands: Mapping[str, Demand]) -> bool:
        return self.keeping.holds or any(demand.value is not None for demand in demands.values())

    def _next_look(self, error: DeviceError | None) -> float | None:
        if error is not None:
            if self.failing != error.reason.value:
                _log.warning("device_lost", device=self.device.name, reason=error.reason.value)
            self.failing = error.reason.value
            return self.failed()
        if self.failing:
            _log.info("device_back", device=self.device.name)
            self.failing = ""
        self.keeping.owes = False
        demands = self._asked()
        if not self._concerned(demands):
            self._failures = 0
            return None
        if any(status.differs_since is not None and not status.stands_back for status in self._watched()):
            again_s = self.failed()
        else:
            self._failures = 0
            again_s = WATCH_S
        now = self._time.now()
        for state, kept in self.keeping.states.items():
            every = renewal_s(self.device.handles[state].promise) if state in self.device.handles else None
            if every is not None and kept.written and kept.written_at is not None:
                left_s = kept.written_at + every - now
                again_s = min(again_s, left_s if left_s > 0 else every)
        return again_s

    def _watched(self) -> list[Status]:
        return [self.statuses[state] for state in self.device.handles if state in self.statuses]

    async def _try(self, handle: Handle, demand: Demand) -> DeviceError | None:
        state = handle.promise.key
        if self._leaving:
            if not self.keeping.is_volatile(state):
                return None
            demand = Demand()
        if demand.value is None and not self.keeping.of(state).written:
            status = self.statuses.get(state)
            if status is not None:
                self.statuses[state] = Status(fail_safe=demand.fail_safe)
            return None
        try:
            await self._settle(handle, demand)
        except DeviceError as error:
            self._note(handle, demand, UNKNOWN)
            return error
        return None

    async def _settle(self, handle: Handle, demand: Demand) -> None:
        """Take the steps of one state until there is none to take."""
        observed = await handle.observe(Deadline.after(EXCHANGE_S, self._clock))
        for _ in range(_MOST_STEPS):
            self._note(handle, demand, observed)
            step = decide(self._state(handle, demand, observed), handle.equal)
            match step:
                case Adopt():
                    await self._adopt(handle, step, observed)
                case Write():
                    outcome = await self._write(handle, step, demand)
                    if not outcome.done:
                        return
                    blind = outcome.result is Result.ACCEPTED
                    observed = UNKNOWN if blind else step.value
                case _:
                    await self._stop(handle, step)
                    return

    async def _stop(self, handle: Handle, step: Step) -> None:
        state = handle.promise.key
        kept = self.keeping.of(state)
        reason = step.reason if isinstance(step, StandBack) else ""
        if reason and reason != self.statuses[state].stands_back:
            _log.warning("stands_back", device=self.device.name, state=state, reason=reason)
        self.statuses[state].stands_back = reason
        match step:
            case Forget():
                await self.keeping.keep(state, Kept())
                _log.info("restored", device=self.device.name, state=state, value=words(kept.baseline))
                self.statuses[state].desired = None
                self.statuses[state].written = None
            case StandBack() if reason in _LASTING and not kept.stood_back:
                await self.keeping.keep(state, replace(kept, stood_back=reason))

    async def _adopt(self, handle: Handle, step: Adopt, observed: Value | Unknown) -> None:
        state, now = handle.promise.key, self._time.now()
        kept = self.keeping.of(state)
        adopted = replace(kept, baseline=step.value, proven=False if step.foreign else kept.proven)
        default = self.defaults.get(state)
        if isinstance(step.value, Unknown) and default is not None and not isinstance(observed, Unknown):
            # It is one of ours that is found, and the owner has said what there would be without us.
            written = tuple(dict.fromkeys((*kept.written, observed)))
            adopted = replace(adopted, baseline=default, written=written)
        if step.foreign:
            adopted = replace(adopted, foreign=(*kept.foreign, now))
            self._observer.foreign(self.device.name, state)
            _log.warning("foreign_write", device=self.device.name, state=state, value=words(step.value))
        await self.keeping.keep(state, adopted)

    async def _write(self, handle: Handle, step: Write, demand: Demand) -> Outcome:
        state, promise, now = handle.promise.key, handle.promise, self._time.now()
        refused = refusal(handle, step, demand, allowed=self.allowed, budget=self.budget)
        if refused is not None:
            if self.statuses[state].stands_back != refused.reason:
                self._observer.ended(self.device.name, state, refused)
                _log.warning("refused", device=self.device.name, state=state, reason=refused.reason)
            self.statuses[state].stands_back = refused.reason
            return refused
        kept = self.keeping.of(state)
        if step.purpose is Purpose.REPEAT and kept.proven and promise.rung is not Rung.TIMER:
            kept = replace(kept, forgotten=(*kept.forgotten, now))
        written = (*(value for value in kept.written if value != step.value), step.value)
        act = secrets.token_hex(8)
        serial = self.keeping.serial
        assert serial is not None
        intent = records.put_act(act, self.device.name, serial, promise, write=step, now=now)
        kept = replace(kept, written=written, proven=False, written_at=now)
        await self.keeping.keep(state, kept, intent)
        self.keeping.changed(promise, step.purpose, now)
        renewing = step.purpose is Purpose.RENEW
        outcome = await write_and_prove(handle, step.value, self._clock, renewing=renewing)
        ended = records.end_act(act, outcome.result.value, outcome.reason, self._time.now())
        if outcome.done:
            kept = replace(kept, written=(step.value,), proven=True)
        await self.keeping.keep(state, kept, ended)
        self.statuses[state].stands_back = ""
        self._observer.ended(self.device.name, state, outcome)
        self.statuses[state].written = step.value
        quiet = outcome.done and step.purpose is Purpose.RENEW
        log = _log.debug if quiet else _log.info if outcome.done else _log.warning
        log(
            "acted" if outcome.done else "act_failed",
            device=self.device.name,
            state=state,
            value=words(step.value),
            replacing=words(step.replacing),
            purpose=step.purpose.value,
            outcome=outcome.result.value,
            reason=outcome.reason,
        )
        return outcome

    def _state(self, handle: Handle, demand: Demand, observed: Value | Unknown) -> State:
        now = self._time.now()
        kept = self.keeping.of(handle.promise.key)
        observed = _as_told(handle, kept, observed)
        return State(
            asked=demand.value,
            baseline=kept.baseline,
            written=kept.written,
            observed=observed,
            ours=() if handle.promise.key in self.keeping.states else self.ours.get(handle.promise.key, ()),
            foreign=len(kept.foreign),
            forgotten=len(kept.forgotten) if kept.proven else 0,
            stood_back=kept.stood_back,
            blind=isinstance(observed, Unknown) and _is_blind(handle, kept),
            renew=is_due(handle.promise, kept.written_at, now),
            torn=handle.promise.in_steps and bool(kept.written) and not kept.proven,
            owed=None if kept.proven or not handle.promise.blind else kept.value,
        )

    def _note(self, handle: Handle, demand: Demand, observed: Value | Unknown) -> None:
        now = self._time.now()
        status = self.statuses.setdefault(handle.promise.key, Status())
        state = self._state(handle, demand, observed)
        status.desired = state.desired
        status.observed = observed
        status.observed_at = None if isinstance(observed, Unknown) else now
        status.fail_safe = demand.fail_safe
        same = (
            status.desired is None
            or state.blind
            or (not isinstance(observed, Unknown) and handle.equal(status.desired, observed))
        )
        status.differs_since = None if same else status.differs_since or now


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
