"""redbacktechpy and our driver read the same simulated account, frozen in time; its commands work there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.simulator.faces.redback import CLIENT_ID, EMAIL, PASSWORD, SECRET, RedbackCloud
from sunhelm.simulator.plant import Plant

pytestmark = pytest.mark.peers

NOON = 1_782_036_000.0
KWH = 3.6e6
PHASES = (("a", "L1"), ("b", "L2"), ("c", "L3"))

OURS: dict[str, tuple[tuple[str, ...], float]] = {
    "latitude": (("redback_site_latitude_degrees",), 1),
    "longitude": (("redback_site_longitude_degrees",), 1),
    "approved_capacity_w": (("redback_approved_capacity_watts",), 1),
    "generation_hard_limit_va": (("redback_generation_hard_limit_volt_amperes",), 1),
    "generation_soft_limit_va": (("redback_generation_soft_limit_volt_amperes",), 1),
    "export_hard_limit_kw": (("redback_export_hard_limit_watts",), 1000),
    "export_soft_limit_kw": (("redback_export_soft_limit_watts",), 1000),
    "site_export_limit_kw": (("redback_site_export_limit_watts",), 1000),
    "pv_panel_size_kw": (("redback_pv_panel_size_watts",), 1000),
    "inverter_max_export_power_kw": (("redback_maximum_export_power_watts",), 1000),
    "inverter_max_import_power_kw": (("redback_maximum_import_power_watts",), 1000),
    "battery_count": (("redback_batteries",), 1),
    "frequency_instantaneous": (("grid_frequency_hertz",), 1),
    "pv_power_instantaneous_kw": (("pv_power_watts",), 1000),
    "inverter_temperature_c": (("inverter_temperature_celsius", "internal"), 1),
    "pv_all_time_energy_mwh": (("pv_production_joules_total",), 1000 * KWH),
    "export_all_time_energy_mwh": (("grid_export_joules_total",), 1000 * KWH),
    "import_all_time_energy_mwh": (("grid_import_joules_total",), 1000 * KWH),
    "load_all_time_energy_mwh": (("load_consumption_joules_total",), 1000 * KWH),
    "battery_charge_all_time_energy_mwh": (("battery_charge_joules_total",), 1000 * KWH),
    "battery_discharge_all_time_energy_mwh": (("battery_discharge_joules_total",), 1000 * KWH),
    "power_mode_power_w": (("redback_mode_power_watts",), 1),
    "inverter_phase_total_voltage_instantaneous_v": (("redback_line_voltage_volts",), 1),
    "inverter_phase_total_current_instantaneous_a": (("redback_phase_current_sum_amperes",), 1),
    "inverter_phase_total_active_exported_power_instantaneous_kw": (
        ("redback_grid_exported_power_watts",),
        1000,
    ),
    "inverter_phase_total_active_imported_power_instantaneous_kw": (
        ("redback_grid_imported_power_watts",),
        1000,
    ),
    "inverter_phase_total_active_net_power_instantaneous_kw": (("grid_power_watts",), 1000),
    "pv_generation_instantaneous_percent_capacity": (("redback_pv_share_of_panels_ratio",), 0.01),
    "inverter_site_load_instantaneous_kw": (("load_power_watts",), 1000),
    "min_soc_0_to_1": (("battery_minimum_state_of_charge_ratio",), 0.01),
    "min_Offgrid_soc_0_to_1": (("redback_minimum_offgrid_state_of_charge_ratio",), 0.01),
    "battery_max_charge_power_kw": (("redback_maximum_charge_power_watts",), 1000),
    "battery_max_discharge_power_kw": (("redback_maximum_discharge_power_watts",), 1000),
    "battery_capacity_kwh": (("redback_battery_nominal_capacity_joules",), KWH),
    "battery_usable_capacity_kwh": (("battery_capacity_joules",), KWH),
    "battery_soc_instantaneous_0to1": (("battery_state_of_charge_ratio",), 0.01),
    "battery_power_negative_is_charging_kw": (("battery_power_watts",), 1000),
    "battery_voltage_v": (("battery_voltage_volts",), 1),
    "battery_no_of_modules": (("redback_battery_modules",), 1),
    "battery_currently_stored_kwh": (("redback_battery_stored_joules",), KWH),
    "battery_currently_usable_kwh": (("redback_battery_usable_joules",), KWH),
    "battery_cabinet_1_temperature_c": (("redback_battery_cabinet_temperature_celsius", "1"), 1),
}
"""Our metric for each number of theirs, with its labels, and what theirs is multiplied with."""
for theirs, ours in PHASES:
    OURS |= {
        f"inverter_phase_{theirs}_{name}": ((metric, ours), factor)
        for name, metric, factor in (
            ("active_exported_power_instantaneous_kw", "redback_phase_exported_power_watts", 1000),
            ("active_imported_power_instantaneous_kw", "redback_phase_imported_power_watts", 1000),
            ("active_net_power_instantaneous_kw", "grid_phase_power_watts", 1000),
            ("voltage_instantaneous_v", "grid_phase_voltage_volts", 1),
            ("current_instantaneous_a", "grid_phase_current_amperes", 1),
            ("power_factor_instantaneous_minus_1to1", "grid_phase_power_factor_ratio", 1),
        )
    }
for string in "123":
    OURS |= {
        f"mppt_{string}_{name}": ((metric, string), factor)
        for name, metric, factor in (
            ("current_a", "pv_string_current_amperes", 1),
            ("voltage_v", "pv_string_voltage_volts", 1),
            ("power_kw", "pv_string_power_watts", 1000),
            ("size_kw", "redback_pv_string_size_watts", 1000),
            ("generation_instant", "redback_pv_string_share_of_panels_ratio", 0.01),
            ("number_panels", "redback_pv_string_panels", 1),
        )
    }
for module in "12":
    OURS |= {
        f"battery_{module}_{name}": ((metric, module), factor)
        for name, metric, factor in (
            ("current_negative_is_charging_a", "battery_unit_current_amperes", 1),
            ("voltage_v", "battery_unit_voltage_volts", 1),
            ("power_negative_is_charging_kw", "battery_unit_power_watts", 1000),
            ("soc_0to1", "battery_unit_state_of_charge_ratio", 0.01),
        )
    }

TEXTS = {
    "network_connection": "redback_network_connection_info",
    "pv_panel_model": "redback_pv_panel_model_info",
    "system_type": "redback_system_type_info",
    "commissioning_date": "redback_commissioning_date_info",
    "nmi": "redback_nmi_info",
    "site_id": "redback_site_id_info",
    "inverter_site_type": "redback_site_type_info",
    "software_version": "redback_software_version_info",
    "battery_voltage_type": "redback_battery_voltage_type_info",
    "mppt_1_panel_direction": "redback_pv_string_direction_info",
    "mppt_2_panel_direction": "redback_pv_string_direction_info",
    "mppt_3_panel_direction": "redback_pv_string_direction_info",
    "battery_1_model": "redback_battery_model_info",
    "battery_2_model": "redback_battery_model_info",
    "model_name": "device_info",
    "serial_number": "device_info",
    "inverter_serial_number": "device_info",
    "firmware_version": "device_info",
}
DIFFERENT = {
    "battery_current_negative_is_charging_a": "they divide the power of the battery by the voltage of phases",
    "battery_currently_usable_kwh": "they go below 0 where the charge is below the reserve; we stop there",
}
ROUNDED = {
    "pv_generation_instantaneous_percent_capacity": 0.006,
    "mppt_1_generation_instant": 0.0001,
    "mppt_2_generation_instant": 0.0001,
    "mppt_3_generation_instant": 0.0001,
    "inverter_phase_total_voltage_instantaneous_v": 0.6,
    "battery_currently_stored_kwh": 0.001 * KWH,
}
"""How far theirs may be off, in our unit, because they round it."""


@dataclass
class Account:
    """A simulated account whose time stands still."""

    cloud: RedbackCloud
    folder: Path

    async def peer(self, python: Path, *act: str) -> Any:
        # The library puts the secret into its form as it is: who has one with a + has to code it.
        credentials = (CLIENT_ID, quote(SECRET, safe=""), EMAIL, PASSWORD)
        process = await asyncio.create_subprocess_exec(
            python,
            Path(__file__).parent / "redbacktechpy" / "read_redback.py",
            f"http://localhost:{self.cloud.port}",  # it keeps no cookies of an address
            *credentials,
            *act,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(told)


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    plant = Plant(seed=3, start=NOON)
    cloud = RedbackCloud(plant)
    await cloud.open("127.0.0.1", 0)
    yield Account(cloud, tmp_path)
    await cloud.close()


async def test_redbacktechpy_reads_what_we_read(peer: Callable[[str], Path], account: Account) -> None:
    told = (await account.peer(peer("redbacktechpy")))["entities"]
    base = f"http://127.0.0.1:{account.cloud.port}"
    (account.folder / "secret").write_text(SECRET)
    (account.folder / "password").write_text(PASSWORD)
    cloud: dict[str, object] = {"family": "redback", "client_id": CLIENT_ID, "client_secret_file": "secret"}
    cloud |= {"username": EMAIL, "password_file": "password"}
    cloud |= dict.fromkeys(("url", "sign_in_url", "portal_url"), base)
    content = {
        "site": {"name": "home", "zone": "Europe/Amsterdam"},
        "accounts": {"mine": cloud},
        "devices": {"it": {"family": "redback", "account": "mine", "profile": "full"}},
    }
    (account.folder / "sunhelm.yml").write_text(json.dumps(content))
    async with open_site(account.folder / "sunhelm.yml") as devices:
        reading = await devices["it"].read(Deadline.after(30))
    assert all(outcome.ok for outcome in reading.groups.values())
    ours = {(s.quantity.metric.removeprefix("solar_"), *s.labels): s.value for s in reading.samples}
    texts: dict[str, set[str]] = {}
    for metric, *labels in ours:
        texts.setdefault(metric, set()).update(labels)

    compared = worded = 0
    left: set[str] = set()
    for entity in told.values():
        name, value = entity["entity_name"], entity["value"]
        if name in DIFFERENT or name.startswith(("op_env_", "active_event", "scheduled_")):
            continue
        if name in OURS:
            key, factor = OURS[name]
            assert ours[key] == pytest.approx(float(value) * factor, rel=1e-9, abs=ROUNDED.get(name, 1e-6)), (
                name
            )
            compared += 1
        elif name in TEXTS:
            assert str(value) in texts[TEXTS[name]], name
            worded += 1
        else:
            left.add(name)
    states = {"status", "power_mode_inverter_mode", "battery_cabinet_1_fan_state", "timestamp_utc"}
    assert left == states
    assert ours["redback_status", "ok"] == ours["redback_mode", "auto"] == 1
    assert ours["redback_battery_cabinet_fan", "1", "off"] == 1
    assert (compared, worded) == (88, 25)
    purpose = f"{len(DIFFERENT)} differ on purpose"
    print(f"{compared} numbers and {worded} texts of {len(told)} are the same; {purpose}")


async def test_the_commands_of_redbacktechpy_do_what_they_should(
    peer: Callable[[str], Path], account: Account
) -> None:
    await account.peer(peer("redbacktechpy"), "command")
    inverter = account.cloud.inverter
    (envelope,) = inverter.envelopes()
    assert envelope["EventId"].startswith("Peer-")
    assert (envelope["MaxExportPowerW"], envelope["MaxImportPowerW"]) == (500, 10000)
    account.cloud.plant.advance(10)
    (schedule,) = inverter.schedules()["Schedules"]
    assert schedule["Duration"] == "00:25:00"
    assert schedule["DesiredMode"] == {"InverterMode": "ChargeBattery", "ArgumentInWatts": 1500}
    assert inverter.lasting == ("Conserve", 0)
