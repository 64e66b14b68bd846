"""How long a read has waited for its turn: for those who wait for the read.

Who leaves before a read has ended cannot tell a silent device from one that somebody else speaks with. What
is noted follows the context in which a read is begun, as that of `sunhelm.devices.links.trace` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sunhelm.devices.clock import Clock


class Waits:
    """The waiting of one read for other users of its device."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._waited_s = 0.0
        self._waits_since: float | None = None

    @property
    def most(self) -> bool:
        """Whether most of the time since the read began went by with waiting."""
        now = self._clock.monotonic()
        waits_s = 0.0 if self._waits_since is None else now - self._waits_since
        return self._waited_s + waits_s > (now - self._began) / 2

    @contextmanager
    def goes_on(self) -> Iterator[None]:
        """Note what goes by inside the `with`."""
        self._waits_since = self._clock.monotonic()
        try:
            yield
        finally:
            self._waited_s += self._clock.monotonic() - self._waits_since
            self._waits_since = None


_noting: ContextVar[Waits | None] = ContextVar("noting", default=None)


@contextmanager
def noted(clock: Clock) -> Iterator[Waits]:
    """Give what is noted of the read that is begun here, while it goes on."""
    waits = Waits(clock)
    token = _noting.set(waits)
    try:
        yield waits
    finally:
        _noting.reset(token)


@contextmanager
def waiting() -> Iterator[None]:
    """Note for the read in whose context this is that it waits for another user inside the `with`."""
    waits = _noting.get()
    if waits is None:
        yield
    else:
        with waits.goes_on():
            yield
