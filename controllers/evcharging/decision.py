"""The next command of a charger, if there is one: one look, one decision, at most one change.

`decide` is pure. What lessens or stops is never refused; what starts or raises waits for its control period
and its budget, and nothing ever exceeds the owner's own limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from controllers.evcharging.memory import Memory
from controllers.evcharging.noticing import KEEPS_FORGETTING, alike
from controllers.evcharging.terms import EvMode
from controllers.evcharging.wishes import Outlook, Wish, wish
from sunhelm.devices.charging import ChargerState, Order, Stage

STEP_A: Final = 1.0
RESERVE: Final = 10
"""So many changes a day are kept for starts, with their stops, when limits have used up the others."""

_ROUNDING_A: Final = 1e-6
_START_COST: Final = 2
"""A start, and the stop that has to follow it one day."""

_PATIENCE: Final = 3
"""So many times in a row a charger may fail to do what it is told, before it is left alone for a while."""

_FIRST_PAUSE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 600.0

_NOTHING_TO_CHARGE: Final = {Stage.FREE: "no_vehicle", Stage.ENDED: "vehicle_full"}
_NO_START: Final = {
    **_NOTHING_TO_CHARGE,
    Stage.FAULTY: "charger_fault",
    Stage.UNKNOWN: "charger_fault",
}
"""Why a charger at this stage is not told to start."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Offer so many amperes."""

    amperes: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the charger to start, to stop, or to go by its own rules."""

    order: Order


Command = Limit | Tell


@dataclass(frozen=True, slots=True)
class Decision:
    """What to send now, None for nothing, and what is remembered once that is in the journal.

    `reason` says why the vehicle is not charged, or not more. `desired_a` is what it shall be offered, 0 when
    it shall not be charged, None when that is the owner's affair.
    """

    command: Command | None
    memory: Memory
    reason: str
    desired_a: float | None


def decide(mode: EvMode, outlook: Outlook, left: int) -> Decision:
    """Return what to do, after `noticed` and `sighted`; `left` is what remains of the changes of a day."""
    memory, now = outlook.memory, outlook.now
    if memory.claimed:
        return Decision(None, memory, "claimed", None)
    wished = wish(mode, outlook)
    desired = 0.0 if wished.charge is False else wished.limit_a
    step = _Step(outlook, left)
    if memory.stood_back:
        last = step.farewell(wished) if memory.stood_back == KEEPS_FORGETTING else None
        kept = memory if last is None else _sent(memory, last, now)
        return Decision(last, kept, memory.stood_back, None)
    command, reason = (step.hand_back(), "off") if mode is EvMode.OFF else step.towards(wished)
    if _pauses(memory, now) and not step.lessens_anew(command):
        return Decision(None, memory, "does_not_obey", desired)
    if mode is EvMode.OFF:
        if command is None:
            return Decision(None, memory.let_go(), "off", None)
        return step.unless_too_soon(Decision(command, _sent(memory, command, now), "off", None))
    if command is None and wished.charge and outlook.charger.charging and memory.order is None:
        memory = replace(memory, order=Order.START, order_seen=True)
    return Decision(command, memory if command is None else _sent(memory, command, now), reason, desired)


def _pauses(memory: Memory, now: float) -> bool:
    """Return whether a charger that does not do what it is told is left alone for a while."""
    over = memory.failures - _PATIENCE
    if over < 0 or memory.failed_at is None:
        return False
    return now - memory.failed_at < min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(over, 10))


def _sent(memory: Memory, command: Command, now: float) -> Memory:
    if isinstance(command, Limit):
        ours = tuple(dict.fromkeys((*memory.ours_a, command.amperes)))
        return replace(memory, ours_a=ours, asked_a=command.amperes, changed_at=now)
    return replace(memory, order=command.order, order_seen=False, changed_at=now)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step on the way to a wish."""

    outlook: Outlook
    left: int

    @property
    def memory(self) -> Memory:
        """What is remembered."""
        return self.outlook.memory

    @property
    def charger(self) -> ChargerState:
        """What the charger shows."""
        return self.outlook.charger

    def towards(self, wished: Wish) -> tuple[Command | None, str]:
        """Return the command, and why nothing, or not more, is given."""
        if wished.charge is False:
            return self._stop(), wished.reason
        if self.charger.charging or wished.charge is None:
            return self._limit(wished)
        return self._start(wished)

    def hand_back(self) -> Command | None:
        """Give the owner back what there was before us, where it is still ours that stands there."""
        memory, charger = self.memory, self.charger
        last = memory.ours_a[-1:] if not charger.tells_limit else (charger.limit_a,)
        ours = any(alike(each, shown) for each in memory.ours_a for shown in last)
        if ours and memory.owner_a is not None and not alike(memory.owner_a, *last):
            return Limit(memory.owner_a)
        if memory.order in (None, Order.READY):
            return None
        back = memory.owner_order or Order.READY
        if back is Order.START and not charger.vehicle:
            back = Order.READY
        is_so = charger.charging if back is Order.START else charger.order is back and not charger.charging
        return None if is_so else Tell(back)

    def farewell(self, wished: Wish) -> Command | None:
        """Return the stop of a vehicle that is given what it must not have, before it is left alone."""
        if not self.charger.charging or self.memory.order is Order.STOP:
            return None
        bound = wished.limit_a if wished.patience is not None else None
        too_much = bound is not None and self.charger.limit_a - bound >= STEP_A - _ROUNDING_A
        return Tell(Order.STOP) if wished.charge is False or too_much else None

    def lessens_anew(self, command: Command | None) -> bool:
        """Return whether it gives less than anything before: no pause may hold up the first such command."""
        match command:
            case Tell(Order.STOP):
                return self.memory.order is not Order.STOP
            case Limit(amperes):
                return amperes < min((self.charger.limit_a, *self.memory.ours_a))
        return False

    def unless_too_soon(self, decision: Decision) -> Decision:
        """Return the decision, or one to wait when it gives more before its control period."""
        match decision.command:
            case Limit(amperes) if amperes < self.charger.limit_a:
                return decision
            case Tell(Order.STOP):
                return decision
        return replace(decision, command=None, memory=self.memory) if self._too_soon else decision

    def _stop(self) -> Command | None:
        """Stop what charges, and keep what is ready from starting by itself."""
        charger, memory = self.charger, self.memory
        if charger.charging:
            return Tell(Order.STOP)
        told = charger.order is Order.STOP or (memory.order is Order.STOP and memory.order_seen)
        busy = charger.stage in (Stage.FAULTY, Stage.UNKNOWN)
        return None if told or busy or memory.order is Order.STOP else Tell(Order.STOP)

    def _start(self, wished: Wish) -> tuple[Command | None, str]:
        charger, memory = self.charger, self.memory
        why_not = _NO_START.get(charger.stage)
        if why_not is not None:
            return None, why_not
        if wished.limit_a is not None and self._must_lower(wished.limit_a):
            return Limit(wished.limit_a), wished.reason or "waiting"
        if memory.order is Order.START:
            return None, "vehicle_waits"
        if self.left < _START_COST:
            return None, "budget"
        return (None, "waiting") if self._too_soon else (Tell(Order.START), wished.reason)

    def _must_lower(self, limit_a: float) -> bool:
        """Return whether the limit has to be written before a start; one that is not told may be any."""
        if self.charger.tells_limit:
            return self.charger.limit_a - limit_a >= STEP_A - _ROUNDING_A
        return not (self.memory.ours_a and alike(self.memory.ours_a[-1], limit_a))

    def _limit(self, wished: Wish) -> tuple[Command | None, str]:
        reason = wished.reason
        if not self.charger.charging:
            reason = wished.reason or _NOTHING_TO_CHARGE.get(self.charger.stage, "owner")
        if wished.limit_a is None or not self.charger.tells_limit:
            return None, reason
        more = wished.limit_a - self.charger.limit_a
        if more <= -STEP_A + _ROUNDING_A:
            ignored = self.charger.charging and self._ignores_limits(wished.patience)
            return (Tell(Order.STOP), "does_not_obey") if ignored else (Limit(wished.limit_a), reason)
        restores = wished.restores and not alike(wished.limit_a, self.charger.limit_a)
        if more < STEP_A - _ROUNDING_A and not restores:
            return None, reason
        if self._too_soon:
            return None, reason
        if not wished.restores and self.left <= RESERVE:
            return None, "budget"
        return Limit(wished.limit_a), reason

    def _ignores_limits(self, patience: int | None) -> bool:
        """Return whether a lower limit of ours was not taken, after so many commands that were not obeyed."""
        if patience is None or self.memory.failures < patience:
            return False
        return any(self.charger.limit_a - ours >= STEP_A - _ROUNDING_A for ours in self.memory.ours_a)

    @property
    def _too_soon(self) -> bool:
        changed = self.memory.changed_at
        return changed is not None and 0 <= self.outlook.now - changed < self.outlook.terms.period_s - 1.0
