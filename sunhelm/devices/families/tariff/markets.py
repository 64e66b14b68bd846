"""What is asked of each market, and what its answer means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.timeline import Period, Timeline
from sunhelm.devices.links.answers import utc
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.markets import Amber, Awattar, EnergyCharts, Market, Octopus
from sunhelm.devices.wall_clock import local_day

IMPORT: Final = "import"
FEED_IN: Final = "feed_in"
_DIRECTIONS: Final = (IMPORT, FEED_IN)

Numbers = Mapping[str, Timeline]
"""The market's own numbers of each direction that it has."""

_HOUR_S: Final = 3600.0
_BEHIND_S: Final = 2 * _HOUR_S
_AHEAD_S: Final = 48 * _HOUR_S
_MINUTES: Final = (1, 60)


@dataclass(frozen=True, slots=True)
class Question:
    """What a market is asked, and where on its server."""

    path: str
    query: Mapping[str, str | int]


def question(market: Market, now: float, zone: ZoneInfo) -> Question:
    """Return what to ask a market at this time."""
    match market:
        case EnergyCharts():
            days = {"start": _day(now, -1, zone), "end": _day(now, 2, zone)}
            return Question("/price", {"bzn": market.zone, **days})
        case Awattar():
            times = {"start": int(now - _BEHIND_S) * 1000, "end": int(now + _AHEAD_S) * 1000}
            return Question("/v1/marketdata", times)
        case Octopus(product=product, region=region):
            path = f"/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/"
            times_of_day = {"period_from": _stamp(now - _BEHIND_S), "period_to": _stamp(now + _AHEAD_S)}
            return Question(path, {**times_of_day, "page_size": 1500})
        case Amber():
            return Question(f"/v1/sites/{market.site}/prices/current", {"previous": 1, "next": 48})


def server(market: Market) -> str:
    """Return the address of a market's server."""
    return market.server if isinstance(market, Awattar) else market.url


async def ask(market: Market, link: HttpLink, now: float, zone: ZoneInfo, deadline: Deadline) -> Numbers:
    """Return the numbers of a market around this time. Raises DeviceError, Malformed for no such numbers."""
    asked = question(market, now, zone)
    answer = await link.get_json(asked.path, deadline, query=asked.query)
    try:
        numbers = _numbers(market, answer)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        detail = f"{type(error).__name__} {error}" if isinstance(error, KeyError) else type(error).__name__
        raise Malformed(f"{market.market}: the answer holds no prices ({detail})") from None
    if not any(periods.periods for periods in numbers.values()):
        raise Malformed(f"{market.market}: the answer holds no prices")
    return numbers


def _numbers(market: Market, answer: object) -> Numbers:
    if isinstance(market, Amber):
        return _amber(answer)
    match market:
        case EnergyCharts():
            periods = _energy_charts(_mapping(answer))
        case Awattar():
            periods = _awattar(_mapping(answer))
        case Octopus():
            periods = _octopus(_mapping(answer))
    return dict.fromkeys(_DIRECTIONS, Timeline.of(periods))


def _energy_charts(answer: Mapping[str, object]) -> Iterator[Period]:
    if answer["unit"] != "EUR / MWh":
        raise ValueError("another unit")
    starts = [_number(start) for start in _list(answer["unix_seconds"])]
    prices = _list(answer["price"])
    lengths = [later - start for start, later in pairwise(starts)]
    for start, length, price in zip(starts, [*lengths, *lengths[-1:]], prices, strict=True):
        if price is not None:
            yield Period(start, start + min(length, _HOUR_S), _number(price))


def _awattar(answer: Mapping[str, object]) -> Iterator[Period]:
    for each in map(_mapping, _list(answer["data"])):
        if str(each["unit"]).lower() != "eur/mwh":
            raise ValueError("another unit")
        start, end = _number(each["start_timestamp"]), _number(each["end_timestamp"])
        yield Period(start / 1000, end / 1000, _number(each["marketprice"]))


def _octopus(answer: Mapping[str, object]) -> Iterator[Period]:
    for each in map(_mapping, _list(answer["results"])):
        if each.get("payment_method") not in (None, "DIRECT_DEBIT"):
            continue
        end = float("inf") if each["valid_to"] is None else _time(each["valid_to"])
        yield Period(_time(each["valid_from"]), end, _number(each["value_inc_vat"]))


def _amber(answer: object) -> Numbers:
    """Amber's intervals begin a second late, and its feed-in price is a cost: negative is income."""
    periods: dict[str, list[Period]] = {IMPORT: [], FEED_IN: []}
    for each in map(_mapping, _list(answer)):
        price, end = _number(each["perKwh"]), _time(each["endTime"])
        minutes = _number(each["duration"])
        if not _MINUTES[0] <= minutes <= _MINUTES[1]:
            raise ValueError("another duration")
        period = Period(end - 60 * minutes, end, price, forecast=each["type"] == "ForecastInterval")
        if each["channelType"] == "general":
            periods[IMPORT].append(period)
        elif each["channelType"] == "feedIn":
            periods[FEED_IN].append(period._replace(value=-price))
    return {direction: Timeline.of(found) for direction, found in periods.items()}


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    number = float(value)
    if not abs(number) < float("inf"):
        raise ValueError("not finite")
    return number


def _time(value: object) -> float:
    time = utc(value)
    if time is None:
        raise ValueError("no time")
    return time


def _day(now: float, offset: int, zone: ZoneInfo) -> str:
    day = local_day(now, zone)
    return (day + timedelta(offset)).isoformat()


def _stamp(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).strftime("%Y-%m-%dT%H:%MZ")
