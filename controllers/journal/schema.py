"""The tables of the journal. A version is never changed once released: the next one is appended."""

from __future__ import annotations

from typing import Final

from controllers.states.budget import DAY_S

SCHEMA: Final = (
    (
        """CREATE TABLE alerts (
            fingerprint TEXT NOT NULL, starts_at REAL NOT NULL, status TEXT NOT NULL, ends_at REAL NOT NULL,
            labels TEXT NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL, stamp REAL NOT NULL,
            times INTEGER NOT NULL, pending INTEGER NOT NULL,
            PRIMARY KEY (fingerprint, starts_at, status, ends_at)
        ) WITHOUT ROWID""",
        """CREATE TABLE claims (
            policy TEXT NOT NULL, fingerprint TEXT NOT NULL, device TEXT NOT NULL,
            document TEXT NOT NULL, touched_at REAL NOT NULL, live INTEGER NOT NULL,
            PRIMARY KEY (policy, fingerprint, device)
        ) WITHOUT ROWID""",
        """CREATE TABLE transitions (
            at REAL NOT NULL, policy TEXT NOT NULL, fingerprint TEXT NOT NULL, device TEXT NOT NULL,
            what TEXT NOT NULL
        )""",
        "CREATE INDEX transitions_at ON transitions (at)",
        """CREATE TABLE handles (
            serial TEXT NOT NULL, state TEXT NOT NULL, document TEXT NOT NULL,
            PRIMARY KEY (serial, state)
        ) WITHOUT ROWID""",
        "CREATE TABLE serials (serial TEXT PRIMARY KEY, device TEXT NOT NULL, first_at REAL NOT NULL)",
        """CREATE TABLE acts (
            id TEXT PRIMARY KEY, at REAL NOT NULL, device TEXT NOT NULL, serial TEXT NOT NULL,
            state TEXT NOT NULL, value TEXT NOT NULL, replacing TEXT NOT NULL, purpose TEXT NOT NULL,
            persistent INTEGER NOT NULL, outcome TEXT, reason TEXT, ended_at REAL
        )""",
        "CREATE INDEX acts_at ON acts (at)",
        "CREATE TABLE holds (device TEXT PRIMARY KEY, until REAL NOT NULL)",
        """CREATE TABLE heartbeat (
            one INTEGER PRIMARY KEY CHECK (one = 1), seen_at REAL, stamp REAL, lost INTEGER,
            began_at REAL, began_stamp REAL
        )""",
    ),
    (
        """CREATE TABLE requests (
            id TEXT PRIMARY KEY, at REAL NOT NULL, visitor TEXT NOT NULL, operation TEXT NOT NULL,
            device TEXT NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL, outcome TEXT NOT NULL,
            answer TEXT NOT NULL, ended_at REAL
        ) WITHOUT ROWID""",
        "CREATE INDEX requests_at ON requests (at)",
    ),
    (
        """CREATE TABLE tasks (
            policy TEXT NOT NULL, fingerprint TEXT NOT NULL, starts_at REAL NOT NULL, device TEXT NOT NULL,
            action TEXT NOT NULL, parameters TEXT NOT NULL, asked_at REAL NOT NULL, begun_at REAL,
            ended_at REAL, outcome TEXT, reason TEXT NOT NULL, result TEXT NOT NULL,
            PRIMARY KEY (policy, fingerprint, starts_at, device)
        ) WITHOUT ROWID""",
        """CREATE TABLE schedules (
            id TEXT PRIMARY KEY, device TEXT NOT NULL, document TEXT NOT NULL, touched_at REAL NOT NULL,
            live INTEGER NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE lifts (
            device TEXT PRIMARY KEY, found TEXT NOT NULL, begun_at REAL NOT NULL, task TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE frames (
            at REAL NOT NULL, device TEXT NOT NULL, task TEXT NOT NULL, frame TEXT NOT NULL
        )""",
        "CREATE INDEX frames_at ON frames (at)",
    ),
    (
        """CREATE TABLE ev_chargers (
            device TEXT PRIMARY KEY, serial TEXT NOT NULL, mode TEXT, document TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE ev_changes (
            at REAL NOT NULL, device TEXT NOT NULL, what TEXT NOT NULL, counts INTEGER NOT NULL
        )""",
        "CREATE INDEX ev_changes_at ON ev_changes (at)",
    ),
    ("CREATE TABLE freed (device TEXT PRIMARY KEY, at REAL NOT NULL)",),
)
"""The statements that make each version of the one before."""

VERSION: Final = len(SCHEMA)

KEPT_S: Final = 90 * DAY_S
"""How long what is over is kept."""

_RENEWALS: Final = (
    "DELETE FROM acts WHERE at < ? AND purpose = 'renew'"
    " AND outcome IN ('verified', 'effect_seen', 'accepted')"
)
"""What is done every few seconds as long as a device is told to do something."""


def retention(now: float) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """Return the statements that drop what was over so long ago; what is live or owed stays."""
    before = (now - KEPT_S,)
    yesterday = (now - DAY_S,)
    return (
        ("DELETE FROM alerts WHERE pending = 0 AND last_at < ?", before),
        ("DELETE FROM claims WHERE live = 0 AND touched_at < ?", before),
        ("DELETE FROM transitions WHERE at < ?", before),
        ("DELETE FROM acts WHERE at < ?", before),
        (_RENEWALS, yesterday),
        ("DELETE FROM requests WHERE at < ?", before),
        ("DELETE FROM tasks WHERE outcome IS NOT NULL AND ended_at < ?", before),
        ("DELETE FROM schedules WHERE live = 0 AND touched_at < ?", before),
        ("DELETE FROM frames WHERE at < ?", before),
        ("DELETE FROM ev_changes WHERE at < ?", before),
    )
