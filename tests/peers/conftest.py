"""Independent client libraries, each in an environment of its own (`make test-full` makes them)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Path]:
    """Return the Python that has a library; skips where there is none."""

    def python(name: str) -> Path:
        folder = os.environ.get("SUNHELM_PEERS")
        path = Path(folder or ".", name, "bin", "python").absolute()
        if not folder or not path.exists():
            pytest.skip(f"the environment of {name} is not there: make test-full")
        return path

    return python


@pytest.fixture(scope="session")
def frozen_victron() -> Iterator[int]:
    """The port of a simulated GX at midday whose time stands still: who reads it twice reads the same."""
    command = [sys.executable, Path(__file__).with_name("every_service.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


@pytest.fixture(scope="session")
def frozen_sunspec() -> Iterator[int]:
    """The port of a simulated SunSpec device at midday whose time stands still."""
    program = Path(sys.executable).with_name("sunhelm")
    frozen = ("--speed=1e-9", "--seed=7", "--start=2026-06-21T12:00")
    command = [str(program), "simulate", "--port=0", "--families=sunspec", *frozen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while not (address := re.search(r"sunspec .*:(\d+)$", said, re.MULTILINE)):
            line = process.stdout.readline()
            assert line, f"the simulator did not start: {said}"
            said += line
        yield int(address[1])
        process.terminate()
