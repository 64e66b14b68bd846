"""What has arrived and is safe on the disk, but not judged yet. Whoever delivered it has his answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Final

from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal, Statement, moment

_PUT: Final = (
    "INSERT INTO alerts (fingerprint, starts_at, status, ends_at, labels, first_at, last_at, stamp, times,"
    " pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1)"
    " ON CONFLICT DO UPDATE SET last_at = excluded.last_at, stamp = excluded.stamp, times = times + 1,"
    " pending = 1"
)
_JUDGED: Final = (
    "UPDATE alerts SET pending = 0 WHERE fingerprint = ? AND starts_at = ? AND status = ? AND ends_at = ?"
    " AND last_at <= ?"
)


class Inbox:
    """Alerts between their arrival and their judgement. `concern` tells which mean anything here."""

    def __init__(self, journal: Journal, concern: Callable[[Alert], bool]) -> None:
        self._journal = journal
        self._concern = concern
        self._waiting: list[Alert] = _pending(journal)
        self._arrived = asyncio.Event()
        if self._waiting:
            self._arrived.set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest(self) -> float | None:
        """When the oldest of them arrived; None without any."""
        return min((alert.seen_at for alert in self._waiting), default=None)

    async def accept(self, alerts: Iterable[Alert]) -> int:
        """Keep what means anything here; it is on the disk when this returns. Return how many these are.

        Repeats make the journal no longer. Raises JournalError.
        """
        meant = [alert for alert in alerts if self._concern(alert)]
        if meant:
            await self._journal.commit(*map(_put, meant))
            self._waiting += meant
            self._arrived.set()
        return len(meant)

    async def take(self) -> list[Alert]:
        """Wait until there is something, and return all of it in the order of its arrival."""
        await self._arrived.wait()
        self._arrived.clear()
        waiting, self._waiting = self._waiting, []
        return waiting

    def put_back(self, alerts: Iterable[Alert]) -> None:
        """Keep what could not be judged for the next time."""
        self._waiting = [*alerts, *self._waiting]
        self._arrived.set()


def judged(alerts: Iterable[Alert]) -> list[Statement]:
    """Return the statements that note that these have been judged."""
    return [
        (_JUDGED, (alert.fingerprint, alert.starts_at, alert.status.value, alert.ends_at, alert.seen_at))
        for alert in alerts
    ]


def _put(alert: Alert) -> Statement:
    return _PUT, (
        alert.fingerprint,
        alert.starts_at,
        alert.status.value,
        alert.ends_at,
        json.dumps(dict(alert.labels)),
        alert.seen_at,
        alert.seen_at,
        alert.stamp,
    )


def _pending(journal: Journal) -> list[Alert]:
    rows = journal.read(
        "SELECT fingerprint, status, labels, starts_at, ends_at, stamp, last_at FROM alerts"
        " WHERE pending = 1 ORDER BY last_at, starts_at, status"
    )
    return [
        Alert(
            fingerprint=str(fingerprint),
            status=Status(str(status)),
            labels=json.loads(str(labels)),
            starts_at=moment(starts_at),
            ends_at=moment(ends_at),
            stamp=moment(stamp),
            seen_at=moment(last_at),
        )
        for fingerprint, status, labels, starts_at, ends_at, stamp, last_at in rows
    ]
