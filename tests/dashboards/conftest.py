"""The checked-in dashboards, as data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.generate import FOLDER

Board = dict[str, Any]
Panel = dict[str, Any]

_MACROS = {"$__rate_interval": "4m", "$__interval": "1m", "$__range": "24h"}


@dataclass(frozen=True)
class Target:
    """One query of one panel."""

    board: str
    panel: Panel
    query: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.board}: {self.panel['title']} {self.query['refId']}"

    def expression(self, **variables: str) -> str:
        """Return the PromQL that Grafana would send, with these values for the dashboard's variables."""
        text: str = self.query["expr"]
        for macro, value in _MACROS.items():
            text = text.replace(macro, value)
        for name, value in variables.items():
            text = re.sub(rf"\${name}\b|\${{{name}}}", value, text)
        assert "$" not in text, f"{self}: a variable that the dashboard does not have"
        return text


@pytest.fixture(scope="session", params=sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def board(request: pytest.FixtureRequest) -> Board:
    """Each dashboard in turn."""
    path: Path = request.param
    return {**json.loads(path.read_text(encoding="utf-8"))}


@pytest.fixture(scope="session")
def panels(board: Board) -> list[Panel]:
    """The dashboard's panels that show data."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="session")
def targets(board: Board, panels: list[Panel]) -> list[Target]:
    return [Target(board["uid"], panel, query) for panel in panels for query in panel["targets"]]


@pytest.fixture(scope="session")
def rule_files(root: Path) -> list[Path]:
    return sorted((root / "alerts").glob("*.yml"))


@pytest.fixture(scope="session")
def rules(rule_files: list[Path]) -> list[dict[str, Any]]:
    return [
        rule
        for path in rule_files
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
