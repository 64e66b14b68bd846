"""Families: one folder a system; data first, code only for what data cannot say.

A folder holds `family.yaml` (schema: `sunhelm.devices.families.spec`), its register maps (`*.csv`), and
`family.py` only where a class of its own is needed; that class is called `Family`.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.resources import files

import yaml

from sunhelm.devices.families.accounts import Accounts
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings
from sunhelm.devices.families.spec import FamilySpec

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml, which is eight times as fast
    from yaml import SafeLoader  # type: ignore[assignment]  # it does the same

FAMILIES: tuple[str, ...] = tuple(
    sorted(folder.name for folder in files(__name__).iterdir() if folder.joinpath("family.yaml").is_file())
)
"""The names of all families, as the site file spells them."""


@cache
def load_family(name: str) -> Family:
    """Return the family; its data is read once. Raises KeyError for a name that is not in FAMILIES."""
    if name not in FAMILIES:
        raise KeyError(name)
    folder = files(__name__).joinpath(name)
    spec = FamilySpec.model_validate(
        yaml.load(folder.joinpath("family.yaml").read_text(encoding="utf-8"), SafeLoader), strict=False
    )
    if not folder.joinpath("family.py").is_file():
        return RegisterFamily(name, spec, folder)
    family: Family = importlib.import_module(f"{__name__}.{name}.family").Family(name, spec, folder)
    return family


__all__ = ["FAMILIES", "Accounts", "Family", "RegisterFamily", "Surroundings", "load_family"]
