from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.configuration.mistakes import ConfigurationError, Hidden, Mistake, did_you_mean, found, listed


def test_mistakes_are_in_the_order_of_the_file_each_once() -> None:
    late, early = Mistake("f", 10, 1, "b", "is wrong"), Mistake("f", 9, 5, "a", "is wrong")
    error = ConfigurationError([late, early, late])
    assert error.mistakes == (early, late)
    assert str(error) == "f:9:5: a: is wrong\nf:10:1: b: is wrong"
    assert str(Mistake("f", 0, 0, "", "cannot be read")) == "f: cannot be read"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        ("a\nb", '"a\\nb"'),
        ([1], "a list"),
        ({}, "a mapping"),
        ("http://me:hunter2@host/x", '"http://...@host/x"'),
        (Hidden("hunter2"), "(hidden)"),
        ("x" * 100, f'"{"x" * 60}..."'),
    ],
)
def test_a_value_is_shown_short_and_without_what_is_secret(value: object, shown: str) -> None:
    assert found(value) == shown


@given(st.text())
def test_what_is_shown_stays_on_its_line(text: str) -> None:
    assert len(found(text).splitlines()) == 1


def test_the_nearest_guess_ignores_case_and_says_nothing_when_far() -> None:
    assert did_you_mean("DEYE", ["victron", "deye"]) == ' Did you mean "deye"?'
    assert did_you_mean("zzz", ["victron", "deye"]) == ""
    assert did_you_mean(12, ["12"]) == ""


def test_names_are_listed_as_people_do() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b or c"
