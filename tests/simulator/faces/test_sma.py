"""The SMA faces against the published lists, the driver's maps, and the plant that they look at."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.reading import Reading
from sunhelm.devices.recognition import Recognised, recognise
from sunhelm.devices.registers.codec import plain_value
from sunhelm.devices.registers.register import Register
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.sma import HomeManagerFace, SmaFace
from sunhelm.simulator.faces.sma.controls import CODE
from sunhelm.simulator.faces.sma.layout import KINDS, absent, words_of
from sunhelm.simulator.faces.sma.models import HYBRID, INVERTER, OLD_ISLAND, STORAGE, SUNNY_ISLAND, Model
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
MOMENTS = ("2026-06-21T13:00", "2026-06-21T07:30", "2026-03-10T19:00")
MODELS = [SUNNY_ISLAND, OLD_ISLAND, STORAGE, HYBRID, INVERTER]
IDS = ["island", "old island", "storage", "hybrid", "inverter"]
KIND_OF = {"u": "uint", "e": "uint", "w": "uint", "q": "uint", "i": "int", "h": "int"}


def plant_at(moment: str = MOMENTS[0], **more: Any) -> Plant:
    start = datetime.fromisoformat(moment).replace(tzinfo=ZONE).timestamp()
    return Plant(start=start, warm_up=False, soc=0.5, **more)


def registers() -> Iterator[Register]:
    family = cast("RegisterFamily", load_family("sma"))
    for part in family.spec.parts:
        if part.name != "plant":
            yield from family.map_of(part).registers


@pytest.mark.captures
def test_the_layout_is_that_of_the_published_lists(captures: Path) -> None:
    file = captures.parent / "facts" / "sma.csv"
    if not file.is_file():
        pytest.skip("the published lists are not beside the recordings")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [
            row for row in csv.DictReader(lines) if row["block"] == "holding" and row["address"] != "42109"
        ]
    assert {int(row["address"]): int(row["count"]) for row in rows} == {a: words_of(a) for a in KINDS}
    for row in rows:
        kind = KINDS[int(row["address"])]
        assert (kind in "tsS") == (row["type"] == "string"), row
        assert (kind in "ih") == row["type"].startswith("i"), row


def test_the_maps_and_the_layout_agree_on_every_value() -> None:
    compared = 0
    for register in registers():
        kind = KINDS[register.address]
        assert words_of(register.address) == register.type.words, register.place
        if kind in KIND_OF and register.type.kind != "version":
            assert register.type.kind == KIND_OF[kind], register.place
        compared += 1
    assert compared > 1_400


def test_what_is_not_available_means_nothing_to_the_driver() -> None:
    for register in registers():
        if not register.name.startswith("unused_"):
            assert not plain_value(register, absent(register.address)), register.place


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_model_takes_what_the_lists_have(model: Model) -> None:
    assert model.commands <= KINDS.keys()
    assert model.settings.keys() <= KINDS.keys()
    assert not model.commands & model.settings.keys()


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Read a face through the driver, by a real socket."""

    async def read(face: Any, *, again: int = 0) -> tuple[Reading, list[Any]]:
        server = ModbusServer(face)
        await server.open("127.0.0.1", 0)
        (tmp_path / "sunhelm.yml").write_text(
            "site: {name: home, zone: Europe/Amsterdam}\n"
            f"devices:\n  it: {{family: sma, host: 127.0.0.1, port: {server.port}}}\n"
        )
        try:
            async with open_site(tmp_path / "sunhelm.yml") as devices:
                reading = await devices["it"].read(Deadline.after(30))
                for _ in range(again):
                    before = len(server.log.recent)
                    reading = await devices["it"].read(Deadline.after(30))
            return reading, list(server.log.recent)[before if again else 0 :]
        finally:
            await server.close()

    return read


def truths(plant: Plant, model: Model | None) -> Iterator[tuple[str, float, float]]:
    """Metric, what the plant knows it to be, and the resolution."""
    now = plant.state
    yield "solar_grid_power_watts", now.grid.power_w, 1
    yield "solar_grid_import_joules_total", plant.energy.grid_import, 3600
    if model is None:
        return
    volts = "inverter" if model.units > 1 or model is OLD_ISLAND else "grid"
    yield f"solar_{volts}_phase_voltage_volts L2", now.grid.voltage_by_phase[1], 0.01
    if model.battery:
        yield "solar_battery_power_watts", now.battery.power_w, 1
        yield "solar_battery_state_of_charge_ratio", now.battery.soc, 0.01
        yield "solar_battery_temperature_celsius", now.battery.temperature_c, 0.1
        yield "solar_battery_charge_joules_total", plant.energy.battery_charge, 3600
        yield "solar_inverter_power_watts", _ac(plant, model), 1
    if model.strings and now.pv_power_w > 50:
        yield "solar_pv_power_watts", now.pv_power_w, 3
        yield "solar_pv_string_power_watts 2", now.strings[1].power_w, 1
        yield "solar_pv_string_voltage_volts 1", now.strings[0].voltage_v, 0.01
        yield "solar_grid_phase_power_watts L3", now.grid.power_by_phase[2], 1


def _ac(plant: Plant, model: Model) -> float:
    pv = plant.state.pv_inverter.power_w if model.strings else 0.0
    return plant.state.inverter.ac_power_w + pv


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("model", [*MODELS, None], ids=[*IDS, "home manager"])
async def test_the_driver_finds_the_plant_behind_the_face(
    moment: str, model: Model | None, read: Any
) -> None:
    plant = plant_at(moment)
    plant.advance(60)
    face = HomeManagerFace(plant) if model is None else SmaFace(plant, model=model)
    reading, _ = await read(face)
    found = {" ".join((s.quantity.metric, *s.labels)): s.value for s in reading.samples}
    compared = 0
    for name, value, step in truths(plant, model):
        assert found[name] == pytest.approx(value, abs=step), name
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize(("model", "most"), [(SUNNY_ISLAND, 6), (STORAGE, 8), (HYBRID, 6), (INVERTER, 6)])
async def test_live_values_take_the_fewest_requests(
    model: Model, most: int, read: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, requests = await read(SmaFace(plant_at(), model=model), again=1)
    with capsys.disabled():
        print(f"\nsma {model.device_type}: {len(requests)} requests, {sum(r.count for r in requests)} words")
    assert len(requests) == most
    assert not [request for request in requests if request.exception]


async def test_a_device_is_recognised_by_its_class_type_and_serial_number() -> None:
    server = ModbusServer(SmaFace(plant_at(), model=INVERTER))
    await server.open("127.0.0.1", 0)
    try:
        found = await recognise("sma", "modbus_tcp", "127.0.0.1", server.port, Deadline.after(10))
    finally:
        await server.close()
    assert found == Recognised("sma", "modbus_tcp", "SMA", "sunny_boy_4_0", "3000009321", "3.02.20.R")


def read_words(face: SmaFace, address: int, count: int, unit: int = 3) -> Sequence[int]:
    return face.read(unit, Table.HOLDING, address, count)


@pytest.mark.parametrize(
    ("unit", "address", "count", "code"),
    [
        (3, 30844, 2, 2),
        (3, 30843, 3, 2),
        (3, 30841, 2, 2),
        (3, 30513, 2, 2),
        (4, 30775, 2, 4),
        (2, 30865, 2, 4),
    ],
)
def test_a_read_that_is_refused(unit: int, address: int, count: int, code: int) -> None:
    with pytest.raises(ModbusException) as refused:
        read_words(SmaFace(plant_at()), address, count, unit)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("address", "words", "code"),
    [
        (30775, (0, 1), 1),
        (40149, (0,), 3),
        (40150, (0, 1), 2),
        (40149, (0x8000, 0), 3),
        (40793, (0, 1), 2),
        (40151, (0, 5), 3),
        (40023, (10_001,), 3),
        (43090, (0, 5), 1),
    ],
)
def test_a_write_that_is_refused(address: int, words: tuple[int, ...], code: int) -> None:
    face = SmaFace(plant_at())
    with pytest.raises(ModbusException) as refused:
        face.write(3, address, words)
    assert refused.value.code == code


def test_what_is_guarded_wants_the_code() -> None:
    face = SmaFace(plant_at(), model=INVERTER)
    with pytest.raises(ModbusException):
        face.write(3, 40210, (0, 1077))
    face.write(3, 43090, (CODE >> 16, CODE & 0xFFFF))
    face.write(3, 40210, (0, 1077))
    assert read_words(face, 30835, 2) == [0, 1077]
    face.write(3, 43090, (0, 0))
    with pytest.raises(ModbusException):
        face.write(3, 40210, (0, 1079))


def test_a_set_point_that_comes_too_soon_is_dropped() -> None:
    face = SmaFace(plant_at())
    for watts in (500, 900):
        face.write(3, 40149, (0, watts))
    assert face.controls.dropped == 1
