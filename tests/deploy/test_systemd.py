"""The units of systemd: what systemd itself says of them, and that they call the programs as they want it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controllers.main import main as controller
from exporter.main import main as exporter

UNITS = {"sunhelm-exporter": exporter, "sunhelm-controller": controller}


def unit(root: Path, name: str) -> str:
    return (root / "deploy" / "systemd" / f"{name}.service").read_text()


def command(text: str) -> list[str]:
    (line,) = re.findall(r"^ExecStart=((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return shlex.split(line.replace("\\\n", " "))


MOST_EXPOSED = 15
"""Tenths of what `systemd-analyze security` calls the exposure, of a hundred: what is left is the network."""


@pytest.fixture(scope="module")
def analyze() -> str:
    path = shutil.which("systemd-analyze")
    if path is None:
        pytest.skip("systemd is not installed")
    return path


@pytest.mark.integration
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong(root: Path, tmp_path: Path, analyze: str, name: str) -> None:
    copy = tmp_path / f"{name}.service"
    copy.write_text(unit(root, name).replace("/opt/sunhelm/bin", str(Path(sys.executable).parent)))
    done = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert name not in done.stderr, done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("name", UNITS)
def test_a_process_that_is_taken_over_can_do_little(root: Path, analyze: str, name: str) -> None:
    file = root / "deploy" / "systemd" / f"{name}.service"
    command = [analyze, "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_secrets_come_from_systemd_by_the_names_that_the_flags_and_the_site_file_have(root: Path) -> None:
    loaded = re.findall(r"^LoadCredential=(\S+):(\S+)$", unit(root, "sunhelm-controller"), re.MULTILINE)
    assert loaded == [("controller.token", "/etc/sunhelm/controller.token")]
    assert "--web.bearer-token-file=%d/controller.token" in command(unit(root, "sunhelm-controller"))
    offered = re.findall(
        r"^#LoadCredential=(\S+):/etc/sunhelm/(\S+)$", unit(root, "sunhelm-exporter"), re.MULTILINE
    )
    assert offered == [("influxdb_token", "influxdb_token")]


def test_the_exporter_may_write_where_its_spool_is(root: Path) -> None:
    text = unit(root, "sunhelm-exporter")
    (place,) = re.findall(r"^# For `influxdb\.spool` of the site file: (\S+)$", text, re.MULTILINE)
    assert "\nStateDirectory=sunhelm-exporter\n" in text
    assert Path(place).parent == Path("/var/lib/sunhelm-exporter")


@pytest.mark.parametrize(("name", "main"), UNITS.items())
def test_the_programs_know_their_flags(
    root: Path, tmp_path: Path, name: str, main: Callable[[list[str]], int]
) -> None:
    program, *flags = command(unit(root, name))
    assert program == f"/opt/sunhelm/bin/{name}"
    site = tmp_path / "sunhelm.yml"
    site.write_text("site: {name: home, zone: UTC}\ndevices: {}\n")
    given = [flag.replace("/etc/sunhelm/sunhelm.yml", str(site)) for flag in flags]
    assert main([*given, "--config.check"]) == 0


def test_both_share_the_runtime_directory_and_its_group(root: Path) -> None:
    (line,) = re.findall(r"^d (.+)$", (root / "deploy/systemd/tmpfiles.conf").read_text(), re.MULTILINE)
    assert line.split()[:4] == ["/run/sunhelm", "2770", "sunhelm", "sunhelm"]
    for name in UNITS:
        text = unit(root, name)
        assert "--runtime.directory=/run/sunhelm" in command(text)
        assert "\nGroup=sunhelm\n" in text


def test_the_controller_keeps_its_journal_and_comes_back_whatever_ends_it(root: Path) -> None:
    text = unit(root, "sunhelm-controller")
    for line in ("StateDirectory=sunhelm-controller", "Restart=always", "User=sunhelm"):
        assert f"\n{line}\n" in text
    assert "--state.directory=/var/lib/sunhelm-controller" in command(text)
