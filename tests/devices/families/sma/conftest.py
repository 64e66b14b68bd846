"""The SMA family and its maps."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap


@pytest.fixture(scope="session")
def sma() -> RegisterFamily:
    return cast("RegisterFamily", load_family("sma"))


@pytest.fixture(scope="session")
def maps(sma: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The map of each part, by the name of the part."""
    return {part.name: sma.map_of(part) for part in sma.spec.parts}


@pytest.fixture(scope="session")
def sheet(captures: Path) -> Sequence[Mapping[str, str]]:
    """The rows of the published lists, beside the recordings."""
    file = captures.parent / "facts" / "sma.csv"
    if not file.is_file():
        pytest.skip("the published lists are not beside the recordings")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
