"""The section `tariff` of a device in the site file: what energy costs, and when.

Each direction has a table of rates, or a market that sets its price. A rate is in force on its days from one
local time to another; of several at the same time the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from sunhelm.configuration.mistakes import found
from sunhelm.configuration.validation import Section
from sunhelm.devices.markets import Amber, Awattar, EnergyCharts, Market, Octopus, Price
from sunhelm.devices.wall_clock import MINUTES_A_DAY

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)
"""The days of a week as they are written, from Monday on."""

MINUTES_A_WEEK: Final = 7 * MINUTES_A_DAY

_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MIDNIGHT: Final = "24:00"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_REST: Final = "a last rate with nothing but a price is for all that is left"


def _begin(value: object) -> object:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{found(value)} is not a time of day; write one such as "07:00"')
    return 60 * int(match[1]) + int(match[2])


def _end(value: object) -> object:
    return MINUTES_A_DAY if value == _MIDNIGHT else _begin(value)


def _currency(value: object) -> object:
    if isinstance(value, str) and not _CURRENCY.fullmatch(value):
        raise ValueError(f"{found(value)} is not a currency; write three letters such as EUR")
    return value


def _each_once(days: tuple[Day, ...]) -> tuple[Day, ...]:
    if not days:
        raise ValueError("is empty; leave it out for every day")
    for index, day in enumerate(days):
        if day in days[:index]:
            raise ValueError(f"{found(day)} is given twice")
    return days


def _rates(value: object) -> object:
    if value in ([], ()):
        raise ValueError("is empty; write at least one rate, or a number")
    return value if isinstance(value, list | tuple | dict) else ({"price": value},)


class Rate(Section):
    """One price: for a kWh, on these days, between these minutes after local midnight.

    One whose end is not after its start lasts into the next day; `days` are those on which it begins.
    """

    from_: Annotated[int, BeforeValidator(_begin)] = Field(default=0, alias="from")
    to: Annotated[int, BeforeValidator(_end)] = MINUTES_A_DAY
    days: Annotated[tuple[Day, ...], AfterValidator(_each_once)] = DAYS
    price: Price

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("begins when it ends; leave out both from and to for the whole day")
        return self

    @property
    def end(self) -> int:
        """The minute of its end, after midnight of the day on which it begins."""
        return self.to if self.to > self.from_ else self.to + MINUTES_A_DAY

    def minutes(self) -> Iterator[int]:
        """Yield each minute of a week, from Monday on, in which it is in force."""
        for day in self.days:
            midnight = DAYS.index(day) * MINUTES_A_DAY
            for minute in range(midnight + self.from_, midnight + self.end):
                yield minute % MINUTES_A_WEEK


Rates = Annotated[tuple[Rate, ...], BeforeValidator(_rates)]
"""The rates of one direction; a single number is the price of all times."""

_MARKETS: Final = ("energy_charts", "awattar", "octopus", "amber")


def _kind(value: object) -> str:
    market = value.get("market") if isinstance(value, dict) else getattr(value, "market", None)
    if market is None:
        return "table"
    return market if market in _MARKETS else "unknown"


def _unknown_market(value: object) -> object:
    del value
    raise ValueError(f"market: is none of {', '.join(_MARKETS)}")


Pricing = Annotated[
    Annotated[Rates, Tag("table")]
    | Annotated[EnergyCharts, Tag("energy_charts")]
    | Annotated[Awattar, Tag("awattar")]
    | Annotated[Octopus, Tag("octopus")]
    | Annotated[Amber, Tag("amber")]
    | Annotated[Rates, BeforeValidator(_unknown_market), Tag("unknown")],
    Discriminator(_kind),
]
"""What sets the price of one direction."""


class Tariff(Section):
    """The section `tariff`: what is paid for a kWh taken from the grid, and what one sent there brings."""

    currency: Annotated[str, BeforeValidator(_currency)]
    import_: Pricing | None = Field(default=None, alias="import")
    feed_in: Pricing | None = None

    @model_validator(mode="after")
    def _has_prices(self) -> Self:
        if self.import_ is None and self.feed_in is None:
            raise ValueError("has no prices; write import, feed_in or both")
        return self

    def mistakes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what is wrong with the rates taken together: where below this section, and a sentence."""
        for name, pricing in (("import", self.import_), ("feed_in", self.feed_in)):
            if isinstance(pricing, Market):
                if pricing.currency != self.currency:
                    yield (
                        (name,),
                        f"the prices of {pricing.market} are in {pricing.currency}, not {self.currency}",
                    )
            elif pricing is not None:
                for path, message in _about_rates(pricing):
                    yield (name, *path), message


def _about_rates(rates: Sequence[Rate]) -> Iterator[tuple[tuple[int, ...], str]]:
    free = set(range(MINUTES_A_WEEK))
    for index, rate in enumerate(rates):
        minutes = set(rate.minutes())
        if free.isdisjoint(minutes):
            yield (index,), "is never in force; of rates for the same time the first counts"
        free -= minutes
    if free:
        first = min(free)
        last = next(minute for minute in range(first, MINUTES_A_WEEK + 1) if minute not in free)
        more = " and at other times" * (len(free) > last - first)
        yield (), f"has no price from {_said(first)} to {_said(last, is_end=True)}{more}; {_REST}"


def _said(minute: int, *, is_end: bool = False) -> str:
    day, rest = divmod(minute - is_end, MINUTES_A_DAY)
    hours, minutes = divmod(rest + is_end, 60)
    return f"{DAYS[day]} {hours:02}:{minutes:02}"
