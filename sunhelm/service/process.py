"""The life of a process: it runs until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def keep_for_good() -> None:
    """Tell the garbage collector that all that is here now stays, so that it need not look at it again.

    Modules and register maps are the most of what a process holds, and nothing else runs while the collector
    does: this halves its longest pause.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def told_to_stop() -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set; a second signal of the kind ends the process at once."""
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    told = asyncio.Event()

    def tell(number: signal.Signals) -> None:
        told.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in former:
        loop.add_signal_handler(number, tell, number)
    try:
        yield told
    finally:
        for number, handler in former.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
