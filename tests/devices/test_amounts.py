from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sunhelm.devices.amounts import Seconds, parse_amount


@pytest.mark.parametrize(
    ("text", "base", "amount"),
    [
        ("12kW", "watts", 12_000.0),
        ("12 kW", "watts", 12_000.0),
        ("-0.5kW", "watts", -500.0),
        ("10kWh", "joules", 36_000_000.0),
        ("0.1kWh", "joules", 360_000.0),
        ("80%", "ratio", 0.8),
        ("100ms", "seconds", 0.1),
        ("5m", "seconds", 300.0),
        ("5min", "seconds", 300.0),
        ("2h", "seconds", 7200.0),
        ("7d", "seconds", 604_800.0),
    ],
)
def test_an_amount_becomes_its_base_unit(text: str, base: str, amount: float) -> None:
    assert parse_amount(text, base) == amount


@pytest.mark.parametrize(
    "value", [12, 12.5, True, None, "12", "kW", "12 W 3", "12kWh", "1e3W", "12KW", ["12kW"]]
)
def test_what_is_no_amount_says_what_is_allowed(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not an amount in watts; write a number with one of W, kW$"):
        parse_amount(value, "watts")


def test_a_metre_is_no_minute_elsewhere() -> None:
    assert parse_amount("5m", "meters") == 5.0


def test_a_duration_is_not_negative() -> None:
    with pytest.raises(ValidationError, match='"-1s" is too small; at least 0 seconds'):
        TypeAdapter(Seconds).validate_python("-1s")


@given(st.text(alphabet="0123456789.+-eE WkhsmdAV%/", max_size=400))
def test_no_text_makes_anything_but_a_finite_amount_or_a_refusal(text: str) -> None:
    for base in ("watts", "joules", "seconds", "ratio"):
        try:
            amount = parse_amount(text, base)
        except ValueError:
            continue
        assert math.isfinite(amount)
