"""How long a device wants to be left alone: between requests, after connecting, after failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import SystemRandom
from typing import TYPE_CHECKING

from sunhelm.devices.clock import Clock

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import Pacing

Jitter = Callable[[], float]
"""Returns a number from 0 to 1."""

RANDOM: Jitter = SystemRandom().random


def delays(first_s: float, longest_s: float, jitter: Jitter = RANDOM) -> Iterator[float]:
    """Yield seconds without end: about `first_s`, then twice as long each time, up to `longest_s`.

    Each is shortened by up to a half at random, so that devices which failed together do not come back
    together.
    """
    step = first_s
    while True:
        yield step * (1.0 - jitter() / 2)
        step = min(2 * step, longest_s)


class Pacer:
    """The pauses of one connection, as `Pacing` asks for them."""

    def __init__(self, pacing: Pacing, clock: Clock) -> None:
        self._pacing = pacing
        self._clock = clock
        self._connected_at = clock.monotonic()

    def connected(self) -> None:
        """Start the settle time: a connection has just been made."""
        self._connected_at = self._clock.monotonic()

    def due_in(self, since_exchange_s: float) -> float:
        """Return the seconds until a request may be sent; 0 when it may be sent now.

        `since_exchange_s` went by since the device was last heard or spoken to, on any connection.
        """
        settle = self._pacing.settle - (self._clock.monotonic() - self._connected_at)
        return max(0.0, settle, self._pacing.pause - since_exchange_s)


class Backoff:
    """How long to leave a device alone that failed: not at all once, then longer after each failure in a row.

    It counts from the last failure, so a device that is asked rarely is asked without delay.
    """

    def __init__(
        self, clock: Clock, *, first_s: float = 0.2, longest_s: float = 5.0, jitter: Jitter = RANDOM
    ) -> None:
        self._clock = clock
        self._limits = (first_s, longest_s, jitter)
        self.succeeded()

    def succeeded(self) -> None:
        """Forget all failures."""
        self.failures = 0
        self._delays = delays(*self._limits)
        self._until = self._clock.monotonic()

    def failed(self) -> None:
        """Count one more failure in a row."""
        self.failures += 1
        if self.failures > 1:
            self._until = self._clock.monotonic() + next(self._delays)

    def remaining(self) -> float:
        """Return the seconds until the next attempt; 0 when it may be made now."""
        return max(0.0, self._until - self._clock.monotonic())
