"""The rules as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

Rule = dict[str, Any]


@pytest.fixture(scope="session")
def rules(root: Path) -> list[Rule]:
    """Every rule of every file, in order."""
    return [
        rule
        for path in sorted((root / "alerts").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


@pytest.fixture(scope="session")
def alerts(rules: list[Rule]) -> list[Rule]:
    return [rule for rule in rules if "alert" in rule]


@pytest.fixture(scope="session")
def alert_files(root: Path) -> dict[str, list[Rule]]:
    """The alerts of each file, by the name of the file."""
    files = sorted((root / "alerts").glob("*.yml"))
    groups = {path.stem: yaml.safe_load(path.read_text())["groups"] for path in files}
    return {
        stem: [rule for group in each for rule in group["rules"] if "alert" in rule]
        for stem, each in groups.items()
    }


@pytest.fixture(scope="session")
def recordings(rules: list[Rule]) -> list[Rule]:
    return [rule for rule in rules if "record" in rule]


@pytest.fixture(scope="session")
def unit_tests(root: Path) -> list[dict[str, Any]]:
    """Every unit test that promtool runs."""
    return [
        test
        for path in sorted((root / "alerts" / "tests").glob("*.yml"))
        for test in yaml.safe_load(path.read_text())["tests"]
    ]
