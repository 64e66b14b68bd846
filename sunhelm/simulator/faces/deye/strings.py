"""The registers of inverters without a battery: string and micro inverters. They see the PV, and a meter."""

from __future__ import annotations

from typing import Final

from sunhelm.simulator.faces.deye.parts import (
    NORMAL,
    TENTHS,
    amperes,
    clock,
    heatsink,
    identity,
    local_time,
    low_first,
    strings,
    temperature,
)
from sunhelm.simulator.faces.image import KWH, Image
from sunhelm.simulator.plant import Plant

STRING: Final = 0x0002
MICRO: Final = 0x0004
COUNTERS: Final = frozenset({63, 64, 69, 70, 71, 72, 74, 75, 77, 78, 201, 202, 206, 207, 209, 210})

_RATED_W: Final = {STRING: 6_000.0, MICRO: 2_000.0}
_FAULT: Final = 4


def fill(image: Image, plant: Plant, kind: int) -> None:
    """Fill in what an inverter of this kind tells of the plant."""
    state, energy, begin = plant.state, plant.energy, plant.today.begin
    is_micro = kind == MICRO
    identity(image, kind, 16, _RATED_W[kind], (18, 0x0301 if is_micro else 0x0303))
    image[21] = 60
    clock(image, 22, local_time(plant))
    image.words(27, 2640, 1960, 5150, 4750)
    image.words(34, 5020, 44)
    image[39], image[40], image[43], image[46] = 1000, 100 if is_micro else 1000, 1, 1
    image[59] = _FAULT if is_micro and state.pv_power_w > 0.0 else NORMAL
    image.word(60, energy.pv - begin.pv, TENTHS)
    image[62] = 540
    low_first(image, 63, energy.pv, TENTHS)
    given = state.pv_power_w * 0.97
    volts = state.grid.voltage_by_phase
    if is_micro:
        for index, address in enumerate((69, 71, 74)):
            image.word(65 + index, energy.strings[index] - begin.strings[index], TENTHS)
            low_first(image, address, energy.strings[index], TENTHS)
        image.word(73, volts[0], 10)
        image.word(76, amperes(given, volts[0]), 10)
        image.word(80, given, 10)
        image.word(90, heatsink(plant) + 10.0, 100)
    else:
        image.words(73, *volts, gain=10)
        image.words(76, *(amperes(given / 3, each) for each in volts), gain=10)
        for address, value in ((80, given), (82, state.pv_power_w), (84, given), (88, 0.0)):
            low_first(image, address, value, 10)
        temperature(image, 90, 31.0)
        temperature(image, 91, heatsink(plant))
        _meter(image, plant)
    image.word(79, state.grid.frequency_hz, 100)
    low_first(image, 86, given, 10)
    strings(image, plant, 109)


def _meter(image: Image, plant: Plant) -> None:
    energy, begin = plant.energy, plant.today.begin
    hundredths = 100.0 / KWH
    low_first(image, 198, plant.state.load.power_w)
    low_first(image, 203, plant.state.grid.power_w)
    for today, address, now, then in (
        (200, 201, energy.load, begin.load),
        (205, 206, energy.grid_export, begin.grid_export),
        (208, 209, energy.grid_import, begin.grid_import),
    ):
        image.word(today, now - then, hundredths)
        low_first(image, address, now, TENTHS)
