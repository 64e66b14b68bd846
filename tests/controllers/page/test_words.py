"""How the page says things."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from controllers.page.words import clock_words, reason_words, span_words, state_words, value_words

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("limit 0W", "at most 0 W"),
        ("limit 12500W", "at most 12\u202f500 W"),
        ("limit 1e+06W", "at most 1\u202f000\u202f000 W"),
        ("unlimited", "no limit"),
        ("unknown", "not known"),
        ("", "\u2013"),
        ("self_consumption", "self consumption"),
        ("charge 2000W", "charge 2\u202f000 W"),
        ("discharge 50W", "discharge 50 W"),
    ],
)
def test_values_are_said_as_people_do(value: str, words: str) -> None:
    assert value_words(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_400, "1 d"),
        (100_000, "1 d 4 h"),
        (604_800, "7 d"),
    ],
)
def test_times_that_pass_are_said_in_large_units(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_times_have_their_day_only_when_it_is_another_one() -> None:
    now = 1_780_000_000.0

    assert clock_words(now - 60, AMSTERDAM, now) == "22:25:40"
    assert clock_words(now - 7200, AMSTERDAM, now) == "20:26"
    assert clock_words(now + 7200, AMSTERDAM, now) == "Fri 29 May 00:26"


def test_states_and_reasons_are_words() -> None:
    assert state_words("export_limit") == "Export limit"
    assert state_words("setting:system.max_soc") == "Setting system.max soc"
    assert "set the baseline" in reason_words("changed_by_someone_else")
    assert reason_words("some_other") == "some other"
