"""One device, brought to what is asked, and when to look at it again.

It looks when what is asked changes, when something is owed to the owner, when a device's own timer wants
to be renewed, and about once a minute to see what others write; otherwise it leaves the device alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

import structlog

from controllers.claims.demand import Demand
from controllers.journal.journal import Journal, JournalError
from controllers.journal.records import Kept
from controllers.states.budget import Budget
from controllers.states.curtailment import owners
from controllers.states.keeping import Keeping
from controllers.states.leases import renewal_s
from controllers.states.settling import Settling
from controllers.states.statuses import Observer, Status
from controllers.states.writing import EXCHANGE_S
from controllers.steady import SteadyTime
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import UNKNOWN, ControlledDevice, Handle, Unknown, Value
from sunhelm.devices.errors import Asleep, Busy, DeviceError, Unreachable
from sunhelm.devices.sections import CHANGES_A_DAY

WATCH_S: Final = 60.0
FIRST_RETRY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Reconciler:
    """Keeps one device in the state that is asked for.

    `asked` tells what is asked of each state now, `ours` the values that policies ask of each at all, and
    `allowed` the actions that the site file lets them ask; `defaults` is what the owner has without us, for
    when the journal cannot tell. `hands` is held by whoever speaks with the device, `pen` by whoever sets
    something for good, until it is proven or put back.
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
        changes_a_day: int = CHANGES_A_DAY,
    ) -> None:
        self.device = device
        self.failing: str = ""
        self.keeping = Keeping(device, journal, time, changes_a_day=changes_a_day)
        self.settling = Settling(
            device=device.name,
            keeping=self.keeping,
            clock=clock,
            time=time,
            observer=observer,
            ours=ours or {},
            allowed=allowed,
            defaults=defaults or {},
        )
        self.hands = asyncio.Lock()
        self.pen = asyncio.Lock()
        self._asked = asked
        self._clock = clock
        self._time = time
        self._failures = 0
        self._leaving = False
        self._heeded: dict[str, Value] = {}

    @property
    def statuses(self) -> dict[str, Status]:
        """What is known of each state, by its key."""
        return self.settling.statuses

    @property
    def budget(self) -> Budget:
        """The changes of settings that survive a power cut."""
        return self.keeping.budget

    @property
    def values(self) -> dict[str, Value | None]:
        """What is asked of each state now."""
        return {state: demand.value for state, demand in self._asked().items()}

    @property
    def has_news(self) -> bool:
        """Whether something else is asked than what the device was last brought to."""
        return _wanted(self._asked()) != self._heeded

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
        """At an orderly end, give back what would stay for nobody's good."""
        self._leaving = True
        if self.keeping.needs_us:
            await self.reconcile()

    async def reconcile(self) -> float | None:
        """Bring the device to what is asked, as far as that is possible now.

        Returns after how many seconds to look again; None when not before something is asked. Raises
        JournalError when the journal took something not; the other states are looked after then.
        """
        demands = self._asked()
        self._heeded = _wanted(demands)
        if not self._concerned(demands):
            return None
        error: DeviceError | None = None
        unnoted: JournalError | None = None
        try:
            async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
                await self.keeping.identify(self._clock)
                for state, handle in self.device.handles.items():
                    demand = self._heed(state)
                    try:
                        error = await self._try(handle, demand) or error
                    except JournalError as raised:
                        unnoted = raised  # another state may be one to give back all the same
                    if isinstance(error, Unreachable | Busy | Asleep):
                        break
        except DeviceError as raised:
            error = raised
        if unnoted is not None:
            raise unnoted
        return self._next_look(error)

    async def observe(self, state: str) -> Value | Unknown:
        """Return what the device holds now. Raises DeviceError and KeyError."""
        handle = self.device.handles[state]
        async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
            return await handle.observe(Deadline.after(EXCHANGE_S, self._clock))

    def desired(self, state: str, demand: Demand, observed: Value | Unknown) -> Value | None:
        """Return what the device would have to hold if this were asked of it."""
        return self.settling.state(self.device.handles[state], demand, observed).desired

    async def forget(self, state: str) -> None:
        """Keep nothing of this state: nobody is to try again what a person wanted of it."""
        async with self.hands:
            await self.keeping.keep(state, Kept())

    async def set_baseline(self, state: str, value: Value, *, written: bool = False) -> None:
        """Let a person say what the owner's value is; ends standing back. Raises DeviceError.

        With `written`, the device gets it in place of what is found there, whatever that is; so it does where
        nobody knows whether that is the owner's. An order to charge or discharge is nobody's own:
        in its place, the battery is left to itself.
        """
        value = owners(value)
        async with self.hands, self.device.turn(Deadline.after(EXCHANGE_S, self._clock)):
            await self.keeping.identify(self._clock)
            kept, handle = self.keeping.of(state), self.device.handles[state]
            found: Value | Unknown = UNKNOWN
            written = written or isinstance(kept.baseline, Unknown)
            if written or kept.written or state not in self.keeping.states:
                found = await handle.observe(Deadline.after(EXCHANGE_S, self._clock))
            before = () if isinstance(found, Unknown) else (found,)
            if written or self.settling.is_doubtful(handle, found):
                others = tuple(dict.fromkeys(each for each in (*before, *kept.written) if each != value))
                kept = replace(kept, written=(*others, value), proven=False)
            elif kept.written and not isinstance(kept.baseline, Unknown | None):
                # What stands there, or stood there before us, is older than this word: nobody's new wish.
                others = tuple(each for each in (kept.baseline, *before) if each not in kept.written)
                kept = replace(kept, written=tuple(dict.fromkeys((*others, *kept.written))))
            kept = replace(kept, baseline=value, foreign=(), forgotten=(), stood_back="")
            await self.keeping.keep(state, kept)
        self.settling.repeats.forget(state)
        self.keeping.owes = True

    def failed(self) -> float:
        """Note that a look has failed; return after how many seconds to look again."""
        self._failures += 1
        return min(FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10), WATCH_S)

    def _heed(self, state: str) -> Demand:
        """Return what is asked of a state now: the turn may have been long in coming."""
        demand = self._asked().get(state, Demand())
        if demand.value is None:
            self._heeded.pop(state, None)
        else:
            self._heeded[state] = demand.value
        return demand

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
            if not self.keeping.lives_by_us(state):
                return None
            demand = Demand()
        if demand.value is None and not self.keeping.of(state).written:
            status = self.statuses.get(state)
            if status is not None:
                self.statuses[state] = Status(fail_safe=demand.fail_safe)
            return None
        try:
            await self.settling.settle(handle, demand)
        except DeviceError as error:
            self.settling.note(handle, demand, UNKNOWN)
            return error
        return None


def _wanted(demands: Mapping[str, Demand]) -> dict[str, Value]:
    """Return what is asked for, of each state that anything is asked of."""
    return {state: demand.value for state, demand in demands.items() if demand.value is not None}
