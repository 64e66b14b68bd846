"""A family whose devices answer in JSON: its values are data, in `values.csv` beside its `family.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import ClassVar

from sunhelm.devices.families.json_map import load_json_map
from sunhelm.devices.families.json_values import NO_RENAMES, Renames
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.quantities import Quantity


class JsonFamily:
    """What such families share; see `sunhelm.devices.families.base.Family`.

    `renames` are our words for the vendor's in labels; `beyond` is what a group brings that no row says.
    """

    renames: ClassVar[Renames] = NO_RENAMES
    beyond: ClassVar[Mapping[str, Sequence[Quantity]]] = MappingProxyType({})

    def __init__(self, name: str, spec: FamilySpec, folder: Traversable) -> None:
        self.name = name
        self.spec = spec
        self.values = load_json_map(folder.joinpath("values.csv"), family=name, renames=self.renames)

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        offers = self.values.offers()
        for group, quantities in self.beyond.items():
            offers[group] = [*offers.get(group, ()), *quantities]
        return offers
