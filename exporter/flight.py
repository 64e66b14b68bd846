"""Many askers, one read.

A device is read when somebody asks. Whoever asks while a read is under way waits for that one; whoever
asks while its reading is still young gets the same reading, with its time. The read runs under the
family's own deadline, not under that of the asker who happened to come first: an impatient scrape leaves,
the read goes on and serves the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.errors import Reason
from sunhelm.devices.links.waits import Waits, noted
from sunhelm.devices.reader import EVERYTHING
from sunhelm.devices.reading import Outcome, Reading

_OVERRUN_S: Final = 5.0
"""How far past its own deadline a read may go before it is taken for stuck and cancelled."""

_log = structlog.get_logger(__name__)

Listener = Callable[[Reading], None]
"""Told of every reading fresh from the device, once; not of those that are served again. Must not block."""


class Readable(Protocol):
    """What a flight needs of `sunhelm.devices.device.Device`."""

    @property
    def name(self) -> str:
        """The device's name in the site file."""

    async def read(self, deadline: Deadline, groups: Collection[str] | None = None) -> Reading:
        """Read the groups that are due, of those named; never raises DeviceError."""

    async def close(self) -> None:
        """Close the connection."""


class Grounded(Exception):
    """The flight is closed: the process ends, or another configuration took its place."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an asker gets: a reading, and how it came about.

    `again` says that it was read for somebody else before this asker came, `late` that the asker's own
    deadline passed first: the reading then holds no sample, and for every group a time-out, or `busy` where
    the read has mostly waited for another user of the device.
    """

    reading: Reading
    again: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class _Landed:
    """A finished read: which groups it was for (None for all), and when it began.

    `began` is in the seconds of `Clock.monotonic()`: a jump of the wall clock cannot make it young again.
    """

    reading: Reading
    groups: frozenset[str] | None
    began: float


class Flight:
    """The reads of one device, one at a time.

    `refresh_s` is how often the device renews its values: a younger reading is served again.
    `deadline_s` bounds a read, whoever asked for it.
    """

    def __init__(
        self,
        device: Readable,
        *,
        refresh_s: float,
        deadline_s: float,
        listeners: Sequence[Listener] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._device = device
        self._refresh_s = refresh_s
        self._deadline_s = deadline_s
        self._listeners = tuple(listeners)
        self._clock = clock
        self._task: asyncio.Task[_Landed] | None = None
        self._last: _Landed | None = None
        self._known: tuple[str, ...] = ()
        self._waiting: list[frozenset[str] | None] = []
        self._waits = Waits(clock)
        self._closed = False

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the device has; empty before a whole read has told them."""
        return self._known

    async def reading(self, deadline: Deadline, groups: frozenset[str] | None = None) -> Answer:
        """Return a reading of the groups named, or of all; never waits past the deadline.

        Raises Grounded when the flight is closed meanwhile. What a read raises by mistake (it should
        not) passes to everybody who waited for it.
        """
        if (young := self._young(groups)) is not None:
            return Answer(young, again=True)
        self._waiting.append(groups)
        try:
            while True:
                joined, task = self._join_or_start()
                if not await _done_within(task, deadline):
                    return Answer(self._late(groups), late=True)
                landed = self._result(task)
                if _covers(landed.groups, groups):
                    return Answer(_narrowed(landed.reading, groups), again=joined)
        finally:
            self._waiting.remove(groups)

    async def drain(self) -> None:
        """Let a read that is under way end, then close the device; no new read starts."""
        self._closed = True
        if self._task is not None:
            await asyncio.wait({self._task})
        await self._device.close()

    async def close(self) -> None:
        """Cancel a read that is under way and close the device; no new read starts."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._device.close()

    def _young(self, groups: frozenset[str] | None) -> Reading | None:
        last = self._last
        if last is None or not last.reading.up or not _covers(last.groups, groups):
            return None
        if self._clock.monotonic() - last.began >= self._refresh_s:
            return None
        return _narrowed(last.reading, groups)

    def _join_or_start(self) -> tuple[bool, asyncio.Task[_Landed]]:
        if self._task is not None and not self._task.done():
            return True, self._task
        if self._closed:
            raise Grounded(self._device.name)
        # All who wait for a read of their groups are served by this one.
        wanted = frozenset[str]().union(*(groups for groups in self._waiting if groups is not None))
        self._task = asyncio.create_task(
            self._fly(None if None in self._waiting else wanted), name=f"read {self._device.name}"
        )
        self._task.add_done_callback(_retrieve)
        return False, self._task

    async def _fly(self, groups: frozenset[str] | None) -> _Landed:
        began = self._clock.monotonic()
        try:
            with noted(self._clock) as self._waits:
                async with asyncio.timeout(self._deadline_s + _OVERRUN_S):
                    reading = await self._device.read(Deadline.after(self._deadline_s, self._clock), groups)
        except Exception:
            _log.exception("read_crashed", device=self._device.name)
            raise
        landed = self._last = _Landed(reading, groups, began)
        if groups is None and EVERYTHING not in reading.groups:
            self._known = tuple(reading.groups)
        for listener in self._listeners:
            # From the loop, so that a listener's failure is logged there and costs nobody the reading.
            asyncio.get_running_loop().call_soon(listener, reading)
        return landed

    def _result(self, task: asyncio.Task[_Landed]) -> _Landed:
        if task.cancelled():
            raise Grounded(self._device.name)
        return task.result()

    def _late(self, groups: frozenset[str] | None) -> Reading:
        later = "it goes on and serves the next"
        if self._waits.most:
            outcome = Outcome(
                Reason.BUSY, f"the read has mostly waited for another user of the device; {later}"
            )
        else:
            outcome = Outcome(Reason.TIMEOUT, f"the read takes longer than this scrape may wait; {later}")
        names = (self._known or (EVERYTHING,)) if groups is None else sorted(groups)
        return Reading(self._device.name, self._clock.time(), (), dict.fromkeys(names, outcome))


def _covers(read: frozenset[str] | None, asked: frozenset[str] | None) -> bool:
    return read is None or (asked is not None and asked <= read)


def _narrowed(reading: Reading, groups: frozenset[str] | None) -> Reading:
    if groups is None:
        return reading
    return replace(
        reading,
        samples=tuple(sample for sample in reading.samples if sample.group in groups),
        groups={name: outcome for name, outcome in reading.groups.items() if name in groups},
        held=tuple(held for held in reading.held if held.group in groups),
    )


async def _done_within(task: asyncio.Task[_Landed], deadline: Deadline) -> bool:
    """Wait for the task, but no longer than the deadline; the task itself is never cancelled."""
    alarm = asyncio.ensure_future(deadline.clock.sleep(deadline.remaining()))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
    return task.done()


def _retrieve(task: asyncio.Task[_Landed]) -> None:
    """Mark an exception as seen: with every asker gone, nobody else would."""
    if not task.cancelled():
        task.exception()
