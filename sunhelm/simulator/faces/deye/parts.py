"""What all kinds of Deye inverters show alike."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from sunhelm.simulator.faces.image import KWH, Image, rounded
from sunhelm.simulator.plant import Plant

SERIAL: Final = "2304060810"
NORMAL: Final = 2
TENTHS: Final = 10.0 / KWH
"""Counts of 0.1 kWh in a joule."""


def low_first(image: Image, address: int, value: float, gain: float = 1, words: int = 2) -> None:
    """Put a number into words that follow each other, the low one first."""
    number = rounded(value * gain)
    for index in range(words):
        image[address + index] = number >> 16 * index & 0xFFFF


def local_time(plant: Plant) -> datetime:
    """Return the time on the wall of the house."""
    return datetime.fromtimestamp(plant.time, plant.house.location.zone).replace(tzinfo=None)


def clock(image: Image, address: int, shown: datetime) -> None:
    """Put a time into three words, as six bytes."""
    numbers = (shown.year - 2000, shown.month, shown.day, shown.hour, shown.minute, shown.second)
    for index in range(3):
        image[address + index] = numbers[2 * index] << 8 | numbers[2 * index + 1]


def temperature(image: Image, address: int, celsius: float) -> None:
    """Put a temperature in tenths of a degree above -100 degrees."""
    image.word(address, celsius + 100.0, 10)


def identity(image: Image, kind: int, rated: int, rated_power_w: float, trackers: tuple[int, int]) -> None:
    """Fill what says who the inverter is; `trackers` is the address, and trackers and phases as a word."""
    image.words(0, kind, 1, 0x0104)
    image.text(3, 5, SERIAL)
    low_first(image, rated, rated_power_w, 10)
    image[trackers[0]] = trackers[1]


def strings(image: Image, plant: Plant, first: int) -> None:
    """Fill voltage and current of each string, pair by pair, from this address on."""
    for index, string in enumerate(plant.state.strings):
        image.word(first + 2 * index, string.voltage_v, 10)
        image.word(first + 2 * index + 1, string.current_a, 10)


def ac_power(plant: Plant) -> tuple[float, float, float]:
    """Return what the inverter gives on each phase: the loads less what the grid brings."""
    state = plant.state
    a, b, c = (load - grid for load, grid in zip(state.load.by_phase, state.grid.power_by_phase, strict=True))
    return a, b, c


def heatsink(plant: Plant) -> float:
    """Return how warm the power electronics is, in degrees."""
    return plant.state.weather.air + 8.0 + 0.01 * abs(plant.state.losses_w)


def amperes(watts: float, volts: float) -> float:
    """Return a current as these inverters tell it: without its direction."""
    return math.fabs(watts) / volts if volts else 0.0
