"""Time, injected: the simulator's own narrow view, which knows nothing of the drivers'."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where the simulator's devices take real time from: delays, watchdogs, and how fast the plant lives."""

    def monotonic(self) -> float:
        """Return seconds that never jump; only differences mean something."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; zero or less yields once."""


class MachineClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


MACHINE_CLOCK = MachineClock()
