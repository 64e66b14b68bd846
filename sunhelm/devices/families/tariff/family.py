"""Tariffs: prices that are known beforehand, so that nothing is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.source import Fetched, Group, Setting, Source
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.families.tariff.prices import Prices
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Outcome, Sample
from sunhelm.devices.tariffs import Tariff

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_GROUP: Final = "live"

_IMPORT_CHANGE: Final = Quantity(
    "tariff_import_next_change",
    "timestamp_seconds",
    "gauge",
    "When the price of a kWh taken from the grid changes next, as Unix time; absent when it never does.",
)
_FEED_IN_CHANGE: Final = Quantity(
    "tariff_feed_in_next_change",
    "timestamp_seconds",
    "gauge",
    "When the price paid for a kWh sent to the grid changes next, as Unix time; absent when it never does.",
)


class Family:
    """The family `tariff`; see `sunhelm.devices.families.base.Family`."""

    def __init__(self, name: str, spec: FamilySpec, folder: Traversable) -> None:
        del folder
        self.name = name
        self.spec = spec

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        prices = (CATALOGUE["tariff_import"], CATALOGUE["tariff_feed_in"])
        return {_GROUP: (*prices, _IMPORT_CHANGE, _FEED_IN_CHANGE)}

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        if config.tariff is None:
            raise ValueError(f"{config.name} has no tariff")
        return TariffSource(config.tariff, surroundings)


@dataclass(frozen=True, slots=True)
class TariffSource:
    """One tariff; implements `Source`."""

    tariff: Tariff
    surroundings: Surroundings

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        del deadline
        return nullcontext()

    async def prepare(self, deadline: Deadline) -> None:
        """Nothing has to be found out."""

    def groups(self) -> Sequence[Group]:
        return [Group(_GROUP)]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        del deadline
        now = self.surroundings.clock.time()
        return {group: Fetched(Outcome(taken_at=now), tuple(self._samples(now))) for group in groups}

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Sequence[Sample]:
        """Nothing follows from prices."""
        del samples, groups
        return ()

    def remarks(self) -> Sequence[Sample]:
        """Nothing is known beyond the prices."""
        return ()

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        del deadline
        return {"tariff": self.tariff.model_dump(mode="json", by_alias=True)}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        """Nothing can be written: the site file has the prices."""
        del deadline
        return {}

    async def close(self) -> None:
        """There is no connection."""

    def _samples(self, now: float) -> Iterator[Sample]:
        for name, rates, change in (
            ("import", self.tariff.import_, _IMPORT_CHANGE),
            ("feed_in", self.tariff.feed_in, _FEED_IN_CHANGE),
        ):
            if rates is None:
                continue
            prices, source = Prices(rates, self.surroundings.zone), f"the site file's {name}"
            currency = (self.tariff.currency,)
            yield Sample(CATALOGUE[f"tariff_{name}"], prices.price(now), currency, source, _GROUP)
            changes_at = prices.next_change(now)
            if changes_at is not None:
                yield Sample(change, changes_at, (), source, _GROUP)
