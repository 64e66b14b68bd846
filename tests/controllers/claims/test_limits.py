from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.claims.limits import all_together, is_limit, loosens, strictest, together
from sunhelm.devices.control import (
    UNLIMITED,
    Charge,
    CurrentLimits,
    Limit,
    Mode,
    PowerLimit,
    SocLimits,
    Value,
)

watts = st.floats(0, 1e6)
power_limits = st.one_of(st.just(UNLIMITED), st.builds(Limit, watts))
amperes = st.none() | st.floats(0, 500)
ratios = st.none() | st.floats(0, 1)
limits_of_a_kind = st.one_of(
    st.lists(power_limits, min_size=1, max_size=4),
    st.lists(st.builds(CurrentLimits, amperes, amperes), min_size=1, max_size=4),
    st.lists(st.builds(SocLimits, ratios, ratios), min_size=1, max_size=4),
)


def test_no_watts_is_a_limit_and_the_strictest() -> None:  # S15, S29
    assert strictest([UNLIMITED, Limit(500), Limit(0)]) == Limit(0)
    assert Limit(0) != UNLIMITED


def test_without_limits_there_is_none() -> None:
    assert strictest([]) is UNLIMITED


@given(st.lists(power_limits, min_size=1))
def test_the_strictest_is_one_of_them_and_none_is_stricter(limits: list[PowerLimit]) -> None:  # S13
    chosen = strictest(limits)

    assert chosen in limits
    assert not any(loosens(chosen, than=limit) for limit in limits)


@given(limits_of_a_kind)
def test_the_order_of_who_asks_changes_nothing(limits: list[Value]) -> None:
    assert len({all_together(order) for order in permutations(limits)}) == 1


@given(limits_of_a_kind)
def test_all_together_loosen_nobodys_limit(limits: list[Value]) -> None:
    assert not any(loosens(all_together(limits), than=limit) for limit in limits)


def test_ends_that_nobody_limits_stay_free() -> None:
    assert together(CurrentLimits(charge=10), CurrentLimits(discharge=20)) == CurrentLimits(10, 20)
    assert together(SocLimits(0.2, 0.9), SocLimits(0.1, None)) == SocLimits(0.2, 0.9)


@pytest.mark.parametrize("value", [Charge(100), Mode("backup")])
def test_what_is_no_limit_cannot_be_joined(value: Value) -> None:
    assert not is_limit(value)
    with pytest.raises(TypeError, match="limits of one kind"):
        together(value, Limit(0))
