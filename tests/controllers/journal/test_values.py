from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.journal.values import decode, decode_value, encode, words
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    CurrentLimits,
    Discharge,
    Limit,
    Mode,
    Number,
    SelfConsumption,
    SocLimits,
    Unknown,
    Value,
)

numbers = st.floats(0, 1e9)
values = st.one_of(
    st.sampled_from([UNKNOWN, UNLIMITED, SelfConsumption(), SelfConsumption("eco")]),
    st.builds(Limit, numbers),
    st.builds(Charge, numbers),
    st.builds(Discharge, numbers),
    st.builds(Number, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(Mode, st.text(min_size=1)),
    st.builds(CurrentLimits, st.none() | numbers, st.none() | numbers),
    st.builds(SocLimits, st.none() | numbers, st.none() | numbers),
)


@given(values)
def test_a_value_survives_the_journal(value: Value | Unknown) -> None:
    assert decode(json.loads(json.dumps(encode(value)))) == value


@given(values)
def test_every_value_has_words_of_one_line(value: Value | Unknown) -> None:
    assert words(value)


@pytest.mark.parametrize(
    "written", [None, 0, "0", [], {}, {"limit_watts": "0"}, {"limit_watts": -1}, {"currents": [True, None]}]
)
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        decode(written)


def test_the_unknown_is_no_value_to_command() -> None:
    with pytest.raises(ValueError, match="unknown"):
        decode_value("unknown")
