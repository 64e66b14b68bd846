"""The journal: what is asked, what is owed and what was done, on the disk before the device hears of it.

SQLite in one thread of its own. What is committed at the same time shares one transaction, and nobody
waits for more than that one to reach the disk. One process at a time owns a journal.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from controllers.journal.schema import SCHEMA, VERSION
from sunhelm.service.directory_lock import lock_directory

Statement = tuple[str, tuple[object, ...]]
Row = tuple[object, ...]

FILE: Final = "journal.sqlite3"
_MOST_AT_ONCE: Final = 512


class JournalError(Exception):
    """The journal cannot be used; the text says why."""


def moment(cell: object) -> float:
    """Return the time that stands in a cell of a row. Raises JournalError for what is none."""
    if not isinstance(cell, float | int):
        raise JournalError(f"{cell!r} stands where a time should")
    return float(cell)


class Journal:
    """The journal in a directory.

    `fresh` says that there was none: nothing is known of what the devices hold. `failing` says that the
    last thing handed over could not be kept.
    """

    def __init__(self, directory: Path) -> None:
        """Open it, making or upgrading it as needed. Raises JournalError."""
        self.directory = directory
        self.failing = False
        self._jobs: queue.SimpleQueue[tuple[Sequence[Statement], Future[None]] | None] = queue.SimpleQueue()
        try:
            self._lock = lock_directory(directory)
        except BlockingIOError:
            raise JournalError(f"{directory} is in use by another controller") from None
        except OSError as error:
            raise JournalError(f"{directory} cannot be used: {error.strerror}") from error
        try:
            self.fresh = not (directory / FILE).exists()
            self._database = _open(directory / FILE)
        except (OSError, sqlite3.Error, JournalError) as error:
            self._lock.close()
            raise JournalError(f"{directory / FILE} cannot be used: {error}") from error
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def read(self, query: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """Return the rows of a query; for starts and pages, not for every step. Raises JournalError."""
        try:
            with _connection(self.directory / FILE) as database:
                return database.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self.directory / FILE} cannot be read: {error}") from error

    async def commit(self, *statements: Statement) -> None:
        """Carry out all of these or none; they are on the disk when this returns. Raises JournalError.

        A cancellation does not take back what was handed over.
        """
        done: Future[None] = Future()
        self._jobs.put((statements, done))
        await asyncio.shield(asyncio.wrap_future(done))

    def close(self) -> None:
        """Finish what was handed over, and leave the journal to the next process."""
        self._jobs.put(None)
        self._thread.join()
        self._database.close()
        self._lock.close()

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < _MOST_AT_ONCE and jobs[-1] is not None and not self._jobs.empty():
                jobs.append(self._jobs.get())
            self._carry_out([job for job in jobs if job is not None])
            if jobs[-1] is None:
                return

    def _carry_out(self, jobs: Sequence[tuple[Sequence[Statement], Future[None]]]) -> None:
        """Commit all jobs together, or, when one of them is at fault, each by itself."""
        error = self._transaction([statement for statements, _ in jobs for statement in statements])
        for statements, done in jobs:
            own = self._transaction(statements) if error is not None and len(jobs) > 1 else error
            self.failing = own is not None
            if own is None:
                done.set_result(None)
            else:
                done.set_exception(JournalError(f"{self.directory / FILE} cannot be written: {own}"))

    def _transaction(self, statements: Sequence[Statement]) -> Exception | None:
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for sql, parameters in statements:
                    self._database.execute(sql, parameters)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            return error
        return None


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        version = _version(database)
        for number, statements in enumerate(SCHEMA[version:], start=version + 1):
            with database:
                database.execute("BEGIN IMMEDIATE")
                for statement in statements:
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        database.close()
        raise
    return database


def _version(database: sqlite3.Connection) -> int:
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise JournalError(f"it has version {version}; this Sunhelm knows versions up to {VERSION}")
    return version


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        yield database
    finally:
        database.close()
