"""Bounds that are a share of a figure of the device: "rated_power", "-rated_power", "capacity*1.3"."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, Protocol

Figure = Literal["rated_power", "capacity"]

UNITS_OF_FIGURES: Final[Mapping[Figure, Collection[str]]] = MappingProxyType(
    {"rated_power": ("watts", "volt_amperes", "vars"), "capacity": ("joules",)}
)
"""The base units of values that a figure can bound."""

_FORM: Final = re.compile(r"(-?)(?:(rated_power)|capacity)(?:\*([0-9]+(?:\.[0-9]+)?))?")
_NOTHING_TOLD: Final[Mapping[str, float]] = MappingProxyType({})


class Figures(Protocol):
    """Who may know the figures of a device: in watts and in joules, None where not told."""

    @property
    def rated_power(self) -> float | None: ...

    @property
    def capacity(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Share:
    """So many times a figure of the device, in the base unit of that figure."""

    figure: Figure
    times: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Share | None:
        """Return what a text says; None when it is in none of the forms."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        sign, power, times = match.groups()
        return cls("rated_power" if power else "capacity", float(f"{sign}{times or 1}"))

    def __str__(self) -> str:
        sign = "-" if self.times < 0 else ""
        return f"{sign}{self.figure}" + (f"*{abs(self.times):g}" if abs(self.times) != 1 else "")

    def of(self, owners: Figures, told: Mapping[str, float] = _NOTHING_TOLD) -> float | None:
        """Return the bound in base units; None where nobody has told the figure.

        `told` are figures that the device tells of itself; what the owner says counts more.
        """
        figure = owners.rated_power if self.figure == "rated_power" else owners.capacity
        if figure is None:
            figure = told.get(self.figure)
        return None if figure is None else self.times * figure
