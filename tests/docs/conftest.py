"""What tests of the pages share: the blocks of a page that people copy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"# (\S+\.(?:yml|yaml|csv))\n")


@dataclass(frozen=True)
class Block:
    """Something to be copied: its language, and the name of the file that its first line tells."""

    language: str
    text: str

    @property
    def file(self) -> str:
        match = NAME.match(self.text)
        return match[1] if match else ""


def _blocks(page: Path) -> list[Block]:
    return [Block(language, text) for language, text in FENCE.findall(page.read_text(encoding="utf-8"))]


@pytest.fixture(scope="session")
def blocks(root: Path) -> Callable[[str], list[Block]]:
    """Return the blocks of a page below `docs`, in their order."""
    return lambda page: _blocks(root / "docs" / page)
