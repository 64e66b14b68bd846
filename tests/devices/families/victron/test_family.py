"""A GX read through its family: totals, fallbacks of old firmware, strings, the grid without a meter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap

Raw = Mapping[str, int | str]
Put = Callable[..., None]


@pytest.fixture
def put(maps: Mapping[str, RegisterMap], link: Any) -> Put:
    """Return a function that puts a whole service behind a unit id: zeros, but for the raw values given."""

    def put(service: str, unit: int, values: Raw, *, without: range = range(0)) -> None:
        for register in maps[service].registers:
            if register.address not in without:
                link.set(
                    unit,
                    register.address,
                    *codec.pack(register.type, values.get(register.name, default(register))),
                )

    def default(register: Any) -> int | str:
        return "" if register.type.is_text else 0

    return put


@pytest.fixture
def gx(victron: RegisterFamily, link: Any, clock: Any) -> Callable[..., RegisterSource]:
    def make(profile: str = "core", **units: tuple[int, ...]) -> RegisterSource:
        config = DeviceConfig(
            family="victron",
            name="gx",
            units=units,
            profile=profile,
            model=None,
            serial=None,
            rated_power=None,
            capacity=None,
        )
        return victron.source(config, Surroundings(ZoneInfo("UTC"), clock), link)

    return make


SYSTEM: Raw = {
    "serial": "0123456789ab",
    "firmware": 0x0351_000C,
    "active_source": 1,
    "battery_voltage": 523,
    "battery_current": -124,
    "battery_power": -648,
    "battery_state_of_charge": 87,
    "pv_on_output_l1_power": 1000,
    "pv_on_input_l2_power": 200,
    "dc_pv_power": 3000,
    "grid_l1_power": -2345,
    "grid_l2_power": 120,
    "load_l1_power": 2000,
    "load_l2_power": 623,
}


async def read(source: RegisterSource, clock: Any) -> list[Sample]:
    deadline = Deadline.after(30, clock)
    async with source.turn(deadline):
        await source.prepare(deadline)
        fetched = await source.fetch([group.name for group in source.groups()], deadline)
    assert {name: f.outcome.detail for name, f in fetched.items() if not f.outcome.ok} == {}
    samples = [sample for group in fetched.values() for sample in group.samples]
    return [*samples, *source.derive(samples, fetched)]


def values(samples: list[Sample]) -> dict[str, float]:
    found = {" ".join((sample.quantity.field, *sample.labels)): sample.value for sample in samples}
    assert len(found) == len(samples), "a series came twice"
    return found


async def test_totals_have_our_signs_and_add_up(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    found = values(await read(gx(), clock))
    assert found["battery_power_watts"] == 648
    assert found["battery_current_amperes"] == 12.4
    assert found["battery_state_of_charge_ratio"] == 0.87
    assert found["grid_power_watts"] == -2225
    assert found["pv_power_watts"] == 4200
    assert found["load_power_watts"] == 2623
    assert sum(found[f"{name}_power_watts"] for name in ("pv", "grid", "battery")) == 2623


async def test_the_device_says_what_it_is(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    (info,) = [sample for sample in await read(gx(), clock) if sample.quantity.name == "device"]
    assert info.labels == ("Victron Energy", "", "0123456789ab", "v3.51 beta 12")


async def test_old_firmware_is_read_in_16_bits(put: Put, gx: Any, clock: Any) -> None:
    old = {
        "battery_voltage": 523,
        "pv_on_output_l1_power_16bit": 1000,
        "pv_on_generator_l3_power_16bit": 50,
        "dc_pv_power": 3000,
        "grid_l1_power_16bit": -2345,
        "load_l1_power_16bit": 2353,
    }
    put("system", 100, old, without=range(872, 6000))
    put("settings", 100, {"maximum_feed_in_power_16bit": 50}, without=range(2713, 2724))
    source = gx()
    await read(source, clock)
    clock.advance(30)
    found = values(await read(source, clock))
    assert found["grid_phase_power_watts L1"] == -2345
    assert found["grid_power_watts"] == -2345
    assert found["pv_power_watts"] == 4050
    assert found["load_power_watts"] == 2353
    assert found["grid_export_limit_watts"] == 5000
    assert "battery_discharge_power_limit_watts" not in found


async def test_no_limit_is_no_sample_and_zero_is_a_limit(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put(
        "settings",
        100,
        {"maximum_feed_in_power": 0, "maximum_inverter_power": -1, "maximum_charge_current": -1},
    )
    found = values(await read(gx(), clock))
    assert found["grid_export_limit_watts"] == 0
    assert "battery_discharge_power_limit_watts" not in found
    assert "battery_charge_current_limit_amperes" not in found


async def test_the_inverter_stands_in_for_a_missing_grid_meter(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    put("vebus", 227, {"phases": 1, "ac_in_l1_voltage": 2312, "ac_in_l1_frequency": 5001})
    found = values(await read(gx(), clock))
    assert found["grid_phase_voltage_volts L1"] == 231.2
    assert found["grid_frequency_hertz"] == 50.01
    assert "grid_phase_voltage_volts L2" not in found
    assert found["victron_vebus_ac_in_phase_voltage_volts 227 L1"] == 231.2


async def test_a_generator_at_the_input_is_no_grid(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, {**SYSTEM, "active_source": 2})
    put("settings", 100, {})
    put("vebus", 227, {"phases": 1, "ac_in_l1_voltage": 2312, "ac_in_l1_frequency": 5001})
    assert "grid_phase_voltage_volts L1" not in values(await read(gx(), clock))


async def test_the_grid_meter_tells_the_voltage_where_there_is_one(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    put("vebus", 227, {"phases": 1, "ac_in_l1_voltage": 2312, "ac_in_l1_frequency": 5001})
    put("grid", 31, {"l1_voltage": 2299, "import": 123456, "frequency": 4998})
    found = values(await read(gx(), clock))
    assert found["grid_phase_voltage_volts L1"] == 229.9
    assert found["grid_frequency_hertz"] == 49.98
    assert found["grid_import_joules_total"] == 1234.56 * 3.6e6


async def test_several_services_of_a_kind_are_told_apart(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    put("battery", 225, {"voltage": 5230, "power": -640, "temperature": 215})
    put("battery", 226, {"voltage": 5228, "power": 100})
    found = values(await read(gx(), clock))
    assert found["battery_unit_power_watts 225"] == 640
    assert found["battery_unit_power_watts 226"] == -100
    assert found["battery_unit_temperature_celsius 225"] == 21.5
    assert "battery_unit_temperature_celsius 226" not in found


async def test_a_charger_with_one_tracker_is_one_string(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    put("solarcharger", 226, {"battery_voltage": 5200, "pv_voltage": 9600, "pv_current": 50, "pv_power": 480})
    found = values(await read(gx(), clock))
    assert found["pv_string_power_watts 226"] == 480
    assert found["pv_string_voltage_volts 226"] == 96
    assert found["pv_string_current_amperes 226"] == 5


async def test_a_charger_with_several_trackers_is_several_strings(put: Put, gx: Any, clock: Any) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    trackers = {
        "pv_power": 900,
        "tracker_1_voltage": 30000,
        "tracker_1_power": 600,
        "tracker_2_voltage": 31000,
        "tracker_2_power": 300,
    }
    put("solarcharger", 226, trackers)
    found = values(await read(gx(), clock))
    strings = {name: value for name, value in found.items() if name.startswith("pv_string_power")}
    assert strings == {"pv_string_power_watts 226.1": 600, "pv_string_power_watts 226.2": 300}
    assert found["victron_solar_charger_pv_power_watts 226"] == 900


async def test_a_service_without_a_usual_place_is_read_where_it_is_configured(
    put: Put, gx: Any, clock: Any
) -> None:
    put("system", 100, SYSTEM)
    put("settings", 100, {})
    put("tank", 21, {"level": 655, "capacity": 5000, "custom_name": "Rain"})
    found = values(await read(gx(tank=(21,)), clock))
    assert found["victron_tank_level_ratio 21"] == 0.655
    assert found["victron_tank_custom_name_info 21 Rain"] == 1
    assert found["victron_tank_capacity_cubic_meters 21"] == 0.5


async def test_every_service_in_full_reads_and_names_no_series_twice(
    victron: RegisterFamily, maps: Mapping[str, RegisterMap], put: Put, gx: Any, clock: Any
) -> None:
    units = {part.name: part.units[:1] or (60,) for part in victron.spec.parts}
    for name, (unit,) in units.items():
        put(name, unit, {register.name: 1 for register in maps[name].registers if not register.type.is_text})
    found = values(await read(gx("full", **units), clock))
    assert len(found) > 1500
