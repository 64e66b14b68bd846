"""Register dumps of owners, directly and in the frames of loggers, and what they say of their inverters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register, RegisterMap
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.captures

PHASES = ("l1", "l2", "l3")
OURS: Mapping[str, str | tuple[str, ...]] = {
    "device_type": "device_type",
    "unit_id": "unit_id",
    "rated_power_w": "rated_power",
    "remote_lock": "remote_lock",
    "power_switch": "power_switch",
    "battery_control_mode": "battery_operation_mode",
    "equalization_v": "battery_equalization_voltage",
    "absorption_v": "battery_absorption_voltage",
    "float_v": "battery_float_voltage",
    "battery_capacity_ah": "battery_capacity",
    "empty_v": "battery_empty_voltage",
    "zero_export_w": "zero_export_power",
    "max_charge_a": "max_charge_current",
    "max_discharge_a": "max_discharge_current",
    "charging_efficiency_pct": "battery_charge_efficiency",
    "shutdown_soc": "battery_shutdown_state_of_charge",
    "restart_soc": "battery_restart_state_of_charge",
    "low_soc": "battery_low_state_of_charge",
    "shutdown_v": "battery_shutdown_voltage",
    "restart_v": "battery_restart_voltage",
    "low_v": "battery_low_voltage",
    "battery_temperature_c": "battery_1_temperature",
    "battery_voltage_v": "battery_1_voltage",
    "battery_soc_pct": "battery_1_state_of_charge",
    "battery_power_w": "battery_1_power",
    "battery_current_a": "battery_1_current",
    "grid_voltage_v": tuple(f"grid_{phase}_voltage" for phase in PHASES),
    "grid_inner_power_w": tuple(f"grid_inner_{phase}_power" for phase in PHASES),
    "grid_inner_total_w": "grid_inner_power",
    "grid_frequency_hz": "grid_frequency",
    "grid_inner_current_a": tuple(f"grid_inner_{phase}_current" for phase in PHASES),
    "ct_current_a": tuple(f"grid_ct_{phase}_current" for phase in PHASES),
    "ct_power_w": tuple(f"grid_ct_{phase}_power" for phase in PHASES),
    "ct_total_w": "grid_ct_power",
    "grid_power_w": tuple(f"grid_reported_{phase}_power" for phase in PHASES),
    "grid_total_w": "grid_reported_power",
    "inverter_voltage_v": tuple(f"inverter_{phase}_voltage" for phase in PHASES),
    "inverter_current_a": tuple(f"inverter_{phase}_current" for phase in PHASES),
    "inverter_power_w": tuple(f"inverter_{phase}_power" for phase in PHASES),
    "inverter_total_w": "inverter_power",
    "inverter_frequency_hz": "inverter_frequency",
    "ups_total_w": "backup_power",
    "load_power_w": tuple(f"load_{phase}_power" for phase in PHASES),
    "load_total_w": "load_power",
    "load_frequency_hz": "load_frequency",
    "pv_power_w": ("pv_1_power", "pv_2_power"),
    "pv_voltage_v": ("pv_1_voltage", "pv_2_voltage"),
    "pv_current_a": ("pv_1_current", "pv_2_current"),
    "pv3_power_w": "pv_3_power",
    "pv3_voltage_v": "pv_3_voltage",
    "pv3_current_a": "pv_3_current",
    "day_battery_charge_kwh": "battery_charge_today",
    "day_battery_discharge_kwh": "battery_discharge_today",
    "total_battery_charge_kwh": "battery_charge",
    "total_battery_discharge_kwh": "battery_discharge",
    "day_import_kwh": "grid_import_today",
    "day_export_kwh": "grid_export_today",
    "total_import_kwh": "grid_import",
    "total_export_kwh": "grid_export",
    "day_load_kwh": "load_consumption_today",
    "total_load_kwh": "load_consumption",
    "day_pv_kwh": "pv_production_today",
    "total_pv_kwh": "pv_production",
    "dc_temp_c": "dc_transformer_temperature",
    "heatsink_temp_c": "heatsink_temperature",
    "relays": "relays",
    "fault": "faults",
    "109": "max_discharge_current",
}
"""What the recordings call a value, and what we call it."""

MAPS = {
    "sg04lp3_12k_regs_0_124": "three_phase_lv",
    "sg04lp3_12k_regs_586_708_b": "three_phase_lv",
    "sg04lp3_12k_regs_500_558": "three_phase_lv",
    "sg01hp3_30k_pv3": "three_phase_hv",
    "sg04lp3_regs_60_79": "three_phase_lv",
    "sg04lp3_regs_109_112": "three_phase_lv",
    "doublecrc_serial": "string",
    "micro_regs_1_125": "micro",
}
EXPECTED = 101
"""How many values the recordings state, each of a list counted."""


@pytest.fixture(scope="module")
def maps() -> Mapping[str, RegisterMap]:
    family = cast("RegisterFamily", load_family("deye"))
    return {part.name: family.map_of(part) for part in family.spec.parts}


def recordings(folder: Path) -> Iterator[tuple[str, Mapping[int, int], Mapping[str, Any]]]:
    """The name of each recording that says what it means, its words by address, and what they mean."""
    for case in json.loads((folder / "deye" / "dumps.json").read_text(encoding="utf-8")):
        if "expect" in case:
            yield case["id"], {int(a): word for a, word in case["registers"].items()}, case["expect"]
    for case in json.loads((folder / "solarman" / "frames.json").read_text(encoding="utf-8")):
        if "expect" in case:
            words = case["decode"]["register_map"]
            yield case["id"], {int(address): word for address, word in words.items()}, case["expect"]


def shown(register: Register, words: Mapping[int, int]) -> float | str:
    """The value of a register as it is exported, the code of one with names."""
    own = [words[address] for address in range(register.address, register.end)]
    if register.quantity is None:
        value = codec.plain_value(register, own)
        assert value is not None
        return value
    wanted = register.code or register.quantity
    (sample,) = (
        each for each in codec.samples(register, own) if isinstance(each, Sample) and each.quantity is wanted
    )
    return sample.value


def in_base_unit(register: Register, value: float) -> float:
    conversion = BASE_UNITS[register.unit]
    return float(value * conversion.factor + conversion.offset)


def check_special(theirs: str, stated: Any, registers: RegisterMap, words: Mapping[int, int]) -> None:
    """Compare what is no number of one register."""
    if theirs == "clock":
        moment = datetime.fromtimestamp(cast("float", shown(registers["clock"], words)), UTC)
        assert f"{moment:%Y-%m-%d %H:%M:%S}" == stated
    elif theirs == "serial":
        assert shown(registers["serial_number"], words) == stated
    elif theirs == "protocol_version":
        major, minor = divmod(int(shown(registers["protocol_version"], words)), 256)
        assert f"{major}.{minor}" == stated
    elif theirs == "run_state":
        assert registers["run_state"].names[int(shown(registers["run_state"], words))] == stated
    elif theirs == "reg22":
        # 0xFFFF is fifteen trackers and fifteen phases: beyond the bounds of the map, so not shown.
        for each in ("trackers", "phases"):
            assert cast("float", shown(registers[each], words)) > cast("float", registers[each].maximum)
    else:
        name = theirs.removeprefix("relay_")
        bit = {"inverter": 0, "grid": 2}[name]
        assert registers["relays"].names[bit] == name
        assert bool(int(shown(registers["relays"], words)) >> bit & 1) == stated


def test_every_value_of_the_recordings_is_decoded(
    captures: Path, maps: Mapping[str, RegisterMap], capsys: pytest.CaptureFixture[str]
) -> None:
    compared = 0
    for name, words, expect in recordings(captures):
        registers = maps[MAPS[name]]
        for theirs, stated in expect.items():
            ours = OURS.get(theirs)
            if ours is None:
                check_special(theirs, stated, registers, words)
                compared += 1
                continue
            pairs = zip(ours, stated, strict=True) if isinstance(ours, tuple) else [(ours, stated)]
            for register, value in ((registers[each], value) for each, value in pairs):
                expected = pytest.approx(in_base_unit(register, value), abs=1e-9)
                assert shown(register, words) == expected, f"{name} {register.place}"
                compared += 1
    with capsys.disabled():
        print(f"\ndeye: {compared} of {EXPECTED} recorded values present and equal")
    assert compared == EXPECTED


def test_the_balance_of_a_recording_holds(captures: Path, maps: Mapping[str, RegisterMap]) -> None:
    (words,) = (words for name, words, _ in recordings(captures) if name == "sg04lp3_12k_regs_586_708_b")
    lv = maps["three_phase_lv"]

    def watts(*names: str) -> float:
        return sum(cast("float", shown(lv[name], words)) for name in names)

    assert watts("inverter_power", "grid_ct_power") == watts("load_power")
    assert watts("pv_1_power", "pv_2_power", "battery_1_power") - watts("inverter_power") == 237
