"""The SunSpec family, and a device made of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.registers.register import RegisterMap

MARK = (0x5375, 0x6E53)
END = (0xFFFF, 0)

Models = Sequence[tuple[int, Sequence[int]]]
"""The models of a chain: id, and the words that follow the header."""


@pytest.fixture(scope="session")
def sunspec() -> RegisterFamily:
    return cast("RegisterFamily", load_family("sunspec"))


@pytest.fixture(scope="session")
def maps(sunspec: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The map of each part, by the name of the part."""
    return {part.name: sunspec.map_of(part) for part in sunspec.spec.parts}


def _text(words: int, value: str) -> tuple[int, ...]:
    padded = value.encode().ljust(2 * words, b"\0")
    return tuple(int.from_bytes(padded[i : i + 2]) for i in range(0, 2 * words, 2))


@pytest.fixture(scope="session")
def text() -> Callable[[int, str], tuple[int, ...]]:
    """Return a function that writes text into so many words."""
    return _text


@pytest.fixture(scope="session")
def common() -> tuple[int, Sequence[int]]:
    """Model 1 of a device."""
    return _common("Maker")


@pytest.fixture(scope="session")
def common_of() -> Callable[[str], tuple[int, Sequence[int]]]:
    """Return a function that makes model 1 of a maker's device."""
    return _common


def _common(maker: str) -> tuple[int, Sequence[int]]:
    words = (
        *_text(16, maker),
        *_text(16, "Model X"),
        *_text(8, ""),
        *_text(8, "1.2.3"),
        *_text(16, "S-42"),
        1,
        0x8000,
    )
    return 1, words


@pytest.fixture
def put(link: Any) -> Callable[..., None]:
    """Return a function that puts a chain of models into the device's memory."""

    def put(models: Models, *, base: int = 40000, unit: int = 1, end: Sequence[int] = END) -> None:
        words = [*MARK]
        for number, content in models:
            words += (number, len(content), *content)
        link.set(unit, base, *words, *end)

    return put


@pytest.fixture
def make_device(sunspec: RegisterFamily, link: Any, clock: Any) -> Callable[..., RegisterSource]:
    """Return a function that opens the device in memory."""

    def make(
        *, units: Mapping[str, tuple[int, ...]] | None = None, base: int | None = None, profile: str = "core"
    ) -> RegisterSource:
        config = SimpleNamespace(
            name="roof",
            units=units or {},
            base=base,
            profile=profile,
            model=None,
            serial=None,
            link=None,
            map=None,
            rated_power=None,
            capacity=None,
            read_words=None,
        )
        return sunspec.source(config, Surroundings(ZoneInfo("Europe/Amsterdam"), clock), link)  # type: ignore[arg-type]

    return make
