"""The grid at the end of a street: the voltage rises with export, the frequency wanders about 50 Hz."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sunhelm.simulator.noise import Noise
from sunhelm.simulator.steering import ThreePhase


@dataclass(frozen=True, slots=True)
class GridState:
    """The grid connection; powers and currents are positive when importing.

    `power_factor_by_phase` is active over apparent power, with the sign of the active power.
    """

    power_by_phase: ThreePhase
    reactive_by_phase: ThreePhase
    voltage_by_phase: ThreePhase
    current_by_phase: ThreePhase
    frequency_hz: float

    @property
    def power_w(self) -> float:
        """The power of all phases together."""
        return sum(self.power_by_phase)

    @property
    def power_factor_by_phase(self) -> ThreePhase:
        """Active over apparent power of each phase; 1 where nothing flows."""
        power, reactive = self.power_by_phase, self.reactive_by_phase
        return (
            _power_factor(power[0], reactive[0]),
            _power_factor(power[1], reactive[1]),
            _power_factor(power[2], reactive[2]),
        )

    @property
    def power_factor(self) -> float:
        """Active over apparent power of all phases together."""
        return _power_factor(self.power_w, sum(self.reactive_by_phase))


class Grid:
    """The street behind the meter. `nominal_v` may be moved to play a high or a low voltage."""

    def __init__(self, seed: int, *, nominal_v: float = 231.5, resistance_ohm: float = 0.45) -> None:
        self.nominal_v = nominal_v
        self.resistance_ohm = resistance_ohm
        self._drift = tuple(Noise(seed, f"voltage of L{phase}", 900.0) for phase in (1, 2, 3))
        self._flicker = tuple(Noise(seed, f"flicker of L{phase}", 7.0) for phase in (1, 2, 3))
        self._frequency = Noise(seed, "frequency", 75.0)

    def at(self, time: float, power: ThreePhase, reactive: ThreePhase) -> GridState:
        """Return the grid at Unix time `time` when the house draws these powers."""
        voltage = (
            self._voltage(0, time, power),
            self._voltage(1, time, power),
            self._voltage(2, time, power),
        )
        return GridState(
            power_by_phase=power,
            reactive_by_phase=reactive,
            voltage_by_phase=voltage,
            current_by_phase=(
                _current(power[0], reactive[0], voltage[0]),
                _current(power[1], reactive[1], voltage[1]),
                _current(power[2], reactive[2], voltage[2]),
            ),
            frequency_hz=50.0 + 0.08 * (self._frequency.at(time) - 0.5),
        )

    def _voltage(self, phase: int, time: float, power: ThreePhase) -> float:
        drift = 5.0 * (self._drift[phase].at(time) - 0.5) + 0.6 * (self._flicker[phase].at(time) - 0.5)
        return self.nominal_v + drift - self.resistance_ohm * power[phase] / self.nominal_v


def _power_factor(active: float, reactive: float) -> float:
    apparent = math.hypot(active, reactive)
    return active / apparent if apparent > 0.0 else 1.0


def _current(active: float, reactive: float, voltage: float) -> float:
    return math.copysign(math.hypot(active, reactive), active) / voltage
