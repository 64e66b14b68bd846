"""What a device measures, typed by hand from the lists of registers."""

from __future__ import annotations

import math
from typing import Final

from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.faces.sma.models import Model
from sunhelm.simulator.plant import Plant, PlantState

SERIAL: Final = 3_000_000_000
_KWH: Final = 1 / 3_600_000.0
_WH: Final = 1 / 3600.0
_YES, _OK, _NONE, _CLOSED, _MPP, _DERATING, _WAIT = 1129, 307, 887, 51, 295, 2119, 1393
_STANDBY, _CHARGE, _DISCHARGE = 2291, 2292, 2293
_IDLE_W: Final = 5.0
_STRINGS: Final = ((30769, 30771, 30773), (30957, 30959, 30961), (30963, 30965, 30967))


def identity(image: Image, model: Model) -> None:
    """Who the device is."""
    image.pairs(30051, model.device_class, model.device_type, 461, SERIAL + model.device_type, model.firmware)
    image.text(31017, 8, "192.0.2.7")
    image.text(31025, 8, "255.255.255.0")
    image.text(31033, 8, "192.0.2.1")
    image.text(40631, 16, "Simulated house")
    image.text(40497, 16, "00:40:AD:00:00:07")


def status(image: Image, plant: Plant, model: Model) -> None:
    """How it is."""
    state = plant.state
    image.pair(30193, state.time)
    image.pairs(30197, 0, 0, _OK)
    image.pairs(30211, _NONE, 886, 885, _CLOSED, 884)
    image.pair(30247, 0)
    held = _DERATING if state.pv_held else _MPP
    image.pair(33003, held if state.pv_power_w > 0.0 or model.battery else _WAIT)
    house = plant.house
    own = (
        house.inverter_rating_w * house.phases / model.units if model.battery else house.pv_inverter_rating_w
    )
    image.pairs(30231, own, own)
    image.pair(30599, 12)
    image.pairs(30559, 3, 1, 0)


def output(image: Image, plant: Plant, model: Model) -> None:
    """The AC side: positive out of the device, which is of the battery, the PV, or of both."""
    state = plant.state
    power = _output(state, model)
    image.pairs(30775, sum(power), *power)
    volts = state.grid.voltage_by_phase
    image.pairs(30783, *volts, gain=100)
    image.pair(30803, state.grid.frequency_hz, 100)
    image.pairs(30805, 0, 0, 0, 0)
    amperes = [each / volt for each, volt in zip(power, volts, strict=True)]
    image.pairs(30977, *amperes, gain=1000)
    if model.strings:
        image.pairs(30789, *(volt * math.sqrt(3.0) for volt in volts), gain=100)
        image.pair(30795, sum(map(abs, amperes)), 1000)
        image.pairs(30813, *(abs(each) for each in (sum(power), *power)))
        image.pair(30949, 1.0, 1000)
        image.pair(31221, 1.0, 1000)
        image.pair(31247, 0.012, 1000)


def _output(state: PlantState, model: Model) -> tuple[float, float, float]:
    inverter = state.inverter.ac_by_phase if model.battery else (0.0, 0.0, 0.0)
    pv = state.pv_inverter.power_by_phase if model.strings else (0.0, 0.0, 0.0)
    return inverter[0] + pv[0], inverter[1] + pv[1], inverter[2] + pv[2]


def strings(image: Image, plant: Plant) -> None:
    """The strings: without sun they are not available."""
    state = plant.state
    own = state.strings
    for (current, voltage, power), string in zip(_STRINGS, own, strict=False):
        if string.power_w > 0.0:
            image.pair(current, string.current_a, 1000)
            image.pair(voltage, string.voltage_v, 100)
            image.pair(power, string.power_w)
    image.quad(30513, plant.energy.pv, _WH)
    image.quad(30517, plant.energy.pv - plant.today.begin.pv, _WH)
    image.quad(30521, 40_000_000)
    image.quad(30525, 30_000_000)
    image.pair(30225, 3_000_000)
    image.pair(30953, state.weather.air + 18.0, 10)
    image.pair(30975, 370.0, 100)


def battery(image: Image, plant: Plant, model: Model) -> None:
    """The battery."""
    state, energy = plant.state.battery, plant.energy
    image.pairs(
        30843, state.current_a * 1000, state.soc * 100, 98, state.temperature_c * 10, state.voltage_v * 100
    )
    image.pairs(31393, max(0.0, -state.power_w), max(0.0, state.power_w))
    image.quad(31397, energy.battery_charge, _WH)
    image.quad(31401, energy.battery_discharge, _WH)
    moves = _DISCHARGE if state.power_w > _IDLE_W else _CHARGE if state.power_w < -_IDLE_W else _STANDBY
    image.pair(30955, moves)
    image.pair(31061, _YES)
    image.pair(34669, _YES)
    image.pair(40187, plant.house.battery.capacity_j, _WH)
    most = plant.house.inverter_rating_w * plant.house.phases
    image.pairs(40189, most, most)
    limits = state.charge_limit_a, state.discharge_limit_a
    image.pairs(30989 if not model.strings else 32251, limits[0], gain=1000)
    image.pairs(30991 if not model.strings else 32257, limits[1], gain=1000)


def island(image: Image, plant: Plant, model: Model) -> None:
    """What only a Sunny Island tells: the house behind it, and the mains before it."""
    state, energy = plant.state, plant.energy
    image.pair(30861, state.load.power_w)
    image.pair(30869, state.pv_inverter.power_w + state.charger.output_w)
    image.pair(30983, state.pv_inverter.power_w)
    image.pairs(30877, 1461, 1773, 1780, 3068)
    image.pair(30901, state.grid.frequency_hz, 100)
    image.pairs(30903, *state.grid.voltage_by_phase, gain=100)
    image.pairs(30909, *state.grid.current_by_phase, gain=1000)
    image.pair(31009, plant.steering.minimum_soc * 100)
    image.pair(31057, 2614)
    image.pair(30571, energy.load, _WH)
    image.pairs(30577, *_today(plant), gain=_WH)
    image.pair(30587, energy.pv, _WH)
    image.pairs(30595, energy.battery_charge, energy.battery_discharge, gain=_WH)
    image.pair(31063, energy.pv, _KWH)
    image.pair(31065, energy.pv - plant.today.begin.pv, _WH)
    image.quad(30513, energy.battery_discharge, _WH)
    if model.units > 1:
        image.pairs(31053, _OK, _OK)
        image.pairs(40783, SERIAL + 1, SERIAL + 2)


def meter(image: Image, plant: Plant, *, phases: bool) -> None:
    """The meter at the grid connection: what comes and what goes, never below 0."""
    grid, energy = plant.state.grid, plant.energy
    image.pairs(30865, max(0.0, grid.power_w), max(0.0, -grid.power_w))
    image.pairs(30581, energy.grid_import, energy.grid_export, gain=_WH)
    if phases:
        image.pairs(31253, *grid.voltage_by_phase, gain=100)
        image.pairs(31259, *(max(0.0, -power) for power in grid.power_by_phase))
        image.pairs(31265, *(max(0.0, power) for power in grid.power_by_phase))
        image.pairs(31271, *grid.reactive_by_phase, sum(grid.reactive_by_phase))
        image.pairs(31435, *(abs(each) for each in grid.current_by_phase), gain=1000)
        image.pair(31447, grid.frequency_hz, 100)


def _today(plant: Plant) -> tuple[float, float]:
    begin, energy = plant.today.begin, plant.energy
    return energy.grid_import - begin.grid_import, energy.grid_export - begin.grid_export
