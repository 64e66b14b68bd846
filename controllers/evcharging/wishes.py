"""What a charger shall do, by its mode and its caps, before anything is held against what it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from controllers.evcharging.house import STALE_PERIODS, least
from controllers.evcharging.memory import Memory, Sight
from controllers.evcharging.terms import ChargingTerms, EvMode
from sunhelm.devices.charging import ChargerState, Order

CLOSE_TO: Final = 0.95
"""From so much of the import cap on the vehicle gets less."""

_OF_THE_CAP: Final = 1
_OF_THE_SUN: Final = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """What a charger shall do. `charge` and `limit_a` are None where that is the owner's affair.

    `restores` says that the owner gets back his own limit; `reason` is why the vehicle is not charged, or not
    more, as a word. After `patience` commands that were not obeyed the vehicle is stopped where its charger
    does not take a lower limit; None is never.
    """

    charge: bool | None
    limit_a: float | None = None
    reason: str = ""
    restores: bool = False
    patience: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that a wish depends on."""

    terms: ChargingTerms
    memory: Memory
    charger: ChargerState
    now: float

    @property
    def least_a(self) -> float:
        """The least current that can be offered."""
        return math.ceil(max(self.terms.least_a, self.charger.least_a))

    @property
    def owner_a(self) -> float:
        """The owner's own limit; what the hardware bears where that was never told."""
        if self.memory.owner_a is not None:
            return self.memory.owner_a
        is_his = self.charger.tells_limit and not self.memory.ours_a
        return self.charger.limit_a if is_his else self.charger.most_a

    @property
    def ceiling_a(self) -> float:
        """The most that may be offered: never more than the owner's own limit."""
        given = (self.owner_a, self.terms.most_a, self.charger.most_a)
        return min(amount for amount in given if amount is not None)

    @property
    def running(self) -> bool:
        """Whether the vehicle charges, or is waited for, because we said so."""
        return self.memory.order is Order.START

    @property
    def awaited(self) -> bool:
        """Whether the first reading of the house may still come: this process has only begun."""
        begun_s = self.now - self.memory.begun_at
        return not self.memory.sights and begun_s <= STALE_PERIODS * self.terms.period_s

    @property
    def sight(self) -> Sight | None:
        """The latest reading of the house; None when it is too old to go by."""
        sights = self.memory.sights
        fresh = bool(sights) and self.now - sights[-1].at <= STALE_PERIODS * self.terms.period_s
        return sights[-1] if fresh else None

    def lately(self, amount: Callable[[Sight], float | None]) -> float | None:
        """Return the least that there was for as long as excess must last; None when nobody knows."""
        begins = self.now - self.terms.start_s - self.terms.period_s / 2
        return least(amount(sight) for sight in self.memory.sights if sight.at >= begins)

    def lasts_s(self, holds: Callable[[Sight], bool]) -> float:
        """Return for how long it has held, up to now and without a break."""
        since = self.now
        for sight in reversed(self.memory.sights):
            if not holds(sight):
                break
            since = sight.at
        return self.now - since


def wish(mode: EvMode, outlook: Outlook) -> Wish:
    """Return what the charger shall do in a mode."""
    withheld = _withheld(mode, outlook)
    if withheld is not None:
        return withheld
    wished = {EvMode.GRID: _grid, EvMode.SOLAR: _solar, EvMode.HYBRID: _hybrid}[mode](outlook)
    if wished.charge is not False and outlook.terms.import_cap_a is not None:
        wished = _capped(wished, outlook, outlook.terms.import_cap_a)
    if wished.limit_a is None or wished.restores:
        return wished
    return replace(wished, limit_a=min(wished.limit_a, math.floor(outlook.ceiling_a)))


def _withheld(mode: EvMode, outlook: Outlook) -> Wish | None:
    """Return why the mode does not come to its word; None when it does."""
    terms, memory = outlook.terms, outlook.memory
    if mode is EvMode.OFF:
        return Wish(None, reason="off")
    if terms.session_j is not None and memory.session.energy_j >= terms.session_j:
        return Wish(charge=False, reason="session_cap")
    if memory.held:
        return Wish(None, reason="stopped_by_someone")
    if outlook.awaited and (mode is not EvMode.GRID or terms.import_cap_a is not None):
        return Wish(None, reason="readings_awaited")
    if outlook.ceiling_a < outlook.least_a:
        return Wish(charge=False, reason="limit_too_low")
    return None


def _grid(outlook: Outlook) -> Wish:
    """The owner's own limit; what we have stopped goes on."""
    stopped = outlook.memory.order is Order.STOP
    charge = True if stopped else None
    if outlook.ceiling_a < outlook.owner_a:
        return Wish(charge, math.floor(outlook.ceiling_a))
    return Wish(charge, outlook.owner_a, restores=True)


def _solar(outlook: Outlook) -> Wish:
    """The excess, once it was enough for a while and until it has been too little for a while."""
    sight, least_a = outlook.sight, outlook.least_a
    if sight is None or sight.excess_a is None:
        return Wish(charge=False, reason="readings_stale")

    def enough(each: Sight) -> bool:
        return each.excess_a is not None and each.excess_a >= least_a

    found_charging = outlook.charger.charging and outlook.memory.order is None
    if outlook.running:
        if outlook.lasts_s(lambda each: not enough(each)) >= outlook.terms.stop_s:
            return Wish(charge=False, reason="too_little_sun")
    elif not (found_charging and enough(sight)) and outlook.lasts_s(enough) < outlook.terms.start_s:
        return Wish(charge=False, reason="waiting" if enough(sight) else "too_little_sun")
    limit_a = max(least_a, _follow(outlook, sight.excess_a))
    return Wish(charge=True, limit_a=limit_a, patience=_OF_THE_SUN)


def _hybrid(outlook: Outlook) -> Wish:
    """The least current from wherever, and the excess."""
    sight, least_a = outlook.sight, outlook.least_a
    if sight is None or sight.excess_a is None:
        return Wish(charge=True, limit_a=least_a, reason="readings_stale")
    return Wish(charge=True, limit_a=least_a + max(0, _follow(outlook, sight.excess_a, least_a)))


def _follow(outlook: Outlook, excess_a: float, besides_a: float = 0.0) -> int:
    """Return how many whole amperes of excess to give: less at once, more only when it has lasted."""
    lately = outlook.lately(lambda sight: sight.excess_a)
    steady = excess_a if lately is None else min(excess_a, lately)
    given = outlook.charger.limit_a - besides_a if outlook.charger.charging else 0.0
    return math.floor(max(min(given, excess_a), steady))


def _capped(wished: Wish, outlook: Outlook, cap_a: float) -> Wish:
    """Keep the import below its cap: 10 % under it when it comes within 5 % of it."""
    sight, charger = outlook.sight, outlook.charger
    if sight is None or sight.room_a is None:
        return Wish(charge=False, reason="readings_stale")
    lately = outlook.lately(lambda each: each.room_a)
    steady = math.floor(sight.room_a if lately is None else min(lately, sight.room_a))
    if charger.charging:
        close = sight.import_a is not None and sight.import_a > CLOSE_TO * cap_a
        most = math.floor(sight.room_a) if close else max(charger.limit_a, steady)
    else:
        most = steady
    if most < outlook.least_a:
        return Wish(charge=False, reason="import_cap")
    if not charger.charging and wished.charge is None:
        return _idle(wished, charger)
    patience = _OF_THE_CAP if charger.limit_a > most else wished.patience
    if wished.limit_a is None or wished.limit_a <= most:
        return replace(wished, patience=patience)
    return Wish(wished.charge, most, "import_cap", patience=patience)


def _idle(wished: Wish, charger: ChargerState) -> Wish:
    """Return the wish without raising the limit: nothing is drawn, and what is drawn later begins low."""
    raises = wished.limit_a is not None and wished.limit_a > charger.limit_a
    return replace(wished, limit_a=None) if raises else wished
