"""The Huawei family and its maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap


@pytest.fixture(scope="session")
def huawei() -> RegisterFamily:
    return cast("RegisterFamily", load_family("huawei"))


@pytest.fixture(scope="session")
def maps(huawei: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The map of each part, by the name of the part."""
    return {part.name: huawei.map_of(part) for part in huawei.spec.parts}
