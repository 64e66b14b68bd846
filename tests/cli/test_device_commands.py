"""`sunhelm read`, `dump` and `settings` on a simulated home."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sunhelm.cli.main import main
from sunhelm.cli.read import table
from sunhelm.cli.settings import compare
from sunhelm.devices.errors import Reason
from sunhelm.devices.families.source import Setting
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Outcome, Reading, Sample


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """A simulated home in a process of its own; where its systems listen."""
    command = [sys.executable, "-m", "sunhelm.cli.main", "simulate", "--port=0", "--start=2026-06-21T11:00"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found: dict[str, int] = {}
        for line in process.stdout:
            if match := re.match(r"  (\w+) .*:(\d+)$", line):
                found[match[1]] = int(match[2])
            if line.startswith("Ctrl-C"):
                break
        yield found
        process.terminate()


@pytest.fixture
def home(ports: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a site file, which is the working directory."""
    (tmp_path / "sunhelm.yml").write_text(
        "site: {name: home, zone: Europe/Amsterdam}\n"
        "devices:\n"
        f"  gx: {{family: victron, host: 127.0.0.1, port: {ports['victron']}}}\n"
        f"  box: {{family: sec1000s, host: 127.0.0.1, port: {ports['sec1000s']}}}\n"
        "  gone: {family: sec1000s, host: 127.0.0.1, port: 1}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def run(*words: str) -> int:
    return main([*words, "--runtime.directory=run"])


def test_reading_shows_what_every_family_tells_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", "gx") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gx, ")
    names = [line.split()[0] for line in lines[1:]]
    assert "pv_power" in names
    assert names.index("pv_power") < next(i for i, name in enumerate(names) if name.startswith("victron_"))


def test_reading_what_is_not_there_says_why(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", "gone", "--timeout=3") == 1
    assert "unreachable" in capsys.readouterr().out


def test_a_group_that_the_device_does_not_have_gets_a_guess(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("read", "gx", "--group=system_liv") == 2
    printed = capsys.readouterr()
    assert "system_live" in printed.err
    assert printed.out == ""


def test_a_group_of_a_device_that_is_not_there_says_why(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("read", "gone", "--group=telemetry", "--timeout=3") == 1
    assert "telemetry: unreachable" in capsys.readouterr().out


def test_a_name_that_is_none_gets_a_guess(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", "bix") == 2
    assert "box" in capsys.readouterr().err


def test_a_missing_site_file_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("read", "gx", "--config.file=other.yml") == 2
    assert "other.yml" in capsys.readouterr().err


def test_a_dump_has_every_word_but_no_serial_number(home: Path) -> None:
    assert run("dump", "gx", "--output=gx.json") == 0
    dump = json.loads(Path("gx.json").read_text())
    assert dump["family"] == "victron"
    assert dump["firmware"] == "v3.51"
    system = dump["holding"]["100"]["800"].split()
    assert {int(word, 16) >> 8 for word in system[:6]} <= {ord("A"), ord("0")}
    assert len(system) == 120


def test_a_dump_of_a_box_without_registers_has_its_replies(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dump", "box", "--timeout=20") == 0
    assert set(json.loads(capsys.readouterr().out)["replies"]) == {"0b", "43"}


def test_settings_are_kept_and_compared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings", "save", "gx") == 0
    assert run("settings", "diff", "gx") == 0
    copy = json.loads(Path("gx.settings.json").read_text())
    copy["settings"]["settings.maximum_feed_in_power"]["raw"] = "0000 0bb8"
    copy["settings"]["settings.maximum_feed_in_power"]["meaning"] = "3000 W"
    Path("gx.settings.json").write_text(json.dumps(copy))
    capsys.readouterr()
    assert run("settings", "diff", "gx") == 1
    assert capsys.readouterr().out.startswith("settings.maximum_feed_in_power (unit 100 holding 2722")


def test_a_copy_is_not_overwritten_by_mistake(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings", "save", "box") == 0
    assert run("settings", "save", "box") == 2
    assert "--force" in capsys.readouterr().err
    assert run("settings", "save", "box", "--force") == 0


@pytest.mark.parametrize("words", [("dump", "gx", "--output"), ("settings", "save", "gx")])
def test_a_file_that_cannot_be_written_is_told(
    home: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "nowhere/gx.json") == 2
    assert capsys.readouterr().err == "nowhere/gx.json: cannot be written: No such file or directory\n"


def test_a_copy_that_is_not_there_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings", "diff", "gx", "nothing.json") == 2
    assert capsys.readouterr().err == "nothing.json: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9, "settings": {}}', '{"format": 1}'])
def test_what_is_no_copy_is_refused(home: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd.json").write_text(content)
    assert run("settings", "diff", "gx", "odd.json") == 2
    assert "is no copy of settings" in capsys.readouterr().err


def test_a_table_is_for_people() -> None:
    mode = Quantity("mode", "", "state", "Mode.", ("state",))
    samples = (
        Sample(CATALOGUE["grid_export"], 3.6e9),
        Sample(CATALOGUE["battery_unit_state_of_charge"], 0.873, ("225",)),
        Sample(mode, 1.0, ("eco",)),
        Sample(mode, 0.0, ("off",)),
    )
    reading = Reading("gx", 0.0, samples, {"live": Outcome(), "energy": Outcome(Reason.TIMEOUT, "no answer")})
    lines = list(table(reading))
    assert [line.split() for line in lines[1:]] == [
        ["grid_export", "1000.000", "kWh"],
        ["battery_unit_state_of_charge", "battery=225", "87.3", "%"],
        ["mode", "eco"],
        ["energy:", "timeout:", "no", "answer"],
    ]


def test_only_differences_are_told() -> None:
    before = {"a": Setting("p", "1", "one"), "b": Setting("p", "2", "two"), "c": Setting("p", "3", "three")}
    now = {"a": Setting("p", "1", "one"), "b": Setting("p", "4", "four"), "d": Setting("p", "5", "five")}
    assert list(compare(before, now)) == ["b (p): two -> four", "c (p): gone, was three", "d (p): new, five"]
