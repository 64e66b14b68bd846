"""Members of answers are read leniently: what has another shape is not there."""

from __future__ import annotations

import math

import pytest

from sunhelm.devices.families.shapes import member, number, objects


@pytest.mark.parametrize("value", [True, None, "1", [1], math.inf, math.nan, 10**400])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert number(value) is None


def test_a_whole_number_is_one_as_well() -> None:
    assert number(-3) == -3.0
    assert number(0.5) == 0.5


def test_only_the_objects_of_a_list_count() -> None:
    assert objects([{"a": 1}, None, [], {"a": 2}]) == [{"a": 1}, {"a": 2}]
    assert objects({"a": 1}) == []
    assert member([3, {"a": "x", "b": 1}, {"a": "x"}], "a", "x") == {"a": "x", "b": 1}
    assert member("x", "a", "x") == {}
