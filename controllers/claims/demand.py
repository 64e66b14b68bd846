"""What is asked of one state of a device, by all claims on it together and by the fail-safe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.claims.claims import Claim, End
from controllers.claims.limits import all_together, is_limit
from sunhelm.devices.control import Action, Limit, Value
from sunhelm.devices.sections import FailSafe, FailSafeLimit

_STATE_OF: Final = {
    Action.LIMIT_EXPORT: "export_limit",
    Action.LIMIT_PRODUCTION: "production_limit",
    Action.CHARGE: "battery",
    Action.DISCHARGE: "battery",
    Action.SET_CURRENT_LIMITS: "current_limits",
    Action.SET_SOC_LIMITS: "soc_limits",
    Action.SET_MODE: "mode",
    Action.EV_MODE: "ev_mode",
}

LIMITING: Final = frozenset({Action.LIMIT_EXPORT, Action.LIMIT_PRODUCTION})
"""Actions whose fail-safe may be a limit in watts."""

_STEPS: Final = 10

_BACK_BY_DEFAULT: Final = frozenset({Action.CHARGE, Action.DISCHARGE, Action.SET_MODE, Action.EV_MODE})


def state_of(action: Action, setting: str = "") -> str:
    """Return the key of the handle that an action commands. Raises KeyError for one that has none."""
    return f"setting:{setting}" if action is Action.SET else _STATE_OF[action]


def fail_safe_of(action: Action, declared: Mapping[str, FailSafe]) -> FailSafe:
    """Return what stays when a claim of this action expires."""
    given = declared.get(action.value)
    if given is not None:
        return given
    return "baseline" if action in _BACK_BY_DEFAULT else "hold"


@dataclass(frozen=True, slots=True)
class Demand:
    """What one state shall be; `value` is None when nobody asks. `fail_safe`: it is in force."""

    value: Value | None = None
    claims: tuple[Claim, ...] = ()
    fail_safe: bool = False


def demand(
    state: str,
    claims: Iterable[Claim],
    *,
    fail_safe: Mapping[str, FailSafe],
    late: bool = False,
    held: bool = False,
    fading: Limit | None = None,
) -> Demand:
    """Return what is asked of the state `state` of a device by the claims on that device.

    `fail_safe` is what the site file declares for it, `late` whether the heartbeat is, `held` whether a
    person has asked that alerts make no claims there, `fading` what is left of limits that are let go little
    by little. Limits: the strictest of all. Otherwise a person
    goes before alerts and these before schedules, the larger priority before the smaller, and the older
    claim before the newer.
    """
    ours = [claim for claim in claims if claim.order.state == state and not claim.order.terms.dry_run]
    expired = [claim for claim in ours if claim.ended is End.EXPIRED]
    live = [claim for claim in ours if claim.live and (not claim.by_alert or not held)]
    kept = [claim for claim in expired if fail_safe_of(claim.order.action, fail_safe) == "hold"]
    floor = _floor(state, expired, fail_safe, late=late)
    asking = sorted(live + kept, key=_rank)
    if not asking and floor is None and fading is None:
        return Demand(fail_safe=bool(expired))
    limits = [claim.order.value for claim in asking if is_limit(claim.order.value)]
    limits += [limit for limit in (floor, fading) if limit is not None]
    value = all_together(limits) if limits else asking[0].order.value
    return Demand(value, tuple(asking), bool(expired) or floor is not None)


def fading(state: str, claims: Iterable[Claim], top: float, now: float) -> Limit | None:
    """Return what is left of the power limits of a state that have ended, on their way up to `top` watts.

    The way is taken in steps, so that the device is not told every second.
    """
    left = [
        limit.watts + (top - limit.watts) * math.floor(_STEPS * share) / _STEPS
        for claim in claims
        if claim.order.state == state
        and isinstance(limit := claim.order.value, Limit)
        and limit.watts < top
        and (share := _released_share(claim, now)) < 1
    ]
    return Limit(min(left)) if left else None


def _released_share(claim: Claim, now: float) -> float:
    """Return how far on its way a claim is that is let go little by little; 1 for one that is not."""
    terms = claim.order.terms
    ramped = claim.ended in (End.RESOLVED, End.RELEASED) and terms.release_ramp_s > 0 and not terms.dry_run
    if not ramped or claim.ended_at is None:
        return 1.0
    return max(0.0, now - claim.ended_at) / terms.release_ramp_s


def _floor(
    state: str, expired: Sequence[Claim], declared: Mapping[str, FailSafe], *, late: bool
) -> Limit | None:
    for action in LIMITING:
        given = declared.get(action.value)
        if state == _STATE_OF[action] and isinstance(given, FailSafeLimit) and (late or expired):
            return Limit(given.limit)
    return None


def _rank(claim: Claim) -> tuple[bool, bool, int, float]:
    scheduled = not claim.by_alert and not claim.by_person
    return not claim.by_person, scheduled, -claim.order.terms.priority, claim.made_at
