"""What the journal holds, in words."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from controllers.desk.office import Office
from controllers.journal.journal import Row, moment
from controllers.journal.values import decode, words
from controllers.people import EventRecord
from controllers.views import cause

_ACTS: Final = (
    "SELECT at, device, state, value, replacing, purpose, outcome, reason FROM acts WHERE at < ?"
    " AND (? IS NULL OR device = ?)"
    " AND NOT (purpose = 'renew' AND outcome IN ('verified', 'effect_seen', 'accepted'))"
    " ORDER BY at DESC LIMIT ?"
)
_TRANSITIONS: Final = (
    "SELECT at, device, policy, what, document FROM transitions"
    " LEFT JOIN claims USING (policy, fingerprint, device)"
    " WHERE at < ? AND (? IS NULL OR device = ?) ORDER BY at DESC LIMIT ?"
)
_TASKS: Final = (
    "SELECT asked_at, device, policy, action, outcome, reason FROM tasks WHERE asked_at < ?"
    " AND (? IS NULL OR device = ?) ORDER BY asked_at DESC LIMIT ?"
)
_FRAMES: Final = (
    "SELECT at, device, task, frame FROM frames WHERE at < ? AND (? IS NULL OR device = ?)"
    " ORDER BY at DESC, rowid DESC LIMIT ?"
)

_CHARGING: Final = (
    "SELECT at, device, what FROM ev_changes WHERE at < ? AND (? IS NULL OR device = ?)"
    " AND what NOT LIKE 'limit %' ORDER BY at DESC LIMIT ?"
)
"""Limits of a charger follow the sun: they would hide everything else."""


class History(Office):
    """The part of the desk that is about what has happened."""

    async def history(
        self, *, device: str | None = None, before: float | None = None, most: int = 100
    ) -> tuple[EventRecord, ...]:
        """Return what the journal holds, the newest first, from before that time; no usual renewals."""
        parameters = (float("inf") if before is None else before, device, device, most)
        return await asyncio.to_thread(self._events, parameters, most)

    def _events(self, parameters: tuple[object, ...], most: int) -> tuple[EventRecord, ...]:
        read = self._books.journal.read
        events = [
            *map(_write, read(_ACTS, parameters)),
            *map(_transition, read(_TRANSITIONS, parameters)),
            *map(_task, read(_TASKS, parameters)),
            *map(_frame, read(_FRAMES, parameters)),
            *map(_charging, read(_CHARGING, parameters)),
        ]
        return tuple(sorted(events, key=lambda event: -event.at)[:most])


def _write(row: Row) -> EventRecord:
    at, device, state, value, replacing, purpose, outcome, reason = row
    wrote, before = (words(decode(json.loads(str(text)))) for text in (value, replacing))
    return EventRecord(
        at=moment(at),
        kind="write",
        device=str(device),
        what=f"{state}: {wrote} in place of {before}",
        cause=str(purpose),
        outcome=str(outcome or ""),
        reason=str(reason or ""),
    )


def _transition(row: Row) -> EventRecord:
    at, device, policy, what, document = row
    claim = {} if document is None else json.loads(str(document))
    about = f": {claim['state']} {words(decode(claim['value']))}" if claim else ""
    return EventRecord(
        at=moment(at),
        kind="claim",
        device=str(device),
        what=f"{what}{about}",
        cause=cause(str(policy)),
    )


def _frame(row: Row) -> EventRecord:
    at, device, task, frame = row
    what = f"frame {frame}"
    return EventRecord(at=moment(at), kind="frame", device=str(device), what=what, cause=str(task))


def _charging(row: Row) -> EventRecord:
    at, device, what = row
    who = "person" if str(what).startswith("mode ") else "regulation"
    return EventRecord(at=moment(at), kind="charging", device=str(device), what=str(what), cause=who)


def _task(row: Row) -> EventRecord:
    at, device, policy, action, outcome, reason = row
    return EventRecord(
        at=moment(at),
        kind="task",
        device=str(device),
        what=str(action),
        cause=cause(str(policy)),
        outcome=str(outcome or ""),
        reason=str(reason),
    )
