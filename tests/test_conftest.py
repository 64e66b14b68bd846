"""A run that must not skip integration tests says so by failing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest

@pytest.mark.integration
def test_needs_a_server():
    pytest.skip("no server")

@pytest.mark.integration
@pytest.mark.skipif(True, reason="no other server")
def test_needs_another_server():
    raise AssertionError

@pytest.mark.integration
@pytest.mark.xfail(reason="known", strict=True)
def test_fails_as_expected():
    raise AssertionError

def test_skips_for_another_reason():
    pytest.skip("no recordings")
"""


@pytest.mark.parametrize(
    ("variables", "status", "closing"),
    [
        ({}, 0, "3 skipped, 1 xfailed"),
        ({"SUNHELM_REQUIRE_INTEGRATION": "1"}, 1, "1 failed, 1 skipped, 1 xfailed, 1 error"),
        ({"CI": "true"}, 1, "1 failed, 1 skipped, 1 xfailed, 1 error"),
    ],
)
def test_a_skipped_integration_test_fails_where_it_must_run(
    tmp_path: Path, root: Path, variables: dict[str, str], status: int, closing: str
) -> None:
    (tmp_path / "conftest.py").write_bytes((root / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_sample.py").write_text(SKIPPING)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = integration: needs a server\n")
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "SUNHELM_REQUIRE_INTEGRATION")}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        env=environment | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stdout
    assert closing in run.stdout
