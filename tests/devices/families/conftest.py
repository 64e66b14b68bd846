"""A family of the tests' own, and a link that answers from memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.base import LinkStatistics, Span, Table


@dataclass
class MemoryLink:
    """Answers from `words`, by unit and address; refuses every block that touches anything else.

    `trouble` are errors to raise instead, by the first address of the request. `tables` are the words of
    tables that have their own; for any other table it answers from `words`.
    """

    words: dict[tuple[int, int], int]
    trouble: dict[int, list[DeviceError]] = field(default_factory=dict)
    statistics: LinkStatistics = field(default_factory=LinkStatistics)
    spans: list[Span] = field(default_factory=list)
    tables: dict[Table, dict[tuple[int, int], int]] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        yield

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        self.spans.append(span)
        self.statistics.requests += 1
        if self.trouble.get(span.address):
            raise self.trouble[span.address].pop(0)
        words = self.tables.get(span.table, self.words)
        if not any(unit == span.unit for unit, _ in words):
            raise Rejected("no such unit", code=10)
        try:
            return tuple(words[span.unit, address] for address in range(span.address, span.end))
        except KeyError:
            raise Rejected("illegal address", code=2) from None

    async def close(self) -> None: ...

    def set(self, unit: int, start: int, *words: int) -> None:
        self.words.update(((unit, start + i), word) for i, word in enumerate(words))


@pytest.fixture
def link() -> MemoryLink:
    return MemoryLink({})


@pytest.fixture
def make_source(tmp_path: Path, link: MemoryLink, clock: Any) -> Callable[..., RegisterSource]:
    """Return a function that builds a source from the text of `family.yaml` and of its maps."""

    def make(
        spec: Mapping[str, Any],
        maps: Mapping[str, str],
        *,
        units: Mapping[str, tuple[int, ...]] | None = None,
        profile: str = "core",
        **figures: Any,
    ) -> RegisterSource:
        for name, text in maps.items():
            lines = [line.strip() for line in text.strip().splitlines()]
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        family = RegisterFamily("testfamily", FamilySpec.model_validate(spec, strict=False), tmp_path)
        config = DeviceConfig(
            family="testfamily",
            name="unit",
            units=units or {},
            base=None,
            profile=profile,
            map=figures.get("map"),
            model=None,
            serial=None,
            link=None,
            rated_power=figures.get("rated_power"),
            capacity=figures.get("capacity"),
        )
        surroundings = Surroundings(ZoneInfo("Europe/Amsterdam"), clock)
        return family.source(config, surroundings, link)

    return make


__all__ = ["MemoryLink", "Table"]
