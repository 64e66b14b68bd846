"""What inverter, battery and meter tell of the plant; typed from the sheet, apart from the driver."""

from __future__ import annotations

import math
from typing import Final

from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant

MODEL: Final = "SUN2000-10KTL-M1"
SERIAL: Final = "SIM0000000012"
SOFTWARE: Final = "V100R001C00SPC173"
BATTERY_SERIAL: Final = "SIMBAT00000001"
MAXIMUM_W: Final = 10_000
BATTERY_W: Final = 5_000
PACKS: Final = 2

KWH: Final = 100 / 3_600_000.0
"""Hundredths of a kWh in a joule."""

_NO_U16, _NO_I16 = 0xFFFF, 0x7FFF
_NO_U32, _NO_I32 = 0xFFFF_FFFF, 0x7FFF_FFFF
_LINE: Final = math.sqrt(3.0)
_STRINGS: Final = 24


def identity(image: Image, plant: Plant) -> None:
    """30000 to 31209."""
    image.text(30_000, 15, f"{MODEL}\0\x00\x0001074311-0")  # what stands behind the zero is left over
    image.text(30_015, 10, SERIAL)
    image.text(30_025, 10, "01074311-006")
    image.text(30_035, 15, "V100R001C00")
    image.text(30_050, 15, SOFTWARE)
    image.pair(30_068, 0x0001_0005)
    image.words(30_070, 424, len(plant.state.strings), 2)
    image.pairs(30_073, MAXIMUM_W, MAXIMUM_W * 1.1, MAXIMUM_W * 1.1, MAXIMUM_W * 0.6, -MAXIMUM_W * 0.6)
    image.pairs(30_083, MAXIMUM_W * 1.1, MAXIMUM_W * 1.1)
    image.text(31_000, 15, "A")
    image.text(31_025, 15, "V100R001C00SPC173")
    image.text(31_040, 15, "V100R001C00SPC173")
    for address in (30_366, 30_368):
        image.pair(address, _NO_I32)


def live(image: Image, plant: Plant) -> None:
    """32000 to 32120, and what stands behind it."""
    state, energy = plant.state, plant.energy
    working = state.pv_power_w > 0.0 or abs(state.inverter.ac_power_w) > 1.0
    held = 0b1000 if state.pv_held else 0b0100
    image.words(32_000, 0b10 | held if working else 0b1)
    image.word(32_002, 0b111 if state.pv_power_w > 0.0 else 0b101)
    image.pair(32_003, 0)
    image.words(32_016, *[_NO_I16] * (2 * _STRINGS))
    for number, string in enumerate(state.strings):
        image.word(32_016 + 2 * number, string.voltage_v, 10)
        image.word(32_017 + 2 * number, string.current_a, 100)
    image.pair(32_064, state.pv_power_w)
    volts = state.grid.voltage_by_phase
    image.words(32_066, *(volt * _LINE for volt in volts), *volts, gain=10)
    phases = [
        ours + pv
        for ours, pv in zip(state.inverter.ac_by_phase, state.pv_inverter.power_by_phase, strict=True)
    ]
    image.pairs(32_072, *(power / volt for power, volt in zip(phases, volts, strict=True)), gain=1000)
    image.pairs(32_078, plant.today.peak_pv_w, sum(phases), 0)
    image.word(32_084, 1.0, 1000)
    image.word(32_085, state.grid.frequency_hz, 100)
    image.word(32_086, 98.2 if working else 0.0, 100)
    image.word(32_087, state.weather.air + 14.0 + state.losses_w / 20.0, 10)
    image.word(32_088, 2_950)
    image.word(32_089, (513 if state.pv_held else 512) if working else 0xA000)
    image.pair(32_091, 0)
    image.pair(32_093, 0)
    image.pair(32_095, sum(phases))
    gave = energy.pv_inverter + energy.battery_discharge
    today = gave - plant.today.begin.pv_inverter - plant.today.begin.battery_discharge
    image.pairs(32_106, gave, energy.pv, gain=KWH)
    image.pairs(32_112, 0, today, today, today, gain=KWH)
    image.words(32_176, 640.0, *(max(0.0, *(s.voltage_v for s in state.strings)),) * 2, gain=10)
    image.pairs(32_212, *energy.strings[:2], gain=KWH)
    for tracker in range(2, 10):
        image.pair(32_212 + 2 * tracker, _NO_U32)
    image.pairs(35_000, 12_000, 800, gain=10)
    image.words(35_021, *[state.weather.air + 18.0] * 3, gain=10)
    for address in (35_024, 35_025, 35_027, 35_028, 35_029):
        image.word(address, _NO_I16)


def battery(image: Image, plant: Plant, *, mode: int, forced_min: int) -> None:
    """37000 to 38463: one unit of two packs. `mode` is what it does now, `forced_min` what is left of it."""
    state, energy, start = plant.state.battery, plant.energy, plant.today.begin
    charge, discharge = energy.battery_charge, energy.battery_discharge
    charged, discharged = charge - start.battery_charge, discharge - start.battery_discharge
    running = 2 if abs(state.power_w) > 1.0 else 1
    image.word(37_000, running)
    image.pair(37_001, -state.power_w)
    image.word(37_003, 640.0, 10)
    image.word(37_004, state.soc * 100.0, 10)
    image.word(37_006, mode)
    image.pairs(37_007, BATTERY_W, BATTERY_W)
    image.word(37_014, 0)
    image.pairs(37_015, charged, discharged, gain=KWH)
    image.word(37_021, -state.power_w / 640.0, 10)
    image.word(37_022, state.temperature_c, 10)
    image.word(37_025, forced_min)
    image.text(37_026, 10, "V100R002C00")
    image.text(37_036, 10, "V100R002C00")
    limits = min(BATTERY_W, state.charge_limit_w), min(BATTERY_W, state.discharge_limit_w)
    image.pairs(37_046, *limits)
    image.text(37_052, 10, BATTERY_SERIAL)
    image.pairs(37_066, charge, discharge, gain=KWH)
    _no_second_unit(image)
    image.pair(37_758, plant.house.battery.capacity_j / 3600.0)
    image.word(37_760, state.soc * 100.0, 10)
    image.words(37_762, running, 6_400)
    image.word(37_764, -state.power_w / 640.0, 10)
    image.pair(37_765, -state.power_w)
    image.pairs(37_780, charge, discharge, charged, discharged, gain=KWH)
    image.text(37_814, 15, "V100R002C00SPC127")
    for pack in range(6):
        _pack(image, plant, pack)


def _no_second_unit(image: Image) -> None:
    image.words(37_738, _NO_U16)
    image.word(37_741, _NO_U16)
    image.pair(37_743, _NO_I32)
    image.pairs(37_746, _NO_U32, _NO_U32)
    image.words(37_750, _NO_U16, _NO_I16, _NO_I16)
    image.pairs(37_753, _NO_U32, _NO_U32)


def _pack(image: Image, plant: Plant, pack: int) -> None:
    at, state, energy = 38_200 + 42 * pack, plant.state.battery, plant.energy
    temperatures = 38_452 + 2 * pack
    if pack >= PACKS:
        image.words(temperatures, _NO_I16, _NO_I16)
        return  # an empty place: zeros
    image.text(at, 10, f"SIMPACK0000000{pack + 1}")
    image.text(at + 10, 15, "V200R025C00SPC100")
    image.words(at + 28, 2, round(state.soc * 1000), 1000)
    image.pair(at + 33, -state.power_w / PACKS)
    image.word(at + 35, state.voltage_v, 10)
    image.word(at + 36, -state.current_a / PACKS, 10)
    image.pairs(at + 38, energy.battery_charge / PACKS, energy.battery_discharge / PACKS, gain=KWH)
    image.words(temperatures, state.temperature_c + 0.6, state.temperature_c - 0.6, gain=10)


def meter(image: Image, plant: Plant, *, online: bool) -> None:
    """37100 to 37138; power and current are positive when feeding into the grid."""
    grid, energy = plant.state.grid, plant.energy
    image.word(37_100, online)
    image.pairs(37_101, *grid.voltage_by_phase, gain=10)
    image.pairs(37_107, *(-each for each in grid.current_by_phase), gain=100)
    image.pairs(37_113, -grid.power_w, sum(grid.reactive_by_phase))
    image.word(37_117, -grid.power_factor, 1000)
    image.word(37_118, grid.frequency_hz, 100)
    image.pairs(37_119, energy.grid_export, energy.grid_import, 0.0, gain=KWH)
    image.word(37_125, 1)
    image.pairs(37_126, *(volt * _LINE for volt in grid.voltage_by_phase), gain=10)
    image.pairs(37_132, *(-each for each in grid.power_by_phase))
    image.word(37_138, 1)
