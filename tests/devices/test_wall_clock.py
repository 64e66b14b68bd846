"""What a clock on the wall shows, on the days on which it changes."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sunhelm.devices.wall_clock import begin, end, local_day

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

ZONES = (
    "Europe/Amsterdam",
    "America/Sao_Paulo",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
)
DATES = st.dates(date(2015, 1, 1), date(2030, 12, 31))
CHANGES = st.sampled_from(
    [
        SPRING,
        AUTUMN,
        date(2018, 2, 17),
        date(2018, 11, 4),
        date(2026, 4, 5),
        date(2026, 10, 4),
        date(2026, 11, 1),
    ]
).flatmap(lambda day: st.integers(-1, 1).map(lambda offset: day + timedelta(offset)))
"""Days on which, or beside which, one of the zones changes its clocks."""


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("day", "minute", "began", "ended"),
    [
        (date(2026, 7, 1), 150, "2026-07-01T02:30+02:00", "2026-07-01T02:30+02:00"),
        (date(2026, 7, 1), 1500, "2026-07-02T01:00+02:00", "2026-07-02T01:00+02:00"),
        (SPRING, 119, "2026-03-29T01:59+01:00", "2026-03-29T01:59+01:00"),
        (SPRING, 120, "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00"),
        (SPRING, 150, "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00"),
        (SPRING, 180, "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00"),
        (SPRING, 181, "2026-03-29T03:01+02:00", "2026-03-29T03:01+02:00"),
        (AUTUMN, 119, "2026-10-25T01:59+02:00", "2026-10-25T01:59+02:00"),
        (AUTUMN, 150, "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
        (AUTUMN, 180, "2026-10-25T03:00+01:00", "2026-10-25T03:00+01:00"),
    ],
)
def test_what_is_left_out_is_the_change_and_what_comes_twice_begins_first_and_ends_second(
    day: date, minute: int, began: str, ended: str
) -> None:
    assert begin(day, minute, AMSTERDAM) == at(began)
    assert end(day, minute, AMSTERDAM) == at(ended)


def test_a_day_may_be_longer_or_shorter_than_24_hours() -> None:
    hours = [(end(day, 1440, AMSTERDAM) - begin(day, 0, AMSTERDAM)) / 3600 for day in (SPRING, AUTUMN)]
    assert hours == [23, 25]


def test_the_calendar_is_that_of_the_zone() -> None:
    assert local_day(at("2026-07-01T23:30+00:00"), AMSTERDAM) == date(2026, 7, 2)


@example(zone=ZoneInfo("America/Havana"), day=date(2018, 11, 4), minute=0)
@example(zone=AMSTERDAM, day=AUTUMN, minute=120)
@given(zone=st.sampled_from(ZONES).map(ZoneInfo), day=DATES | CHANGES, minute=st.integers(0, 2879))
def test_the_beginning_is_the_first_moment_that_shows_the_time_and_the_end_the_last(
    zone: ZoneInfo, day: date, minute: int
) -> None:
    """Both by looking at the clock every minute: no change of the clocks is longer than three hours."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    middle = int(begin(day, minute, zone))
    shown = {
        moment: datetime.fromtimestamp(moment, zone).replace(tzinfo=None)
        for moment in range(middle - 3 * 3600, middle + 3 * 3600, 60)
    }
    times = [moment for moment, time in shown.items() if time == wall]
    left_out = min(moment for moment, time in shown.items() if time >= wall)
    assert begin(day, minute, zone) == (min(times) if times else left_out)
    assert end(day, minute, zone) == (max(times) if times else left_out)
