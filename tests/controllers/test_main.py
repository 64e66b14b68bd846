"""The command as its users start it: its flags, its exit statuses, a start and an end."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from controllers.main import main

pytestmark = pytest.mark.real_time

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  roof:
    family: sec1000s
    host: 127.0.0.1
    port: 1
    rated_power: 10kW
    export_limit: {phases: sum}
    control: {enabled: true, allow: [limit_export]}
alertmanager: {repeat_interval: 1h, heartbeat: {match: {alertname: Watchdog}}}
policies:
  price: {match: {alertname: Price}, device: roof, action: limit_export, with: {limit: 0W}}
"""


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a start in this process does to the logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "sunhelm.yml"
    path.write_text(SITE, encoding="utf-8")
    return path


def flags(site: Path, *more: str) -> list[str]:
    folder = site.parent
    return [
        f"--config.file={site}",
        f"--state.directory={folder / 'state'}",
        f"--runtime.directory={folder / 'run'}",
        "--web.listen-address=127.0.0.1:0",
        *more,
    ]


def test_a_right_configuration_is_found_right(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--config.file={site}", "--config.check"]) == 0
    assert "no mistakes" in capsys.readouterr().out


def test_a_wrong_policy_is_found_wrong(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_text(SITE.replace("limit: 0W", "limit: 0"), encoding="utf-8")

    assert main([f"--config.file={site}", "--config.check"]) == 2
    assert "policies.price.with.limit" in capsys.readouterr().out
    assert main(flags(site, "--web.no-authentication")) == 2


def test_it_does_not_start_with_an_open_door(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags(site)) == 2
    assert "whoever reaches this port could command devices" in capsys.readouterr().err


def test_it_does_not_start_without_a_place_for_its_journal(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.parent / "state").touch()

    assert main(flags(site, "--web.no-authentication")) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_it_runs_until_it_is_told_to_end(site: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "controllers.main", *flags(site, "--web.no-authentication")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    log = ""
    for line in process.stderr:
        log += line
        if "event=started" in line:
            break
    found = re.search(r"url=(http://[0-9.:]+)", log)
    assert found is not None, log
    with urllib.request.urlopen(f"{found[1]}/metrics", timeout=10) as answer:
        assert 'sunhelm_controller_budget_left{device="roof"} 20.0' in answer.read().decode()
    request = urllib.request.Request(f"{found[1]}/-/reload", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    site.write_text(SITE.replace("0W", "0"), encoding="utf-8")
    with pytest.raises(urllib.error.HTTPError, match="500") as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 0, log + rest
    assert "event=stopped" in rest
