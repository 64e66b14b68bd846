"""What an inverter in the same house would tell beyond its GX: it looks at the same plant once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sunhelm.simulator.plant import Plant, PlantState

_RATED_W: Final = 10_000.0
_MODULES: Final = 6
_SHADED: Final = 2
"""The module that has half of the light."""

Sampled = tuple[str, Mapping[str, str], float, int]


def inverters(device: str, times: range, seed: int) -> Iterator[Sampled]:
    """Yield metric, labels, value and time of an inverter that looks at the same house."""
    plant = Plant(seed=seed, start=float(times.start), step_s=float(times.step))
    target = {"site": "home", "device": device, "family": device}
    for time in times:
        plant.advance(time - plant.time)
        for name, labels, value in _told(plant.state):
            yield f"solar_{name}", {**target, **labels}, value, time


def _told(state: PlantState) -> Iterator[tuple[str, Mapping[str, str], float]]:
    ac = state.pv_inverter.power_w + state.inverter.ac_power_w
    yield "inverter_power_watts", {}, round(ac)
    yield "rated_power_watts", {}, _RATED_W
    yield "inverter_temperature_celsius", {"sensor": "internal"}, state.weather.air + 12 + state.losses_w / 20
    yield "inverter_insulation_resistance_ohms", {}, 1_000_000.0 + 80_000.0 * state.weather.air
    yield "inverter_frequency_hertz", {}, state.grid.frequency_hz
    for phase, volts in zip(("L1", "L2", "L3"), state.grid.voltage_by_phase, strict=True):
        yield "inverter_phase_voltage_volts", {"phase": phase}, volts + 0.4
    for number, string in enumerate(state.strings, 1):
        yield "pv_string_current_amperes", {"string": str(number)}, round(string.current_a, 2)
    south = state.strings[-1]
    for number in range(1, _MODULES + 1):
        light = 0.5 if number == _SHADED else 1.0
        labels = {"optimizer": str(number)}
        yield "huawei_optimizer_power_watts", labels, south.power_w / _MODULES * light
        yield "huawei_optimizer_temperature_celsius", labels, south.cell_c
        place = {"string": "1", "position": str(number)}
        yield "huawei_optimizer_info", labels | place, 1.0
