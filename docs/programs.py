"""The generated page of all commands and flags."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from layout import page, table

from controllers.main import PROGRAM as CONTROLLER
from controllers.main import command_line as controller_command_line
from exporter.main import PROGRAM as EXPORTER
from exporter.main import command_line as exporter_command_line
from sunhelm.cli.main import CONTROL, SUBCOMMANDS, load

HIDDEN = ("-h", "--version")


def command_line_page() -> str:
    """Return the page of the two applications and of every subcommand of `sunhelm`."""
    through = [name for names in CONTROL.values() for name in names]
    return page(
        "Command line",
        "Every program, subcommand and flag. Each also has `--help`, and the three programs `--version`. A "
        "default stands in brackets.",
        *_program(EXPORTER, exporter_command_line()),
        *_program(CONTROLLER, controller_command_line()),
        "## sunhelm",
        "Commands of its own:",
        *_subcommands(SUBCOMMANDS),
        "## sunhelm, through a running controller",
        "[Commands](../control/commands.md) tells how they are used.",
        *_subcommands(through),
    )


def _subcommands(names: Sequence[str] | dict[str, str]) -> Iterator[str]:
    for name in names:
        parser = argparse.ArgumentParser(prog=f"sunhelm {name}", description=_sentence(load(name).HELP))
        load(name).add_arguments(parser)
        yield from _described(parser, "###")


def _program(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from _described(parser, "##", name)


def _described(parser: argparse.ArgumentParser, level: str, name: str = "") -> Iterator[str]:
    """Yield what one parser takes, and the parsers below it."""
    yield f"{level} {name or parser.prog}"
    yield parser.description or ""
    below: list[argparse.ArgumentParser] = []
    rows = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of what a parser takes
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            below += action.choices.values()
        elif not set(HIDDEN) & set(action.option_strings) and action.help != argparse.SUPPRESS:
            rows.append((_spelled(action), _help(parser, action)))
    if rows:
        yield table(("Argument", "Meaning"), rows)
    for each in below:
        yield from _described(each, level + "#")


def _spelled(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices is not None:
        value = "|".join(map(str, action.choices))
    if isinstance(value, tuple):
        value = " ".join(value)
    if not action.option_strings:
        return f"`[{value}]`" if action.nargs in ("?", "*") else f"`{value}`"
    taken = "" if action.nargs == 0 else f" [{value}]" if action.nargs == "?" else f" {value}"
    return f"`{', '.join(action.option_strings)}{taken}`" + " (required)" * action.required


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": parser.prog}
    return " ".join(text.split())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
