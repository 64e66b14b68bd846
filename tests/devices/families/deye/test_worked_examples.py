"""What the facts sheet decodes, value by value, and the bytes that it prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pymodbus.framer import FramerRTU

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Limit
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families import Surroundings
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.simulator.faults import Holes

KWH = 3_600_000.0
ZONE = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("part", "name", "words", "value"),
    [
        ("three_phase_lv", "rated_power", (0x5F90, 0x0001), 9000.0),
        ("three_phase_lv", "trackers", (0x0203,), 2.0),
        ("three_phase_lv", "phases", (0x0203,), 3.0),
        ("three_phase_lv", "battery_charge", (0x86A0, 0x0001), 10_000.0 * KWH),
        ("three_phase_lv", "heatsink_temperature", (1423,), 42.3),
        ("three_phase_lv", "battery_1_temperature", (985,), -1.5),
        ("three_phase_lv", "battery_1_voltage", (5216,), 52.16),
        ("three_phase_hv", "battery_1_voltage", (5216,), 521.6),
        ("three_phase_lv", "battery_1_power", (0xFA24,), -1500.0),
        ("three_phase_hv", "battery_1_power", (0xFA24,), -15_000.0),
        ("three_phase_lv", "battery_1_current", (0xF4F2,), -28.30),
        ("three_phase_hv", "battery_1_current", (0xF4F2,), -28.30),
        ("three_phase_lv", "grid_reported_power", (0xFF38,), -200.0),
        ("three_phase_lv", "slot_1_start", (630,), 6.5 * 3600),
        ("three_phase_lv", "time_of_use", (0x003F,), 63.0),
        ("three_phase_lv", "slot_1_flags", (0x0021,), 33.0),
        ("three_phase_lv", "max_sell_power", (5000,), 5000.0),
        ("three_phase_hv", "max_sell_power", (5000,), 50_000.0),
        ("single_phase", "grid_frequency", (5001,), 50.01),
        ("micro", "heatsink_temperature", (5000,), 40.0),
    ],
)
def test_a_word_means_what_the_sheet_says(
    maps: Mapping[str, RegisterMap], part: str, name: str, words: tuple[int, ...], value: float
) -> None:
    assert codec.plain_value(maps[part][name], words) == pytest.approx(value)


def test_faults_are_told_by_their_number(maps: Mapping[str, RegisterMap]) -> None:
    register = maps["three_phase_lv"]["faults"]
    raw = codec.unpack(register.type, (0, 0, 0x0004, 0x8000))
    assert isinstance(raw, int)
    on = {register.names[bit] for bit in range(64) if raw >> bit & 1}
    assert on == {"f35_no_ac_grid", "f64_heatsink_too_hot"}


@pytest.mark.parametrize("part", ["three_phase_lv", "three_phase_hv", "single_phase", "string"])
def test_a_fault_that_nobody_has_named_is_told_by_its_number(
    maps: Mapping[str, RegisterMap], part: str
) -> None:
    names = maps[part]["faults"].names
    assert [name[:3] for _, name in sorted(names.items())] == [f"f{number:02}" for number in range(1, 65)]


def test_the_serial_number_is_ten_characters(maps: Mapping[str, RegisterMap]) -> None:
    words = (0x3233, 0x3034, 0x3036, 0x3038, 0x3130)
    assert codec.plain_value(maps["three_phase_lv"]["serial_number"], words) == "2304060810"


async def test_frames_are_the_bytes_of_the_sheet(play: Any) -> None:
    """Writes of one register by function 16 too, the six starts in one request, the clock in one."""
    inverter = await play(link="rtu_over_tcp")
    sent: list[bytes] = []
    board = inverter.device.handles["export_limit"].board
    frame = board.link._frames.frame
    board.link._frames.frame = lambda question: sent.append(frame(question)) or sent[-1]
    await inverter.write("export_limit", Limit(5000))
    assert bytes.fromhex("0110008f0001021388b439") in sent
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        await board.read_row("three_phase_lv", ("battery_1_state_of_charge",), deadline)
        await board.write_row(
            "three_phase_lv",
            [f"slot_{n}_start" for n in range(1, 7)],
            (0, 500, 900, 1200, 1700, 2130),
            deadline,
        )
    starts = bytes.fromhex("0110009400060c000001f4038404b006a40852006c")
    assert sent[-1] == starts
    assert all(FramerRTU.check_CRC(each[:-2], int.from_bytes(each[-2:], "big")) for each in sent)


async def test_the_clock_is_set_by_the_bytes_of_the_sheet(play: Any) -> None:
    inverter = await play(link="rtu_over_tcp", at=1_773_475_530.0)  # 2026-03-14 09:05:30 at Amsterdam
    sent: list[bytes] = []
    link = inverter.device.link
    frame = link._frames.frame
    link._frames.frame = lambda question: sent.append(frame(question)) or sent[-1]
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        await inverter.device.tasks["set_clock"].run(deadline)
    assert sent[-1].hex() == "0110003e0003061a030e09051e9002"


async def test_numbers_of_two_words_that_stand_apart_are_one(play: Any, read: Any) -> None:
    inverter = await play("single_phase")
    inverter.face._written.update({78: 1234, 79: 5001, 80: 2})
    told = await read(inverter)
    assert told["solar_grid_import_joules_total"] == pytest.approx(13_230.6 * KWH)
    assert told["solar_grid_frequency_hertz"] == pytest.approx(50.01)


@pytest.mark.parametrize(
    ("low", "high", "watts"),
    [(0xFF38, 0xFFFF, -200.0), (0xFF38, 0, -200.0), (0x9C40, 0, 40_000.0)],
)
async def test_high_words_count_only_where_the_result_can_be(
    play: Any, read: Any, low: int, high: int, watts: float
) -> None:
    inverter = await play("three_phase_hv")
    inverter.face._written.update({20: 500_000 & 0xFFFF, 21: 500_000 >> 16, 625: low, 690: high})
    assert (await read(inverter))["solar_deye_grid_reported_power_watts"] == watts


async def test_newer_high_voltage_units_count_whole_kilowatt_hours(play: Any, read: Any) -> None:
    for firmware, unit in ((0x1097, 0.1), (0x1098, 1.0)):
        inverter = await play("three_phase_hv", firmware=firmware)
        inverter.face._written.update({516: 0x86A0, 517: 0x0001})
        told = await read(inverter)
        assert told["solar_battery_charge_joules_total"] == pytest.approx(100_000 * unit * KWH)
    low_voltage = await play(firmware=0x2000)
    low_voltage.face._written.update({516: 0x86A0, 517: 0x0001})
    assert (await read(low_voltage))["solar_battery_charge_joules_total"] == pytest.approx(10_000 * KWH)


@pytest.mark.parametrize(("rated", "unit"), [(8_000.0, 1.0), (12_000.0, 10.0), (16_000.0, 10.0)])
async def test_large_single_phase_units_tell_grid_and_load_in_10_watts(
    play: Any, read: Any, rated: float, unit: float
) -> None:
    inverter = await play("single_phase", rated_power_w=rated)
    inverter.face._written.update({170: 150, 172: 150, 178: 230, 190: 700, 175: 900})
    told = await read(inverter)
    assert told["solar_grid_power_watts"] == 150 * unit
    assert told["solar_load_power_watts"] == 230 * unit
    assert told["solar_battery_power_watts"] == 700
    assert told["solar_inverter_power_watts"] == 900


async def test_the_wrong_map_is_refused(play: Any, read: Any) -> None:
    """A single-phase unit answers zeros where three-phase ones have their battery: -100 degrees."""
    inverter = await play("single_phase", model="SUN-12K-SG04LP3")
    with pytest.raises(Rejected, match=r"another device than expected: .* is 0x0003, where three_phase_lv"):
        await read(inverter)
    with pytest.raises(Rejected, match="another device than expected"):
        await inverter.write("export_limit", Limit(0))
    assert inverter.written == []


async def test_a_total_is_not_that_of_the_parts_that_a_troubled_device_tells(
    play: Any, deye: Any, clock: Any
) -> None:
    inverter = await play()
    source = deye.open(inverter.config, Surroundings(ZONE, clock))

    async def totals() -> set[str]:
        deadline = Deadline.after(60, clock)
        async with source.turn(deadline):
            await source.prepare(deadline)
            groups = [group.name for group in source.groups() if group.name != "discovery"]
            fetched = await source.fetch(groups, deadline)
        samples = [sample for each in fetched.values() for sample in each.samples]
        names = {sample.quantity.name for sample in source.derive(samples, groups)}
        return names & {"pv_power", "battery_power", "grid_power"}

    everything = {"pv_power", "battery_power", "grid_power"}
    assert await totals() == everything
    inverter.server.faults.start(Holes(addresses=frozenset({673})))
    assert await totals() == set()
    inverter.server.faults.clear()
    inverter.live(61)
    assert await totals() == everything
    await source.close()


async def test_there_is_no_power_of_all_pv_before_it_is_known_what_hangs_on_the_port(deye: Any) -> None:
    live = {"pv_1_voltage": 400.0, "pv_1_power": 900.0, "generator_port_power": 300.0}
    sample = Sample(CATALOGUE["pv_string_power"], 900.0, ("1",), "holding 672", "live")

    def told(**mode: float) -> list[float]:
        values = {"three_phase_lv": {**live, **mode}}
        return [one.value for one in deye.derive([sample], values) if one.quantity.name == "pv_power"]

    assert told() == []
    assert told(generator_port_mode=0.0) == told(generator_port_mode=1.0) == [900.0]
    assert told(generator_port_mode=2.0) == [1200.0]
