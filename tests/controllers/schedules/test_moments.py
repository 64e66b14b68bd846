from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.schedules.moments import Moment, moment

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 7, 1, 12, tzinfo=ZONE).timestamp()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-07-01T13:00:00+02:00", "2026-07-01T11:00+00:00", "2026-07-01T11:00+00:00"),
        ("2026-07-01 13:00", "2026-07-01T11:00+00:00", "2026-07-01T11:00+00:00"),
        ("2026-07-01T11:00Z", "2026-07-01T11:00+00:00", "2026-07-01T11:00+00:00"),
        ("13:30", "2026-07-01T11:30+00:00", "2026-07-01T11:30+00:00"),
        ("11:30", "2026-07-02T09:30+00:00", "2026-07-02T09:30+00:00"),
        # left out, and twice
        ("2026-03-29T02:30", "2026-03-29T01:00+00:00", "2026-03-29T01:00+00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00"),
        ("2026-10-25T02:30:15", "2026-10-25T00:30:15+00:00", "2026-10-25T01:30:15+00:00"),
    ],
)
def test_a_time_means_what_the_clock_on_the_wall_shows(text: str, start: str, end: str) -> None:
    assert moment(text).starts(NOON, ZONE) == at(start)
    assert moment(text).ends(NOON, ZONE) == at(end)


def test_now_starts_and_does_not_end() -> None:
    assert Moment("now").starts(NOON, ZONE) == NOON
    with pytest.raises(ValueError, match="ends now"):
        Moment("now").ends(NOON, ZONE)


@pytest.mark.parametrize(
    "value", ["", "noon", "25:00", "2026-07-01", "2026-13-01T10:00", "9999-01-01T00:00", 13, None, "13"]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        moment(value)


@given(minute=st.integers(0, 1439), now=st.floats(1.7e9, 1.9e9))
def test_a_time_of_the_day_is_the_next_one(minute: int, now: float) -> None:
    text = f"{minute // 60:02}:{minute % 60:02}"
    start = moment(text).starts(now, ZONE)
    end = moment(text).ends(now, ZONE)

    assert 0 <= start - now <= 25 * 3600
    assert 0 < end - now <= 26 * 3600
