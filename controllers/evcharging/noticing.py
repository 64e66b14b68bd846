"""What a look at the charger says of what we wrote: done, not done, forgotten, changed by somebody else.

A stricter value of somebody else is the owner's from then on, and so is a looser one, under which what was
asked is written once more. Who changes it twice within an hour is left to it, until a person says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from controllers.evcharging.memory import Memory
from controllers.evcharging.session import counted
from sunhelm.devices.charging import ChargerState, Order, Stage

MOST_FOREIGN: Final = 2
MOST_FORGOTTEN: Final = 3
KEEPS_FORGETTING: Final = "keeps_forgetting"
LOST_S: Final = 90.0
"""A charger that was not seen for so long may have restarted: what it forgot then nobody took away."""

_ALIKE_A: Final = 0.25


def alike(one_a: float, other_a: float) -> bool:
    """Return whether two limits are the same to the charger."""
    return abs(one_a - other_a) < _ALIKE_A


def noticed(memory: Memory, charger: ChargerState, now: float, *, claimed: bool = False) -> Memory:
    """Return what is remembered after a look; while others claim the charger, what it holds is theirs."""
    lost = memory.seen_at is None or now - memory.seen_at > LOST_S
    turned = charger.charging != (memory.session.power_w > 0)  # some keep a limit for one charge alone
    plugged_in = charger.vehicle and not memory.session.vehicle
    memory = replace(memory.within_an_hour(now), session=counted(memory.session, charger, now), seen_at=now)
    if plugged_in:
        memory = memory.forgiven()
    if claimed:
        return replace(memory, claimed=True)
    if memory.claimed:
        memory = replace(memory.let_go(), claimed=False)
    if plugged_in and memory.order is not None and charger.charging == (memory.order is Order.STOP):
        memory = replace(memory, order=None, order_seen=False)
    memory = _about_limit(memory, charger, now, lost=lost or turned)
    return _about_order(memory, charger, now, lost=lost)


def _about_limit(memory: Memory, charger: ChargerState, now: float, *, lost: bool) -> Memory:
    shown = charger.limit_a
    if not charger.tells_limit:
        return memory
    if not memory.ours_a:
        return replace(memory, owner_a=shown)
    asked, memory = memory.asked_a, replace(memory, asked_a=None)
    if asked is not None and alike(shown, asked):
        return replace(_obeyed(memory), ours_a=(asked,))
    if asked is not None:
        memory = _disobeyed(memory, now)
    if any(alike(shown, ours) for ours in memory.ours_a):
        return memory
    if memory.owner_a is not None and alike(shown, memory.owner_a):
        never_taken = asked is not None or memory.failures
        return memory if never_taken else _forgotten(replace(memory, ours_a=()), now, lost=lost)
    return replace(_changed(memory, now), owner_a=shown, ours_a=())


def _about_order(memory: Memory, charger: ChargerState, now: float, *, lost: bool) -> Memory:
    if memory.order is None:
        return replace(memory, owner_order=Order.START if charger.charging else charger.order)
    if memory.order is Order.READY or charger.charging == (memory.order is Order.START):
        # That it still charges is no news, and no proof that it takes a limit.
        return memory if memory.order_seen else replace(_obeyed(memory), order_seen=True)
    if charger.charging:
        return _not_stopped(memory, now, lost=lost)
    return _not_started(memory, charger, now, lost=lost)


def _not_stopped(memory: Memory, now: float, *, lost: bool) -> Memory:
    """Return what is remembered of a vehicle that charges although we have stopped it."""
    if not memory.order_seen:
        return _disobeyed(memory, now)
    gone = replace(memory, order=None, order_seen=False, owner_order=Order.START)
    return gone if lost else _changed(gone, now)


def _not_started(memory: Memory, charger: ChargerState, now: float, *, lost: bool) -> Memory:
    """Return what is remembered of a vehicle that does not charge although we have started it."""
    if charger.order is Order.START or not charger.vehicle:
        return memory  # it is offered, and may be taken later
    gone = replace(memory, order=None, order_seen=False)
    if charger.stage is not Stage.CONNECTED:
        return gone
    if not memory.order_seen:
        return _disobeyed(gone, now)
    if charger.order is Order.STOP and not lost:
        return replace(gone, held=True)
    return _forgotten(gone, now, lost=lost)


def _obeyed(memory: Memory) -> Memory:
    return replace(memory, failures=0, failed_at=None)


def _disobeyed(memory: Memory, now: float) -> Memory:
    return replace(memory, failures=memory.failures + 1, failed_at=now)


def _forgotten(memory: Memory, now: float, *, lost: bool) -> Memory:
    if lost:
        return memory
    times = (*memory.forgotten, now)
    back = KEEPS_FORGETTING if len(times) > MOST_FORGOTTEN else memory.stood_back
    return replace(memory, forgotten=times, stood_back=back)


def _changed(memory: Memory, now: float) -> Memory:
    times = (*memory.foreign, now)
    back = "changed_by_someone_else" if len(times) >= MOST_FOREIGN else memory.stood_back
    return replace(memory, foreign=times, stood_back=back)
