"""Prices in local time, on ordinary days and on those on which the clocks change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunhelm.devices.families.tariff.prices import Prices
from sunhelm.devices.tariffs import DAYS, Tariff

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ZONES = ("Europe/Amsterdam", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata")
MOMENTS = st.sampled_from(
    ["2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T05:00Z", "2026-11-01T05:00Z", "2026-10-03T15:30Z"]
).map(lambda text: datetime.fromisoformat(text).timestamp())
"""Changes of the clocks in these zones; a test looks at the days around one."""

EVENING = [
    {"from": "17:00", "to": "21:00", "days": ["mon", "tue", "wed", "thu", "fri"], "price": 0.4},
    {"from": "23:00", "to": "07:00", "price": 0.2},
    {"price": 0.3},
]


def prices(rates: Sequence[dict[str, Any]], zone: ZoneInfo = AMSTERDAM) -> Prices:
    tariff = Tariff.model_validate({"currency": "EUR", "import": rates})
    assert tariff.import_ is not None
    assert list(tariff.mistakes()) == []
    return Prices(tariff.import_, zone)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).timestamp()


@pytest.mark.parametrize(
    ("moment", "price", "until"),
    [
        ("2026-06-05T07:00", 0.3, "2026-06-05T17:00"),  # a Friday
        ("2026-06-05T16:59:59", 0.3, "2026-06-05T17:00"),
        ("2026-06-05T17:00", 0.4, "2026-06-05T21:00"),
        ("2026-06-05T21:00", 0.3, "2026-06-05T23:00"),
        ("2026-06-05T23:00", 0.2, "2026-06-06T07:00"),
        ("2026-06-06T06:59:59", 0.2, "2026-06-06T07:00"),
        ("2026-06-06T18:00", 0.3, "2026-06-06T23:00"),
    ],
)
def test_the_first_rate_of_this_time_counts_until_another_price_begins(
    moment: str, price: float, until: str
) -> None:
    table = prices(EVENING)
    assert table.value(at(moment)) == price
    assert table.next_change(at(moment)) == at(until)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    table = prices([{"from": "22:00", "to": "06:00", "days": ["sun"], "price": 0.1}, {"price": 0.3}])
    assert table.value(at("2026-06-07T21:59")) == 0.3
    assert table.value(at("2026-06-07T23:00")) == 0.1
    assert table.value(at("2026-06-08T05:59")) == 0.1
    assert table.value(at("2026-06-08T23:00")) == 0.3


def test_a_price_that_never_changes_has_no_next_change() -> None:
    table = prices([{"to": "12:00", "price": 0.3}, {"price": 0.3}])
    assert table.next_change(at("2026-06-05T07:00")) is None


def test_a_rate_of_an_hour_that_is_left_out_comes_a_week_later() -> None:
    table = prices([{"from": "02:00", "to": "03:00", "days": ["sun"], "price": 0.1}, {"price": 0.3}])
    assert table.next_change(at("2026-03-29T00:00")) == at("2026-04-05T02:00")


def test_a_rate_of_an_hour_that_comes_twice_lasts_two_hours() -> None:
    table = prices([{"from": "02:00", "to": "03:00", "price": 0.1}, {"price": 0.3}])
    began = table.next_change(at("2026-10-25T00:00"))
    assert began == at("2026-10-25T02:00")
    assert table.next_change(began) == began + 2 * 3600


def clock_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def rates(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rates with ends at any minute, and one for all that they leave."""
    some = [
        {
            "from": clock_time(begin),
            "to": clock_time(end),
            "days": days,
            "price": float(price),
        }
        for price, (begin, end, days) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.integers(0, 1439),
                        st.integers(0, 1439),
                        st.lists(st.sampled_from(DAYS), unique=True, min_size=1),
                    ).filter(lambda rate: rate[0] != rate[1]),
                    max_size=4,
                )
            )
        )
    ]
    return [*some, {"price": 9.0}]


def table_of(rates: Sequence[dict[str, Any]], zone: str) -> Prices:
    """The prices, also of rates of which one is never in force."""
    tariff = Tariff.model_validate({"currency": "EUR", "feed_in": rates})
    assert tariff.feed_in is not None
    return Prices(tariff.feed_in, ZoneInfo(zone))


def by_the_calendar(rates: Sequence[dict[str, Any]], shown: datetime) -> float:
    """The price by what clock and calendar show alone: right wherever no clock has just changed."""
    minute = 60 * shown.hour + shown.minute
    today, yesterday = DAYS[shown.weekday()], DAYS[shown.weekday() - 1]
    for rate in rates:
        days = rate.get("days", DAYS)
        begin, end = (
            int(text[:2]) * 60 + int(text[3:])
            for text in (rate.get("from", "00:00"), rate.get("to", "24:00"))
        )
        if begin < end:
            if today in days and begin <= minute < end:
                return float(rate["price"])
        elif (today in days and minute >= begin) or (yesterday in days and minute < end):
            return float(rate["price"])
    raise AssertionError("a time without a price")


@given(rates=rates(), zone=st.sampled_from(ZONES), change=MOMENTS, minutes=st.integers(-6 * 1440, 6 * 1440))
def test_away_from_a_change_of_the_clocks_the_price_is_that_of_clock_and_calendar(
    rates: list[dict[str, Any]], zone: str, change: float, minutes: int
) -> None:
    moment = change + minutes * 60
    shown = datetime.fromtimestamp(moment, ZoneInfo(zone))
    offsets = {
        datetime.fromtimestamp(moment + hours * 3600, ZoneInfo(zone)).utcoffset() for hours in range(-30, 4)
    }
    if len(offsets) == 1:
        assert table_of(rates, zone).value(moment) == by_the_calendar(rates, shown)


@given(rates=rates(), zone=st.sampled_from(ZONES), change=MOMENTS, minutes=st.integers(-2880, 2880))
def test_no_moment_is_without_a_price_and_none_is_that_of_another_time(
    rates: list[dict[str, Any]], zone: str, change: float, minutes: int
) -> None:
    """In the hours of a change, the price is one that the clock has shown or will show within the change."""
    moment = change + minutes * 60
    shown = datetime.fromtimestamp(moment, ZoneInfo(zone))
    near = {by_the_calendar(rates, shown + timedelta(minutes=offset)) for offset in range(-61, 62)}
    assert table_of(rates, zone).value(moment) in near


@settings(max_examples=40)
@given(rates=rates(), zone=st.sampled_from(ZONES), change=MOMENTS, minutes=st.integers(-600, 600))
def test_the_price_stays_until_its_next_change_and_is_another_one_then(
    rates: list[dict[str, Any]], zone: str, change: float, minutes: int
) -> None:
    table = table_of(rates, zone)
    moment = change + minutes * 60
    price, until = table.value(moment), table.next_change(moment)
    steps = range(0, 1440 * 60, 420)
    assert {table.value(moment + step) for step in steps if until is None or moment + step < until} == {price}
    if until is None:
        assert {table.value(moment + hours * 3600) for hours in range(24 * 16)} == {price}
    else:
        assert table.value(until) != price
        assert table.value(until - 1) == price


@settings(max_examples=30)
@given(rates=rates())
def test_a_rate_is_called_useless_just_when_no_minute_of_a_week_has_it(rates: list[dict[str, Any]]) -> None:
    distinct = [{**rate, "price": float(index)} for index, rate in enumerate(rates)]
    tariff = Tariff.model_validate({"currency": "EUR", "import": distinct})
    monday = datetime(2026, 6, 1)  # noqa: DTZ001 - what a clock on the wall shows
    used = {by_the_calendar(distinct, monday + timedelta(minutes=minute)) for minute in range(7 * 1440)}
    useless = {path[1] for path, _ in tariff.mistakes() if len(path) == 2}
    assert useless == set(range(len(distinct))) - {int(price) for price in used}
