"""The output to InfluxDB: readings go to the spool, and from there to the server, whatever scrapes do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from exporter.delivery import Client, Delivered, Failure, Pauses, WriteFailed, deliver
from exporter.points import Points
from exporter.spool import Batch, Spool, SpoolDamaged
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.reading import Reading

_AFTER_A_FAULT_S: Final = 10.0
_MOST_WAITING: Final = 10_000
"""Readings that may wait for the disk; a disk that hangs must not take the memory too."""

_RECORD_BYTES: Final = 64 * 1024
_BATCH_BYTES: Final = 64 * 1024
"""About 500 points. The client compresses them on the event loop: 3 ms there, 7 ms for the most at once."""

FLUSH_S: Final = 5.0
"""How long the end of the process may wait for InfluxDB."""

SPOOL_FULL: Final = "spool_full"
DISK: Final = "disk"
DROP_REASONS: Final = (SPOOL_FULL, DISK, Failure.REJECTED.value, Failure.TOO_LARGE.value)

Result = TypeVar("Result")
_Item = tuple[Mapping[str, str], Reading]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is in the spool: points, bytes on disk, and the Unix time of the oldest point."""

    points: int = 0
    size: int = 0
    oldest: float | None = None


@dataclass(slots=True)
class Statistics:
    """What the output has done since the process began."""

    spooled: int = 0
    written: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    errors: Counter[Failure] = field(default_factory=Counter)
    last_success: float | None = None
    waiting: Waiting = Waiting()
    limit: int = 0
    polls: int = 0

    def polled(self) -> None:
        """Count a read of a device that nobody had asked for a while."""
        self.polls += 1


@dataclass(slots=True)
class _Kept:
    spooled: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    error: OSError | ValueError | None = None


class Writer:
    """Writes every reading that it is given to one bucket; see `Spool` and `deliver`.

    `run` does the work. `put` never waits. Files are touched in a thread of its own only.
    """

    def __init__(
        self, spool: Spool, client: Client, statistics: Statistics, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._spool = spool
        self._client = client
        self._statistics = statistics
        self._clock = clock
        self._points = Points()
        self._pauses = Pauses()
        self._thread = ThreadPoolExecutor(1, "influxdb-spool")
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(_MOST_WAITING)
        self._spooled = asyncio.Event()
        self._quiet = asyncio.Event()
        self._lost: Failure | None = None
        self._disk_fails = False
        self._tasks: list[asyncio.Task[None]] = []

    def put(self, labels: Mapping[str, str], reading: Reading) -> None:
        """Take a reading of the device that the labels tell."""
        try:
            self._queue.put_nowait((labels, reading))
        except asyncio.QueueFull:
            self._statistics.dropped[DISK] += len(Points().lines(labels, reading))

    def start(self) -> None:
        """Begin to write, first of all what is in the spool."""
        for name, work in (("keep", self._keep), ("send", self._send)):
            self._tasks.append(asyncio.create_task(self._for_ever(name, work), name=f"influxdb {name}"))

    async def close(self, flush_s: float = FLUSH_S) -> None:
        """Put all readings into the spool, and deliver what InfluxDB takes in the meantime.

        The spool itself stays open: it is the caller's.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(flush_s):
                await self._queue.join()
                await self._quiet.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await asyncio.to_thread(self._thread.shutdown)

    async def _for_ever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this until cancelled: a fault of ours in one reading must not keep out all later ones."""
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - whatever it was, the next reading is written
                _log.exception("influxdb_writer_failed", task=name)
                await self._clock.sleep(_AFTER_A_FAULT_S)

    async def _keep(self) -> None:
        while True:
            items = [await self._queue.get()]
            while not self._queue.empty():
                items.append(self._queue.get_nowait())
            try:
                await self._keep_all(items)
            finally:  # what failed is done with too: the end of the process waits for nothing else
                for _ in items:
                    self._queue.task_done()

    async def _keep_all(self, items: Sequence[_Item]) -> None:
        kept = await self._on_disk(lambda: self._append(items))
        self._statistics.spooled += kept.spooled
        self._statistics.dropped.update(kept.dropped)
        self._tell_disk(kept.error)
        if kept.spooled:
            self._spooled.set()
            if self._lost is None:
                self._quiet.clear()

    def _append(self, items: Sequence[_Item]) -> _Kept:
        kept = _Kept()
        lines = [line for labels, reading in items for line in self._points.lines(labels, reading)]
        for record in _records(lines):
            try:
                dropped = self._spool.append(record, self._clock.time())
            except (OSError, ValueError) as error:
                kept.dropped[DISK] += len(record)
                kept.error = error
            else:
                kept.spooled += len(record)
                kept.dropped[SPOOL_FULL] += dropped
        return kept

    async def _send(self) -> None:
        while True:
            self._spooled.clear()
            try:
                batch = await self._on_disk(lambda: self._spool.head(_BATCH_BYTES))
                if batch is None:
                    self._quiet.set()
                    await self._spooled.wait()
                    continue
                delivered = await deliver(self._client, batch.lines)
            except WriteFailed as error:
                await self._pause(error)
            except SpoolDamaged as error:
                self._statistics.dropped[DISK] += error.points
                _log.error("influxdb_spool_damaged", detail=str(error))
            except OSError as error:
                self._tell_disk(error)
                self._quiet.set()
                await self._clock.sleep(self._pauses.next(None))
            else:
                await self._delivered(batch, delivered)

    async def _delivered(self, batch: Batch, delivered: Delivered) -> None:
        statistics = self._statistics
        # What had to go meanwhile was counted as dropped then.
        if await self._on_disk(lambda: self._spool.take(batch)):
            statistics.written += delivered.written
            statistics.dropped.update({reason.value: n for reason, n in delivered.dropped.items()})
        statistics.last_success = self._clock.time()
        self._pauses.reset()
        if self._lost is not None:
            _log.info("influxdb_back", was=self._lost, points_waiting=statistics.waiting.points)
            self._lost = None

    async def _pause(self, error: WriteFailed) -> None:
        self._statistics.errors[error.failure] += 1
        if error.failure is not self._lost:
            self._lost = error.failure
            waiting = self._statistics.waiting.points
            _log.warning("influxdb_lost", reason=error.failure, detail=error.detail, points_waiting=waiting)
        self._quiet.set()
        await self._clock.sleep(self._pauses.next(error.retry_after_s))

    def _tell_disk(self, error: OSError | ValueError | None) -> None:
        if error is not None and not self._disk_fails:
            _log.error("influxdb_spool_failing", directory=str(self._spool.directory), detail=str(error))
        elif error is None and self._disk_fails:
            _log.info("influxdb_spool_back", directory=str(self._spool.directory))
        self._disk_fails = error is not None

    async def _on_disk(self, work: Callable[[], Result]) -> Result:
        """Do this in the thread that has the spool, and look at the spool afterwards."""

        def do() -> Result:
            try:
                return work()
            finally:
                spool = self._spool
                self._statistics.waiting = Waiting(spool.points, spool.size, spool.oldest)

        return await asyncio.get_running_loop().run_in_executor(self._thread, do)


def _records(lines: Sequence[str]) -> Iterator[list[str]]:
    """Split lines into records of moderate size."""
    record: list[str] = []
    size = 0
    for line in lines:
        if record and size + len(line) > _RECORD_BYTES:
            yield record
            record, size = [], 0
        record.append(line)
        size += len(line) + 1
    if record:
        yield record
