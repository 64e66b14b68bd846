"""Reads devices that nobody has asked for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from exporter.flight import Grounded
from exporter.targets import Target
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.reading import Reading

_GLANCE_S: Final = 5.0
"""How often to look for devices that a reload has brought."""

_log = structlog.get_logger(__name__)


class Poller:
    """Asks a device for a reading when there was none for `interval_s`, by the flight that scrapes use.

    No device is polled more often than its family recommends. `targets` are looked at anew each time.
    `polled` is told of every such read.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        interval_s: float,
        *,
        polled: Callable[[], None] = lambda: None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._targets = targets
        self._interval_s = interval_s
        self._polled = polled
        self._clock = clock
        self._last: dict[str, float] = {}
        self._reads: dict[str, asyncio.Task[None]] = {}

    def seen(self, reading: Reading) -> None:
        """Note that the device was read just now."""
        self._last[reading.device] = self._clock.monotonic()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                await self._clock.sleep(min(self._poll_due(), _GLANCE_S))
        finally:
            for read in self._reads.values():
                read.cancel()

    def _poll_due(self) -> float:
        """Begin the reads that are due; return the seconds until the next one is."""
        now = self._clock.monotonic()
        for gone in self._last.keys() - self._targets.keys():
            del self._last[gone]
        soonest = _GLANCE_S
        for name, target in self._targets.items():
            if name in self._reads:
                continue
            wait_s = max(self._interval_s, target.interval_s)
            due = self._last.setdefault(name, now) + wait_s
            if due <= now:
                self._begin(target)
                due = now + wait_s
            soonest = min(soonest, due - now)
        return soonest

    def _begin(self, target: Target) -> None:
        self._last[target.name] = self._clock.monotonic()
        self._polled()
        task = asyncio.create_task(self._read(target), name=f"poll {target.name}")
        self._reads[target.name] = task
        task.add_done_callback(lambda _: self._reads.pop(target.name))

    async def _read(self, target: Target) -> None:
        try:
            await target.flight.reading(Deadline.after(target.timeout_s, self._clock))
        except Grounded:
            pass  # a reload has put another in its place, which is polled in its turn
        except Exception:  # noqa: BLE001 - the flight has logged it; the next poll tries again
            _log.debug("poll_failed", device=target.name)
