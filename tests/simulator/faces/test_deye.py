"""The simulated inverters: the bytes of the facts sheet, the habits of the wire, and what settings move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.faces.deye.layout import NOT_THERE
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.modbus_device import Limits, ModbusDevice
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import RequestLog
from sunhelm.simulator.steering import Mode, Switch

KINDS = ("three_phase_lv", "three_phase_hv", "single_phase", "string", "micro")
HYBRIDS = KINDS[:3]
MOMENTS = ("2026-06-21T13:00", "2026-06-21T07:30", "2026-03-10T19:00")
DEYE = Limits(functions={3, 16})
KWH = 3_600_000.0


def plant_at(moment: str, **more: Any) -> Plant:
    return Plant(
        seed=3, start=datetime.fromisoformat(moment).replace(tzinfo=UTRECHT.zone).timestamp(), **more
    )


@pytest.fixture(scope="module")
def maps() -> Mapping[str, RegisterMap]:
    family = cast("RegisterFamily", load_family("deye"))
    return {part.name: family.map_of(part) for part in family.spec.parts}


def value(face: DeyeFace, registers: RegisterMap, name: str) -> float:
    """What the driver's map makes of the words of the face."""
    register = registers[name]
    words = tuple(face.read(1, Table.HOLDING, register.address, register.type.words))
    if register.high:
        (high,) = face.read(1, Table.HOLDING, registers[register.high].address, 1)
        signed = register.type.kind == "int"
        number = high << 16 | words[0]
        number -= (1 << 32) if signed and number >> 31 else 0
        return codec.value(register, number)
    if 0 in register.absent and not any(words):
        return 0.0  # what the map takes for a string that is not there
    found = codec.plain_value(register, words)
    assert isinstance(found, float), name
    return found


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", HYBRIDS)
def test_a_hybrid_shows_the_plant_through_the_map_of_the_driver(
    maps: Mapping[str, RegisterMap], kind: Any, moment: str
) -> None:
    plant = plant_at(moment)
    face, registers, state = DeyeFace(plant, kind=kind, firmware=0x1097), maps[kind], plant.state
    step = 10.0 if kind == "three_phase_hv" else 1.0
    told = {
        "grid_ct_power": (state.grid.power_w, 1.0),
        "load_power": (state.load.power_w, 1.0),
        "battery_1_power": (state.battery.power_w, step),
        "battery_1_voltage": (state.battery.voltage_v, 0.1),
        "battery_1_state_of_charge": (state.battery.soc, 0.01),
        "battery_1_current": (state.battery.current_a, 0.01),
        "battery_1_temperature": (state.battery.temperature_c, 0.1),
        "grid_l1_voltage": (state.grid.voltage_by_phase[0], 0.1),
        "grid_frequency": (state.grid.frequency_hz, 0.01),
        "inverter_power": (state.load.power_w - state.grid.power_w, 2.0),
        **{f"pv_{n}_power": (string.power_w, step) for n, string in enumerate(state.strings, 1)},
        **{f"pv_{n}_voltage": (string.voltage_v, 0.1) for n, string in enumerate(state.strings, 1)},
        "grid_import": (plant.energy.grid_import, 0.1 * KWH),
        "grid_export": (plant.energy.grid_export, 0.1 * KWH),
        "battery_charge": (plant.energy.battery_charge, 0.1 * KWH),
        "battery_discharge": (plant.energy.battery_discharge, 0.1 * KWH),
        "load_consumption": (plant.energy.load, 0.1 * KWH),
        "pv_production": (plant.energy.pv, 0.1 * KWH),
        "pv_production_today": (plant.energy.pv - plant.today.begin.pv, 0.1 * KWH),
    }
    for name, (true, resolution) in told.items():
        assert value(face, registers, name) == pytest.approx(true, abs=0.51 * resolution + 1e-6), name
    pv = sum(value(face, registers, f"pv_{n}_power") for n in (1, 2, 3))
    losses = pv + value(face, registers, "battery_1_power") - value(face, registers, "inverter_power")
    assert losses == pytest.approx(state.losses_w, abs=4 * step)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", KINDS[3:])
def test_an_inverter_without_a_battery_shows_its_strings(
    maps: Mapping[str, RegisterMap], kind: Any, moment: str
) -> None:
    plant = plant_at(moment)
    face, registers = DeyeFace(plant, kind=kind), maps[kind]
    for number, string in enumerate(plant.state.strings, 1):
        assert value(face, registers, f"pv_{number}_voltage") == pytest.approx(string.voltage_v, abs=0.051)
        assert value(face, registers, f"pv_{number}_current") == pytest.approx(string.current_a, abs=0.051)
    assert value(face, registers, "pv_production") == pytest.approx(plant.energy.pv, abs=0.051 * KWH)
    assert value(face, registers, "ac_active_power") <= plant.state.pv_power_w


@pytest.mark.parametrize("kind", HYBRIDS)
def test_map_and_face_agree_on_what_may_be_written(maps: Mapping[str, RegisterMap], kind: Any) -> None:
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False), kind=kind)
    assert face.settings is not None
    layout = face.settings.layout
    stored = set(face.settings.words) | {*range(layout.clock, layout.clock + 3)}
    ours = {
        address
        for register in maps[kind].registers
        if register.access == "rw" and register.address < 1000
        for address in range(register.address, register.end)
    }
    assert ours <= stored
    read_only = {74} if kind != "single_phase" else set()
    assert stored - ours == read_only


@pytest.mark.parametrize("kind", KINDS)
def test_every_register_of_the_map_is_there(maps: Mapping[str, RegisterMap], kind: Any) -> None:
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False), kind=kind)
    for register in maps[kind].registers:
        words = face.read(1, Table.HOLDING, register.address, register.type.words)
        assert all(0 <= word <= 0xFFFF for word in words)


@pytest.mark.parametrize("kind", KINDS)
def test_lifetime_counters_are_those_of_the_map(maps: Mapping[str, RegisterMap], kind: Any) -> None:
    counters = {
        address
        for register in maps[kind].registers
        if register.quantity is not None and register.quantity.kind == "counter"
        for address in (
            *range(register.address, register.end),
            *([maps[kind][register.high].address] if register.high else []),
        )
    }
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False), kind=kind)
    told = {address for address in range(10_100) if address in face.counters(1, Table.HOLDING)}
    assert counters <= told


def test_requests_and_answers_are_the_bytes_of_the_sheet() -> None:
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False))
    device = ModbusDevice(face, RequestLog(), DEYE)
    face._written.update({588: 57, 589: 0, 590: 0xFA24, 591: 0xF4F2})
    assert device.answer(1, bytes.fromhex("03024c0004")).hex() == "030800390000fa24f4f2"
    assert device.answer(1, bytes.fromhex("10008f0001021388")).hex() == "10008f0001"
    assert face.settings is not None
    assert face.settings.words[143] == 5000
    assert device.answer(1, bytes.fromhex("10003e0003061a030e09051e")).hex() == "10003e0003"
    assert device.answer(1, bytes.fromhex("03003e0003")).hex() == "03061a030e09051e"


def test_only_functions_3_and_16_are_answered() -> None:
    device = ModbusDevice(DeyeFace(plant_at(MOMENTS[0], warm_up=False)), RequestLog(), DEYE)
    assert device.answer(1, bytes.fromhex("04024c0004")).hex() == "8401"
    assert device.answer(1, bytes.fromhex("06008f1388")).hex() == "8601"
    assert device.answer(1, bytes.fromhex("030000007e")).hex() == "8303"


def test_what_is_not_there_reads_as_the_sheet_says() -> None:
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False), newer=False)
    assert face.read(1, Table.HOLDING, 300, 1) == [NOT_THERE]
    assert face.read(1, Table.HOLDING, 589, 1) == [0]
    for address in (1100, 10_032):
        with pytest.raises(ModbusException):
            face.read(1, Table.HOLDING, address, 1)
    single = DeyeFace(plant_at(MOMENTS[0], warm_up=False), kind="single_phase")
    assert list(single.read(1, Table.HOLDING, 586, 6)) == [0] * 6
    with pytest.raises(ModbusException):
        face.read(2, Table.HOLDING, 588, 1)
    with pytest.raises(ModbusException):
        face.write(1, 590, (0,))


def test_a_pair_of_bits_that_says_nothing_changes_nothing() -> None:
    face = DeyeFace(plant_at(MOMENTS[0], warm_up=False))
    assert face.settings is not None
    for written, kept in ((0x0030, 0x2ABA), (0x0000, 0x2ABA), (0x0020, 0x2AAA)):
        face.write(1, 178, (written,))
        assert face.settings.words[178] == kept


@pytest.mark.parametrize("kind", HYBRIDS)
def test_settings_move_the_plant(kind: Any) -> None:
    plant = plant_at("2026-06-21T13:00", soc=0.5, warm_up=False)
    face = DeyeFace(plant, kind=kind)
    assert face.settings is not None
    layout, steering = face.settings.layout, plant.steering

    def put(address: int, *words: int) -> None:
        face.write(1, address, words)

    put(layout.sell_power, 0)
    assert steering.feed_in_limit_w == 0.0
    put(layout.sell_power, 900)
    assert steering.feed_in_limit_w == 900.0 * layout.watts
    put(layout.solar_sell, 0)
    assert steering.feed_in_limit_w == 0.0
    put(layout.work_mode, 0)
    assert steering.feed_in_limit_w == 900.0 * layout.watts
    put(layout.charge_current, 10)
    assert steering.charge_limit_w == 512.0
    put(layout.discharge_current, 0)
    assert steering.discharge_limit_w == 0.0
    put(layout.discharge_current, 100)
    put(layout.powers, *[150] * 6)
    put(layout.flags, *[1 << layout.sell_bit] * 6)
    assert steering.mode is Mode.SELF_CONSUMPTION
    put(layout.days, 0xFF)
    assert (steering.mode, steering.battery_w) == (Mode.BATTERY, 150.0 * layout.watts)
    put(layout.days, 0xFF & ~(1 << 7))  # it is a Sunday
    assert steering.mode is Mode.SELF_CONSUMPTION
    put(layout.switch, 2)
    assert steering.switch is Switch.OFF


def test_faces_that_are_only_looked_at_leave_the_plant_alone() -> None:
    plant = plant_at(MOMENTS[0], warm_up=False)
    plant.steering.feed_in_limit_w = 123.0
    face = DeyeFace(plant)
    for _ in range(3):
        plant.advance(3600)
        face.update()
    assert plant.steering.feed_in_limit_w == 123.0
