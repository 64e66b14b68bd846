from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controllers.claims.claims import PERSON, Claim
from controllers.claims.demand import Demand
from controllers.states.budget import Budget
from controllers.states.curtailment import Purpose, Write
from controllers.states.permission import refusal
from sunhelm.devices.control import UNLIMITED, Hazard, Limit

FULL = Budget(0)
BEGIN = Write(Limit(0), UNLIMITED, Purpose.BEGIN)


@pytest.fixture
def handle(device: Any) -> Any:
    return device.export


def reason(handle: Any, claim: Claim | None, write: Write = BEGIN, **more: Any) -> str | None:
    claims = () if claim is None else (claim,)
    demand = Demand(write.value, claims)
    outcome = refusal(handle, write, demand, **{"allowed": (), "budget": FULL, **more})
    return None if outcome is None else outcome.reason


@pytest.mark.parametrize(
    ("hazard", "reasons"),
    [
        (Hazard.AUTOMATIC, (None, None, None)),
        (Hazard.OPT_IN, ("not_allowed", None, None)),
        (Hazard.PERSON, ("for_a_person", "for_a_person", None)),
        (Hazard.NEVER, ("never", "never", "never")),
    ],
)
def test_who_may_have_it_is_asked_again_when_it_is_written(  # S3
    handle: Any, claim_of: Callable[..., Claim], hazard: Hazard, reasons: tuple[str | None, ...]
) -> None:
    handle.promise = replace(handle.promise, hazard=hazard)

    by_policy = reason(handle, claim_of())
    if_allowed = reason(handle, claim_of(), allowed=("limit_export",))
    assert (by_policy, if_allowed, reason(handle, claim_of(policy=PERSON))) == reasons


def test_the_fail_safe_and_what_goes_back_need_nobodys_leave(handle: Any) -> None:
    handle.promise = replace(handle.promise, hazard=Hazard.PERSON)

    assert reason(handle, None) is None
    restore = Write(Limit(800), Limit(0), Purpose.RESTORE)
    assert refusal(handle, restore, Demand(), allowed=(), budget=Budget(99)) is None


def test_a_value_out_of_range_is_refused_before_it_is_sent(  # S25
    handle: Any, claim_of: Callable[..., Claim]
) -> None:
    assert reason(handle, claim_of(), Write(Limit(2e5), UNLIMITED, Purpose.BEGIN)) == "out_of_range"


def test_what_begins_needs_a_budget(handle: Any, claim_of: Callable[..., Claim]) -> None:  # S18
    assert reason(handle, claim_of(), budget=Budget(19)) == "budget"
