"""Totals that a device does not tell, as `derived` in `family.yaml` has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample


def totals(
    part: FoundPart, values: Mapping[str, float | str], names: Mapping[str, str], groups: Collection[str]
) -> Iterator[Sample]:
    """Yield the totals of a part that belong to these groups.

    `values` are what was last read of the part, by register; `names` are what its groups are called outside.
    """
    done: set[tuple[str, ...]] = set()
    for derived in part.part.derived:
        group = names[derived.group]
        quantity = CATALOGUE[derived.quantity]
        labels = {**part.labels, **derived.labels}
        series = (derived.quantity, *(labels[label] for label in quantity.labels))
        if series in done or group not in groups:
            continue
        numbers = [
            -number if name.startswith("-") else number
            for name in derived.sum
            if isinstance(number := values.get(name.removeprefix("-")), float)
        ]
        if len(numbers) == len(derived.sum) or (derived.partial and numbers):
            done.add(series)
            places = " ".join(derived.sum)
            yield Sample(quantity, sum(numbers), series[1:], f"the sum of {places}", group)
