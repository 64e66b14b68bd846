"""The registers that the real server answered, and what stood on D-Bus when it did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.spec import Part
from sunhelm.devices.reading import Held, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register
from sunhelm.devices.units import BASE_UNITS

pytestmark = pytest.mark.captures

OURS: Mapping[str, Mapping[str, str]] = {
    "system": {
        "serial": "serial",
        **{
            f"ac_pv_on_{theirs}_l{n}_power": f"pv_on_{ours}_l{n}_power_16bit"
            for theirs, ours in (("output", "output"), ("grid", "input"), ("genset", "generator"))
            for n in (1, 2, 3)
        },
        **{f"ac_consumption_l{n}_power": f"load_l{n}_power_16bit" for n in (1, 2, 3)},
        "dc_battery_voltage": "battery_voltage",
        "dc_battery_current": "battery_current",
        "dc_battery_power": "battery_power",
        "dc_battery_soc": "battery_state_of_charge",
        "dc_battery_state": "battery_state",
        "dc_battery_time_to_go": "battery_time_to_go",
        "dc_charger_power": "dc_charger_power",
        "dc_vebus_current": "dc_vebus_current",
        "dc_vebus_power": "dc_vebus_power",
    },
    "vebus": {
        "alarms_phase_rotation": "alarm_phase_rotation",
        "alarms_grid_lost": "alarm_grid_lost",
        "hub4_do_not_feed_in_overvoltage": "dc_surplus_feed_in_forbidden",
        **{f"hub4_l{n}_max_feed_in_power": f"maximum_feed_in_l{n}_power" for n in (1, 2, 3)},
    },
    "settings": {
        "ac_power_set_point": "grid_setpoint",
        "max_charge_percentage": "maximum_charge",
        "max_discharge_percentage": "maximum_discharge",
        "ac_power_set_point_x100": "grid_setpoint_100w",
    },
    "battery": {
        "dc_voltage": "voltage",
        "dc_aux_voltage": "auxiliary_voltage",
        "dc_current": "current",
        "dc_temperature": "temperature",
        "dc_mid_voltage": "midpoint_voltage",
        "dc_mid_voltage_deviation": "midpoint_deviation",
        "relay_0_state": "relay_closed",
        "system_min_cell_temperature": "minimum_cell_temperature",
        "system_max_cell_temperature": "maximum_cell_temperature",
    },
    "solarcharger": {
        "dc_voltage": "battery_voltage",
        "dc_current": "battery_current",
        "dc_temperature": "battery_temperature",
        "mode": "mode",
        "state": "state",
        "pv_voltage": "pv_voltage",
        "pv_current": "pv_current",
        "equalization_pending": "equalisation_pending",
        "equalization_time_remaining": "equalisation_time_remaining",
        "relay_0_state": "relay_closed",
        "alarms_alarm": "alarm_any",
    },
    "grid": {
        **{f"ac_l{n}_power": f"l{n}_power_16bit" for n in (1, 2, 3)},
        **{f"ac_l{n}_voltage": f"l{n}_voltage" for n in (1, 2, 3)},
        **{f"ac_l{n}_current": f"l{n}_current" for n in (1, 2, 3)},
        **{f"ac_l{n}_energy_forward": f"l{n}_import_16bit" for n in (1, 2, 3)},
        **{f"ac_l{n}_energy_reverse": f"l{n}_export_16bit" for n in (1, 2, 3)},
        **{f"ac_l{n}_energy_forward_32": f"l{n}_import" for n in (1, 2, 3)},
        **{f"ac_l{n}_energy_reverse_32": f"l{n}_export" for n in (1, 2, 3)},
    },
}
"""What the recording calls a value, and what we call it, by service."""

OTHER_SIGN = {("system", "battery_current"), ("system", "battery_power"), ("battery", "current")}
"""Victron counts charging positive, we count discharging."""

EXPECTED = 83
"""How many values the recording states, the fifteen of its note on VE.Bus alarms among them."""


@pytest.fixture(scope="module")
def parts() -> Mapping[str, tuple[RegisterFamily, Part]]:
    family = cast("RegisterFamily", load_family("victron"))
    return {part.name: (family, part) for part in family.spec.parts}


@pytest.fixture(scope="module")
def cases(captures_folder: Path) -> Sequence[Mapping[str, Any]]:
    return json.loads((captures_folder / "victron" / "server_tests.json").read_text(encoding="utf-8"))[
        "cases"
    ]


@pytest.fixture(scope="session")
def captures_folder(captures: Path) -> Path:
    return captures


def words_of(register: Register, case: Mapping[str, Any]) -> list[int]:
    start = register.address - case["address"]
    words = case["registers"][start : start + register.type.words]
    assert len(words) == register.type.words, f"{register.place} is not in the recording"
    return words


def shown(register: Register, words: Sequence[int], label: str) -> float | str:
    """The value of a register as it is exported, or as it is read for others when it is not."""
    if register.quantity is None:
        value = codec.plain_value(register, words)
        assert value is not None
        return value
    results = list(codec.samples(register, words, {label: "1"} if label else {}))
    assert not [result for result in results if isinstance(result, Held)]
    wanted = register.code or register.quantity
    (sample,) = [result for result in results if isinstance(result, Sample) and result.quantity is wanted]
    return sample.value


def stated(cases: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str, str, float | str]]:
    """Every value of the recording: its case, the service, our name of the register, the value."""
    for case in cases:
        service = case["service"]
        for theirs, value in case["expect"].items():
            if not theirs.startswith("_"):
                yield case, service, OURS[service][theirs], value


def test_every_value_of_the_recording_is_decoded(
    parts: Mapping[str, tuple[RegisterFamily, Part]],
    cases: Sequence[Mapping[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    compared = 0
    for case, service, name, value in stated(cases):
        family, part = parts[service]
        register = family.map_of(part)[name]
        found = shown(register, words_of(register, case), part.label)
        if isinstance(value, str):
            assert found == value, register.place
        else:
            factor = BASE_UNITS[register.unit].factor * (-1 if (service, name) in OTHER_SIGN else 1)
            assert found == pytest.approx(value * float(factor), rel=1e-12), register.place
        compared += 1
    compared += compare_alarms(parts, cases)
    with capsys.disabled():
        print(f"\nvictron: {compared} of {EXPECTED} recorded values present and equal")
    assert compared == EXPECTED


def compare_alarms(
    parts: Mapping[str, tuple[RegisterFamily, Part]], cases: Sequence[Mapping[str, Any]]
) -> int:
    """The case whose note says: fourteen alarms and `pv_inverter_disable` are 1."""
    (case,) = [c for c in cases if (c["service"], c["address"]) == ("vebus", 42)]
    family, part = parts["vebus"]
    registers = [r for r in family.map_of(part).registers if 42 <= r.address <= 56]
    assert sum(r.name.startswith("alarm_") for r in registers) == 14
    for register in registers:
        assert shown(register, words_of(register, case), part.label) == 1.0, register.place
    return len(registers)


def test_a_consumed_charge_with_the_wrong_sign_is_out_of_bounds(
    parts: Mapping[str, tuple[RegisterFamily, Part]], cases: Sequence[Mapping[str, Any]]
) -> None:
    """The recording published +22 Ah; batteries publish what is missing as a negative number.

    The register is unsigned and counts down, so that +22 wraps to -6531.6. No battery is that large: the
    bounds of the map hold it back, so nothing wrong is shown.
    """
    (case,) = [c for c in cases if "_consumed_ah_on_dbus" in c["expect"]]
    family, part = parts["system"]
    register = family.map_of(part)["battery_consumed_charge"]
    value = codec.plain_value(register, words_of(register, case))
    assert value == pytest.approx(-6531.6 * 3600)
    assert isinstance(register.minimum, float)
    assert value < register.minimum * 3600
