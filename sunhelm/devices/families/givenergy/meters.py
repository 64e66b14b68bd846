"""Meters behind a data adapter, which do not say in which steps they tell what they measure.

Voltage times current is apparent power; what the raw numbers make of it shows the steps, which lie powers of
ten apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Sample

_PHASES: Final = ("L1", "L2", "L3")
_ENOUGH: Final = 20.0
"""Raw apparent power below which rounding hides the steps."""

_UNTOLD: Final = 20_000.0


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(f"givenergy_meter_{name}", unit, "gauge", text, ("meter", *labels))


CURRENT: Final = _gauge("current", "amperes", "Current of all phases together at a further meter.")
NEUTRAL_CURRENT: Final = _gauge("neutral_current", "amperes", "Current of the neutral at a further meter.")
REACTIVE_POWER: Final = _gauge("reactive_power", "vars", "Reactive power at a further meter.")
APPARENT_POWER: Final = _gauge("apparent_power", "volt_amperes", "Apparent power at a further meter.")
POWER_FACTOR: Final = _gauge("power_factor", "ratio", "Power factor at a further meter.")
PHASE_APPARENT_POWER: Final = _gauge(
    "phase_apparent_power", "volt_amperes", "Apparent power of a phase at a further meter.", "phase"
)
PHASE_POWER_FACTOR: Final = _gauge(
    "phase_power_factor", "ratio", "Power factor of a phase at a further meter.", "phase"
)

QUANTITIES: Final = (
    *(CURRENT, NEUTRAL_CURRENT, REACTIVE_POWER, APPARENT_POWER, POWER_FACTOR),
    *(PHASE_APPARENT_POWER, PHASE_POWER_FACTOR),
)


@dataclass(frozen=True, slots=True)
class Steps:
    """By what a kind of meter multiplies amperes and volt-amperes; `shifted` are its power factors, by 1."""

    current: float
    apparent: float
    shifted: bool


EMS_METER: Final = Steps(10.0, 10.0, shifted=False)
THREE_PHASE_METER: Final = Steps(10.0, 1.0, shifted=True)
ONE_PHASE_METER: Final = Steps(100.0, 1.0, shifted=True)
_BY_DECADE: Final = ((30.0, EMS_METER), (300.0, THREE_PHASE_METER))
"""Raw voltage (0.1 V) x raw current / raw apparent power is about 10, 100 or 1000: up to here, the kind."""

_Registers = Mapping[str, float | str]


def steps_of(values: _Registers, *, ems: bool) -> Steps:
    """Return the steps of a meter: as its own numbers show, else as such meters usually have them."""
    apparent = [_number(values, f"{phase.lower()}_apparent_power") or 0.0 for phase in _PHASES]
    largest = max(apparent)
    if largest >= _ENOUGH:
        phase = _PHASES[apparent.index(largest)].lower()
        voltage, current = (
            _number(values, f"{phase}_voltage") or 0.0,
            _number(values, f"{phase}_current") or 0.0,
        )
        ratio = 10.0 * voltage * current / largest
        if ratio > 0.0:
            return next((steps for highest, steps in _BY_DECADE if ratio < highest), ONE_PHASE_METER)
    if ems:
        return EMS_METER
    voltages = sum(_number(values, f"{phase.lower()}_voltage") is not None for phase in _PHASES)
    return THREE_PHASE_METER if voltages == len(_PHASES) else ONE_PHASE_METER


def meter_samples(values: _Registers, part: str, *, ems: bool) -> Iterator[Sample]:
    """Yield what a meter's registers mean; the sum of the phases where it does not tell one."""
    meter, group = part.rpartition("_")[2], f"{part}_slow"
    steps = steps_of(values, ems=ems)
    phases = [phase for phase in _PHASES if _number(values, f"{phase.lower()}_voltage") is not None]

    def sample(quantity: Quantity, value: float, *labels: str) -> Sample:
        return Sample(quantity, value, (meter, *labels), part, group)

    for phase in phases:
        name = phase.lower()
        current = _number(values, f"{name}_current")
        if current is not None:
            yield sample(CATALOGUE["meter_phase_current"], current / steps.current, phase)
        apparent, factor = _number(values, f"{name}_apparent_power"), _number(values, f"{name}_power_factor")
        if apparent is not None:
            yield sample(PHASE_APPARENT_POWER, apparent / steps.apparent, phase)
        if factor is not None and (told := power_factor(factor, steps)) is not None:
            yield sample(PHASE_POWER_FACTOR, told, phase)
    for quantity, register, step in (
        (CATALOGUE["meter_power"], "power", 1.0),
        (CURRENT, "current", steps.current),
        (REACTIVE_POWER, "reactive_power", 1.0),
        (APPARENT_POWER, "apparent_power", steps.apparent),
    ):
        total = _number(values, register) or sum(
            _number(values, f"{p.lower()}_{register}") or 0.0 for p in phases
        )
        yield sample(quantity, total / step)
    neutral, factor = _number(values, "neutral_current"), _number(values, "power_factor")
    if neutral is not None:
        yield sample(NEUTRAL_CURRENT, neutral / steps.current)
    if factor is not None and (told := power_factor(factor, steps)) is not None:
        yield sample(POWER_FACTOR, told)


def power_factor(raw: float, steps: Steps) -> float | None:
    """Return a power factor; None where the meter tells none, or one that cannot be."""
    if steps.shifted:
        return (raw - 10_000.0) / 10_000.0 if 0.0 < raw <= _UNTOLD else None
    signed = raw - 0x10000 if raw >= 0x8000 else raw
    return signed / 10_000.0 if abs(signed) <= 10_000.0 else None


def _number(values: _Registers, name: str) -> float | None:
    value = values.get(name)
    return value if isinstance(value, float) else None
