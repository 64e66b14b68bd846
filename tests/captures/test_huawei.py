"""What owners of real SUN2000 recorded, and what they say that it means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.huawei import optimizers
from sunhelm.devices.reading import Held, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register, RegisterMap

pytestmark = pytest.mark.captures

EXPECTED = 81
"""How many values the recordings state."""

KWH = 3_600_000.0


@pytest.fixture(scope="module")
def maps() -> Mapping[str, RegisterMap]:
    family = cast("RegisterFamily", load_family("huawei"))
    return {part.name: family.map_of(part) for part in family.spec.parts}


@pytest.fixture(scope="module")
def recorded(captures: Path) -> Mapping[str, Any]:
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in (captures / "huawei").glob("*.json")
    }


def words_of(
    register: Register, case: Mapping[str, Any], key: str = "registers", first: int = 0
) -> list[int]:
    start = register.address - (first or case["first_register"])
    words = case[key][start : start + register.type.words]
    assert len(words) == register.type.words, f"{register.place} is not in the recording"
    return words


def shown(register: Register, words: Sequence[int]) -> float | str:
    """The value of a register as it is exported, or as it is read for others."""
    results = list(codec.samples(register, words, zone=ZoneInfo("UTC")))
    assert not [result for result in results if isinstance(result, Held)], register.place
    samples = [result for result in results if isinstance(result, Sample)]
    if not samples:
        value = codec.plain_value(register, words)
        assert value is not None, register.place
        return value
    if register.type.is_text:
        return samples[0].labels[-1]
    wanted = register.code or register.quantity
    return next(sample.value for sample in samples if sample.quantity is wanted)


def raised(register: Register, words: Sequence[int]) -> set[str]:
    """The names of the bits that are set."""
    return {
        result.labels[-1]
        for result in codec.samples(register, words)
        if isinstance(result, Sample) and result.quantity is register.quantity and result.value
    }


def live(maps: Mapping[str, RegisterMap], case: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    inverter, expected = maps["inverter"], case["expected"]
    for name, key in (("state", "state_1_bits"), ("inputs", "state_2_bits"), ("alarm_2", "alarm_2_bits")):
        register = inverter[name]
        assert raised(register, words_of(register, case)) == {register.names[bit] for bit in expected[key]}
        yield from ((bit, bit) for bit in expected[key])
    assert expected["alarm_2_names"] == ["Battery abnormal"]
    yield raised(inverter["alarm_2"], words_of(inverter["alarm_2"], case)), {"2068_battery_abnormal"}
    for number in (1, 2):
        for what, letter in (("voltage", "v"), ("current", "a")):
            register = inverter[f"string_{number}_{what}"]
            yield shown(register, words_of(register, case)), expected[f"pv{number}_{letter}"]


def meter(maps: Mapping[str, RegisterMap], case: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    """Power and current have the other sign with us: importing is positive."""
    found, expected = maps["meter"], case["expected"]

    def of(name: str) -> float | str:
        return shown(found[name], words_of(found[name], case))

    for index, phase in enumerate(("l1", "l2", "l3")):
        yield of(f"{phase}_voltage"), expected["voltage_v"][index]
        yield of(f"{phase}_current"), -expected["current_a"][index]
        yield of(f"{phase}_power"), -expected["phase_power_w"][index]
    for index, line in enumerate(("l1_l2", "l2_l3", "l3_l1")):
        yield of(f"line_{line}_voltage"), expected["line_voltage_v"][index]
    yield of("power"), -expected["active_power_w"]
    yield of("reactive_power"), expected["reactive_var"]
    yield of("power_factor"), expected["power_factor"]
    yield of("frequency"), expected["frequency_hz"]
    yield of("export"), pytest.approx(expected["exported_kwh"] * KWH, rel=1e-12)
    yield of("import"), pytest.approx(expected["imported_kwh"] * KWH, rel=1e-12)
    yield of("reactive"), expected["reactive_kvarh"]
    yield of("kind"), expected["meter_type"]


def pack(maps: Mapping[str, RegisterMap], case: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    found, expected = maps["packs"], case["expected"]

    def of(name: str) -> float | str:
        return shown(found[name], words_of(found[name], case))

    yield of("firmware_1_1"), expected["firmware"]
    yield of("status_1_1"), expected["38228_status"]
    yield of("state_of_charge_1_1"), pytest.approx(expected["38229_soc"] / 100)
    yield of("state_of_health_1_1"), pytest.approx(expected["38230_raw"] / 1000)
    yield of("power_1_1"), expected["power_w"]
    yield of("voltage_1_1"), expected["voltage_v"]
    yield of("current_1_1"), expected["current_a"]
    yield of("charge_1_1"), pytest.approx(expected["charged_kwh"] * KWH, rel=1e-12)
    yield of("discharge_1_1"), pytest.approx(expected["discharged_kwh"] * KWH, rel=1e-12)
    second = found["charge_1_2"]
    words = words_of(second, case["second_pack"], "38280_38281", 38_280)
    yield shown(second, words), pytest.approx(case["second_pack"]["charged_kwh"] * KWH, rel=1e-12)


def identity(maps: Mapping[str, RegisterMap], case: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    """Only the first has bytes; of the others the text goes in as a device sends it, and must come out."""
    names = {
        "model": ("inverter", "model"),
        "pn": ("inverter", "part_number"),
        "firmware": ("inverter", "firmware_package"),
        "software": ("inverter", "software"),
        "strings": ("inverter", "number_of_strings"),
    }
    for each in case["cases"]:
        expected = each["expected"]
        if "bytes_hex" in each:
            content = bytes.fromhex(each["bytes_hex"]).ljust(30, b"\0")
            words = [int.from_bytes(content[i : i + 2]) for i in range(0, 30, 2)]
            yield shown(maps["inverter"]["model"], words), expected
        elif isinstance(expected, str):
            register = maps["emma"]["model"]
            assert register.address == each["register"]
            yield shown(register, codec.pack(register.type, expected)), expected
        else:
            for key, value in expected.items():
                part, name = names[key]
                register = maps[part][name]
                yield shown(register, codec.pack(register.type, value)), value


OPTIMIZER = {
    "power_w": ("huawei_optimizer_power", 1.0),
    "ground_v": ("huawei_optimizer_ground_voltage", 1.0),
    "out_v": ("huawei_optimizer_output_voltage", 1.0),
    "out_a": ("huawei_optimizer_output_current", 1.0),
    "in_v": ("huawei_optimizer_input_voltage", 1.0),
    "in_a": ("huawei_optimizer_input_current", 1.0),
    "temp_c": ("huawei_optimizer_temperature", 1.0),
    "status": ("huawei_optimizer_status_code", 1.0),
    "energy_kwh": ("huawei_optimizer_production", KWH),
}


def optimizer(case: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    for each in case["records"]:
        record = bytes.fromhex(each["hex"])
        assert len(record) == case["record_bytes"]
        samples = list(optimizers.record_samples(record, 0.0, ""))
        values = {s.quantity.name: s.value for s in samples if len(s.labels) == 1}
        assert {sample.labels[0] for sample in samples} == {str(each["expected"]["addr"])}
        for key, value in each["expected"].items():
            if key == "addr":
                yield value, value
            else:
                name, factor = OPTIMIZER[key]
                yield values[name], pytest.approx(value * factor, rel=1e-9)
        alarms = [s for s in samples if s.quantity.name == "huawei_optimizer_alarm" and s.value]
        assert not alarms, "bit 31 is set in healthy optimizers"


def test_every_value_of_the_recordings_is_decoded(
    maps: Mapping[str, RegisterMap], recorded: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        *live(maps, recorded["live_32000_a"]),
        *meter(maps, recorded["meter_37101"]),
        *pack(maps, recorded["battery_pack1"]),
        *identity(maps, recorded["identity_texts"]),
        *optimizer(recorded["optimizer_realtime_records"]),
    ]
    assert set(recorded) == {
        *("live_32000_a", "meter_37101", "battery_pack1", "identity_texts", "optimizer_realtime_records")
    }
    for found, expected in pairs:
        assert found == expected
    with capsys.disabled():
        print(f"\nhuawei: {len(pairs)} of {EXPECTED} recorded values present and equal")
    assert len(pairs) == EXPECTED
