"""The loop of one device: observe, decide, journal, write, prove.

It looks when what is asked changes, when something is owed to the owner, when a device's own timer wants
to be renewed, and about once a minute to see what others write; otherwise it leaves the device alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from controllers import records
from controllers.budget import DAY_S, Budget
from controllers.curtailment import (
    Adopt,
    Forget,
    Purpose,
    StandBack,
    State,
    Step,
    Write,
    decide,
)
from controllers.demand import Demand
from controllers.journal import Journal
from controllers.leases import is_due, renewal_s
from controllers.limits import is_limit
from controllers.records import Kept
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
    Storage,
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


@dataclass(slots=True)
class Status:
    """What is known of one state of a device: for metrics and pages."""

    desired: Value | None = None
    written: Value | None = None
    observed: Value | Unknown = UNKNOWN
    observed_at: float | None = None
    differs_since: float | None = None
    stands_back: str = ""
    fail_safe: bool = False


class Observer(Protocol):
    """Who counts what happens."""

    def ended(self, device: str, state: str, outcome: Outcome) -> None:
        """A write has ended."""

    def foreign(self, device: str, state: str) -> None:
        """Somebody else has changed a value that we keep."""


class Reconciler:
    """Keeps one device in the state that is asked for.

    `asked` tells what is asked of each state now; `ours` the values that policies ask of each at all.
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
    ) -> None:
        self.device = device
        self.statuses: dict[str, Status] = {}
        self.failing: str = ""
        self._journal = journal
        self._asked = asked
        self.ours: Mapping[str, tuple[Value, ...]] = {} if ours is None else ours
        self._clock = clock
        self._time = time
        self._observer = observer
        self._woken = asyncio.Event()
        self._kept: dict[str, Kept] = {}
        self._serial: str | None = None
        self._owes = device.name in records.owes(journal)
        self._changes = records.changes_within_a_day(journal, device.name, time.now())
        self._failures = 0
        self._leaving = False

    @property
    def budget(self) -> Budget:
        """The changes of settings that survive a power cut."""
        now = self._time.now()
        self._changes = [at for at in self._changes if now - at < DAY_S]
        owed = sum(
            bool(kept.written) and self.device.handles[state].promise.storage is not Storage.VOLATILE
            for state, kept in self._kept.items()
            if state in self.device.handles
        )
        return Budget(len(self._changes), owed)

    def wake(self) -> None:
        """Look again: what is asked may have changed."""
        self._woken.set()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            self._woken.clear()
            asked = self._values()
            try:
                wait_s = await self._whole(self.reconcile())
            except Exception:  # noqa: BLE001 - the other devices are not to suffer from a fault of one
                _log.exception("reconcile_failed", device=self.device.name)
                self._failures += 1
                wait_s = self._backoff_s()
            await self._sleep(wait_s, asked)

    async def leave(self) -> None:
        """At an orderly end, give back what neither a timer nor a memory of the device would end or keep."""
        self._leaving = True
        if any(kept.written and self._is_volatile(state) for state, kept in self._kept.items()):
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
            async with self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
                await self._identify()
                for state, handle in self.device.handles.items():
                    error = await self._try(handle, demands.get(state, Demand())) or error
                    if isinstance(error, Unreachable | Busy | Asleep):
                        break
        except DeviceError as raised:
            error = raised
        return self._next_look(error)

    async def set_baseline(self, state: str, value: Value) -> None:
        """Let a person say what the owner's value is; ends standing back. Raises DeviceError."""
        async with self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
            await self._identify()
            kept = self._kept.get(state, Kept())
            await self._keep(state, replace(kept, baseline=value, foreign=(), forgotten=(), stood_back=""))
        self._owes = True
        self.wake()

    async def _whole(self, looking: Coroutine[None, None, float | None]) -> float | None:
        """Wait for it to end by itself even when cancelled: a sequence half told is the worst to leave."""
        task = asyncio.ensure_future(looking)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.gather(task, return_exceptions=True)
            raise

    def _is_volatile(self, state: str) -> bool:
        handle = self.device.handles.get(state)
        return handle is not None and handle.promise.rung is Rung.VOLATILE

    def _concerned(self, demands: Mapping[str, Demand]) -> bool:
        owed = any(kept.written for kept in self._kept.values())
        return self._owes or owed or any(demand.value is not None for demand in demands.values())

    def _next_look(self, error: DeviceError | None) -> float | None:
        if error is not None:
            if self.failing != error.reason.value:
                _log.warning("device_lost", device=self.device.name, reason=error.reason.value)
            self.failing = error.reason.value
            self._failures += 1
            return self._backoff_s()
        if self.failing:
            _log.info("device_back", device=self.device.name)
            self.failing = ""
        self._owes = False
        demands = self._asked()
        if not self._concerned(demands):
            self._failures = 0
            return None
        if any(status.differs_since is not None and not status.stands_back for status in self._watched()):
            self._failures += 1
            again_s = self._backoff_s()
        else:
            self._failures = 0
            again_s = WATCH_S
        now = self._time.now()
        for state, kept in self._kept.items():
            every = renewal_s(self.device.handles[state].promise) if state in self.device.handles else None
            if every is not None and kept.written and kept.written_at is not None:
                left_s = kept.written_at + every - now
                again_s = min(again_s, left_s if left_s > 0 else every)
        return again_s

    def _backoff_s(self) -> float:
        return min(FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10), WATCH_S)

    def _watched(self) -> list[Status]:
        return [self.statuses[state] for state in self.device.handles if state in self.statuses]

    async def _identify(self) -> None:
        """Find what is kept of the very device that answers: it may be another one than yesterday."""
        serial = await self.device.identify(Deadline.after(EXCHANGE_S, self._clock))
        if serial != self._serial:
            self._kept = await asyncio.to_thread(records.kept_of, self._journal, serial)
            self._serial = serial

    async def _try(self, handle: Handle, demand: Demand) -> DeviceError | None:
        state = handle.promise.key
        if self._leaving:
            if not self._is_volatile(state):
                return None
            demand = Demand()
        if demand.value is None and not self._kept.get(state, Kept()).written:
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
                    await self._adopt(handle, step)
                case Write():
                    outcome = await self._write(handle, step)
                    if not outcome.done:
                        return
                    blind = outcome.result is Result.ACCEPTED
                    observed = UNKNOWN if blind else step.value
                case _:
                    await self._stop(handle, step)
                    return

    async def _stop(self, handle: Handle, step: Step) -> None:
        state = handle.promise.key
        kept = self._kept.get(state, Kept())
        reason = step.reason if isinstance(step, StandBack) else ""
        if reason and reason != self.statuses[state].stands_back:
            _log.warning("stands_back", device=self.device.name, state=state, reason=reason)
        self.statuses[state].stands_back = reason
        match step:
            case Forget():
                await self._keep(state, Kept())
                _log.info("restored", device=self.device.name, state=state, value=words(kept.baseline))
                self.statuses[state].desired = None
                self.statuses[state].written = None
            case StandBack() if reason in _LASTING and not kept.stood_back:
                await self._keep(state, replace(kept, stood_back=reason))

    async def _adopt(self, handle: Handle, step: Adopt) -> None:
        state, now = handle.promise.key, self._time.now()
        kept = self._kept.get(state, Kept()).since(now)
        adopted = replace(kept, baseline=step.value, proven=False if step.foreign else kept.proven)
        if step.foreign:
            adopted = replace(adopted, foreign=(*kept.foreign, now))
            self._observer.foreign(self.device.name, state)
            _log.warning("foreign_write", device=self.device.name, state=state, value=words(step.value))
        await self._keep(state, adopted)

    async def _write(self, handle: Handle, step: Write) -> Outcome:
        state, promise, now = handle.promise.key, handle.promise, self._time.now()
        refusal = self._refusal(handle, step)
        if refusal is not None:
            if self.statuses[state].stands_back != refusal.reason:
                self._observer.ended(self.device.name, state, refusal)
                _log.warning("refused", device=self.device.name, state=state, reason=refusal.reason)
            self.statuses[state].stands_back = refusal.reason
            return refusal
        kept = self._kept.get(state, Kept()).since(now)
        if step.purpose is Purpose.REPEAT and kept.proven and promise.rung is not Rung.TIMER:
            kept = replace(kept, forgotten=(*kept.forgotten, now))
        written = (*(value for value in kept.written if value != step.value), step.value)
        act = secrets.token_hex(8)
        assert self._serial is not None
        intent = records.put_act(act, self.device.name, self._serial, promise, write=step, now=now)
        kept = replace(kept, written=written, proven=False, written_at=now)
        await self._keep(state, kept, intent)
        if promise.storage is not Storage.VOLATILE:
            self._changes.append(now)
        outcome = await write_and_prove(handle, step.value, self._clock)
        ended = records.end_act(act, outcome.result.value, outcome.reason, self._time.now())
        if outcome.done:
            kept = replace(kept, written=(step.value,), proven=True)
        await self._keep(state, kept, ended)
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

    def _refusal(self, handle: Handle, step: Write) -> Outcome | None:
        try:
            handle.check(step.value)
        except ValueError:
            return Outcome(Result.REFUSED, "out_of_range")
        if not self.budget.allows(step.purpose, handle.promise.storage, reduces=is_limit(step.value)):
            return Outcome(Result.REFUSED, "budget")
        return None

    async def _keep(self, state: str, kept: Kept, *statements: tuple[str, tuple[object, ...]]) -> None:
        assert self._serial is not None
        seen = records.put_serial(self._serial, self.device.name, self._time.now())
        await self._journal.commit(seen, records.put_kept(self._serial, state, kept), *statements)
        self._kept[state] = kept

    def _state(self, handle: Handle, demand: Demand, observed: Value | Unknown) -> State:
        now = self._time.now()
        kept = self._kept.get(handle.promise.key, Kept()).since(now)
        observed = _as_told(handle, kept, observed)
        return State(
            asked=demand.value,
            baseline=kept.baseline,
            written=kept.written,
            observed=observed,
            ours=() if handle.promise.key in self._kept else self.ours.get(handle.promise.key, ()),
            foreign=len(kept.foreign),
            forgotten=len(kept.forgotten) if kept.proven else 0,
            stood_back=kept.stood_back,
            blind=isinstance(observed, Unknown) and _is_blind(handle, kept),
            renew=is_due(handle.promise, kept.written_at, now),
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

    def _values(self) -> dict[str, Value | None]:
        return {state: demand.value for state, demand in self._asked().items()}

    async def _sleep(self, wait_s: float | None, asked: dict[str, Value | None]) -> None:
        """Wait so long, or until something else is asked than before."""
        timer = None if wait_s is None else asyncio.ensure_future(self._clock.sleep(wait_s))
        try:
            while timer is None or not timer.done():
                woken = asyncio.ensure_future(self._woken.wait())
                try:
                    waiting = {woken} if timer is None else {woken, timer}
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
                if self._woken.is_set():
                    self._woken.clear()
                    if self._values() != asked or self._owes:
                        return
        finally:
            if timer is not None:
                timer.cancel()


def _as_told(handle: Handle, kept: Kept, observed: Value | Unknown) -> Value | Unknown:
    """Return what the device was told, where only its effect can be read and that shows that it obeys.

    How much power moves just then is no number that somebody has written.
    """
    moves = isinstance(observed, Charge | Discharge)
    if handle.promise.proof is Proof.EFFECT and moves and kept.written:
        return kept.written[-1]
    return observed


def _is_blind(handle: Handle, kept: Kept) -> bool:
    """Return whether to go on without reading; what shows its effect may be somebody else's at first."""
    proof = handle.promise.proof
    return proof is Proof.NONE or (proof is Proof.EFFECT and bool(kept.written))
