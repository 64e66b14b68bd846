"""Tariffs: what energy costs, from a table of the site file or from a market."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final, Protocol

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.source import Fetched, Group, Setting, Source
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.families.tariff.feed import Feed
from sunhelm.devices.families.tariff.markets import FEED_IN, IMPORT, server
from sunhelm.devices.families.tariff.prices import Prices
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.sign_in import Credentials, Desk, Grant, Grants
from sunhelm.devices.markets import Amber, Market
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Outcome, Sample
from sunhelm.devices.tariffs import Tariff

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_HOURS_AHEAD: Final = range(1, 25)

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
_CHANGE: Final = {IMPORT: _IMPORT_CHANGE, FEED_IN: _FEED_IN_CHANGE}


class _Known(Protocol):
    """Prices of one direction in the owner's currency, whoever sets them."""

    def value(self, unix_time: float) -> float | None:
        """Return the price for a kWh at this time; None when nobody has told it."""

    def next_change(self, unix_time: float) -> float | None:
        """Return when the price becomes another one; None when it never does, or nobody has told."""


class Family:
    """The family `tariff`; see `sunhelm.devices.families.base.Family`."""

    def __init__(self, name: str, spec: FamilySpec, folder: Traversable) -> None:
        del folder
        self.name = name
        self.spec = spec

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        return {
            direction: (CATALOGUE[f"tariff_{direction}"], CATALOGUE[f"tariff_{direction}_ahead"], change)
            for direction, change in _CHANGE.items()
        }

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        if config.tariff is None:
            raise ValueError(f"{config.name} has no tariff")
        feeds: list[Feed] = []
        for market in (config.tariff.import_, config.tariff.feed_in):
            if isinstance(market, Market) and all(not same(feed.market, market) for feed in feeds):
                link = HttpLink(
                    server(market),
                    pacing=self.spec.pacing,
                    sign_in=_sign_in(market, surroundings),
                    turns=surroundings.turns,
                    clock=surroundings.clock,
                )
                feeds.append(Feed(config.name, market, link, surroundings))
        return TariffSource(config.tariff, surroundings, tuple(feeds))


@dataclass(frozen=True, slots=True)
class TariffSource:
    """One tariff; implements `Source`. `feeds` are those of its markets, one for both directions."""

    tariff: Tariff
    surroundings: Surroundings
    feeds: Sequence[Feed] = ()

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Each market has a turn of its own."""
        del deadline
        return nullcontext()

    async def prepare(self, deadline: Deadline) -> None:
        """Nothing has to be found out."""

    def groups(self) -> Sequence[Group]:
        given = {IMPORT: self.tariff.import_, FEED_IN: self.tariff.feed_in}
        return [Group(direction) for direction, pricing in given.items() if pricing is not None]

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        for feed in self.feeds:
            await feed.renew(deadline)
        now = self.surroundings.clock.time()
        return {group: self._fetched(group, now) for group in groups}

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Sequence[Sample]:
        """Nothing follows from prices."""
        del samples, groups
        return ()

    def remarks(self) -> Sequence[Sample]:
        """Nothing is known beyond the prices."""
        return ()

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        """Return the tariff as the site file has it, without the key of a market."""
        del deadline
        hidden = {name: {"token", "token_file", "site"} for name in ("import_", "feed_in")}
        exclude = {
            name: keys for name, keys in hidden.items() if isinstance(getattr(self.tariff, name), Amber)
        }
        return {"tariff": self.tariff.model_dump(mode="json", by_alias=True, exclude=exclude)}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        """Nothing can be written: the site file has the prices, or where they come from."""
        del deadline
        return {}

    async def close(self) -> None:
        for feed in self.feeds:
            await feed.link.close()

    def _fetched(self, direction: str, now: float) -> Fetched:
        try:
            prices, told_by = self._prices(direction)
        except DeviceError as error:
            return Fetched(Outcome(reason=error.reason, detail=str(error)))
        return Fetched(Outcome(taken_at=now), tuple(self._samples(direction, prices, told_by, now)))

    def _prices(self, direction: str) -> tuple[_Known, str]:
        """Return the prices of a direction, and who tells them. Raises DeviceError."""
        pricing = self.tariff.import_ if direction == IMPORT else self.tariff.feed_in
        if isinstance(pricing, Market):
            feed = next(feed for feed in self.feeds if same(feed.market, pricing))
            return feed.prices(direction, pricing), pricing.market
        return Prices(pricing or (), self.surroundings.zone), f"the site file's {direction}"

    def _samples(self, direction: str, prices: _Known, told_by: str, now: float) -> Iterator[Sample]:
        now_quantity = CATALOGUE[f"tariff_{direction}"]
        ahead_quantity = CATALOGUE[f"tariff_{direction}_ahead"]
        currency = self.tariff.currency
        price = prices.value(now)
        if price is not None:
            yield Sample(now_quantity, price, (currency,), told_by, direction)
        for hours in _HOURS_AHEAD:
            price = prices.value(now + 3600.0 * hours)
            if price is not None:
                yield Sample(ahead_quantity, price, (currency, str(hours)), told_by, direction)
        changes_at = prices.next_change(now)
        if changes_at is not None:
            yield Sample(_CHANGE[direction], changes_at, (), told_by, direction)


def same(one: Market, other: Market) -> bool:
    """Whether one question answers both: they differ in what the owner makes of the price at most."""
    own = {"times", "plus"}
    return type(one) is type(other) and one.model_dump(exclude=own) == other.model_dump(exclude=own)


def _sign_in(market: Market, surroundings: Surroundings) -> Grants | None:
    """Return how the requests to a market show its key; None where it wants none."""
    secret = market.secret("token") if isinstance(market, Amber) else None
    if secret is None:
        return None

    async def show(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        del desk, deadline
        return Grant.bearer(credentials["token"], None)

    return Grants({"token": secret}, show, surroundings.clock)
