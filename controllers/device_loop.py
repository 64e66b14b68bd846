"""The loop of one device: what is urgent first, then what is done once, then the state it shall have.

A charger that is regulated has a second loop, its regulator; the two take turns by the reconciler's `hands`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

import structlog

from controllers.evcharging.regulator import Regulator
from controllers.states.reconcile import Reconciler
from sunhelm.devices.clock import Clock

_log = structlog.get_logger(__name__)


class Errand(Protocol):
    """Something else to do on a device than to keep its state."""

    @property
    def is_due(self) -> bool:
        """Whether there is something to do now."""

    @property
    def blocks(self) -> bool:
        """Whether it has to be done before anything else."""

    async def run(self) -> float | None:
        """Do what is due; return after how many seconds to look again, None when not by itself."""


class DeviceLoop:
    """Does what is to be done on one device, one thing after the other."""

    def __init__(
        self, reconciler: Reconciler, clock: Clock, *errands: Errand, regulator: Regulator | None = None
    ) -> None:
        self.reconciler = reconciler
        self.errands = errands
        self.regulator = regulator
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look again: what is asked may have changed."""
        self.reconciler.heed()
        self._woken.set()
        if self.regulator is not None:
            self.regulator.wake()

    async def close(self) -> None:
        """Close the device, and where its regulator has its readings from."""
        if self.regulator is not None:
            await self.regulator.close()
        await self.reconciler.device.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._woken.clear()
            await self._sleep(await _whole(self.once()))

    async def once(self) -> float | None:
        """Do all that is due; return after how many seconds to look again, None when not before woken."""
        waits = []
        for errand in self.errands:
            waits.append(await self._guarded(errand.run))
            if errand.blocks:
                return waits[-1]
        waits.append(await self._guarded(self.reconciler.reconcile))
        return min((wait for wait in waits if wait is not None), default=None)

    async def _guarded(self, work: Callable[[], Awaitable[float | None]]) -> float | None:
        try:
            return await work()
        except Exception:  # noqa: BLE001 - neither other devices nor other work suffer from a fault of one
            _log.exception("device_loop_failed", device=self.reconciler.device.name)
            return self.reconciler.failed()

    async def _sleep(self, wait_s: float | None) -> None:
        """Wait so long, or until something else is asked than before."""
        timer = None if wait_s is None else asyncio.ensure_future(self._clock.sleep(wait_s))
        try:
            while timer is None or not timer.done():
                woken = asyncio.ensure_future(self._woken.wait())
                try:
                    waiting = {woken} if timer is None else {woken, timer}
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    woken.cancel()
                if self._woken.is_set():
                    self._woken.clear()
                    if self._has_news():
                        return
        finally:
            if timer is not None:
                timer.cancel()

    def _has_news(self) -> bool:
        reconciler = self.reconciler
        return reconciler.has_news or reconciler.owes or any(errand.is_due for errand in self.errands)


async def _whole(looking: Coroutine[None, None, float | None]) -> float | None:
    """Wait for it to end by itself even when cancelled: a sequence half told is the worst to leave."""
    task = asyncio.ensure_future(looking)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
