from __future__ import annotations

import argparse
import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from sunhelm.cli import main, simulate
from sunhelm.simulator.house import UTRECHT

pytestmark = pytest.mark.real_time


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    return parser.parse_args(words)


@contextlib.contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run the command until its last line of greeting; the process and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sunhelm.cli.main", "simulate", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_what_listens_where_and_ends_cleanly(number: signal.Signals) -> None:
    with running("--port=0", "--start=2026-06-21T11:00", "--speed=60") as (process, lines):
        assert lines[0] == "A home near Utrecht since 2026-06-21 11:00, 60 times real time:"
        match = re.fullmatch(r"  victron +Modbus TCP +127\.0\.0\.1:(\d+)", lines[1])
        assert match is not None
        with socket.create_connection(("127.0.0.1", int(match[1])), timeout=10) as client:
            client.sendall(bytes.fromhex("000100000006640303200006"))
            assert client.recv(64)[:9] == bytes.fromhex("00010000000f64030c")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_exit_status_2_and_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "sunhelm.cli.main", "simulate", f"--port={port}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"sunhelm simulate: victron: port {port} of 127.0.0.1 is taken. Choose another with --port.\n"
    )


def test_the_defaults_are_those_of_the_documentation() -> None:
    arguments = parsed()
    assert (arguments.host, arguments.port, arguments.speed, arguments.start) == (
        "127.0.0.1",
        10500,
        1.0,
        None,
    )
    assert arguments.families[0] == "victron"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-21T11:00", datetime(2026, 6, 21, 11, tzinfo=UTRECHT.zone)),
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTRECHT.zone)),
        ("2026-06-21T09:00:00+00:00", datetime(2026, 6, 21, 11, tzinfo=UTRECHT.zone)),
    ],
)
def test_a_start_is_local_time_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert parsed(f"--start={text}").start == moment.timestamp()


def test_a_time_of_day_means_today() -> None:
    start = datetime.fromtimestamp(parsed("--start=11:30").start, UTRECHT.zone)
    assert (start.hour, start.minute) == (11, 30)
    assert abs((start.date() - datetime.now(UTRECHT.zone).date()).days) <= 1


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("--start=yesterday", "'yesterday' is not a time; write 2026-06-21T11:00, or 11:00 for today"),
        ("--speed=0", "'0' is not a factor above 0, at most a million"),
        ("--speed=fast", "'fast' is not a factor above 0, at most a million"),
        ("--port=99999", "'99999' is not a port from 0 to 65515"),
        ("--families=", "name at least one family"),
        ("--families=victorn,x", "'victorn' cannot be simulated; did you mean 'victron'?; 'x' cannot be"),
    ],
)
def test_a_wrong_flag_is_told_with_what_is_allowed(
    word: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(word)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_command_is_listed_under_its_own_words() -> None:
    assert main.SUBCOMMANDS[simulate.NAME] == simulate.HELP
