"""Virtual time: an event loop that does not wait, for soaks of days in seconds.

Its time stands still while anything can be done, and jumps to the next timer when nothing can. Sockets are
real, so both ends of a connection have to live in this loop: what comes from another process would seem to
come after the jump.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, Final, TypeVarTuple

Ts = TypeVarTuple("Ts")

_DELIVERY_S: Final = 0.0002
"""So long, in real seconds, the kernel may take from one end of a connection to the other."""

_STUCK_S: Final = 10.0
"""So long, in real seconds, a loop without timers waits for its sockets before it is taken for stuck."""


class Stuck(RuntimeError):
    """Nothing is ready, no timer is set, and nothing comes: this loop would wait for ever."""


class _JumpingSelector(selectors.SelectSelector):
    """Moves the time on instead of waiting.

    It waits for each jump in case something is still on its way: by `select`, because `epoll` knows no
    time shorter than a millisecond.
    """

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = super().select(_STUCK_S if timeout is None else _DELIVERY_S)
        if ready:
            return ready
        if timeout is None:
            raise Stuck("nothing is ready, and no timer is set")
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`asyncio.Runner(loop_factory=VirtualLoop)` runs a program in virtual time, which begins at 0.

    What is given to a thread runs at once, in this one: time must not jump over it.
    """

    def __init__(self) -> None:
        self._virtual = _JumpingSelector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], Any], *args: *Ts
    ) -> asyncio.Future[Any]:
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            future.set_exception(error)
        return future


class VirtualClock:
    """The clock of the running loop, for drivers and simulated devices alike.

    Unix time is `start` when the loop's time is 0.
    """

    def __init__(self, start: float) -> None:
        self.start = start

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def time(self) -> float:
        return self.start + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
