"""A lithium iron phosphate battery with its management: voltage, losses, limits, temperature."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

_REST_VOLTAGE: Final = (
    (0.00, 2.80),
    (0.05, 3.05),
    (0.10, 3.15),
    (0.20, 3.22),
    (0.50, 3.285),
    (0.80, 3.32),
    (0.95, 3.35),
    (1.00, 3.42),
)
_REST_SHARES: Final = tuple(share for share, _ in _REST_VOLTAGE)

_LONGEST_S: Final = 240 * 3600.0  # no management counts further


@dataclass(frozen=True, slots=True)
class BatterySpec:
    """What a battery is built for.

    `charge_ah` is what it holds, `resistance_ohm` that of the pack with cables, `charge_efficiency` the
    share of charged energy that stays beside what the resistance takes. The currents are what its
    management allows at best.
    """

    cells: int = 16
    charge_ah: float = 200.0
    resistance_ohm: float = 0.012
    charge_efficiency: float = 0.99
    charge_current_a: float = 120.0
    discharge_current_a: float = 150.0
    heat_capacity_j_per_k: float = 90_000.0
    cooling_w_per_k: float = 6.0

    @property
    def capacity_j(self) -> float:
        """The energy from empty to full, at 3.2 V a cell."""
        return self.charge_ah * 3600.0 * self.cells * 3.2


@dataclass(frozen=True, slots=True)
class BatteryState:
    """A battery as its management tells it.

    `power_w` and `current_a` are positive when discharging; `soc` is 0 to 1; `loss_w` is what became heat
    inside; the limits are what the management allows now, both positive.
    """

    power_w: float
    voltage_v: float
    current_a: float
    soc: float
    temperature_c: float
    loss_w: float
    charge_limit_a: float
    discharge_limit_a: float
    charge_limit_w: float
    discharge_limit_w: float
    consumed_ah: float
    time_to_go_s: float


class Battery:
    """One battery: told its power at the terminals, it answers with what that does to it."""

    def __init__(self, spec: BatterySpec, *, soc: float, temperature_c: float) -> None:
        self.spec = spec
        self.stored_j = soc * spec.capacity_j
        self.temperature_c = temperature_c

    @property
    def soc(self) -> float:
        """The state of charge, 0 to 1."""
        return self.stored_j / self.spec.capacity_j

    def limits(self, step_s: float) -> tuple[float, float]:
        """Return the watts at the terminals that may be charged and discharged in the next `step_s`."""
        charge_a, discharge_a = self._current_limits()
        rest, resistance = self._rest_voltage(), self.spec.resistance_ohm
        room_a = (self.spec.capacity_j - self.stored_j) / (step_s * rest * self.spec.charge_efficiency)
        left_a = self.stored_j / (step_s * rest)
        charge_a, discharge_a = min(charge_a, room_a), min(discharge_a, left_a)
        return charge_a * (rest + resistance * charge_a), discharge_a * (rest - resistance * discharge_a)

    def step(self, power_w: float, air_c: float, step_s: float) -> BatteryState:
        """Discharge `power_w` at the terminals (charge when negative) for `step_s`; return what came of it.

        The power must be within `limits`.
        """
        spec, rest = self.spec, self._rest_voltage()
        # rest x I - resistance x I^2 = power, I positive when discharging
        root = math.sqrt(max(0.0, rest * rest - 4.0 * spec.resistance_ohm * power_w))
        current = 2.0 * power_w / (rest + root)
        chemical = rest * current
        if current < 0.0:
            chemical *= spec.charge_efficiency
        self.stored_j = min(spec.capacity_j, max(0.0, self.stored_j - chemical * step_s))
        loss = chemical - power_w
        cooling = spec.cooling_w_per_k / spec.heat_capacity_j_per_k
        settled = air_c + loss / spec.cooling_w_per_k
        self.temperature_c = settled + (self.temperature_c - settled) * math.exp(-cooling * step_s)
        return self._state(power_w, current, loss)

    def _state(self, power_w: float, current: float, loss: float) -> BatteryState:
        charge_a, discharge_a = self._current_limits()
        charge_w, discharge_w = self.limits(1.0)
        return BatteryState(
            power_w=power_w,
            voltage_v=self._rest_voltage() - self.spec.resistance_ohm * current,
            current_a=current,
            soc=self.soc,
            temperature_c=self.temperature_c,
            loss_w=loss,
            charge_limit_a=charge_a,
            discharge_limit_a=discharge_a,
            charge_limit_w=charge_w,
            discharge_limit_w=discharge_w,
            consumed_ah=(1.0 - self.soc) * self.spec.charge_ah,
            time_to_go_s=min(_LONGEST_S, self.stored_j / power_w) if power_w > 1.0 else 0.0,
        )

    def _current_limits(self) -> tuple[float, float]:
        soc, warm = self.soc, self.temperature_c
        full = 0.0 if soc >= 1.0 else _between(soc, 1.0, 0.9, low=0.04)
        empty = _between(soc, 0.0, 0.08)
        cold_charge, hot_charge = _between(warm, 0.0, 10.0), _between(warm, 55.0, 45.0)
        cold_discharge, hot_discharge = _between(warm, -20.0, -10.0), _between(warm, 60.0, 50.0)
        return (
            self.spec.charge_current_a * full * min(cold_charge, hot_charge),
            self.spec.discharge_current_a * empty * min(cold_discharge, hot_discharge),
        )

    def _rest_voltage(self) -> float:
        soc = min(1.0, max(0.0, self.soc))
        index = min(len(_REST_VOLTAGE) - 1, max(1, bisect_right(_REST_SHARES, soc)))
        (low, below), (high, above) = _REST_VOLTAGE[index - 1], _REST_VOLTAGE[index]
        return self.spec.cells * (below + (above - below) * (soc - low) / (high - low))


def _between(value: float, nothing: float, everything: float, low: float = 0.0) -> float:
    """Return `low` at `nothing`, 1 at `everything` and beyond, in a straight line between."""
    return min(1.0, max(low, low + (1.0 - low) * (value - nothing) / (everything - nothing)))
