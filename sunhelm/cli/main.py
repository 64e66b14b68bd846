"""The command `sunhelm`: finds the subcommand and runs it; no other subcommand is imported."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from sunhelm import __version__

SUBCOMMANDS: Final = {
    "check": "validate the site file without starting anything",
    "read": "read a device now and show what it says",
    "dump": "write a redacted file of everything a device says, for a bug report or a test",
    "settings": "keep a copy of every setting of a device, or compare with one",
    "scan": "find devices of known families in a network",
    "demo": "run a simulated home, both applications, and Prometheus where installed",
    "simulate": "serve a home of simulated devices on their own wire protocols",
    "healthcheck": "ask a running exporter or controller whether it is alive",
}
"""Each subcommand is the module of its name; the text is its HELP, repeated here so that help is quick."""

CONTROL: Final = {
    "standing": {
        "devices": "show what devices shall hold, and what they hold",
        "capabilities": "show what can be commanded on devices",
        "claims": "show who asks for what",
        "tasks": "show what was to be done once, and how it ended",
        "release": "end a claim, or the fail-safe that it left",
        "hold": "let alerts make no claims on a device for some time",
        "baseline": "say what your own value of a state is",
        "journal": "show what was asked and what was done",
    },
    "orders": {
        "limit-export": "limit what a device feeds into the grid",
        "limit-production": "limit what a device produces",
        "charge": "charge the battery of a device",
        "discharge": "discharge the battery of a device",
        "set-mode": "put a device into a mode for some time",
        "set-current-limits": "limit the currents of a battery",
        "set-soc-limits": "limit the state of charge of a battery",
        "set": "write a setting of a device for good",
        "reset-watchdog": "reset the watchdog of a SEC1000S that throttles",
        "set-clock": "set the clock of a device to the time of the site",
        "restart": "restart a device",
        "run": "run a task that only the family of a device knows",
    },
    "charging": {"ev-mode": "say by which mode an EV charger is regulated, or look at it"},
    "schedules": {"schedule": "make, show and delete schedules"},
    "envelopes": {"envelope": "make, show and delete envelopes"},
}
"""What a person commands through a running controller, by the module in `sunhelm.cli.control`."""

COMMANDS: Final = SUBCOMMANDS | {name: text for texts in CONTROL.values() for name, text in texts.items()}

_NEGATIVE: Final = re.compile(r"^-\.?\d")
"""How an amount such as -50W begins. With a blank before it, argparse does not take it for a flag."""

_INTERRUPTED: Final = 130
_WRONG_USE: Final = 2


class Subcommand(Protocol):
    """What the module of a subcommand has."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the subcommand takes."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _run(words: Sequence[str]) -> int:
    chosen = next((word for word in words if not word.startswith("-")), None)
    subcommand = load(chosen) if chosen in COMMANDS else None
    parser, command = _parsers(chosen, subcommand)
    arguments, unknown = parser.parse_known_args([_NEGATIVE.sub(r" \g<0>", word) for word in words])
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(map(str.strip, unknown))}")
    if subcommand is None:
        parser.print_help(sys.stderr)
        return _WRONG_USE
    return subcommand.run(arguments)


def load(name: str) -> Subcommand:
    """Return the module of a subcommand, or what stands for one."""
    for module, names in CONTROL.items():
        if name in names:
            commands = importlib.import_module(f"sunhelm.cli.control.{module}").COMMANDS
            return cast("Subcommand", commands[name])
    return cast("Subcommand", importlib.import_module(f"sunhelm.cli.{name}"))


def _parsers(
    chosen: str | None, subcommand: Subcommand | None
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Return what takes the whole line, and what takes the words of the subcommand."""
    through = {name: text for texts in CONTROL.values() for name, text in texts.items()}
    listed = f"{_listed(SUBCOMMANDS)}\ncommands through a running controller:\n{_listed(through)}"
    parser = argparse.ArgumentParser(
        prog="sunhelm",
        usage="%(prog)s COMMAND ...",
        description="Watch and steer home-solar equipment.",
        epilog=f"commands:\n{listed}\n`sunhelm COMMAND --help` tells more. The exporter is sunhelm-exporter,"
        "\nthe controller sunhelm-controller.",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"sunhelm, version {__version__} (Python {platform.python_version()}, {platform.machine()})",
        help="show the version and exit",
    )
    if chosen is not None and subcommand is None:
        near = difflib.get_close_matches(chosen, COMMANDS, n=1)
        guess = f" Did you mean {near[0]}?" if near else ""
        parser.error(f"{chosen!r} is not a command; there are {', '.join(COMMANDS)}.{guess}")
    commands = parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS)
    if chosen is None or subcommand is None:
        return parser, parser
    command = commands.add_parser(
        chosen, prog=f"sunhelm {chosen}", description=_sentence(COMMANDS[chosen]), allow_abbrev=False
    )
    subcommand.add_arguments(command)
    return parser, command


def _listed(texts: Mapping[str, str]) -> str:
    width = max(map(len, COMMANDS))
    return "".join(f"  {name:<{width}}  {text}\n" for name, text in texts.items())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(main())
