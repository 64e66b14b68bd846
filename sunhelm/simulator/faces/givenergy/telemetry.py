"""What the registers that carry physics show, typed from the facts sheet."""

from __future__ import annotations

import math
from typing import Final

from sunhelm.simulator.energy import EnergyCounters
from sunhelm.simulator.faces.givenergy.kinds import Kind
from sunhelm.simulator.faces.image import KWH, Image
from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant

COUNTERS: Final = frozenset(
    {6, 7, 11, 12, 21, 22, 27, 28, 32, 33, 45, 46, 47, 48, *range(1360, 1414), 82, 83, 84, 85, 105, 106}
)
"""Words of lifetime counters, of whatever slave."""

_TENTH_KWH: Final = 10.0 / KWH
_EMPTY_SLOT: Final = 0xF556


def one_phase(image: Image, plant: Plant, kind: Kind) -> None:
    """Fill input registers 0 to 59."""
    state, energy, day = plant.state, plant.energy, plant.today.begin
    grid, battery = state.grid, state.battery
    east, west, south = state.strings
    now = _Energy(energy, with_pv=not kind.high_voltage)
    then = _Energy(day, with_pv=not kind.high_voltage)
    output = state.inverter.ac_power_w + (0.0 if kind.high_voltage else state.pv_inverter.power_w)
    image.words(0, 1)
    image.words(
        1,
        *((east.voltage_v, south.voltage_v) if not kind.high_voltage else (grid.voltage_by_phase[0], 0.0)),
        gain=10,
    )
    image.words(3, 420.0, 0.0, grid.voltage_by_phase[0], gain=10)
    image.pair(6, energy.battery_charge + energy.battery_discharge, _TENTH_KWH)
    if not kind.high_voltage:
        image.words(8, east.current_a, south.current_a, gain=10)
    image.word(10, abs(output) / grid.voltage_by_phase[0], 10)
    image.pair(11, energy.pv, _TENTH_KWH)
    image.word(13, grid.frequency_hz, 100)
    image.word(16, 19_900)
    image.word(17, energy.strings[0] + energy.strings[1] - day.strings[0] - day.strings[1], _TENTH_KWH)
    image.word(18, east.power_w + west.power_w)
    image.word(19, energy.strings[2] - day.strings[2], _TENTH_KWH)
    image.word(20, south.power_w)
    image.pair(21, energy.grid_export, _TENTH_KWH)
    image.word(24, output)
    image.word(25, energy.grid_export - day.grid_export, _TENTH_KWH)
    image.word(26, energy.grid_import - day.grid_import, _TENTH_KWH)
    image.pair(27, energy.input_to_inverter, _TENTH_KWH)
    image.word(30, -grid.power_w)
    image.pair(32, energy.grid_import, _TENTH_KWH)
    image.word(35, energy.input_to_inverter - day.input_to_inverter, _TENTH_KWH)
    image.word(36, energy.battery_charge - day.battery_charge, _TENTH_KWH)
    image.word(37, energy.battery_discharge - day.battery_discharge, _TENTH_KWH)
    image.word(41, 32.0 + state.losses_w / 20.0, 10)
    image.word(42, state.load.power_w)
    image.word(43, abs(output))
    image.word(44, now.output - then.output, _TENTH_KWH)
    image.pair(45, now.output, _TENTH_KWH)
    image.pair(47, 18_000 + (plant.time % 3.6e8) / 3600.0)
    image.word(49, 1)
    voltage = battery.voltage_v * (kind.voltage / 51.2)
    image.word(50, voltage, 100)
    image.word(51, battery.power_w / voltage, 100)
    image.word(52, battery.power_w)
    image.word(53, grid.voltage_by_phase[0], 10)
    image.word(54, grid.frequency_hz, 100)
    image.words(55, 34.0 + state.losses_w / 25.0, battery.temperature_c, gain=10)
    image.word(58, abs(output) / grid.voltage_by_phase[0], 100)
    image.word(59, battery.soc, 100)


class _Energy:
    """Energies that the inverter counts."""

    def __init__(self, counters: EnergyCounters, *, with_pv: bool = True) -> None:
        self.output = counters.inverter_to_input + counters.inverter_to_output
        if with_pv:
            self.output += counters.pv_inverter


def three_phase(image: Image, plant: Plant) -> None:
    """Fill input registers 1000 to 1413."""
    state, energy, day = plant.state, plant.energy, plant.today.begin
    grid, battery = state.grid, state.battery
    east, west, south = state.strings
    image.words(1001, east.voltage_v, south.voltage_v, gain=10)
    image.words(1009, east.current_a + west.current_a, south.current_a, gain=10)
    image.pairs(1017, east.power_w + west.power_w, south.power_w, gain=10)
    image.words(1061, *(math.sqrt(3.0) * voltage for voltage in grid.voltage_by_phase), gain=10)
    output = [
        a + b for a, b in zip(state.inverter.ac_by_phase, state.pv_inverter.power_by_phase, strict=True)
    ]
    image.words(1064, *(abs(p) / v for p, v in zip(output, grid.voltage_by_phase, strict=True)), gain=10)
    image.word(1067, grid.frequency_hz, 100)
    image.word(1068, 990)
    image.pair(1069, sum(output), 10)
    image.pair(1073, sum(map(abs, output)), 10)
    image.words(1075, 1, 1)
    image.pairs(1079, max(0.0, grid.power_w), max(0.0, -grid.power_w), gain=10)
    image.words(1083, *(-power for power in grid.power_by_phase))
    image.words(1086, *state.load.by_phase)
    image.pair(1089, state.load.power_w, 10)
    image.words(1091, *output)
    image.words(1094, *grid.voltage_by_phase, gain=10)
    image.words(1120, 0, 1)
    image.word(1124, 1)
    image.words(1128, 40.0 + state.losses_w / 20.0, 36.0, 38.0, gain=10)
    voltage = 6.0 * battery.voltage_v
    image.word(1131, voltage, 10)
    image.word(1132, battery.soc, 100)
    image.words(1133, voltage, 715.0, 714.0, gain=10)
    image.pairs(1136, max(0.0, battery.power_w), max(0.0, -battery.power_w), gain=10)
    image.word(1140, battery.power_w / voltage, 100)
    image.word(1180, grid.frequency_hz, 100)
    image.words(1181, *grid.voltage_by_phase, gain=10)
    image.pairs(1187, *(output_w for output_w in state.load.on_output), gain=10)
    now, then = _Energy(energy), _Energy(day)
    for address, total, begin in (
        (1360, now.output, then.output),
        (1366, energy.strings[0] + energy.strings[1], day.strings[0] + day.strings[1]),
        (1370, energy.strings[2], day.strings[2]),
        (1376, energy.input_to_inverter, day.input_to_inverter),
        (1380, energy.grid_import, day.grid_import),
        (1384, energy.grid_export, day.grid_export),
        (1388, energy.battery_discharge, day.battery_discharge),
        (1392, energy.battery_charge, day.battery_charge),
        (1396, energy.load, day.load),
    ):
        image.pairs(address, total - begin, total, gain=_TENTH_KWH)
    image.pair(1374, energy.pv, _TENTH_KWH)
    image.pair(1412, energy.pv - day.pv, _TENTH_KWH)
    image.text(1317, 3, "ZA1.0")
    image.text(1320, 5, "ZAAA111121")


def pack(image: Image, plant: Plant, kind: Kind, number: int) -> None:
    """Fill the page of low-voltage battery `number`, from 0."""
    battery, energy = plant.state.battery, plant.energy
    charge_ah = plant.house.battery.charge_ah / kind.packs
    _cells(image, 16, battery.voltage_v / 16.0, plant.seed, number)
    image.words(76, *(battery.temperature_c + 0.3 * n for n in range(4)), gain=10)
    image.word(80, sum(image[60 + cell] for cell in range(16)))
    image.word(81, battery.temperature_c + 3.0, 10)
    image.pair(82, battery.voltage_v, 1000)
    image.pairs(84, charge_ah * 0.99, charge_ah, charge_ah * battery.soc, gain=100)
    image.words(90, 0, 0x0E10)
    image.word(95, battery.current_a / kind.packs, 100)
    image.words(96, 411, 16, 3022)
    image.word(100, battery.soc, 100)
    image.pair(101, charge_ah, 100)
    image.words(103, battery.temperature_c + 0.9, battery.temperature_c, gain=10)
    image.words(105, energy.battery_discharge, energy.battery_charge, gain=_TENTH_KWH)
    image.text(110, 5, f"DF2244G{number + 1:03d}")


def low_voltage_bms(image: Image, plant: Plant) -> None:
    """Fill the page of the low-voltage battery management."""
    image.words(62, plant.state.battery.charge_limit_a, plant.state.battery.discharge_limit_a)


def stack(image: Image, plant: Plant, kind: Kind) -> None:
    """Fill both pages of the high-voltage stack."""
    battery, energy, day = plant.state.battery, plant.energy, plant.today.begin
    voltage = kind.packs * 24 * battery.voltage_v / 16.0
    current = battery.power_w / voltage
    image.text(60, 2, "BAAA")
    image.words(62, 0, 0x0100)
    image.words(64, kind.packs, 24, 12, 24 * kind.packs, 12 * kind.packs, 0x0808)
    image.word(70, 3 if current < 0.0 else 4 if current > 0.0 else 2)
    image.words(73, voltage, voltage, gain=10)
    image.word(76, -current, 10)
    image.word(79, -battery.power_w, 0.01)
    percent = round(100.0 * battery.soc)
    image.word(80, percent << 8 | max(0, percent - 1))
    image.word(81, 97)
    image.pairs(82, energy.battery_charge, energy.battery_discharge, gain=_TENTH_KWH)
    image.pairs(
        90,
        energy.battery_charge - day.battery_charge,
        energy.battery_discharge - day.battery_discharge,
        gain=_TENTH_KWH,
    )
    capacity = plant.house.battery.capacity_j / (kind.packs * 76.8 * 0.9 * 3600.0)
    image.words(98, capacity, capacity * battery.soc, 52.2, gain=10)
    image.words(102, voltage * 0.8, voltage * 1.1, 25.0, 25.0, gain=10)
    cell = battery.voltage_v / 16.0
    image.words(120, 1000 * (cell + 0.004), 1, 3, 1000 * (cell - 0.004), 2, 7)
    temperature = battery.temperature_c
    image.words(126, 10 * (temperature + 0.5), 1, 2, 10 * temperature, 3, 4)
    image.words(132, 10 * temperature, 10 * temperature, 8, 5, 1000 * cell, 10 * temperature)
    image.text(138, 5, "HC2414G001")


def module(image: Image, plant: Plant, number: int) -> None:
    """Fill the page of module `number`, from 0, of the stack."""
    battery = plant.state.battery
    _cells(image, 24, battery.voltage_v / 16.0, plant.seed, 100 + number)
    image.words(90, *(battery.temperature_c + 0.1 * (n % 5) for n in range(12)), gain=10)
    image.text(114, 5, f"HX2414G{number + 1:03d}")


def meter(image: Image, plant: Plant, *, phases: int) -> None:
    """Fill the page of the meter at the grid; three phases count amperes in tenths, one in hundredths."""
    grid, energy = plant.state.grid, plant.energy
    three = phases == 3
    voltages = grid.voltage_by_phase if three else (grid.voltage_by_phase[0],)
    powers = grid.power_by_phase if three else (grid.power_w,)
    reactive = grid.reactive_by_phase if three else (sum(grid.reactive_by_phase),)
    image.words(60, *voltages, gain=10)
    apparent = [math.hypot(p, q) for p, q in zip(powers, reactive, strict=True)]
    amperes = [s / v for s, v in zip(apparent, voltages, strict=True)]
    image.words(63, *amperes, gain=10 if three else 100)
    image.word(67, sum(amperes), 10 if three else 100)
    image.words(68, *(-p for p in powers))
    image.word(71, -sum(powers))
    image.words(72, *reactive)
    image.word(75, sum(reactive))
    image.words(76, *apparent)
    image.word(79, sum(apparent))
    factors = [-p / s if s else 0.0 for p, s in zip(powers, apparent, strict=True)]
    image.words(80, *(10_000.0 * (factor + 1.0) for factor in factors))
    image.word(83, 10_000.0 * (1.0 - sum(powers) / sum(apparent)) if sum(apparent) else 0.0)
    image.word(84, grid.frequency_hz, 100)
    image.word(85, energy.grid_import, _TENTH_KWH)
    image.word(87, energy.grid_export, _TENTH_KWH)


def _cells(image: Image, cells: int, voltage: float, seed: int, number: int) -> None:
    for cell in range(cells):
        apart = 0.008 * (chance(seed, "cell", 100 * number + cell) - 0.5)
        image.word(60 + cell, voltage + apart, 1000)
