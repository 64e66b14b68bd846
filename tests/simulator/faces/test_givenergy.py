"""The simulated inverters: the bytes of the facts sheet, habits of the adapter, and what settings move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.givenergy import ALL_IN_ONE, HYBRID, THREE_PHASE, Dongle, GivEnergyFace, Kind
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode

NOON: Final = "2026-06-21T13:00"
EVENING: Final = "2026-06-21T22:30"
KINDS: Final = (HYBRID, ALL_IN_ONE, THREE_PHASE)
NAMES: Final = ("hybrid", "all_in_one", "three_phase")
KWH: Final = 3_600_000.0

READ_PAGE: Final = "59590001001c010257583030303054303031000000000000000811040000003cf28b"
WRITE_96: Final = "59590001001c01025758303030305430303100000000000000081106006000014a84"
WRITTEN_96: Final = "5959000100260102575830303030543030310000000000000012110651413030303054303032006000017ae6"
REFUSED_300: Final = (
    "5959000100260102575830303030543030310000000000000012118351413030303054303032012c003c3e7f"
)
READ_300: Final = "59590001001c0102575830303030543030310000000000000008" + "1103012c003c"
HEARTBEAT: Final = "59590001000d01015758303030305430303101"


def plant_at(moment: str, **more: Any) -> Plant:
    start = datetime.fromisoformat(moment).replace(tzinfo=UTRECHT.zone).timestamp()
    return Plant(seed=3, start=start, **more)


def crc(text: str) -> str:
    """Append the check of the inner frame: CRC-16/Modbus by hand, low byte first."""
    frame = bytes.fromhex(text)
    value = 0xFFFF
    for byte in frame[26:]:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return (frame + value.to_bytes(2, "little")).hex()


@asynccontextmanager
async def served(
    kind: Kind = HYBRID, *, plant: Plant | None = None, **more: Any
) -> AsyncIterator[tuple[Dongle, Callable[[], Any]]]:
    """Yield an adapter and what connects to it."""
    dongle = Dongle(GivEnergyFace(plant or plant_at(NOON, warm_up=False), kind), **more)
    await dongle.open("127.0.0.1", 0)
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", dongle.port)
        writers.append(writer)
        return reader, writer

    try:
        yield dongle, connect
    finally:
        for writer in writers:
            writer.close()
        await dongle.close()


async def ask(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], text: str, size: int) -> str:
    stream[1].write(bytes.fromhex(text))
    return (await asyncio.wait_for(stream[0].readexactly(size), 5)).hex()


async def test_the_adapter_speaks_the_bytes_of_the_sheet() -> None:
    async with served(THREE_PHASE) as (_, connect):
        stream = await connect()
        assert await ask(stream, crc(READ_300), 44) == REFUSED_300
    async with served() as (dongle, connect):
        stream = await connect()
        assert await ask(stream, WRITE_96, 44) == WRITTEN_96
        assert dongle.face.settings.words[96] == 1  # type: ignore[attr-defined]
        page = await ask(stream, READ_PAGE, 164)
        assert page.startswith(
            "59590001009e0102575830303030543030310000000000000" + "08a1104514130303030543030320000003c"
        )
        assert crc(page[:-4]) == page


@pytest.mark.parametrize(
    "wrong",
    [
        READ_PAGE[:-4] + "0000",  # the check
        READ_PAGE[:36] + "00" * 8 + READ_PAGE[52:],  # the inner length
        crc("59590001001c0102575830303030543030310000000000000008" + "1104" + "0000003d"),  # 61 registers
        crc("59590001001c0102575830303030543030310000000000000008" + "1105" + "00000001"),  # no such function
    ],
)
async def test_the_adapter_is_silent_where_something_is_wrong(wrong: str) -> None:
    async with served() as (_, connect):
        stream = await connect()
        stream[1].write(bytes.fromhex(wrong))
        assert (await ask(stream, READ_PAGE, 164)).startswith("59590001009e")  # the only answer


async def test_a_heartbeat_that_nobody_answers_three_times_ends_the_connection() -> None:
    async with served(heartbeat_s=0.02) as (_, connect):
        reader, _ = await connect()
        assert (await asyncio.wait_for(reader.read(), 5)).hex() == HEARTBEAT * 3
    async with served(heartbeat_s=0.02) as (dongle, connect):
        reader, writer = await connect()
        for _ in range(6):
            beat = await asyncio.wait_for(reader.readexactly(19), 5)
            writer.write(beat)
        assert dongle.heartbeats_answered >= 5


async def test_who_did_not_ask_sees_the_answer_as_well() -> None:
    async with served() as (_, connect):
        one, other = await connect(), await connect()
        await asyncio.sleep(0.05)
        answer = await ask(one, READ_PAGE, 164)
        assert (await asyncio.wait_for(other[0].readexactly(164), 5)).hex() == answer


def read(
    face: GivEnergyFace, address: int, count: int = 1, table: Table = Table.INPUT, unit: int = 0x11
) -> int:
    """A number of one or two words, the high word first."""
    words = face.read(unit, table, address, count)
    return words[0] if count == 1 else words[0] << 16 | words[1]


def signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


@pytest.mark.parametrize("moment", [NOON, EVENING])
def test_a_hybrid_shows_the_plant_in_the_registers_of_the_sheet(moment: str) -> None:
    plant = plant_at(moment)
    face, state, energy = GivEnergyFace(plant), plant.state, plant.energy
    assert read(face, 18) + read(face, 20) == pytest.approx(state.pv_power_w, abs=1.5)
    assert -signed(read(face, 30)) == pytest.approx(state.grid.power_w, abs=1)
    assert signed(read(face, 52)) == pytest.approx(state.battery.power_w, abs=1)
    assert read(face, 42) == pytest.approx(state.load.power_w, abs=1)
    assert read(face, 59) == round(100 * state.battery.soc)
    assert read(face, 5) / 10 == pytest.approx(state.grid.voltage_by_phase[0], abs=0.06)
    assert read(face, 13) / 100 == pytest.approx(state.grid.frequency_hz, abs=0.006)
    assert signed(read(face, 51)) / 100 * read(face, 50) / 100 == pytest.approx(state.battery.power_w, abs=5)
    for address, joules in (
        (11, energy.pv),
        (21, energy.grid_export),
        (32, energy.grid_import),
        (6, energy.battery_charge + energy.battery_discharge),
    ):
        assert read(face, address, 2) / 10 == pytest.approx(joules / KWH, abs=0.06)
    packs = [face.read(unit, Table.INPUT, 60, 60) for unit in (0x32, 0x33)]
    for pack in packs:
        assert sum(pack[:16]) == pytest.approx(pack[20], abs=2)
        assert pack[40] == round(100 * state.battery.soc)
    assert not any(face.read(0x34, Table.INPUT, 60, 60))


@pytest.mark.parametrize("moment", [NOON, EVENING])
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
async def test_the_driver_reads_the_plant(kind: Kind, moment: str, tmp_path: Path) -> None:
    plant = plant_at(moment)
    async with served(kind, plant=plant) as (dongle, _):
        site = tmp_path / "sunhelm.yml"
        device = {"family": "givenergy", "host": "127.0.0.1", "port": dongle.port}
        device["units"] = {"meter": [1], "meter_product": [1]}
        site.write_text(
            yaml.safe_dump({"site": {"name": "h", "zone": "Europe/Amsterdam"}, "devices": {"it": device}})
        )
        async with open_site(site) as devices:
            for _ in range(3):  # what there was no time for is read in the next
                reading = await devices["it"].read(Deadline.after(60))
    told: dict[str, float] = {}
    for sample in reading.samples:
        if not sample.labels:
            told[sample.quantity.metric] = sample.value
    state, energy = plant.state, plant.energy
    expected: Mapping[str, tuple[float, float]] = {
        "solar_pv_power_watts": (state.pv_power_w, 2.0),
        "solar_grid_power_watts": (state.grid.power_w, 1.0),
        "solar_battery_power_watts": (state.battery.power_w, 1.0),
        "solar_load_power_watts": (state.load.power_w, 1.0),
        "solar_battery_state_of_charge_ratio": (state.battery.soc, 0.006),
        "solar_grid_frequency_hertz": (state.grid.frequency_hz, 0.006),
        "solar_grid_import_joules_total": (energy.grid_import, 0.06 * KWH),
        "solar_grid_export_joules_total": (energy.grid_export, 0.06 * KWH),
        "solar_pv_production_joules_total": (energy.pv, 0.06 * KWH),
        "solar_grid_import_today_joules": (energy.grid_import - plant.today.begin.grid_import, 0.06 * KWH),
    }
    wrong = {
        name: (told.get(name), value)
        for name, (value, step) in expected.items()
        if told.get(name) != pytest.approx(value, abs=step)
    }
    assert wrong == {}


def test_what_a_model_does_not_have_is_refused_and_a_silent_slave_is_zeros() -> None:
    face = GivEnergyFace(plant_at(NOON, warm_up=False))
    for table, address in ((Table.HOLDING, 240), (Table.INPUT, 1000), (Table.INPUT, 60)):
        with pytest.raises(ModbusException):
            face.read(0x11, table, address, 60)
    assert not any(face.read(0x37, Table.INPUT, 60, 60))


@pytest.mark.parametrize(("kind", "shows"), [(HYBRID, True), (ALL_IN_ONE, False), (THREE_PHASE, False)])
def test_the_first_page_is_mirrored_where_the_battery_is_of_low_voltage(kind: Kind, shows: bool) -> None:
    face = GivEnergyFace(plant_at(NOON, warm_up=False), kind)
    inverter = face.read(0x11, Table.INPUT, 0, 60)
    for slave in (0x30, 0x32):
        assert face.read(slave, Table.INPUT, 0, 60) == (inverter if shows else [0] * 60)


def test_what_cannot_be_written_is_refused() -> None:
    face = GivEnergyFace(plant_at(NOON, warm_up=False))
    for address, word in ((162, 1), (331, 1), (63, 1), (5003, 1), (163, 1), (163, 0), (36, 13), (313, 0)):
        with pytest.raises(ModbusException):
            face.write(0x11, address, [word])
    assert face.settings.restarts == 0
    face.write(0x11, 163, [100])
    assert face.settings.restarts == 1


def test_slots_rates_and_reserve_move_the_battery() -> None:
    plant = plant_at(EVENING, soc=0.5, warm_up=False)
    face = GivEnergyFace(plant)

    def write(words: Mapping[int, int]) -> None:
        for address, word in words.items():
            face.write(0x11, address, [word])
        plant.advance(30)
        face.update()

    write({94: 2200, 95: 2359, 96: 1, 111: 10})
    assert plant.steering.mode is Mode.BATTERY
    assert plant.state.battery.power_w == pytest.approx(-0.1 * 200 * 51.2, rel=0.05)
    write({318: 1, 319: 0, 320: 2359})  # a pause of charging counts more
    assert plant.state.battery.power_w > -1.0
    write({318: 0, 96: 0, 27: 0, 59: 1, 56: 2200, 57: 2359, 112: 10})
    assert plant.state.battery.power_w == pytest.approx(0.1 * 200 * 51.2, rel=0.05)
    write({110: 100})  # the reserve stops it
    assert plant.state.battery.power_w < 1.0
