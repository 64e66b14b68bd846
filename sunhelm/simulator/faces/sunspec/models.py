"""The models that only tell: what the plant looks like in each, typed by hand from SunSpec's tables.

Every function fills an image from `at` on, the address of the first word behind the model's header.
"""

from __future__ import annotations

import math
from typing import Final

from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

INT: Final = 0x8000
UINT: Final = 0xFFFF
"""What stands for "not implemented" in a signed word and a scale factor, and in any other word."""

WH: Final = 1 / 3600.0
_OFF, _SLEEPING, _MPPT, _THROTTLED = 1, 2, 4, 5
_EMPTY, _DISCHARGING, _CHARGING, _FULL, _HOLDING = 2, 3, 4, 5, 6
_SUNSPEC_EPOCH: Final = 946_684_800
_IDLE_W: Final = 5.0
_FULL_SOC: Final = 0.995
_PHASE_VOLTAGES_TO_LINE: Final = math.sqrt(3.0)


def common(image: Image, at: int) -> None:
    """Model 1, 66 words."""
    image.text(at, 16, "Sunhelm")
    image.text(at + 16, 16, "Simulated hybrid")
    image.text(at + 32, 8, "")
    image.text(at + 40, 8, "1.0.0")
    image.text(at + 48, 16, "SIM-000103")
    image.words(at + 64, 1, INT)


def inverter(image: Image, at: int, plant: Plant) -> None:
    """Model 103, 50 words: the PV inverter."""
    state, house = plant.state, plant.house
    power, volts = state.pv_inverter.power_by_phase, state.grid.voltage_by_phase
    amperes = [each / volt for each, volt in zip(power, volts, strict=True)]
    image.words(at, sum(amperes), *amperes, gain=100)
    image.word(at + 4, -2)
    line = _PHASE_VOLTAGES_TO_LINE
    image.words(at + 5, *(each * line for each in volts), *volts, gain=10)
    image.word(at + 11, -1)
    image.words(at + 12, state.pv_inverter.power_w, 0)
    image.word(at + 14, state.grid.frequency_hz, 100)
    image.word(at + 15, -2)
    image.words(at + 16, state.pv_inverter.power_w, 0, 0, 0)
    image.words(at + 20, 10_000, -2)
    image.pair(at + 22, plant.energy.pv_inverter, WH)
    image.word(at + 24, 0)
    image.words(at + 25, UINT, INT, UINT, INT)  # several inputs: model 160 tells of each
    image.words(at + 29, sum(string.power_w for string in state.strings[: len(house.ac_strings)]), 0)
    image.word(at + 31, state.weather.air + 12.0 + state.pv_inverter.loss_w / 10.0, 10)
    image.words(at + 32, INT, INT, INT, -1)
    throttled = _THROTTLED if state.pv_held else _MPPT
    image.words(at + 36, throttled if state.pv_inverter.power_w > 0.0 else _SLEEPING, UINT)
    image.pairs(at + 38, 0, 0, *[0xFFFFFFFF] * 4)


def nameplate(image: Image, at: int, plant: Plant) -> None:
    """Model 120, 26 words."""
    rating, battery = plant.house.pv_inverter_rating_w, plant.house.battery
    image.words(at, 82, rating, 0, rating, 0)
    image.words(at + 5, 0.6 * rating, INT, INT, -0.6 * rating, 0)
    image.words(at + 10, rating / 230.0 / 3.0 * 100, -2)
    image.words(at + 12, -800, INT, INT, 800, -3)
    image.words(at + 17, battery.capacity_j / 3600.0 / 10.0, 1)
    image.words(at + 19, battery.charge_ah, 0)
    image.words(at + 21, charge_power(plant), 0, discharge_power(plant), 0, INT)


def status(image: Image, at: int, plant: Plant, *, limited: bool) -> None:
    """Model 122, 44 words."""
    state = plant.state
    working = state.pv_inverter.power_w > 0.0
    image.words(at, 0b0111 if working else 0b0011, 0b0111, 0b1)
    image.quad(at + 3, plant.energy.pv_inverter, WH)
    image.quad(at + 7, plant.energy.pv_inverter, WH)
    for place in range(at + 11, at + 27, 4):
        image.quad(place, 0)
    image.words(at + 27, INT, INT)
    available = sum(string.available_w for string in state.strings[: len(plant.house.ac_strings)])
    image.words(at + 29, min(available, plant.house.pv_inverter_rating_w), 0)
    image.pairs(at + 31, 0, int(limited))
    image.text(at + 35, 4, "NTP")
    image.pair(at + 39, state.time - _SUNSPEC_EPOCH)
    image.words(at + 41, 0, 500, 3)


def storage(image: Image, at: int, plant: Plant) -> None:
    """Model 124, the words that cannot be set of its 24: the house's battery."""
    state, spec = plant.state.battery, plant.house.battery
    image.word(at + 6, state.soc * 100.0, 100)
    image.word(at + 7, max(0.0, state.soc - plant.steering.minimum_soc) * spec.charge_ah, 10)
    image.word(at + 8, state.voltage_v, 100)
    if abs(state.power_w) > _IDLE_W:
        flow = _DISCHARGING if state.power_w > 0.0 else _CHARGING
    else:
        flow = _FULL if state.soc >= _FULL_SOC else _EMPTY if state.soc <= 0.0 else _HOLDING
    image.word(at + 9, flow)
    image.words(at + 16, 0, -1, 0, -2, -2, -1, -2, -2)


def mppt(image: Image, at: int, plant: Plant) -> None:
    """Model 160, 8 words and 20 for each string of the PV inverter."""
    strings = plant.house.ac_strings
    image.words(at, -2, -1, 0, 0)
    image.pair(at + 4, 0)
    image.words(at + 6, len(strings), UINT)
    for index, string in enumerate(strings):
        module, state = at + 8 + 20 * index, plant.state.strings[index]
        image.word(module, index + 1)
        image.text(module + 1, 8, string.name)
        image.word(module + 9, state.current_a, 100)
        image.word(module + 10, state.voltage_v, 10)
        image.word(module + 11, state.power_w)
        image.pair(module + 12, plant.energy.strings[index], WH)
        image.pair(module + 14, 0xFFFFFFFF)
        image.words(module + 16, INT, _MPPT if state.power_w > 0.0 else _OFF)
        image.pair(module + 18, 0)


def meter(image: Image, at: int, plant: Plant) -> None:
    """Model 203, 105 words: the grid connection; import is positive."""
    grid, energy = plant.state.grid, plant.energy
    volts = grid.voltage_by_phase
    image.words(at, sum(grid.current_by_phase), *grid.current_by_phase, gain=100)
    image.word(at + 4, -2)
    mean = sum(volts) / 3.0
    lines = [each * _PHASE_VOLTAGES_TO_LINE for each in volts]
    image.words(at + 5, mean, *volts, mean * _PHASE_VOLTAGES_TO_LINE, *lines, gain=10)
    image.word(at + 13, -1)
    image.word(at + 14, grid.frequency_hz, 100)
    image.word(at + 15, -2)
    image.words(at + 16, grid.power_w, *grid.power_by_phase, 0)
    apparent = [abs(a * v) for a, v in zip(grid.current_by_phase, volts, strict=True)]
    image.words(at + 21, sum(apparent), *apparent, 0)
    image.words(at + 26, sum(grid.reactive_by_phase), *grid.reactive_by_phase, 0)
    image.words(at + 31, grid.power_factor, *grid.power_factor_by_phase, gain=10_000)
    image.word(at + 35, -2)
    image.pairs(at + 36, energy.grid_export, *energy.phase_export, gain=WH)
    image.pairs(at + 44, energy.grid_import, *energy.phase_import, gain=WH)
    image.word(at + 52, 0)
    image.pairs(at + 53, *[0] * 8)
    image.word(at + 69, INT)
    image.pairs(at + 70, *[0] * 16)
    image.word(at + 102, INT)
    image.pair(at + 103, 0)


def charge_power(plant: Plant) -> float:
    """Return the power with which the battery may be charged, in watts at its nominal voltage."""
    battery = plant.house.battery
    return battery.charge_current_a * battery.cells * 3.2


def discharge_power(plant: Plant) -> float:
    """Return the power with which the battery may be discharged, in watts at its nominal voltage."""
    battery = plant.house.battery
    return battery.discharge_current_a * battery.cells * 3.2
