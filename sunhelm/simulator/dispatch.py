"""Who gives and who takes: one step's decision of the battery inverter, pure.

Powers at the AC side of the battery inverter are positive when it inverts (gives), negative when it
charges. AC: grid = loads - PV inverter - battery inverter. DC: battery = inverter's DC side - charger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.house import House
from sunhelm.simulator.load import LoadState
from sunhelm.simulator.steering import Mode, Steering, Switch, ThreePhase

_SLACK_W: Final = 1e-6
_RECHARGE_SHARE: Final = 0.25  # of the inverter's rating, when the battery must be brought up again


@dataclass(frozen=True, slots=True)
class Situation:
    """What one step has to work with, in watts.

    `pv_inverter_w` and `charger_w` are what the two could give; the battery's limits are at its
    terminals; `inverter_before` is what the battery inverter's phases gave in the last step and `inertia`
    the share of it that remains. `recharging` asks to bring the battery up to its minimum.
    """

    load: LoadState
    pv_inverter_w: float
    charger_w: float
    charge_limit_w: float
    discharge_limit_w: float
    inverter_before: ThreePhase
    inertia: float = 0.0
    recharging: bool = False


@dataclass(frozen=True, slots=True)
class Flows:
    """The decision, in watts.

    `held` says whether PV was held back for any reason, `held_by_limit` whether by the feed-in limit.
    """

    inverter: ThreePhase
    inverter_dc_w: float
    pv_inverter_w: float
    charger_w: float
    held: bool
    held_by_limit: bool

    @property
    def battery_w(self) -> float:
        """The power of the battery at its terminals, positive when discharging."""
        return self.inverter_dc_w - self.charger_w


def dispatch(house: House, steering: Steering, now: Situation) -> Flows:
    """Return how the power flows: what is wished for, within what everything can and may do."""
    pv = now.pv_inverter_w
    if steering.pv_limit_w is not None:
        pv = min(pv, steering.pv_limit_w)
    if steering.switch is Switch.OFF:
        return _finish(house, steering, now, _Plan(pv, min(now.charger_w, now.charge_limit_w), None, 0.0))

    phases = _wished(house, steering, now, pv)
    wished = sum(phases)
    wished_dc = house.inverter.input_for(wished)
    discharge_allowed = steering.discharge_allowed and steering.switch is not Switch.CHARGER_ONLY
    outlet = max(0.0, wished_dc)
    if steering.dc_pv_feed_in and discharge_allowed:
        outlet = house.inverter.input_for(house.inverter_rating_w * house.phases)
    charger = min(now.charger_w, now.charge_limit_w + outlet)
    dc = min(max(wished_dc, charger - now.charge_limit_w), charger + now.discharge_limit_w)
    total = wished if dc == wished_dc else house.inverter.output_for(dc)
    return _finish(house, steering, now, _Plan(pv, charger, phases, total))


@dataclass(slots=True)
class _Plan:
    """A decision in the making; `phases` is what was wished for, None when the inverter is off."""

    pv: float
    charger: float
    phases: ThreePhase | None
    total: float


def _wished(house: House, steering: Steering, now: Situation, pv: float) -> ThreePhase:
    """Return what each phase of the inverter should give, within its rating and what is allowed."""
    target = _target(house, steering, now, pv)
    gives = steering.discharge_allowed and steering.switch is not Switch.CHARGER_ONLY
    high = house.inverter_rating_w if gives else 0.0
    low = -house.inverter_rating_w if steering.charge_allowed else 0.0
    stay = now.inertia
    moved = [
        min(high, max(low, aim + (before - aim) * stay))
        for aim, before in zip(target, now.inverter_before, strict=True)
    ]
    return moved[0], moved[1], moved[2]


def _target(house: House, steering: Steering, now: Situation, pv: float) -> ThreePhase:
    load = now.load
    if steering.switch is Switch.INVERTER_ONLY:
        return load.on_output
    match steering.mode:
        case Mode.IDLE:
            return 0.0, 0.0, 0.0
        case Mode.AC_INPUT:
            (a, b, c), (x, y, z) = load.on_output, steering.ac_input_w
            return (a - x, b - y, c - z) if house.phases == 3 else (a - x, 0.0, 0.0)
        case Mode.BATTERY:
            return house.spread(house.inverter.output_for(now.charger_w + steering.battery_w))
        case Mode.SELF_CONSUMPTION:
            return _self_consumption(house, steering, now, pv)


def _self_consumption(house: House, steering: Steering, now: Situation, pv: float) -> ThreePhase:
    setpoint = steering.grid_setpoint_w
    if steering.feed_in_limit_w is not None:
        setpoint = max(setpoint, -steering.feed_in_limit_w)
    rating = house.inverter_rating_w * house.phases
    if steering.keep_charged:
        return house.spread(-rating)
    if now.recharging:
        return house.spread(min(now.load.power_w - pv - setpoint, -_RECHARGE_SHARE * rating))
    if steering.phase_compensation or house.phases == 1:
        return house.spread(now.load.power_w - pv - setpoint)
    a, b, c = now.load.by_phase
    each = (pv + setpoint) / 3.0
    return a - each, b - each, c - each


def _finish(house: House, steering: Steering, now: Situation, plan: _Plan) -> Flows:
    """Hold PV back where it may not leave, and spread what the inverter gives over its phases."""
    held_by_limit = False
    load = now.load.power_w
    if steering.feed_in_limit_w is not None:
        excess = plan.pv + plan.total - load - steering.feed_in_limit_w
        if excess > _SLACK_W:
            before = plan.pv + plan.charger
            _hold_back(house, now, plan, excess)
            held_by_limit = plan.pv + plan.charger < before - _SLACK_W
    if not steering.ac_pv_feed_in:
        plan.pv = min(plan.pv, load + max(0.0, -plan.total))
    if plan.phases is None:
        inverter, dc = (0.0, 0.0, 0.0), 0.0
    else:
        inverter = _shift(house, plan.phases, plan.total)
        dc = house.inverter.input_for(plan.total)
    return Flows(
        inverter=inverter,
        inverter_dc_w=dc,
        pv_inverter_w=plan.pv,
        charger_w=plan.charger,
        held=plan.pv + plan.charger < now.pv_inverter_w + now.charger_w - _SLACK_W,
        held_by_limit=held_by_limit,
    )


def _hold_back(house: House, now: Situation, plan: _Plan, excess: float) -> None:
    """Take `excess` watts out of the export: DC surplus first, then the PV inverter, then the battery."""
    if plan.phases is not None:
        lowest = max(sum(plan.phases), house.inverter.output_for(-now.charge_limit_w))
        surplus = min(excess, max(0.0, plan.total - lowest))
        if surplus > 0.0:
            less = house.inverter.input_for(plan.total) - house.inverter.input_for(plan.total - surplus)
            plan.total -= surplus
            plan.charger = max(0.0, plan.charger - less)
            excess -= surplus
    cut = min(excess, plan.pv)
    plan.pv -= cut
    excess -= cut
    if excess > _SLACK_W and plan.phases is not None:
        plan.total -= excess
        plan.charger = min(plan.charger, now.charge_limit_w + max(0.0, house.inverter.input_for(plan.total)))


def _shift(house: House, phases: ThreePhase, total: float) -> ThreePhase:
    """Return the phases moved alike until they make `total`, none above the rating."""
    rating = house.inverter_rating_w
    if house.phases == 1:
        return total, 0.0, 0.0
    each = (total - sum(phases)) / 3.0
    a, b, c = (phase + each for phase in phases)
    if max(abs(a), abs(b), abs(c)) <= rating:
        return a, b, total - a - b
    return total / 3.0, total / 3.0, total - 2.0 * (total / 3.0)
