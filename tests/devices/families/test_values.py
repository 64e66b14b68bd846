"""What a value has to be that a handle is put to, and when two of them are the same to a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sunhelm.devices.control import (
    UNLIMITED,
    Action,
    Charge,
    Discharge,
    Hazard,
    Limit,
    Mode,
    Number,
    Promise,
    Proof,
    Rung,
    SelfConsumption,
    SocLimits,
    Storage,
    Value,
)
from sunhelm.devices.families.values import (
    as_limit,
    as_minimum,
    as_mode,
    as_number,
    as_order,
    discharged,
    is_same_order,
    is_same_whole_number,
    order_of,
)

WITHIN = Promise(
    key="thing",
    actions=(Action.SET,),
    hazard=Hazard.AUTOMATIC,
    rung=Rung.VOLATILE,
    storage=Storage.VOLATILE,
    proof=Proof.READ_BACK,
    low=0.0,
    high=5000.0,
)


@pytest.mark.parametrize("limit", [UNLIMITED, Limit(0), Limit(5000)])
def test_a_limit_within_the_promise_is_one(limit: Value) -> None:
    assert as_limit(WITHIN, limit) == limit


@pytest.mark.parametrize(
    ("check", "value", "told"),
    [
        (as_limit, Number(5), "thing: .* is no limit"),
        (as_limit, Limit(5001), "thing: 5001 W; 0 to 5000 W is possible"),
        (lambda what, value: as_number(what, value, "A"), Limit(5), "thing: .* is no number"),
        (lambda what, value: as_number(what, value, "A"), Number(-1), "thing: -1 A; 0 to 5000 A is possible"),
        (as_minimum, SocLimits(maximum=0.9), "thing: a minimum is needed; nothing else can be set"),
        (
            as_minimum,
            SocLimits(minimum=0.2, maximum=0.9),
            "thing: a minimum is needed; nothing else can be set",
        ),
        (as_order, Mode("idle"), "thing: .* is no order for a battery"),
        (as_order, Charge(5001), "thing: 5001 W; 0 to 5000 W is possible"),
        (as_order, Discharge(-1), "thing: -1 W; 0 to 5000 W is possible"),
        (
            lambda _, value: as_mode(value, ("idle", "backup")),
            Mode("off"),
            "mode: off is none of idle, backup",
        ),
        (lambda _, value: as_mode(value, ("idle",)), Number(1), "mode: .* is none of idle"),
        (lambda _, value: discharged(value), SelfConsumption(), "gives a battery no power"),
    ],
)
def test_anything_else_is_refused_with_what_is_possible(
    check: Callable[[Promise, Value], Any], value: Value, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        check(WITHIN, value)


def test_what_is_right_comes_back_as_what_it_is() -> None:
    assert as_number(WITHIN, Number(16), "A") == 16
    assert as_minimum(WITHIN, SocLimits(minimum=0.2)) == 0.2
    assert as_mode(Mode("idle"), iter(("backup", "idle"))) == Mode("idle")
    assert as_order(WITHIN, SelfConsumption("any way")) == SelfConsumption("any way")
    assert (discharged(Charge(800)), discharged(Discharge(800))) == (-800, 800)


@pytest.mark.parametrize(
    ("wanted", "observed", "same"),
    [
        (SelfConsumption(), SelfConsumption("eco"), True),
        (SelfConsumption("eco"), SelfConsumption("timed"), False),
        (SelfConsumption(), Charge(0), False),
        (Charge(1000), Charge(950), True),
        (Charge(1000), Charge(949), False),
        (Charge(4000), Charge(3600), True),
        (Charge(10), Discharge(10), False),
    ],
)
def test_an_order_is_the_same_in_one_direction_and_near_enough(
    wanted: Value, observed: Value, *, same: bool
) -> None:
    assert (
        is_same_order(wanted, observed, tolerance=50.0, share=0.1 if wanted == Charge(4000) else 0.0) is same
    )


def test_whole_numbers_are_the_same_when_rounded() -> None:
    assert is_same_whole_number(Number(99.6), Number(100))
    assert not is_same_whole_number(Number(99.4), Number(100))
    assert not is_same_whole_number(Number(100), Limit(100))


def test_self_consumption_is_of_a_kind_that_the_device_has_or_of_none() -> None:
    for native in ("", "nom"):
        assert as_order(WITHIN, SelfConsumption(native), ["nom", "eco"]) == SelfConsumption(native)
    with pytest.raises(ValueError, match="thing: roi is none of nom, eco"):
        as_order(WITHIN, SelfConsumption("roi"), ["nom", "eco"])
    assert as_order(WITHIN, SelfConsumption("roi")) == SelfConsumption("roi")


@pytest.mark.parametrize("watts", [-1500.0, 0.0, 1700.0])
def test_the_order_of_a_power_gives_that_power(watts: float) -> None:
    assert discharged(order_of(watts)) == watts
    assert str(order_of(0.0)) == "Charge(watts=0.0)"
