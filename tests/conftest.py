"""What every test may use: recordings of devices, golden files, programs of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEFAULT_CAPTURES = ROOT.parent / "shared" / "captures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing with them"
    )


def integration_is_required() -> bool:
    """Whether a skipped integration test is a failure: in continuous integration, or when asked for."""
    return any(
        os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "SUNHELM_REQUIRE_INTEGRATION")
    )


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
