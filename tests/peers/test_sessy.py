"""sessypy, HomeBattery and our driver read the same simulated dongles, frozen in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.simulator.faces.sessy import BatteryDongle, P1Dongle
from sunhelm.simulator.faces.sessy.dongle import BATTERY_SERIAL, P1_SERIAL, PASSWORD
from sunhelm.simulator.plant import Plant

pytestmark = pytest.mark.peers

HOST = "127.0.0.1"
NOON = 1_782_036_000.0
OURS: Mapping[str, str] = {
    "power.sessy.state_of_charge": "battery_state_of_charge",
    "power.sessy.power": "battery_power",
    "power.sessy.power_setpoint": "sessy_power_setpoint",
    "power.sessy.frequency": "inverter_frequency",
    "power.sessy.inverter_current_ma": "sessy_inverter_current",
    "power.sessy.pack_voltage": "battery_voltage",
    "energy.sessy_energy.import_wh": "battery_charge",
    "energy.sessy_energy.export_wh": "battery_discharge",
    "settings.min_power": "sessy_min_power",
    "settings.max_power": "sessy_max_power",
    "settings.min_soc": "battery_minimum_state_of_charge",
    "settings.eco_charge_power": "sessy_eco_charge_power",
    "settings.eco_charge_hours": "sessy_eco_charge_duration",
}
SCALE: Mapping[str, float] = {
    "frequency": 1e-3,
    "inverter_current_ma": 1e-3,
    "pack_voltage": 1e-3,
    "import_wh": 3600.0,
    "export_wh": 3600.0,
    "min_soc": 0.01,
    "eco_charge_hours": 3600.0,
}
"""What the library passes on in the small units of the interface, as it stands."""


@dataclass
class Home:
    """The dongles, and how to read them: by a program of a peer, and by our driver."""

    folder: Path
    battery: BatteryDongle
    p1: P1Dongle

    async def peer(self, python: Path, program: str, dongle: Any, serial: str) -> Any:
        file = Path(__file__).parent / program
        process = await asyncio.create_subprocess_exec(
            str(python),
            str(file),
            f"127.0.0.1:{dongle.port}",
            serial,
            PASSWORD,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(told)

    async def ours(self, dongle: Any, serial: str) -> dict[tuple[str, ...], float]:
        (self.folder / "password").write_text(PASSWORD)
        device = {
            "family": "sessy",
            "host": "127.0.0.1",
            "port": dongle.port,
            "account": "it",
            "profile": "full",
        }
        content = {
            "site": {"name": "home", "zone": "Europe/Amsterdam"},
            "accounts": {"it": {"family": "sessy", "username": serial, "password_file": "password"}},
            "devices": {"it": device},
        }
        (self.folder / "sunhelm.yml").write_text(json.dumps(content))
        async with open_site(self.folder / "sunhelm.yml") as devices:
            reading = await devices["it"].read(Deadline.after(9))
        return {(sample.quantity.name, *sample.labels): sample.value for sample in reading.samples}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    plant = Plant(start=NOON, seed=3)
    home = Home(tmp_path, BatteryDongle(plant), P1Dongle(plant))
    await home.battery.open("127.0.0.1", 0)
    await home.p1.open("127.0.0.1", 0)
    yield home
    await home.battery.close()
    await home.p1.close()


def at(told: Any, path: str) -> Any:
    for key in path.split("."):
        told = told[key]
    return told


async def test_sessypy_reads_a_battery_as_we_do(home: Home, peer: Callable[[str], Path]) -> None:
    told = await home.peer(peer("sessypy"), "sessypy/read_sessy.py", home.battery, BATTERY_SERIAL)
    ours = await home.ours(home.battery, BATTERY_SERIAL)

    assert told["model"] == "WiFi Dongle"
    for path, name in OURS.items():
        scale = SCALE.get(path.rpartition(".")[2], 1.0)
        assert ours[name,] == pytest.approx(float(at(told, path)) * scale, rel=1e-9), path
    strategy = at(told, "strategy.strategy").removeprefix("POWER_STRATEGY_").lower()
    assert ours["sessy_strategy", strategy] == 1
    for phase in (1, 2, 3):
        theirs = told["power"][f"renewable_energy_phase{phase}"]
        assert ours["sessy_renewable_phase_voltage", f"L{phase}"] == theirs["voltage_rms"] / 1000
        assert ours["sessy_renewable_phase_power", f"L{phase}"] == theirs["power"]
    print(f"{len(OURS) + 7} values of a battery are equal")


async def test_sessypy_reads_a_p1_meter_as_we_do(home: Home, peer: Callable[[str], Path]) -> None:
    told = await home.peer(peer("sessypy"), "sessypy/read_sessy.py", home.p1, P1_SERIAL)
    ours, theirs = await home.ours(home.p1, P1_SERIAL), told["p1"]

    assert told["model"] == "P1 Meter"
    assert ours["grid_power",] == theirs["power_total"]
    for direction, word in (("import", "consumed"), ("export", "produced")):
        both = theirs[f"power_{word}_tariff1"] + theirs[f"power_{word}_tariff2"]
        assert ours[f"grid_{direction}",] == both * 3600
    for phase in (1, 2, 3):
        assert ours["grid_phase_voltage", f"L{phase}"] == theirs[f"voltage_l{phase}"] / 1000
        assert ours["grid_phase_current", f"L{phase}"] == theirs[f"current_l{phase}"] / 1000
        power = theirs[f"power_consumed_l{phase}"] - theirs[f"power_produced_l{phase}"]
        assert ours["grid_phase_power", f"L{phase}"] == power
    assert ours["sessy_grid_target",] == told["target"]["grid_target"]


async def test_homebattery_reads_a_battery_as_we_do_but_for_its_milliamperes(
    home: Home, peer: Callable[[str], Path]
) -> None:
    told = await home.peer(peer("homebattery"), "homebattery/read_sessy.py", home.battery, BATTERY_SERIAL)
    ours = await home.ours(home.battery, BATTERY_SERIAL)

    assert ours["battery_state_of_charge",] == pytest.approx(told["soc"] / 100)
    assert ours["battery_power",] == told["power"]
    for phase, (volts, milliamperes) in enumerate(zip(told["voltage"], told["current"], strict=True), 1):
        assert ours["sessy_renewable_phase_voltage", f"L{phase}"] == volts
        # The library calls milliamperes amperes.
        assert ours["sessy_renewable_phase_current", f"L{phase}"] == milliamperes / 1000
