"""What the journal holds of EV chargers: their modes, what is remembered of them, and what was changed."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import NamedTuple, cast

from controllers.evcharging.memory import Memory
from controllers.evcharging.session import Session
from controllers.evcharging.terms import EvMode
from controllers.journal.journal import Journal, Statement, moment
from controllers.states.budget import DAY_S
from sunhelm.devices.charging import Order

_PASSING = ("sights", "begun_at", "session")


class Recalled(NamedTuple):
    """A charger as it was kept. `mode` is what a person has chosen, None where nobody has."""

    serial: str
    mode: EvMode | None
    memory: Memory


def put_charger(device: str, serial: str, mode: EvMode | None, memory: Memory) -> Statement:
    """Return the statement that keeps a charger as it is now."""
    document = {name: value for name, value in asdict(memory).items() if name not in _PASSING}
    document["session"] = asdict(memory.session)
    sql = "INSERT OR REPLACE INTO ev_chargers (device, serial, mode, document) VALUES (?, ?, ?, ?)"
    return sql, (device, serial, None if mode is None else mode.value, json.dumps(document))


def recalled_chargers(journal: Journal, now: float) -> dict[str, Recalled]:
    """Return the chargers that are kept, by device; no time of theirs is after `now`."""
    rows = journal.read("SELECT device, serial, mode, document FROM ev_chargers")
    return {
        str(device): Recalled(
            str(serial),
            None if mode is None else EvMode(str(mode)),
            _memory(json.loads(str(document)), now),
        )
        for device, serial, mode, document in rows
    }


def put_change(device: str, what: str, now: float, *, counts: bool = True) -> Statement:
    """Return the statement that notes what is about to be sent, or, where it does not count, was chosen."""
    sql = "INSERT INTO ev_changes (at, device, what, counts) VALUES (?, ?, ?, ?)"
    return sql, (now, device, what, int(counts))


def changes_within_a_day(journal: Journal, device: str, now: float) -> list[float]:
    """Return when a charger was changed within 24 hours; no time is after `now`."""
    rows = journal.read(
        "SELECT at FROM ev_changes WHERE device = ? AND counts = 1 AND at > ? ORDER BY at",
        (device, now - DAY_S),
    )
    return [min(moment(at), now) for (at,) in rows]


def _memory(document: dict[str, object], now: float) -> Memory:
    session = cast("dict[str, object]", document.pop("session"))
    known = {each.name for each in fields(Memory)}
    given = {name: value for name, value in document.items() if name in known}
    for name in ("changed_at", "failed_at", "seen_at"):
        given[name] = _not_after(given.get(name), now)
    for name in ("foreign", "forgotten", "ours_a"):
        given[name] = tuple(cast("list[float]", given.get(name, ())))
    for name in ("order", "owner_order"):
        order = given.get(name)
        given[name] = None if order is None else Order(str(order))
    session["at"] = _not_after(session.get("at"), now)
    return Memory(**given, session=Session(**session), begun_at=now)  # type: ignore[arg-type] # as it was kept


def _not_after(at: object, now: float) -> float | None:
    return min(at, now) if isinstance(at, float | int) else None
