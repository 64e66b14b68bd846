"""Whose turn it is on an endpoint, within this process and between processes.

Many devices serve one client, and some hang when they are asked too fast, whichever process asks. So every
exchange happens in a turn. Readers let a waiting control process go first between two requests; a control
turn is never asked to give way. All locks of the house are here.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote
from weakref import WeakValueDictionary

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.errors import Busy
from sunhelm.devices.links.lockfile import LockFile, Record
from sunhelm.devices.links.waits import waiting

Role = Literal["reader", "control"]

DEFAULT_DIRECTORY = Path("/run/sunhelm")
POLL_S = 0.01  # how often a turn that another process has is asked for, and a waiting writer looked for


class RuntimeDirectoryError(Exception):
    """The runtime directory cannot be used: a process that took no turns would break devices."""


def runtime_directory(configured: Path | None = None) -> Path:
    """Return where the lock files are: `configured`, else /run/sunhelm, else below XDG_RUNTIME_DIR.

    Raises RuntimeDirectoryError when there is no such place.
    """
    if configured is not None:
        return configured
    if DEFAULT_DIRECTORY.is_dir() or os.access(DEFAULT_DIRECTORY.parent, os.W_OK):
        return DEFAULT_DIRECTORY
    if below := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(below) / "sunhelm"
    raise RuntimeDirectoryError(
        f"runtime directory: {DEFAULT_DIRECTORY} does not exist and cannot be made, and XDG_RUNTIME_DIR is "
        "not set. Make it, writable by the group of all processes of Sunhelm, or name another with "
        "--runtime.directory"
    )


def _make(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(parents=True)
        directory.chmod(0o2770)


def _boot_seconds() -> float:
    """Return seconds since boot, also those in suspend: the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Turns:
    """The turns that this process takes; one for all its links.

    `directory` is shared with the other processes; None when there are none. `role` "reader" gives way to
    `role` "control". `boot_clock` returns seconds that mean the same in all of them.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        role: Role = "reader",
        boot_clock: Callable[[], float] = _boot_seconds,
    ) -> None:
        """Make sure that the directory can be used. Raises RuntimeDirectoryError."""
        self.directory = directory
        self.role: Role = role
        self.boot_clock = boot_clock
        self._endpoints: WeakValueDictionary[tuple[str, int], Endpoint] = WeakValueDictionary()
        if directory is not None:
            try:
                _make(directory)
                with tempfile.TemporaryFile(dir=directory):
                    pass
            except OSError as error:
                raise RuntimeDirectoryError(
                    f"runtime directory {directory}: {error.strerror or error}. It must be a directory "
                    "that the group of all processes of Sunhelm may write to; name another with "
                    "--runtime.directory"
                ) from error

    def endpoint(self, name: str, clock: Clock = SYSTEM_CLOCK) -> Endpoint:
        """Return the one endpoint of that name, an address and port or an account, by that clock."""
        key = (name, id(clock))  # an endpoint keeps its clock, so the number is of no other while it lives
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            endpoint = self._endpoints[key] = Endpoint(name, self, clock)
        return endpoint


IN_PROCESS = Turns()
"""The turns of a process that shares its devices with no other."""


class Endpoint:
    """One place where a device, or several behind one gateway, can be reached."""

    def __init__(self, name: str, turns: Turns, clock: Clock) -> None:
        self.name = name
        self._turns = turns
        self._clock = clock
        self._turn = asyncio.Lock()
        self._request = asyncio.Lock()
        self._file: LockFile | None = None
        self._owned = False
        self._exchanged_at: float | None = None
        self._delayed = False
        self._asked_at: dict[str, float] = {}

    async def take(self, deadline: Deadline) -> None:
        """Wait for the turn and take it. Raises Busy when that takes past the deadline."""
        taken = self._turn.locked()
        try:
            async with asyncio.timeout(deadline.remaining()):
                with waiting():
                    await self._turn.acquire()
        except TimeoutError:
            raise Busy(f"{self.name}: another reading of this process did not end in time") from None
        self._delayed = taken
        try:
            await self.resume(deadline)
        except BaseException:
            self._turn.release()
            raise

    def release(self) -> None:
        """End the turn."""
        self.lend()
        self._turn.release()

    @property
    def owned(self) -> bool:
        """Whether the turn is ours and not lent."""
        return self._owned

    @property
    def is_awaited(self) -> bool:
        """Whether we should give way now: a control process waits, and we are only reading."""
        return self._turns.role == "reader" and self._file is not None and self._file.is_awaited()

    @property
    def gives_way(self) -> bool:
        """Whether `is_awaited` can become true in this turn."""
        return self._turns.role == "reader" and self._file is not None

    def lend(self) -> None:
        """Let other processes in, but no one else of this process; `resume` takes the turn back."""
        self._owned = False
        if self._file is not None:
            self._file.close()
            self._file = None

    async def resume(self, deadline: Deadline) -> None:
        """Wait until no other process has the turn. Raises Busy when that takes past the deadline."""
        if self._turns.directory is None:
            self._owned = True
            return
        path = self._turns.directory / f"{quote(self.name, safe='@:[]')}.lock"
        try:
            with waiting():
                await self._poll(path, deadline)
        except OSError as error:
            self.lend()
            raise Busy(f"{self.name}: lock file {path}: {error.strerror or error}") from error
        except BaseException:
            self.lend()
            raise
        self._owned = True

    async def _poll(self, path: Path, deadline: Deadline) -> None:
        while not self._try(path):
            self._delayed = True
            if deadline.passed:
                raise Busy(f"{self.name}: {self._owner()} did not end its turn in time")
            await self._clock.sleep(min(POLL_S, deadline.remaining()))

    def _try(self, path: Path) -> bool:
        file = self._file
        if file is None:
            _make(path.parent)  # a service manager may have removed it with another process of ours
            file = self._file = LockFile(path)
        writer = self._turns.role == "control"
        if writer:
            file.announce()
        taken = (writer or not file.is_awaited()) and file.take()
        if not file.is_current():
            file.close()
            self._file = None
            return False
        if taken:
            last = file.read()
            self._exchanged_at = last.exchanged_at if last else None
            self._delayed = self._delayed or (last is not None and last.pid != os.getpid())
            self._asked_at = dict(last.asked_at) if last else {}
            self._record()
        return taken

    def _owner(self) -> str:
        record = self._file.read() if self._file is not None else None
        return f"process {record.pid} ({record.role})" if record else "another process"

    def _record(self) -> None:
        if self._file is not None:
            self._file.write(Record(os.getpid(), self._turns.role, self._exchanged_at, self._asked_at))

    @asynccontextmanager
    async def request(self, deadline: Deadline) -> AsyncIterator[None]:
        """Be the one request in flight. Raises Busy when others take past the deadline."""
        try:
            async with asyncio.timeout(deadline.remaining()):
                await self._request.acquire()
        except TimeoutError:
            raise Busy(f"{self.name}: other requests of this turn did not end in time") from None
        try:
            yield
        finally:
            self._request.release()

    async def quiet(self) -> None:
        """Return when no request is in flight."""
        async with self._request:
            pass

    def exchanged(self, name: str = "") -> None:
        """Note that the device is being spoken to, or has just answered.

        `name` is that of a request which the device does not want too often.
        """
        self._exchanged_at = self._now()
        if name:
            self._asked_at[name] = self._exchanged_at
        self._record()

    @property
    def delayed(self) -> bool:
        """Whether this turn had to wait for another, or came after one of another process.

        A deadline that is too short then says nothing about the device.
        """
        return self._delayed

    def since_exchange_s(self) -> float:
        """Return the seconds since any process spoke to the device; infinite when none is known to have."""
        return self._since(self._exchanged_at)

    def since_asked_s(self, name: str) -> float:
        """Return the seconds since any process had that request out; infinite when none is known to have."""
        return self._since(self._asked_at.get(name))

    def _since(self, moment: float | None) -> float:
        now = self._now()
        if moment is None or moment > now:  # later than now: of an earlier boot
            return float("inf")
        return now - moment

    def _now(self) -> float:
        return self._clock.monotonic() if self._turns.directory is None else self._turns.boot_clock()
