"""What the batteries of the same house would tell of packs and cells: they look at the plant once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sunhelm.simulator.plant import Plant, PlantState

_PACKS: Final = 2
_CELLS: Final = 4
_WEAK: Final = ("2", "3")
"""The pack and the cell that is soon full and soon empty."""

_CAPACITY_C: Final = 184.0 * 3600.0
_FULL_V, _EMPTY_V = 3.40, 3.16

Sampled = tuple[str, Mapping[str, str], float, int]


def batteries(device: str, times: range, seed: int) -> Iterator[Sampled]:
    """Yield metric, labels, value and time of the packs and cells of the house."""
    plant = Plant(seed=seed, start=float(times.start), step_s=float(times.step))
    target = {"site": "home", "device": device, "family": device}
    for time in times[::2]:  # often enough for Prometheus to know it all the time
        plant.advance(time - plant.time)
        for name, labels, value in _told(plant.state):
            yield f"solar_battery_{name}", {**target, **labels}, value, time


def _told(state: PlantState) -> Iterator[tuple[str, Mapping[str, str], float]]:
    soc, air = state.battery.soc, state.weather.air
    watts = state.battery.power_w / _PACKS
    for pack in map(str, range(1, _PACKS + 1)):
        labels = {"battery": pack}
        cells = {str(cell): _volts(soc, watts, pack, str(cell)) for cell in range(1, _CELLS + 1)}
        volts = sum(cells.values())
        yield "unit_state_of_charge_ratio", labels, soc
        yield "unit_state_of_health_ratio", labels, 0.97 - 0.01 * int(pack)
        yield "unit_voltage_volts", labels, volts
        yield "unit_current_amperes", labels, watts / volts
        yield "unit_power_watts", labels, watts
        yield "unit_charge_capacity_coulombs", labels, _CAPACITY_C
        yield "unit_capacity_joules", labels, _CAPACITY_C * 12.8
        yield "unit_cycles", labels, 310.0 + int(pack)
        yield "unit_charge_current_limit_amperes", labels, 100.0 if soc < 0.95 else 20.0
        yield "unit_discharge_current_limit_amperes", labels, 100.0 if soc > 0.1 else 20.0
        yield "unit_minimum_cell_voltage_volts", labels, min(cells.values())
        yield "unit_maximum_cell_voltage_volts", labels, max(cells.values())
        for cell, value in cells.items():
            yield "cell_voltage_volts", {**labels, "cell": cell}, value
        warm = 16.0 + 0.2 * air + abs(watts) / 400.0
        for group in range(1, 3):
            yield "cell_temperature_celsius", {**labels, "cell": str(group)}, warm + 0.4 * group
        for extreme, group in (("minimum", 1), ("maximum", 2)):
            yield f"unit_{extreme}_cell_temperature_celsius", labels, warm + 0.4 * group
        yield "unit_temperature_celsius", labels, warm + 1.0


def _volts(soc: float, watts: float, pack: str, cell: str) -> float:
    """Return the voltage of a cell: flat in the middle, and a weak one leaves the others at both ends."""
    volts = _EMPTY_V + (_FULL_V - _EMPTY_V) * soc + 0.0008 * (int(cell) * 7 % 11 - 5) - watts * 4e-6
    if (pack, cell) == _WEAK:
        volts += 0.6 * (soc - 0.5) ** 3
    return round(volts, 3)
