"""What the house leaves for a vehicle: readings, held against what can be, and amperes made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from controllers.evcharging.memory import Memory, Sight
from controllers.evcharging.terms import ChargingTerms
from sunhelm.devices.charging import ChargerState

MOST_W: Final = 1_000_000.0
USUAL_V: Final = 230.0
REDUCED_TO: Final = 0.9
"""So much of the import cap is used after it was reached."""

STALE_PERIODS: Final = 2
"""Readings older than so many control periods are nothing to go by."""

_VOLTS: Final = (150.0, 300.0)
_CONNECTED_V: Final = 100.0
_SETTLED_S: Final = 5.0

Values = Mapping[tuple[str, ...], float]
"""What was read: the name of a canonical quantity and its labels, and its value in the base unit."""


class Implausible(ValueError):
    """A reading that cannot be; the text says what of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One reading of the house, taken at a steady time.

    `spare_w` is what PV gives beyond the loads, with the vehicle among these; negative when it gives less.
    `import_a` is what the strongest phase takes from the grid. None where the reading does not tell.
    """

    taken_at: float
    spare_w: float | None = None
    import_a: float | None = None


def house_of(values: Values, taken_at: float, *, has_battery: bool = False) -> House:
    """Return what a reading says of the house. Raises Implausible.

    With `has_battery`, an earlier reading told of one.
    """
    for key, value in values.items():
        if not math.isfinite(value) or abs(value) > MOST_W:
            raise Implausible(f"{key[0]} is {value:g}")
    load = values.get(("load_power",))
    if load is not None and load < 0:
        raise Implausible(f"load_power is {load:g} W")
    return House(
        taken_at=taken_at, spare_w=_spare(values, load, has_battery=has_battery), import_a=_import(values)
    )


def tells_of_battery(values: Values) -> bool:
    """Return whether a reading tells what a battery does."""
    return ("battery_power",) in values


def _spare(values: Values, load: float | None, *, has_battery: bool) -> float | None:
    """Return PV less loads; where one of them is missing, what goes to the grid and the battery.

    Raises Implausible without the power of a battery that is there.
    """
    pv, grid = values.get(("pv_power",)), values.get(("grid_power",))
    phases = [value for key, value in values.items() if key[0] == "grid_phase_power"]
    if grid is None and phases:
        grid = sum(phases)
    if pv is not None and load is not None:
        return max(0.0, pv) - load
    if grid is None:
        return None
    if has_battery and not tells_of_battery(values):
        raise Implausible("the battery's power is missing, and the grid alone does not tell what is spare")
    return -grid - values.get(("battery_power",), 0.0)


def _import(values: Values) -> float | None:
    phases = [key[1] for key in values if key[0] == "grid_phase_power"]
    if phases:
        return max(0.0, *(values["grid_phase_power", phase] / _volts(values, phase) for phase in phases))
    grid = values.get(("grid_power",))
    return None if grid is None else max(0.0, grid) / _volts(values, "L1")


def _volts(values: Values, phase: str) -> float:
    names = ("grid_phase_voltage", "inverter_phase_voltage")
    told = (values.get((name, phase), 0.0) for name in names)
    return next((volts for volts in told if _VOLTS[0] <= volts <= _VOLTS[1]), USUAL_V)


def watts_an_ampere(charger: ChargerState, terms: ChargingTerms) -> float:
    """Return how many watts an ampere of the limit is: volts times phases."""
    volts = [each for each in charger.volts if each >= _CONNECTED_V]
    phases = terms.phases or len(volts) or 1
    plausible = [each for each in volts if _VOLTS[0] <= each <= _VOLTS[1]] or [USUAL_V]
    return phases * sum(plausible) / len(plausible)


def sighted(
    memory: Memory, house: House | None, charger: ChargerState, terms: ChargingTerms, now: float
) -> Memory:
    """Return what is remembered after a reading of the house; None is that none came.

    One from before our last change does not fit what the charger shows now, and the same one again says
    nothing new. After a gap nothing from before it counts.
    """
    if house is None:
        return memory
    last = memory.sights[-1].at if memory.sights else -math.inf
    changed = -math.inf if memory.changed_at is None else memory.changed_at + _SETTLED_S
    if house.taken_at <= last or house.taken_at < changed or house.taken_at > now:
        return memory
    excess, room = None, None
    if house.spare_w is not None:
        excess = (house.spare_w + charger.power_w) / watts_an_ampere(charger, terms)
    if house.import_a is not None and terms.import_cap_a is not None:
        room = REDUCED_TO * terms.import_cap_a - house.import_a + drawn_a(charger)
    kept_s = max(terms.start_s, terms.stop_s) + 2 * terms.period_s
    before = () if house.taken_at - last > STALE_PERIODS * terms.period_s else memory.sights
    sights = (*before, Sight(house.taken_at, excess, house.import_a, room))
    return replace(memory, sights=tuple(sight for sight in sights if now - sight.at <= kept_s))


def drawn_a(charger: ChargerState) -> float:
    """Return what the vehicle draws on a phase; all that it is offered where the charger does not tell."""
    if not charger.charging:
        return 0.0
    return min(charger.limit_a, math.ceil(charger.amperes)) if charger.amperes else charger.limit_a


def least(amounts: Iterable[float | None]) -> float | None:
    """Return the least of these; None when any of them, or all, are missing."""
    told = list(amounts)
    known = [amount for amount in told if amount is not None]
    return min(known) if known and len(known) == len(told) else None
