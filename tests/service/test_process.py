from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys

import pytest

from sunhelm.service.process import keep_for_good, told_to_stop

pytestmark = pytest.mark.real_time


def test_what_is_kept_for_good_is_not_looked_at_again() -> None:
    frozen = gc.get_freeze_count()
    try:
        keep_for_good()
        assert gc.get_freeze_count() > max(frozen, 10_000)
        assert len(gc.get_objects()) < 10_000
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_tells_the_process_to_stop(number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with told_to_stop() as told:
        assert not told.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(told.wait(), 5)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


STUBBORN = """
import asyncio
from sunhelm.service.process import told_to_stop

async def main():
    with told_to_stop() as told:
        print("ready", flush=True)
        await told.wait()
        print("told", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_second_signal_ends_a_process_that_does_not_stop() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "told\n"
        process.terminate()
        assert process.wait(10) == -signal.SIGTERM
