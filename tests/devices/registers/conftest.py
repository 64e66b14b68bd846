"""Register maps written inside the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from sunhelm.devices.registers.map import MapError, load_map
from sunhelm.devices.registers.register import RegisterMap

Load = Callable[..., RegisterMap]
Mistakes = Callable[..., tuple[str, ...]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a map from its lines; the file is `pack.csv`, the family `deye`."""

    def loaded(
        text: str,
        *,
        prefix: str = "",
        part_labels: Sequence[str] = (),
        enums: Mapping[str, Mapping[int, str]] | None = None,
        groups: Sequence[str] = (),
    ) -> RegisterMap:
        file = tmp_path / "pack.csv"
        file.write_text(text, encoding="utf-8")
        return load_map(
            file, family="deye", prefix=prefix, part_labels=part_labels, enums=enums, groups=groups
        )

    return loaded


@pytest.fixture
def mistakes(load: Load) -> Mistakes:
    """Load a map that is wrong and return what is wrong with it."""

    def found(text: str, **options: object) -> tuple[str, ...]:
        with pytest.raises(MapError) as caught:
            load(text, **options)
        assert str(caught.value) == "\n".join(caught.value.mistakes)
        return caught.value.mistakes

    return found
