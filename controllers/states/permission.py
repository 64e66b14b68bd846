"""Whether something may be written now: looked at once more when it is, whoever has allowed it before."""

from __future__ import annotations

from collections.abc import Collection

from controllers.claims.demand import Demand
from controllers.claims.limits import is_limit
from controllers.states.budget import Budget
from controllers.states.curtailment import Purpose, Write
from controllers.states.writing import Outcome, Result
from sunhelm.devices.control import Handle, Hazard, Promise, Value


def refusal(
    handle: Handle, step: Write, demand: Demand, *, allowed: Collection[str], budget: Budget
) -> Outcome | None:
    """Return why this must not be written; None when it may be.

    `allowed` are the actions that the site file allows policies to ask of this device.
    """
    try:
        handle.check(step.value)
    except ValueError:
        return Outcome(Result.REFUSED, "out_of_range")
    if step.purpose is not Purpose.RESTORE and demand.value is not None:
        reason = _forbidden(handle.promise, demand, step.value, allowed)
        if reason is not None:
            return Outcome(Result.REFUSED, reason)
    if not budget.allows(step.purpose, handle.promise.storage, reduces=is_limit(step.value)):
        return Outcome(Result.REFUSED, "budget")
    return None


def _forbidden(promise: Promise, demand: Demand, value: Value, allowed: Collection[str]) -> str | None:
    """Return why those who ask must not have this.

    The fail-safe is the owner's own word, and a schedule was asked for by somebody who might.
    """
    hazard = promise.hazard_of(value)
    if hazard is Hazard.NEVER:
        return "never"
    asking = demand.claims if is_limit(value) else demand.claims[:1]
    if not asking or hazard is Hazard.AUTOMATIC or any(not claim.by_alert for claim in asking):
        return None
    if hazard is Hazard.OPT_IN and any(claim.order.action.value in allowed for claim in asking):
        return None
    return "for_a_person" if hazard is Hazard.PERSON else "not_allowed"
