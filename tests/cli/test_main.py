from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from sunhelm import __version__
from sunhelm.cli import main as command
from sunhelm.cli.main import COMMANDS, load, main


@pytest.mark.parametrize(("name", "text"), COMMANDS.items())
def test_each_subcommand_is_the_module_of_its_name_and_says_what_the_list_says(name: str, text: str) -> None:
    module = load(name)
    assert name == module.NAME
    assert text == module.HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_each_subcommand_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: sunhelm {name}")


def test_help_lists_the_subcommands_on_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for name, text in COMMANDS.items():
        assert sum(line.split() == [name, *text.split()] for line in lines) == 1
    assert max(map(len, lines)) <= 100


def test_without_a_command_help_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


def test_an_unknown_command_gets_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chek"])
    assert ended.value.code == 2
    assert "'chek' is not a command" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["chek"])
    assert capsys.readouterr().err.endswith("Did you mean check?\n")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith(f"sunhelm, version {__version__} (")


def test_help_imports_nothing_of_the_subcommands() -> None:
    code = (
        "import sys\nfrom sunhelm.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "ours = ('sunhelm', 'aiohttp', 'pydantic')\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.splitlines()[-1] == "['sunhelm', 'sunhelm.cli', 'sunhelm.cli.main']"


class Fake:
    """A subcommand that does what the test wants."""

    NAME = "check"
    HELP = ""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--number", type=int)

    def run(self, arguments: argparse.Namespace) -> int:
        if self.failure is not None:
            raise self.failure
        return int(arguments.number)


def test_the_exit_status_is_the_subcommands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load", lambda name: Fake())
    assert main(["check", "--number=7"]) == 7


@pytest.mark.parametrize("words", [["--nmber=7"], ["--number=7", "-1W"], ["--number=7", "more"]])
def test_what_a_subcommand_does_not_know_is_answered_with_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(command, "load", lambda name: Fake())
    with pytest.raises(SystemExit) as ended:
        main(["check", *words])
    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage == "usage: sunhelm check [-h] [--number NUMBER]"
    assert error == f"sunhelm check: error: unrecognized arguments: {words[-1]}"


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load", lambda name: Fake(KeyboardInterrupt()))
    assert main(["check"]) == 130


def test_an_interrupt_ends_quietly_while_a_command_is_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "load", interrupted)
    assert main(["check"]) == 130


def test_output_that_nobody_reads_ends_quietly() -> None:
    code = (
        "from sunhelm.cli import main as command\n"
        "class Endless:\n"
        "    def add_arguments(self, parser): pass\n"
        "    def run(self, arguments):\n"
        "        while True: print('x' * 1000)\n"
        "command.load = lambda name: Endless()\n"
        "raise SystemExit(command.main(['check']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(10) == 1
