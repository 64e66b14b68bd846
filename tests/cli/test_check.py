from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sunhelm.cli import applications, check
from sunhelm.cli.applications import Application, CheckFailed, installed_applications
from sunhelm.cli.main import main
from sunhelm.cli.online import Trial
from sunhelm.devices.errors import Reason
from sunhelm.devices.reading import Outcome, Reading

GOOD = "site: {name: home, zone: UTC}\ndevices: {gx: {family: victron, host: 127.0.0.1, port: 1}}\n"

Install = Callable[[str, str], None]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "sunhelm.yml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install applications of the test's own, in place of those that are beside the running Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(check, "installed_applications", lambda: installed_applications(folder))

    def install(name: str, code: str) -> None:
        path = folder / name
        path.write_text(f"#!{sys.executable}\nimport json, sys\n{code}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return install


def answer(*mistakes: tuple[int, str]) -> str:
    said = [
        {"file": "sunhelm.yml", "line": line, "column": 1, "path": "x", "message": message}
        for line, message in mistakes
    ]
    return f"print({json.dumps(json.dumps({'mistakes': said}))}); sys.exit({2 if said else 0})"


def test_the_mistakes_of_all_applications_are_merged(
    install: Install, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("sunhelm-exporter", answer((9, "is of both"), (3, "is the exporter's")))
    install("sunhelm-controller", answer((9, "is of both"), (5, "is the controller's")))
    assert main(["check", str(site)]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "sunhelm.yml:3:1: x: is the exporter's",
        "sunhelm.yml:5:1: x: is the controller's",
        "sunhelm.yml:9:1: x: is of both",
    ]
    assert main(["check", "--json", str(site)]) == 2
    assert len(json.loads(capsys.readouterr().out)["mistakes"]) == 3


def test_applications_hear_the_flags_of_the_check(
    install: Install, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        "sunhelm-exporter",
        f"open({str(tmp_path / 'heard')!r}, 'w').write(' '.join(sys.argv[1:]))\n{answer()}",
    )
    flags = ["--config.expand-environment-variables", "--web.config.file=web.yml"]
    assert main(["check", f"--config.file={site}", *flags]) == 0
    assert capsys.readouterr().out == f"{site}: no mistakes\n"
    heard = (tmp_path / "heard").read_text().split()
    assert heard == ["--config.check", "--json", f"--config.file={site}", *flags]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit('cannot import x')", "sunhelm-exporter --config.check: cannot import x"),
        ("sys.exit(3)", "sunhelm-exporter --config.check: exit status 3"),
        ("print('hello')", "sunhelm-exporter --config.check: "),
    ],
)
def test_an_application_that_cannot_check_is_no_mistake_of_the_file(
    install: Install, site: Path, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    install("sunhelm-exporter", code)
    assert main(["check", str(site)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)


def test_without_applications_the_library_checks_its_own_sections(
    install: Install, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(site)]) == 0
    site.write_text(GOOD.replace("victron", "victrn"))
    assert main(["check", str(site)]) == 2
    assert 'Did you mean "victron"?' in capsys.readouterr().out


def test_the_applications_of_this_installation_agree(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(installed_applications())
    assert main(["check", str(site)]) == 0
    site.write_text(GOOD + "web: {all_devices: maybe}\nnone: 1\n")
    assert main(["check", str(site)]) == 2
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        "web.all_devices",
        "none",
    ]


def test_the_file_is_named_once(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(site), "--config.file", str(site)]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_devices_are_tried_when_asked(
    install: Install, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = tmp_path / "run"
    words = ["check", "--online", f"--runtime.directory={turns}", "--timeout=5", str(site)]
    assert main(words) == 1
    (_, tried) = capsys.readouterr().out.splitlines()
    assert tried.startswith("gx  victron  does not answer; ")
    assert "unreachable" in tried


def test_a_runtime_directory_that_cannot_be_used_is_said(
    install: Install, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["check", "--online", f"--runtime.directory={tmp_path / 'file'}", str(site)]) == 1
    assert "runtime directory" in capsys.readouterr().err


def test_what_a_device_said_is_shown_group_by_group() -> None:
    reading = Reading(
        "gx",
        0.0,
        (),
        {"live": Outcome(), "energy": Outcome(Reason.REJECTED, "exception 2"), "a": Outcome(Reason.BUSY)},
    )
    trial = Trial.of(reading, "victron")
    assert str(trial) == "victron  answers, 0 values; a: busy; energy: rejected, exception 2"


def test_the_models_of_a_family_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--models", "victron"]) == 0
    assert capsys.readouterr().out
    assert main(["check", "--models", "victrn"]) == 2
    assert 'Did you mean "victron"?' in capsys.readouterr().err


def test_an_application_that_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "_TIMEOUT_S", 0.01)
    path = tmp_path / "slow"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o700)
    with pytest.raises(CheckFailed, match=r"^slow --config\.check: .*timed out"):
        Application(path).check([])
