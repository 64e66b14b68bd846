from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from sunhelm.cli.usage import usage


def test_memory_and_time_of_this_process_are_what_the_system_says() -> None:
    block = b"x" * 50_000_000
    taken = usage(os.getpid())
    del block
    assert taken is not None
    assert 48 < taken.memory_mib <= taken.peak_mib
    assert taken.cpu_s == pytest.approx(time.process_time(), abs=0.5)


def test_a_process_that_has_ended_takes_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert usage(process.pid) is None  # ended, and nobody has asked how
    assert usage(process.pid) is None
