"""The registers of three-phase hybrids, of low and of high voltage."""

from __future__ import annotations

from typing import Final

from sunhelm.simulator.faces.deye.parts import (
    NORMAL,
    SERIAL,
    TENTHS,
    ac_power,
    amperes,
    heatsink,
    identity,
    low_first,
    strings,
    temperature,
)
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

RATED_W: Final = 12_000.0
LOW_VOLTAGE: Final = 0x0005
HIGH_VOLTAGE: Final = 0x0006

COUNTERS: Final = frozenset(
    {*range(504, 508), *range(516, 520), *range(522, 526), 527, 528, 534, 535, 537, 538, 10_056}
)

_INNER, _OUTER, _REPORTED, _INVERTER, _BACKUP, _LOAD, _PORT = 604, 616, 622, 633, 640, 650, 664
_HIGH_WORDS: Final = {
    _INNER: 700,
    _OUTER: 705,
    _REPORTED: 687,
    _INVERTER: 691,
    _BACKUP: 696,
    _LOAD: 656,
    _PORT: 668,
}
"""Where the words above those of three phases and their total stand."""


def fill(image: Image, plant: Plant, kind: int, firmware: int = 0x1144) -> None:
    """Fill in what an inverter of this kind and main firmware tells of the plant."""
    state = plant.state
    high = kind == HIGH_VOLTAGE
    watts, volts = (0.1, 10.0) if high else (1.0, 100.0)
    identity(image, kind, 20, RATED_W, (22, 0x0303))
    image.words(11, 0x1807, 0, 0, 0x2006, firmware, 0, 0x1001, 0xC047, 0)
    image[23] = 1
    image[36] = 0
    image[500] = NORMAL
    _energy(image, plant, 0.1 if high and firmware >= 0x1098 else 1.0)
    image[544] = 1
    image[551] = 1
    image[552] = 0b101
    temperature(image, 540, 25.0)
    temperature(image, 541, heatsink(plant))
    battery = state.battery
    temperature(image, 586, battery.temperature_c)
    image.word(587, battery.voltage_v, volts)
    image.word(588, battery.soc, 100)
    image.word(590, battery.power_w, watts)
    image.word(591, battery.current_a, 100)
    image[592] = 200
    _bms(image, plant, volts, 10 if high else 1)
    _ac_side(image, plant)
    for index, string in enumerate(state.strings):
        image.word(672 + index, string.power_w, watts)
    strings(image, plant, 676)


def packs(image: Image, plant: Plant) -> None:
    """Fill in what newer firmware tells of the batteries of the same make."""
    battery = plant.state.battery
    cells = plant.house.battery.cells
    image[10_002] = 1
    image.text(10_032, 8, f"PACK{SERIAL}")
    image.word(10_040, battery.voltage_v, 10)
    image.word(10_041, battery.current_a, 10)
    for address, above in ((10_042, 0.0), (10_043, 1.5), (10_044, -1.5), (10_045, 4.0)):
        temperature(image, address, battery.temperature_c + above)
    image.word(10_047, battery.soc, 1000)
    image.word(10_048, 0.98, 1000)
    image.word(10_050, plant.house.battery.charge_ah, 10)
    image.word(10_054, battery.voltage_v / cells + 0.004, 1000)
    image.word(10_055, battery.voltage_v / cells - 0.004, 1000)
    image.words(10_056, 214, 1, 0, 0, 0, 0, 3, 1)


def _energy(image: Image, plant: Plant, unit: float) -> None:
    energy, begin = plant.energy, plant.today.begin
    gain = TENTHS * unit
    for address, total, then in (
        (514, energy.battery_charge, begin.battery_charge),
        (515, energy.battery_discharge, begin.battery_discharge),
        (520, energy.grid_import, begin.grid_import),
        (521, energy.grid_export, begin.grid_export),
        (526, energy.load, begin.load),
        (529, energy.pv, begin.pv),
        *((530 + i, energy.strings[i], begin.strings[i]) for i in range(len(energy.strings))),
    ):
        image.word(address, total - then, gain)
    for address, total in (
        (516, energy.battery_charge),
        (518, energy.battery_discharge),
        (522, energy.grid_import),
        (524, energy.grid_export),
        (527, energy.load),
        (534, energy.pv),
    ):
        low_first(image, address, total, gain)
    given = energy.load - energy.grid_import + energy.grid_export
    low_first(image, 504, given, TENTHS)


def _bms(image: Image, plant: Plant, volts: float, amperes_gain: float) -> None:
    battery = plant.state.battery
    image.word(210, 57.6, volts)
    image.word(211, 48.0, volts)
    image.words(212, battery.charge_limit_a, battery.discharge_limit_a)
    image.word(214, battery.soc, 100)
    image.word(215, battery.voltage_v, volts)
    image.word(216, battery.current_a, amperes_gain)
    temperature(image, 217, battery.temperature_c)
    image.words(218, 120, 150, 0, 0, 0)
    image.words(224, 98, 3, 200, 1)


def _ac_side(image: Image, plant: Plant) -> None:
    state = plant.state
    grid, given = state.grid, ac_power(plant)
    voltage, hertz = grid.voltage_by_phase, grid.frequency_hz
    backup = state.load.on_output
    inner = tuple(out - own for out, own in zip(backup, given, strict=True))
    image.words(598, *voltage, gain=10)
    _phases(image, _INNER, inner)
    _phases(image, _OUTER, grid.power_by_phase)
    _phases(image, _REPORTED, grid.power_by_phase)
    _phases(image, _INVERTER, given)
    _phases(image, _BACKUP, backup)
    _phases(image, _LOAD, state.load.by_phase)
    _phases(image, _PORT, (0.0, 0.0, 0.0))
    image.words(661, 0.6, 0.2, 0.3, gain=10)
    for address in (609, 638, 655):
        image.word(address, hertz, 100)
    image.words(610, *map(amperes, inner, voltage), gain=100)
    image.words(613, *map(amperes, grid.power_by_phase, voltage), gain=100)
    image.word(621, abs(grid.power_factor), 1000)
    image.words(627, *voltage, gain=10)
    image.words(630, *map(amperes, given, voltage), gain=100)
    image.word(637, sum(given))
    image.words(644, *voltage, gain=10)
    image.word(654, state.load.power_w)


def _phases(image: Image, address: int, powers: tuple[float, ...]) -> None:
    """Put three powers and their total into words, and what stands above these words far away."""
    for index, power in enumerate((*powers, sum(powers))):
        image.word(address + index, power)
        image[_HIGH_WORDS[address] + index] = 0xFFFF if image[address + index] >> 15 else 0
