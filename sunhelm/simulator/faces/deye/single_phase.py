"""The registers of single-phase hybrids."""

from __future__ import annotations

from typing import Final

from sunhelm.simulator.faces.deye.parts import (
    NORMAL,
    TENTHS,
    ac_power,
    amperes,
    heatsink,
    identity,
    low_first,
    strings,
    temperature,
)
from sunhelm.simulator.faces.image import Image, rounded
from sunhelm.simulator.plant import Plant

SINGLE_PHASE: Final = 0x0003
COUNTERS: Final = frozenset({*range(63, 65), *range(72, 76), 78, 80, 81, 82, 85, 86, 96, 97, 611})

_LARGE_W: Final = 12_000.0
"""From this rated power on, powers of grid and load are told in steps of 10 W."""


def fill(image: Image, plant: Plant, rated_power_w: float) -> None:
    """Fill in what an inverter of this rated power tells of the plant."""
    identity(image, SINGLE_PHASE, 16, rated_power_w, (18, 0x0301))
    image.words(10, 0x1001, 0x1807, 0x2006, 0x1144, 0xC047)
    image[8] = 0
    image[59] = NORMAL
    _energy(image, plant)
    temperature(image, 90, 25.0)
    temperature(image, 91, heatsink(plant))
    image[92] = 0
    temperature(image, 95, plant.state.weather.air)
    image[194] = 1
    image[195] = 0
    strings(image, plant, 109)
    _battery(image, plant)
    _ac_side(image, plant, 0.1 if rated_power_w >= _LARGE_W else 1.0)
    for index, string in enumerate(plant.state.strings):
        image.word(186 + index, string.power_w)


def _energy(image: Image, plant: Plant) -> None:
    energy, begin = plant.energy, plant.today.begin
    for address, total, then in (
        (70, energy.battery_charge, begin.battery_charge),
        (71, energy.battery_discharge, begin.battery_discharge),
        (76, energy.grid_import, begin.grid_import),
        (77, energy.grid_export, begin.grid_export),
        (84, energy.load, begin.load),
        (108, energy.pv, begin.pv),
    ):
        image.word(address, total - then, TENTHS)
    for address, total in (
        (72, energy.battery_charge),
        (74, energy.battery_discharge),
        (81, energy.grid_export),
        (85, energy.load),
        (96, energy.pv),
    ):
        low_first(image, address, total, TENTHS)
    bought = rounded(energy.grid_import * TENTHS)
    image[78], image[80] = bought & 0xFFFF, bought >> 16


def _battery(image: Image, plant: Plant) -> None:
    battery = plant.state.battery
    temperature(image, 182, battery.temperature_c)
    image.word(183, battery.voltage_v, 100)
    image.word(184, battery.soc, 100)
    image.word(190, battery.power_w)
    image.word(191, battery.current_a, 100)
    image.words(312, 5760, 4800, battery.charge_limit_a, battery.discharge_limit_a)
    image.word(316, battery.soc, 100)
    image.word(317, battery.voltage_v, 100)
    image.word(318, battery.current_a)
    temperature(image, 319, battery.temperature_c)
    image.words(320, 120, 150, 0, 0, 0)
    image.word(603, battery.soc, 100)
    image[611] = 214


def _ac_side(image: Image, plant: Plant, watts: float) -> None:
    """Fill the AC side as if the whole house hung on one phase."""
    state = plant.state
    grid, given, load = state.grid.power_w, sum(ac_power(plant)), state.load.power_w
    volts, hertz = state.grid.voltage_by_phase[0], state.grid.frequency_hz
    inner = sum(state.load.on_output) - given
    for address in (150, 154, 157):
        image.word(address, volts, 10)
    image.word(160, amperes(inner, volts), 100)
    image.word(162, amperes(grid, volts), 100)
    image.word(164, amperes(given, volts), 100)
    image.word(179, amperes(load, volts), 100)
    for address in (79, 192, 193):
        image.word(address, hertz, 100)
    image.word(167, inner, watts)
    for address in (169, 170, 172):
        image.word(address, grid, watts)
    for address in (173, 175):
        image.word(address, given)
    for address in (176, 178):
        image.word(address, load, watts)
