"""What every test may use: recordings of devices, golden files, programs of the system."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dashboards.preview import houses
from dashboards.preview.history import History
from sunhelm.simulator.families import PORT_OFFSETS

ROOT = Path(__file__).parent.parent
DEFAULT_CAPTURES = ROOT.parent / "shared" / "captures"

# How long an example takes tells of what else the machine does.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing with them"
    )


def integration_is_required() -> bool:
    """Whether a skipped integration test is a failure: in continuous integration, or when asked for."""
    return any(
        os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "SUNHELM_REQUIRE_INTEGRATION")
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: of the longest tests, most wait for real time."""
    return (os.cpu_count() or 1) + 1


ALONE = "tests/faults/test_soak.py"
"""Tests that share nothing, and take together longer than any module may: each goes to any worker."""


class Scheduling(LoadScopeScheduling):
    """Give the tests of a module to one worker, for they share what is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(ALONE) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


ALLOWED_S = 120.0
"""What a test may take that says nothing of it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what lives in real time, then with the modules that may take longest.

    So processes that are watched in real time have only each other beside them, which mostly wait too, and
    at the end no worker is left alone with a long module.
    """
    allowed_s: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        seconds = float(limit.args[0]) if limit is not None else ALLOWED_S
        allowed_s[item.path] = allowed_s.get(item.path, 0.0) + seconds
    items.sort(key=lambda item: (item.get_closest_marker("real_time") is None, -allowed_s[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if (
        report.skipped
        and not expected_failure
        and item.get_closest_marker("integration")
        and integration_is_required()
    ):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"an integration test may not be skipped here. {reason}"
    return report


@dataclass(frozen=True)
class Golden:
    """Files that hold what the program should print; `make golden` writes them anew."""

    update: bool

    def check(self, path: Path, text: str) -> None:
        """Compare `text` with the file, or write it when golden files are being updated."""
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == expected, f"{path.name} is not what the program prints now; see `make golden`"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(update=request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder with recordings of real devices; skips where there is none."""
    folder = Path(os.environ.get("SUNHELM_CAPTURES", DEFAULT_CAPTURES))
    if not folder.is_dir():
        pytest.skip("no recordings of real devices here: SUNHELM_CAPTURES names no folder")
    return folder


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    return _program("promtool", "prometheus")


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    return _program("prometheus", "prometheus")


@pytest.fixture(scope="session")
def whole_site() -> History:
    """What a site of all families has told: more than an hour in quiet, and half an hour with trouble."""
    return houses.whole_site()


def _free_ports(count: int) -> int:
    """Return the first of so many free ports in a row.

    They lie below those that the system gives to outgoing connections, which could take one at any time.
    """
    for first in random.sample(range(20_000, 30_000 - count), k=100):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("there are no free ports")


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], int]:
    """Find so many free ports in a row; returns the first."""
    return _free_ports


@dataclass
class RunningDemo:
    """`sunhelm demo` on ports of its own, with what it printed when all was ready."""

    process: subprocess.Popen[str]
    directions: str
    exporter: str
    controller: str
    prometheus: str
    alertmanager: str

    def children(self) -> list[int]:
        """Return the process ids of its children."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def page(self, url: str) -> str:
        """Return what an address answers; fails with the demo's last words when it has ended."""
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return str(answer.read().decode())
        except OSError as error:
            if self.process.poll() is None:
                raise
            pytest.fail(f"{url}: {error}; the demo has ended: {self.rest()}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, and return the exit status and what was printed from then on."""
        self.process.send_signal(number)
        return self.rest()

    def rest(self) -> tuple[int, str]:
        """Wait for the end, and return the exit status and what was printed since it was ready."""
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


@pytest.fixture(scope="session")
def start_demo(root: Path) -> Iterator[Callable[..., RunningDemo]]:
    """Start `sunhelm demo` with these options on free ports; returns when it says that all is ready."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> RunningDemo:
        devices = max(PORT_OFFSETS.values()) + 1
        programs = ("exporter", "controller", "prometheus", "alertmanager")
        simulator = _free_ports(devices + len(programs))
        ports = dict(zip(programs, range(simulator + devices, simulator + devices + 4), strict=True))
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("sunhelm"),
                "demo",
                f"--simulator-port={simulator}",
                *(f"--{program}-port={port}" for program, port in ports.items()),
                *options,
            ],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None
        directions = ""
        for line in process.stdout:
            directions += line
            if line.startswith("Ctrl-C"):
                urls = (f"http://127.0.0.1:{ports[program]}" for program in programs)
                return RunningDemo(process, directions, *urls)
        pytest.fail(f"the demo did not start: {directions}")

    yield start
    for process in running:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
