"""The SUN2000 face against the driver's register maps, and by itself: two hands typed the same sheet."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import pytest

from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.huawei import HuaweiFace, layout, telemetry
from sunhelm.simulator.faces.huawei.periods import luna_periods
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.plant import Plant

MOMENTS = ("2026-06-21T13:00", "2026-06-21T07:30", "2026-03-10T19:00")
PARTS = ("inverter", "meter", "battery", "packs", "optimizers")

NOT_TAKEN = {
    **dict.fromkeys((40_037, 40_038, 40_124), "commissioning"),
    40_000: "the clock moves",
    40_120: "older models only",
    47_088: "beside what is not simulated",
}


class Still:
    """A clock that stands."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Still:
    return Still()


def plant_at(moment: str, **more: Any) -> Plant:
    start = datetime.fromisoformat(moment).replace(tzinfo=UTRECHT.zone).timestamp()
    return Plant(seed=5, start=start, **more)


def registers() -> Iterator[tuple[str, Register]]:
    family = cast("RegisterFamily", load_family("huawei"))
    for part in family.spec.parts:
        if part.name in PARTS:
            yield from ((part.name, register) for register in family.map_of(part).registers)


def decoded(face: HuaweiFace) -> dict[str, float]:
    """What the driver's codec makes of the face's words, by part and name."""
    values = {}
    for part, register in registers():
        if register.access != "w":
            words = tuple(face.read(1, Table.HOLDING, register.address, register.type.words))
            value = codec.plain_value(register, words)
            if isinstance(value, float):
                values[f"{part}.{register.name}"] = value
    return values


def truths(plant: Plant) -> Iterator[tuple[str, float, float]]:
    """Place, what the plant knows it to be in base units and our signs, and the resolution."""
    now, energy = plant.state, plant.energy
    for number, string in enumerate(now.strings, 1):
        yield f"inverter.string_{number}_voltage", string.voltage_v, 0.1
        yield f"inverter.string_{number}_current", string.current_a, 0.01
    yield "inverter.pv_power", now.pv_power_w, 1
    yield "inverter.active_power", now.pv_inverter.power_w + now.inverter.ac_power_w, 1
    yield "inverter.frequency", now.grid.frequency_hz, 0.01
    yield "inverter.pv_production", energy.pv, 36_000
    yield "meter.power", now.grid.power_w, 1
    for phase, (volts, amperes, watts) in enumerate(
        zip(now.grid.voltage_by_phase, now.grid.current_by_phase, now.grid.power_by_phase, strict=True), 1
    ):
        yield f"meter.l{phase}_voltage", volts, 0.1
        yield f"meter.l{phase}_current", amperes, 0.01
        yield f"meter.l{phase}_power", watts, 1
        yield f"inverter.l{phase}_voltage", volts, 0.1
    yield "meter.export", energy.grid_export, 36_000
    yield "meter.import", energy.grid_import, 36_000
    yield "battery.power", now.battery.power_w, 1
    yield "battery.unit_1_power", now.battery.power_w, 1
    yield "battery.state_of_charge", now.battery.soc, 0.001
    yield "battery.capacity", plant.house.battery.capacity_j, 3600
    yield "battery.charge", energy.battery_charge, 36_000
    yield "battery.discharge", energy.battery_discharge, 36_000
    for pack in (1, 2):
        yield f"packs.power_1_{pack}", -now.battery.power_w / 2, 1
        yield f"packs.voltage_1_{pack}", now.battery.voltage_v, 0.1


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_driver_reads_what_the_plant_is(moment: str, clock: Still) -> None:
    plant = plant_at(moment)
    found = decoded(HuaweiFace(plant, clock=clock))
    for place, expected, resolution in truths(plant):
        assert found[place] == pytest.approx(expected, abs=resolution), place


def test_every_register_of_the_maps_is_one_of_the_face(clock: Still) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0], warm_up=False), clock=clock)
    strangers = []
    for part, register in registers():
        if register.access == "w":
            assert register.address in layout.WRITE_ONLY
            continue
        try:
            face.read(1, Table.HOLDING, register.address, register.type.words)
        except ModbusException:
            strangers.append((part, register.place))
    assert strangers == []


def test_the_driver_may_set_what_the_face_lets_it_set_and_in_the_same_range() -> None:
    for _, register in registers():
        setting = layout.SETTINGS.get(register.address)
        if register.access != "rw" or setting is None:
            continue
        assert register.type.words == setting.words, register.place
        for bound, raw in ((register.minimum, setting.low), (register.maximum, setting.high)):
            if isinstance(bound, float):
                assert abs(bound / float(register.scale)) == pytest.approx(abs(raw)), register.place


def test_what_is_not_there_has_the_marks_of_the_sheet(clock: Still) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0]), clock=clock)
    absent = [(32_022, 0x7FFF), (37_738, 0xFFFF), (37_752, 0x7FFF)]
    for address, word in absent:
        assert face.read(1, Table.HOLDING, address, 1) == [word]
    for _, register in registers():
        if register.labels.get("battery") == "2" and register.name.startswith("unit_2_power"):
            words = face.read(1, Table.HOLDING, register.address, 2)
            assert not [s for s in codec.samples(register, words) if isinstance(s, Sample)]


@pytest.mark.parametrize(
    ("address", "count"), [(29_999, 1), (32_121, 1), (37_071, 1), (37_068, 4), (49_999, 1)]
)
def test_what_is_in_no_block_is_refused(clock: Still, address: int, count: int) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0], warm_up=False), clock=clock)
    with pytest.raises(ModbusException) as refused:
        face.read(1, Table.HOLDING, address, count)
    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("address", "words", "code"),
    [
        (47_082, (201,), 3),
        (47_075, (0, 6_000), 3),
        (47_415, (2,), 3),
        (40_200, (0,), 3),
        (47_604, (0,), 2),
        (42_000, (1,), 2),
        (47_075, (100,), 2),
        (47_255, (2, 0, 60, 0x7F, 30, 90, 0x7F, *[0] * 36), 3),
    ],
)
def test_what_may_not_be_written_is_refused(
    clock: Still, address: int, words: tuple[int, ...], code: int
) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0]), clock=clock)
    before = dict(face.controls.values)
    with pytest.raises(ModbusException) as refused:
        face.write(1, address, words)
    assert refused.value.code == code
    assert face.controls.values == before


def test_the_words_of_the_worked_period_mean_one_to_five_every_day() -> None:
    found = luna_periods((1, 0x003C, 0x012C, 0x007F, *[0] * 39))
    assert found.sound
    assert [found.at(day, 60) for day in range(7)] == ["charge"] * 7
    assert found.at(0, 300) is None


def test_a_forced_charge_ends_by_its_duration(clock: Still) -> None:
    face = HuaweiFace(plant_at(MOMENTS[2]), clock=clock)
    for address, words in ((47_247, (0, 2_500)), (47_083, (2,)), (47_246, (0,)), (47_100, (1,))):
        face.write(1, address, words)
    assert face.read(1, Table.HOLDING, 37_006, 1) == [1]
    assert face.read(1, Table.HOLDING, 37_025, 1) == [2]
    clock.now += 119
    face.update()
    assert face.controls.mode == 1
    clock.now += 1
    face.update()
    assert face.controls.mode == 4


def test_frames_are_those_of_the_sheet(clock: Still) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0]), clock=clock)
    start = face.private(1, bytes.fromhex("41 05 01 45"))
    assert start[:4] == bytes.fromhex("41 05 06 45")
    (size,) = struct.unpack_from(">I", start, 4)
    content = b""
    while len(content) < size:
        number = len(content) // start[8]
        frame = face.private(1, bytes.fromhex("41 06 03 45") + number.to_bytes(2))
        assert frame[:2] == b"\x41\x06"
        assert frame[2] == len(frame) - 3
        content += frame[6:]
    end = face.private(1, bytes.fromhex("41 0C 01 45"))
    assert end[:4] == bytes.fromhex("41 0C 03 45")
    assert content[:4] == b"V103"
    assert int.from_bytes(content[6:8]) == len(content) - 8
    assert len(content) == 14 + 116 * 19


def test_a_writer_without_a_sign_in_is_refused_and_its_heartbeat_too(clock: Still) -> None:
    face = HuaweiFace(plant_at(MOMENTS[0]), clock=clock, password="word")
    for address in (47_415, layout.HEARTBEAT):
        with pytest.raises(ModbusException) as refused:
            face.write(1, address, (1,))
        assert refused.value.code == 0x80
    assert len(face.private(1, bytes.fromhex("41 24 01 00"))) == 19
    assert telemetry.SERIAL.startswith("SIM")
