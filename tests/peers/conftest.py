"""Independent client libraries, each in an environment of its own (`make test-full` makes them)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FROZEN = ("--speed=1e-9", "--seed=7", "--start=2026-06-21T12:00")


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
    command = [
        Path(sys.executable).with_name("sunhelm"),
        "simulate",
        "--port=0",
        "--families=victron",
        *FROZEN,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while not (address := re.search(r"victron .*:(\d+)$", said, re.MULTILINE)):
            line = process.stdout.readline()
            assert line, f"the simulator did not start: {said}"
            said += line
        yield int(address[1])
        process.terminate()
