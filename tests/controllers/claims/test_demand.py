from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.claims.claims import PERSON, Claim, End
from controllers.claims.demand import Demand, demand, fail_safe_of, state_of
from controllers.claims.limits import looseness
from sunhelm.devices.control import Action, Charge, Discharge, Limit, Mode
from sunhelm.devices.sections import FailSafe, FailSafeLimit

ClaimOf = Callable[..., Claim]
FLOOR: dict[str, FailSafe] = {"limit_export": FailSafeLimit(limit="370W")}


def asked(*claims: Claim, state: str = "export_limit", **circumstances: object) -> Demand:
    return demand(state, claims, **{"fail_safe": {}, **circumstances})


def expired(claim: Claim) -> Claim:
    return replace(claim, ended=End.EXPIRED)


def test_nobody_asks_for_anything() -> None:
    assert asked() == Demand()


def test_the_strictest_limit_wins_whoever_asks(claim_of: ClaimOf) -> None:
    claims = [
        claim_of(Limit(500), priority=9),
        claim_of(Limit(100), fingerprint="f2"),
        claim_of(Limit(900), policy=PERSON, fingerprint="p"),
    ]

    assert asked(*claims).value == Limit(100)


@pytest.mark.parametrize("end", [End.RESOLVED, End.RELEASED, End.SILENCED])
def test_what_has_ended_asks_for_nothing(claim_of: ClaimOf, end: End) -> None:
    assert asked(replace(claim_of(), ended=end)) == Demand()


def test_an_expired_limit_stays_as_it_was(claim_of: ClaimOf) -> None:  # S14
    kept = asked(expired(claim_of(Limit(250))))

    assert (kept.value, kept.fail_safe) == (Limit(250), True)


def test_a_declared_limit_takes_the_place_of_what_expired(claim_of: ClaimOf) -> None:  # S13
    kept = asked(expired(claim_of(Limit(0))), fail_safe=FLOOR)

    assert (kept.value, kept.fail_safe) == (Limit(370), True)


def test_a_declared_limit_applies_without_any_claim_when_the_heartbeat_is_late() -> None:
    assert asked(fail_safe=FLOOR, late=True) == Demand(Limit(370), fail_safe=True)
    assert asked(fail_safe=FLOOR) == Demand()
    assert asked(fail_safe=FLOOR, late=True, state="production_limit") == Demand()


def test_a_person_may_only_be_stricter_than_the_fail_safe(claim_of: ClaimOf) -> None:
    by_person = claim_of(Limit(100), policy=PERSON)

    assert asked(by_person, fail_safe=FLOOR, late=True).value == Limit(100)
    assert asked(claim_of(Limit(900), policy=PERSON), fail_safe=FLOOR, late=True).value == Limit(370)


def test_an_expired_charge_leaves_the_battery_to_the_house(claim_of: ClaimOf) -> None:
    claim = expired(claim_of(Charge(2000), action=Action.CHARGE))

    assert asked(claim, state="battery") == Demand(fail_safe=True)
    assert asked(claim, state="battery", fail_safe={"charge": "hold"}).value == Charge(2000)


def test_of_what_cannot_be_joined_a_person_then_the_priority_then_the_older_wins(claim_of: ClaimOf) -> None:
    old = claim_of(Charge(1), action=Action.CHARGE)
    new = replace(claim_of(Charge(2), action=Action.CHARGE, fingerprint="f2"), made_at=5.0)
    urgent = replace(
        claim_of(Discharge(3), action=Action.DISCHARGE, fingerprint="f3", priority=1), made_at=9.0
    )
    by_person = claim_of(Charge(4), action=Action.CHARGE, policy=PERSON, priority=-1)

    assert asked(new, old, state="battery").value == Charge(1)
    assert asked(new, old, urgent, state="battery").value == Discharge(3)
    assert asked(new, old, urgent, by_person, state="battery").value == Charge(4)


def test_a_hold_lets_no_alert_claim_anything(claim_of: ClaimOf) -> None:
    assert asked(claim_of(Limit(0)), held=True) == Demand()
    assert asked(claim_of(Limit(0)), claim_of(Limit(9), policy=PERSON), held=True).value == Limit(9)


def test_a_hold_does_not_end_a_fail_safe(claim_of: ClaimOf) -> None:
    assert asked(expired(claim_of(Limit(0))), held=True).value == Limit(0)


def test_a_dry_run_asks_for_nothing(claim_of: ClaimOf) -> None:
    assert asked(claim_of(dry_run=True)) == Demand()


def test_other_states_are_left_alone(claim_of: ClaimOf) -> None:
    assert asked(claim_of(Mode("backup"), action=Action.SET_MODE)) == Demand()


def test_charging_is_a_state_of_the_battery_and_never_of_its_limits() -> None:  # S12
    assert state_of(Action.CHARGE) == state_of(Action.DISCHARGE) == "battery"
    assert state_of(Action.SET, "max_sell_power") == "setting:max_sell_power"


def test_limits_are_kept_by_default_and_orders_to_the_battery_are_not() -> None:
    assert fail_safe_of(Action.LIMIT_EXPORT, {}) == "hold"
    assert fail_safe_of(Action.DISCHARGE, {}) == "baseline"


@given(st.lists(st.tuples(st.floats(0, 1e5), st.booleans()), min_size=1), st.booleans(), st.booleans())
def test_nothing_that_breaks_makes_a_limit_looser(
    claim_of: ClaimOf, limits: list[tuple[float, bool]], late: bool, declared: bool
) -> None:  # S14
    """Losing a lease may loosen a limit to the declared one, and never to nothing."""
    live = [claim_of(Limit(watts), fingerprint=str(n)) for n, (watts, _) in enumerate(limits)]
    broken = [expired(c) if lost else c for c, (_, lost) in zip(live, limits, strict=True)]
    fail_safe = FLOOR if declared else {}

    value = asked(*broken, fail_safe=fail_safe, late=late).value

    assert isinstance(value, Limit)
    if not declared:
        assert value == asked(*live).value
    else:
        lasting = [limit for limit, lost in limits if not lost]
        assert looseness(value) <= max([370.0, *lasting])
