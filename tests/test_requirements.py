"""The hashed requirements are those of the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(
    r"^([a-z0-9-]+)==([^ ]+)(?: ; [^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE
)


def pins(file: Path) -> dict[str, str]:
    return {name: version for name, version, _ in PIN.findall(file.read_text())}


@pytest.fixture
def project(root: Path) -> Any:
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.mark.parametrize("file", [f"requirements{part}.txt" for part in ("", "-build", "-dev", "-docs")])
def test_every_requirement_is_pinned_by_hash_and_names_no_index(root: Path, file: str) -> None:
    text = (root / file).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(lines) == len(PIN.findall(text))
    assert "://" not in text
    assert "--index-url" not in text


def test_the_pins_satisfy_what_the_project_asks_for(root: Path, project: Any) -> None:
    runtime = project["project"]["dependencies"]
    build = project["dependency-groups"]["build"]
    development = [each for each in project["dependency-groups"]["dev"] if isinstance(each, str)]
    for file, wanted in (
        ("requirements.txt", runtime),
        ("requirements-build.txt", build),
        ("requirements-dev.txt", runtime + build + development),
        ("requirements-docs.txt", project["dependency-groups"]["docs"]),
    ):
        pinned = pins(root / file)
        for requirement in map(Requirement, wanted):
            version = pinned.get(canonicalize_name(requirement.name))
            assert version, f"{file} lacks {requirement.name}: make lock"
            assert version in requirement.specifier, f"{file} pins {requirement.name} {version}: make lock"


def test_development_uses_what_users_get(root: Path) -> None:
    development = pins(root / "requirements-dev.txt").items()
    assert pins(root / "requirements.txt").items() <= development
    assert pins(root / "requirements-build.txt").items() <= development
