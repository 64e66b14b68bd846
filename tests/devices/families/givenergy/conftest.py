from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap


@pytest.fixture(scope="session")
def givenergy() -> RegisterFamily:
    return cast("RegisterFamily", load_family("givenergy"))


@pytest.fixture(scope="session")
def patient(givenergy: RegisterFamily) -> RegisterFamily:
    """The family, waiting for answers as long as the deadline allows: a busy machine is no silent device."""
    family = copy(givenergy)
    pacing = family.spec.pacing.model_copy(update={"timeout": 600.0})
    family.spec = family.spec.model_copy(update={"pacing": pacing})
    return family


@pytest.fixture(scope="session")
def maps(givenergy: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The maps by the names of their parts."""
    return {part.name: givenergy.map_of(part) for part in givenergy.spec.parts}
