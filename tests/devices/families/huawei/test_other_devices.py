"""What stands beside a SUN2000 or in its place: told by its text, never by an address alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.huawei import optimizers
from sunhelm.devices.families.register_source import DISCOVERY
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap

Samples = list[Sample]


def fill(link: Any, unit: int, found: RegisterMap, **values: float | str) -> None:
    """Let a unit have all registers of a map: these values in base units, else zeros."""
    for register in found.registers:
        link.set(unit, register.address, *[0] * register.type.words)
    for name, value in values.items():
        register = found[name]
        raw = value if isinstance(value, str) else codec.raw_of(register, value)
        link.set(unit, register.address, *codec.pack(register.type, raw))


@pytest.fixture
def read(huawei: RegisterFamily, link: Any, clock: Any) -> Any:
    async def read(*, times: int = 1, **more: Any) -> tuple[set[str], Samples]:
        config = DeviceConfig(name="it", family="huawei", profile="full", **more)
        source = huawei.source(config, Surroundings(ZoneInfo("Europe/Amsterdam"), clock), link)
        deadline = Deadline.after(60, clock)
        await source.prepare(deadline)
        for _ in range(times):
            groups = [group.name for group in source.groups() if group.name != DISCOVERY]
            fetched = await source.fetch(groups, deadline)
        assert all(group.outcome.ok for group in fetched.values())
        samples = [sample for group in fetched.values() for sample in group.samples]
        return {part.name for part in source.parts}, [*samples, *source.derive(samples, groups)]

    return read


def value(samples: Samples, name: str, *labels: str) -> float:
    (found,) = [s.value for s in samples if s.quantity.name == name and s.labels == labels]
    return found


async def test_an_inverter_of_the_older_interface_is_known_by_the_text_of_its_serial_number(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    fill(link, 1, maps["inverter_v2"], serial="2102310VMC10J7000123", active_power=3_210.0)
    link.set(1, 32_262, 3_105, 55)
    parts, samples = await read()
    assert parts == {"inverter_v2"}
    assert value(samples, "inverter_power") == 3_210
    assert value(samples, "pv_string_voltage", "1") == 310.5
    assert value(samples, "pv_string_current", "1") == 5.5
    (device,) = [sample for sample in samples if sample.quantity.name == "device"]
    assert device.labels[2] == "2102310VMC10J7000123"


async def test_a_newer_inverter_is_not_taken_for_an_older_one(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    """Both have something at 32003."""
    for part in ("inverter_v2", "inverter"):
        fill(link, 1, maps[part])
    fill(link, 1, maps["inverter"], model="SUN2000-3KTL-L1", serial="SN1")
    parts, _ = await read()
    assert "inverter" in parts
    assert "inverter_v2" not in parts


async def test_the_same_address_means_another_thing_on_another_unit(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    """40000 is the clock of an inverter, and the mode of an EMMA."""
    fill(link, 1, maps["inverter"], model="SUN2000-10KTL-M1", serial="SN1")
    fill(link, 0, maps["emma"], mode=5.0, load_power=700.0)
    link.set(0, 30_000, *codec.pack(maps["inverter"]["model"].type, "SmartHEMS"))
    link.set(1, 40_000, 0x6592, 0x0080)
    link.set(1, 43_006, 60)
    parts, samples = await read()
    assert {"inverter", "emma"} <= parts
    assert value(samples, "huawei_emma_mode", "time_of_use") == 1
    assert value(samples, "load_power") == 700


async def test_the_worked_clock_of_the_sheet(read: Any, link: Any, maps: Mapping[str, RegisterMap]) -> None:
    fill(link, 1, maps["inverter"], model="SUN2000-10KTL-M1", serial="SN1")
    link.set(1, 40_000, 0x6592, 0x0080)
    link.set(1, 43_006, 60)
    _, samples = await read()
    assert value(samples, "device_clock") == 1_704_063_600


async def test_a_smartlogger_is_known_by_its_own_serial_number_and_has_no_model_at_30000(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    fill(link, 0, maps["logger"], serial="LOGGER1", power=45_000.0)
    fill(link, 12, maps["logger_meter"], power=-2_000.0)
    fill(link, 0, maps["logger_inverters"], inverter_2_power=12_000.0)
    parts, samples = await read(units={"logger_meter": (12,), "logger_inverters": (0,)})
    assert parts == {"logger", "logger_meter_12", "logger_inverters"}
    assert value(samples, "huawei_logger_power") == 45_000
    assert value(samples, "huawei_logger_meter_power", "12") == -2_000
    assert value(samples, "huawei_logger_inverter_power", "2") == 12_000
    (device,) = [sample for sample in samples if sample.quantity.name == "device"]
    assert device.labels[2] == "LOGGER1"


async def test_chargers_and_weather_stations_stand_where_the_owner_says(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    fill(link, 1, maps["inverter"], model="SUN2000-10KTL-M1", serial="SN1")
    fill(link, 123, maps["charger"], delivered=3_600_000.0)
    fill(link, 5, maps["weather"], irradiance=812.5)
    parts, samples = await read(units={"charger": (123,), "weather": (5,)})
    assert {"charger_123", "weather_5"} <= parts
    assert value(samples, "huawei_charger_delivered", "123") == 3_600_000
    assert value(samples, "huawei_weather_irradiance", "5") == 812.5


async def test_a_second_inverter_behind_one_dongle_is_a_device_of_its_own(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    for unit, serial in ((1, "SN1"), (2, "SN2")):
        fill(link, unit, maps["inverter"], model="SUN2000-10KTL-M1", serial=serial)
        fill(link, unit, maps["meter"], power=float(unit))
        link.set(unit, 37_100, 1)
    _, samples = await read(units={"inverter": (2,)})
    (device,) = [sample for sample in samples if sample.quantity.name == "device"]
    assert device.labels[2] == "SN2"
    assert value(samples, "grid_power") == 2


async def test_an_older_firmware_with_one_battery_has_totals_all_the_same(
    read: Any, link: Any, maps: Mapping[str, RegisterMap]
) -> None:
    fill(link, 1, maps["inverter"], model="SUN2000-5KTL-L1", serial="SN1")
    fill(link, 1, maps["battery"], unit_1_power=-1_500.0, unit_1_state_of_charge=0.42)
    link.set(1, 47_000, 2)
    for address in range(37_700, 37_790):
        link.words.pop((1, address), None)
    _, samples = await read(times=2)  # what stands in for a register is read once that was refused
    assert value(samples, "battery_power") == value(samples, "battery_unit_power", "1") == -1_500
    assert value(samples, "battery_state_of_charge") == pytest.approx(0.42)


def test_the_files_of_a_dump_can_be_read(root: Path) -> None:
    dump = json.loads(
        (root / "tests" / "dumps" / "huawei" / "sun2000-10ktl-m1_spc173.json").read_text(encoding="utf-8")
    )
    features = list(optimizers.feature_samples(bytes.fromhex(dump["files"]["0x45"]), ""))
    data = list(optimizers.real_time_samples(bytes.fromhex(dump["files"]["0x44"]), 0.0, ""))
    infos = [sample for sample in features if sample.quantity.name == "huawei_optimizer"]
    assert len(infos) == 19
    assert {sample.labels[3] for sample in infos} == {"AAAAAA000000"}  # nobody's serial number
    assert {sample.labels[0] for sample in data} == {sample.labels[0] for sample in infos}
