"""What to do about one state of a device: compare desired, written and observed, and act on a difference.

`decide` is pure. It never loosens what the owner has set, never writes without somebody who asks or a
value to restore, and never fights with somebody else who writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controllers.claims.limits import is_limit, loosens, together
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    Discharge,
    Limit,
    Mode,
    SelfConsumption,
    Unknown,
    Unlimited,
    Value,
)

MOST_FORGOTTEN: Final = 3
"""So often an hour a device that goes back by itself is told again; after that somebody must look."""

Equal = Callable[[Value, Value], bool]


class Purpose(StrEnum):
    """Why something is written; only what begins, or turns a claim into another, may lack the budget."""

    BEGIN = "begin"
    CHANGE = "change"
    RESTORE = "restore"
    REPEAT = "repeat"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Forget:
    """What was kept can go: the device is the owner's again, or that of somebody else (`foreign`)."""

    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Adopt:
    """Keep this as the owner's value; `foreign` when somebody else has changed what was there.

    With `replaced`, what is observed is no owner's value but an order, which ours may take the place of.
    """

    value: Value | Unknown
    foreign: bool = False
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Put the device into this state, in place of what was observed."""

    value: Value
    replacing: Value | Unknown
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class StandBack:
    """Do nothing, and let somebody know why."""

    reason: str


Step = Rest | Forget | Adopt | Write | StandBack


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of one state of a device now; made of the journal and one read.

    `asked` is what claims and fail-safe ask, None when nobody does. `baseline` is the owner's own value:
    None when none is kept, UNKNOWN when it cannot be told from one of ours. `written` holds what may be on
    the device by our own hand. `observed` is what was read just now. `ours` are the values that policies
    ask for, in whose presence a missing journal makes a found value doubtful. `foreign` and `forgotten`
    count the last hour. `blind` says that the device cannot be read. `renew` that its timer wants it. `torn`
    that a sequence of ours may have been cut short: what is observed then is nobody's. `owed` is what a
    person wants for good of a device that cannot be read, and that it has not taken yet. `hands_back` that
    what ends a command hands the device back to itself, whatever its owner had.
    """

    asked: Value | None
    baseline: Value | Unknown | None
    written: tuple[Value, ...]
    observed: Value | Unknown
    ours: tuple[Value, ...] = ()
    foreign: int = 0
    forgotten: int = 0
    stood_back: str = ""
    blind: bool = False
    renew: bool = False
    torn: bool = False
    owed: Value | None = None
    hands_back: bool = False

    @property
    def desired(self) -> Value | None:
        """What the device shall hold; None when that is not for us to say."""
        if self.asked is None:
            return self.baseline if self.written and not isinstance(self.baseline, Unknown) else None
        return limited(self.asked, self.baseline)


def owners(value: Value) -> Value:
    """Return what can be the owner's own of a value: an order to charge or discharge is none.

    It is for a time. Given back at the end of a claim, it would force the battery for good.
    """
    return SelfConsumption() if _forces(value) else value


def limited(asked: Value, baseline: Value | Unknown | None) -> Value:
    """Return what is asked, as far as the owner's own value allows it."""
    if baseline is None or isinstance(baseline, Unknown) or not is_limit(asked):
        return asked
    return together(baseline, asked)


def hand_back(value: Value) -> Value | None:
    """Return what ends a command where nothing can be read; None when nothing does."""
    match value:
        case Limit() | Unlimited():
            return UNLIMITED
        case Charge() | Discharge() | SelfConsumption():
            return SelfConsumption()
        case Mode():
            return Mode("self_consumption")
        case _:
            return None


def decide(state: State, equal: Equal) -> Step:
    """Return what to do next; after Adopt, decide again with the value adopted."""
    if state.blind:
        return _decide_blind(state)
    if state.asked is None and not state.written:
        return Rest()
    if state.stood_back:
        return StandBack(state.stood_back)
    if isinstance(state.observed, Unknown):
        return StandBack("unreadable")
    if _forces(state.baseline) or (state.baseline in (None, UNKNOWN) and _forces(state.observed)):
        return Adopt(SelfConsumption())
    if state.baseline is None:
        return _first(state, state.observed, equal)
    if isinstance(state.baseline, Unknown):
        return _without_baseline(state, state.observed, equal)
    return _with_baseline(state, state.baseline, state.observed, equal)


def _first(state: State, observed: Value, equal: Equal) -> Step:
    doubtful = any(equal(value, observed) for value in (*state.ours, *state.written))
    return Adopt(UNKNOWN if doubtful else observed)


def _with_baseline(state: State, baseline: Value, observed: Value, equal: Equal) -> Step:
    desired = baseline if state.asked is None else limited(state.asked, baseline)
    if equal(desired, observed):
        return _held(state, desired, observed)
    is_ours = any(equal(value, observed) for value in state.written)
    if state.torn and not is_ours and not equal(baseline, observed):
        return Write(desired, observed, Purpose.RESTORE if state.asked is None else Purpose.REPEAT)
    if equal(baseline, observed):
        if state.written and not is_ours and state.forgotten >= MOST_FORGOTTEN:
            return StandBack("keeps_forgetting")
        purpose = Purpose.REPEAT if any(equal(value, desired) for value in state.written) else Purpose.BEGIN
        return Write(desired, observed, Purpose.CHANGE if _changes(state, purpose) else purpose)
    if is_ours:
        if state.asked is None:
            return Write(desired, observed, Purpose.RESTORE)
        return Write(desired, observed, Purpose.CHANGE)
    if _forces(observed):
        return _forced_by_another(state, baseline, desired, observed)
    if not state.written:
        return Adopt(observed)
    theirs = observed if state.asked is None else limited(state.asked, observed)
    if state.foreign and not equal(theirs, observed):
        return StandBack("changed_by_someone_else")
    return Adopt(observed, foreign=True)


def _held(state: State, desired: Value, observed: Value) -> Step:
    """Return what is left to do where the device holds what it shall."""
    if state.asked is None:
        return Forget()
    if _forces(observed) and not state.written:
        return Write(desired, observed, Purpose.BEGIN)  # an order of nobody, which nobody would end
    return Write(desired, observed, Purpose.RENEW) if state.renew and state.written else Rest()


def _forced_by_another(state: State, baseline: Value, desired: Value, observed: Value) -> Step:
    """Take the place of an order that is not ours, once an hour; with nobody who asks, leave it alone."""
    if state.asked is None:
        return Forget(foreign=True)
    if not state.written:
        return Write(desired, observed, Purpose.BEGIN)
    if state.foreign:
        return StandBack("changed_by_someone_else")
    return Adopt(baseline, foreign=True, replaced=True)


def _forces(value: Value | Unknown | None) -> bool:
    return isinstance(value, Charge | Discharge)


def _changes(state: State, purpose: Purpose) -> bool:
    return purpose is Purpose.BEGIN and bool(state.written)


def _without_baseline(state: State, observed: Value, equal: Equal) -> Step:
    """Only make it stricter, and restore nothing: what was there before us is not known."""
    if state.asked is None:
        return StandBack("baseline_unknown")
    if equal(state.asked, observed):
        return _held(state, state.asked, observed)
    if not is_limit(state.asked) or loosens(state.asked, than=observed):
        return StandBack("baseline_unknown")
    return Write(state.asked, observed, Purpose.CHANGE if state.written else Purpose.BEGIN)


def _decide_blind(state: State) -> Step:
    if state.asked is None:
        if not state.written:
            return Rest()
        if state.owed is not None:
            return Write(state.owed, UNKNOWN, Purpose.RESTORE)
        if state.written == (state.baseline,):
            return Forget()
        known = not state.hands_back and not isinstance(state.baseline, Unknown | None)
        back = state.baseline if known else hand_back(state.written[-1])
        if back is None or isinstance(back, Unknown):
            return StandBack("cannot_be_handed_back")
        return Forget() if state.written == (back,) else Write(back, UNKNOWN, Purpose.RESTORE)
    desired = limited(state.asked, state.baseline)
    if state.written == (desired,):
        return Write(desired, UNKNOWN, Purpose.RENEW) if state.renew else Rest()
    return Write(desired, UNKNOWN, Purpose.CHANGE if state.written else Purpose.BEGIN)
