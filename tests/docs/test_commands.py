"""Whatever the pages tell people to type is a command that is understood."""

from __future__ import annotations

import argparse
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from controllers.main import command_line as controller
from exporter.main import command_line as exporter
from sunhelm.cli.main import COMMANDS, load

ROOT: Final = Path(__file__).parents[2]
SHELL: Final = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
OURS: Final = re.compile(r"(?:\S*/)?(sunhelm(?:-exporter|-controller)?)$")


def _typed() -> Iterator[str]:
    """Yield each command line of ours once, in the order of the pages."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    lines = (
        line
        for page in sorted(pages)
        for _, text in SHELL.findall(page.read_text(encoding="utf-8"))
        for line in textwrap.dedent(text).replace("\\\n", " ").splitlines()
    )
    yield from dict.fromkeys(
        " ".join(line.split()) for line in lines if line.strip() and OURS.match(line.split()[0])
    )


@pytest.mark.parametrize("line", [*_typed()])
def test_a_command_of_a_page_is_understood(line: str) -> None:
    program, *words = shlex.split(line, comments=True)
    match = OURS.match(program)
    assert match is not None
    if match[1] != "sunhelm":
        {"sunhelm-exporter": exporter, "sunhelm-controller": controller}[match[1]]().parse_args(words)
        return
    assert words[0] in COMMANDS
    parser = argparse.ArgumentParser(allow_abbrev=False)
    load(words[0]).add_arguments(parser)
    parser.parse_args(words[1:])
