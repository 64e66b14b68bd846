"""The SunSpec face read by the driver: two hands typed the same models, over either framing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.reading import Reading
from sunhelm.simulator.faces.sunspec import SunSpecFace
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.modbus_framing import RtuFraming, TcpFraming
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

FRAMINGS = {"modbus_tcp": TcpFraming, "rtu_over_tcp": RtuFraming}
MOMENTS = ("2026-06-21T13:00", "2026-06-21T07:30", "2026-03-10T23:00")


@pytest.fixture(params=MOMENTS)
def plant(request: pytest.FixtureRequest) -> Plant:
    moment = datetime.fromisoformat(request.param).replace(tzinfo=UTRECHT.zone)
    return Plant(seed=5, start=moment.timestamp())


@pytest.fixture(params=FRAMINGS)
async def reading(
    request: pytest.FixtureRequest, plant: Plant, tmp_path: Path
) -> AsyncIterator[tuple[Reading, ModbusServer]]:
    """What the driver reads over this framing, and the server it read from."""
    server = ModbusServer(SunSpecFace(plant), framing=FRAMINGS[request.param](), single=True)
    await server.open("127.0.0.1", 0)
    device = {"family": "sunspec", "host": "127.0.0.1", "port": server.port, "link": request.param}
    site = tmp_path / "sunhelm.yml"
    site.write_text(
        yaml.safe_dump({"site": {"name": "home", "zone": "Europe/Amsterdam"}, "devices": {"roof": device}})
    )
    async with open_site(site) as devices:
        yield await devices["roof"].read(Deadline.after(30)), server
    await server.close()


def expected(plant: Plant) -> Mapping[str, tuple[float, float]]:
    """What the plant has, and half a step of the register that tells it."""
    state, energy = plant.state, plant.energy
    values = {
        "inverter_power": (state.pv_inverter.power_w, 0.5),
        "inverter_frequency": (state.grid.frequency_hz, 0.005),
        "inverter_output": (energy.pv_inverter, 1800.0),
        "pv_power": (sum(string.power_w for string in state.strings[:2]), 1.0),
        "grid_power": (state.grid.power_w, 0.5),
        "grid_reactive_power": (sum(state.grid.reactive_by_phase), 0.5),
        "grid_power_factor": (state.grid.power_factor, 5e-5),
        "grid_frequency": (state.grid.frequency_hz, 0.005),
        "grid_import": (energy.grid_import, 1800.0),
        "grid_export": (energy.grid_export, 1800.0),
        "battery_state_of_charge": (state.battery.soc, 5e-5),
        "battery_voltage": (state.battery.voltage_v, 0.005),
        "battery_capacity": (plant.house.battery.capacity_j, 18_000.0),
        "battery_charge_capacity": (plant.house.battery.charge_ah * 3600.0, 1800.0),
        "battery_minimum_state_of_charge": (plant.steering.minimum_soc, 5e-5),
        "rated_power": (plant.house.pv_inverter_rating_w, 0.5),
        "inverter_insulation_resistance": (500_000.0, 0.0),
    }
    for index, phase in enumerate(("L1", "L2", "L3")):
        grid = state.grid
        values |= {
            f"grid_phase_power {phase}": (grid.power_by_phase[index], 0.5),
            f"grid_phase_voltage {phase}": (grid.voltage_by_phase[index], 0.05),
            f"grid_phase_current {phase}": (grid.current_by_phase[index], 0.005),
            f"grid_phase_reactive_power {phase}": (grid.reactive_by_phase[index], 0.5),
            f"grid_phase_power_factor {phase}": (grid.power_factor_by_phase[index], 5e-5),
            f"grid_phase_import {phase}": (energy.phase_import[index], 1800.0),
            f"grid_phase_export {phase}": (energy.phase_export[index], 1800.0),
            f"inverter_phase_voltage {phase}": (grid.voltage_by_phase[index], 0.05),
        }
    for index in (0, 1):
        string = state.strings[index]
        values |= {
            f"pv_string_power {index + 1}": (string.power_w, 0.5),
            f"pv_string_voltage {index + 1}": (string.voltage_v, 0.05),
            f"pv_string_current {index + 1}": (string.current_a, 0.005),
            f"pv_string_production {index + 1}": (energy.strings[index], 1800.0),
        }
    return values


async def test_the_driver_reads_what_the_plant_does(
    reading: tuple[Reading, ModbusServer], plant: Plant
) -> None:
    read, server = reading
    assert all(outcome.ok for outcome in read.groups.values()), read.groups
    values = {" ".join((s.quantity.name, *s.labels)): s.value for s in read.samples}
    wrong = {
        name: (values.get(name), value)
        for name, (value, half) in expected(plant).items()
        if values.get(name) != pytest.approx(value, abs=half * 1.000001, rel=1e-12)
    }
    assert not wrong
    assert not server.log.writes, "reading changes nothing"
