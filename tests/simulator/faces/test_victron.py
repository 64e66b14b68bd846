"""The GX face against its facts sheet: bytes of its worked examples, addresses, habits and controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.image import Image, rounded
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.faces.victron.extras import EXTRAS
from sunhelm.simulator.faces.victron.layout import SERVICES, UNITS, span_at
from sunhelm.simulator.faces.victron.telemetry import CORE
from sunhelm.simulator.house import UTRECHT, House
from sunhelm.simulator.modbus_device import Limits, ModbusDevice
from sunhelm.simulator.modbus_framing import Framed, TcpFraming
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import RequestLog
from sunhelm.simulator.steering import Mode, Switch

NOON = datetime(2026, 6, 21, 13, tzinfo=UTRECHT.zone).timestamp()
NIGHT = datetime(2026, 6, 21, 1, 30, tzinfo=UTRECHT.zone).timestamp()


class Gx:
    """A face, its plant and its clock, asked in frames or in numbers."""

    def __init__(self, clock: Any, start: float = NOON, **options: Any) -> None:
        self.clock = clock
        options = {"seed": 3, "warm_up": False, **options}
        self.plant = Plant(start=start, **options)
        self.face = VictronFace(self.plant, clock=clock)
        self.device = ModbusDevice(self.face, RequestLog(), Limits(functions={3, 4, 6, 16}, write_words=125))

    def frame(self, request: str) -> bytes:
        """Answer one Modbus TCP frame."""
        data = bytes.fromhex(request)
        asked = Framed(unit=data[6], pdu=data[7:], header=data[:4])
        return TcpFraming().reply(asked, self.device.answer(asked.unit, asked.pdu)).frame

    def read(self, unit: int, address: int, count: int = 1) -> list[int]:
        return list(self.face.read(unit, Table.HOLDING, address, count))

    def u16(self, unit: int, address: int) -> int:
        return self.read(unit, address)[0]

    def i16(self, unit: int, address: int) -> int:
        return (self.u16(unit, address) ^ 0x8000) - 0x8000

    def u32(self, unit: int, address: int) -> int:
        high, low = self.read(unit, address, 2)
        return high << 16 | low

    def i32(self, unit: int, address: int) -> int:
        return (self.u32(unit, address) ^ 0x8000_0000) - 0x8000_0000

    def write(self, unit: int, address: int, *words: int) -> None:
        self.face.write(unit, address, [word & 0xFFFF for word in words])

    def live(self, seconds: float) -> None:
        """Let the house and the clock of the outside world go on together."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.plant.advance(1.0)
            self.face.update()


@pytest.fixture
def gx(manual_clock: Any) -> Gx:
    return Gx(manual_clock)


def code(call: Callable[[], object]) -> int:
    with pytest.raises(ModbusException) as caught:
        call()
    return caught.value.code


# The sheet's worked examples, as bytes.


@pytest.fixture
def example(gx: Gx) -> Gx:
    """The house of the sheet's examples."""
    state = gx.plant.state
    gx.plant.state = replace(
        state,
        time=1_790_000_000.0,
        battery=replace(
            state.battery,
            voltage_v=52.3,
            current_a=12.4,
            power_w=648.0,
            soc=0.87,
            consumed_ah=31.2,
            time_to_go_s=7200.0,
        ),
        inverter=replace(state.inverter, input_by_phase=(-1500.0, 0.0, 0.0)),
        grid=replace(state.grid, power_by_phase=(-2345.0, 120.0, 0.0)),
    )
    return gx


@pytest.mark.parametrize(
    ("request_frame", "reply"),
    [
        (
            "0001 0000 0006 64 03 0348 0007",
            "0001 0000 0011 64 03 0E 020B FF84 FD78 0057 0002 0138 0048",
        ),
        ("0002 0000 0006 E3 06 0025 FA24", "0002 0000 0006 E3 06 0025 FA24"),
        ("0003 0000 000D E3 10 0025 0003 06 FA24 0000 0000", "0003 0000 0006 E3 10 0025 0003"),
        ("0004 0000 000B 64 10 0A9C 0002 04 0000 0BB8", "0004 0000 0006 64 10 0A9C 0002"),
        ("0005 0000 000B 64 10 0AA2 0002 04 0000 0000", "0005 0000 0006 64 10 0AA2 0002"),
        ("0005 0000 000B 64 10 0AA2 0002 04 FFFF FFFF", "0005 0000 0006 64 10 0AA2 0002"),
        ("0006 0000 0006 32 03 0003 0001", "0006 0000 0003 32 83 0A"),
        ("0007 0000 0006 64 03 031F 0001", "0007 0000 0003 64 83 02"),
        ("0008 0000 0006 64 03 0320 007E", "0008 0000 0003 64 83 03"),
        ("0009 0000 0006 64 03 0342 0002", "0009 0000 0007 64 03 04 0351 0000"),
        ("000A 0000 0006 E3 03 000C 0003", "000A 0000 0009 E3 03 06 FF6A 0000 0000"),
        (
            "000B 0000 0006 1E 03 0A4E 0006",
            "000B 0000 000F 1E 03 0C FFFF F6D7 0000 0078 0000 0000",
        ),
        ("000C 0000 0006 64 06 0B55 00FA", "000C 0000 0006 64 06 0B55 00FA"),
        ("000D 0000 0006 64 06 0B54 0009", "000D 0000 0006 64 06 0B54 0009"),
        ("000F 0000 0006 64 03 033E 0004", "000F 0000 000B 64 03 08 0000 0000 6AB1 3B80"),
    ],
)
def test_a_worked_example_of_the_sheet_to_the_byte(example: Gx, request_frame: str, reply: str) -> None:
    assert example.frame(request_frame).hex() == bytes.fromhex(reply).hex()


def test_the_battery_block_of_the_sheet_to_the_byte(example: Gx) -> None:
    state = example.plant.state
    battery = replace(
        state.battery,
        power_w=640.0,
        voltage_v=52.30,
        current_a=12.2,
        temperature_c=21.5,
        consumed_ah=31.2,
        soc=0.873,
    )
    example.plant.state = replace(state, battery=battery)
    assert example.frame("000E 0000 0006 E1 03 0102 0009") == bytes.fromhex(
        "000E 0000 0015 E1 03 12 FD80 146E 0000 FF86 00D7 0000 0000 0138 0369"
    )


# The map.


def everything() -> Iterator[tuple[str, int, int, int]]:
    for name, service in SERVICES.items():
        for first, last in service.spans:
            yield name, UNITS[name][0], first, last


def test_every_service_of_the_list_stands_at_a_unit() -> None:
    assert set(UNITS) == set(SERVICES)
    assert len(SERVICES) == 33


@pytest.mark.parametrize(("name", "unit", "first", "last"), list(everything()))
def test_a_span_reads_from_end_to_end_and_not_beyond(
    gx: Gx, name: str, unit: int, first: int, last: int
) -> None:
    for begin in range(first, last + 1, 125):
        count = min(125, last + 1 - begin)
        assert len(gx.read(unit, begin, count)) == count
    for outside in (first - 1, last + 1):
        if span_at(outside) is None:
            assert code(lambda place=outside: gx.read(unit, place)) == 2
            begin = min(outside, last)
            assert code(lambda place=begin: gx.read(unit, place, 2)) == 2


@pytest.mark.parametrize("name", sorted({*CORE, *EXTRAS}))
def test_what_a_service_shows_stands_in_its_spans_and_on_no_filler(gx: Gx, name: str) -> None:
    image = Image()
    (CORE.get(name) or EXTRAS[name])(image, gx.face._view)
    owners = {"settings", "hub4"} if name in {"settings", "hub4"} else {name}
    for address in image:
        span = span_at(address)
        assert span is not None
        assert span[0] in owners
        service = SERVICES[span[0]]
        assert not any(low <= address <= high for low, high in service.reserved)


def test_reserved_registers_read_ffff_and_swallow_writes(gx: Gx) -> None:
    assert gx.read(100, 827, 3) == [0xFFFF] * 3
    gx.write(100, 2719, 5)
    assert gx.u16(100, 2719) == 0xFFFF


def test_absent_values_read_0(gx: Gx) -> None:
    assert gx.read(225, 263, 2) == [0, 0]  # no middle voltage
    assert gx.read(100, 814, 3) == [0, 0, 0]  # no generator


def test_functions_3_and_4_read_the_same(gx: Gx) -> None:
    assert gx.face.read(100, Table.INPUT, 840, 7) == gx.face.read(100, Table.HOLDING, 840, 7)


def test_unit_0_is_unit_100(gx: Gx) -> None:
    assert gx.read(0, 800, 6) == gx.read(100, 800, 6)


def test_a_read_over_settings_and_hub4_is_one_read(gx: Gx) -> None:
    assert len(gx.read(100, 2700, 25)) == 25


def test_a_service_at_another_unit_is_a_gateway_exception(gx: Gx) -> None:
    assert code(lambda: gx.read(100, 259)) == 10
    assert code(lambda: gx.read(225, 840)) == 10
    assert code(lambda: gx.write(225, 2700, 1)) == 10


@pytest.mark.parametrize("address", [840, 2601, 3, 2903, 834])
def test_what_may_not_be_written_is_exception_2(gx: Gx, address: int) -> None:
    unit = {2601: 30, 3: 227}.get(address, 100)
    assert code(lambda: gx.write(unit, address, 1)) == 2


def test_unit_ids_can_be_set(manual_clock: Any) -> None:
    plant = Plant(start=NOON, warm_up=False)
    face = VictronFace(plant, clock=manual_clock, units={"system": (1,), "vebus": (246, 247)})
    assert face.read(247, Table.HOLDING, 28, 1) == [3]
    assert code(lambda: face.read(225, Table.HOLDING, 259, 1)) == 10
    with pytest.raises(ValueError, match="no such services: batery; there are vebus, battery"):
        VictronFace(plant, units={"batery": (1,)})


@settings(max_examples=200)
@given(
    unit=st.sampled_from([0, 20, 30, 100, 225, 226, 227, 230, 255]),
    address=st.integers(0, 0xFFFF),
    words=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=6),
)
def test_any_read_or_write_is_answered_or_refused_by_a_known_exception(
    unit: int, address: int, words: list[int]
) -> None:
    gx = Gx(SimpleNamespace(monotonic=lambda: 0.0), step_s=1.0)
    codes = set()
    for act in (lambda: gx.read(unit, address, len(words)), lambda: gx.write(unit, address, *words)):
        try:
            act()
        except ModbusException as error:
            codes.add(error.code)
    assert codes <= {2, 10}
    gx.plant.advance(2.0)
    gx.face.update()
    assert abs(gx.plant.state.imbalance_w) < 1e-6


# The plant through the registers.


def test_pv_grid_and_battery_are_the_load_within_the_inverters_losses(gx: Gx) -> None:
    for _ in range(30):
        gx.live(10)
        pv = sum(gx.u32(100, address) for address in range(884, 902, 2)) + gx.u16(100, 850)
        grid = sum(gx.i32(100, address) for address in (908, 910, 912))
        load = sum(gx.u32(100, address) for address in (902, 904, 906))
        battery = -gx.i16(100, 842)
        losses = pv + grid + battery - load
        assert losses == pytest.approx(gx.plant.state.inverter.loss_w, abs=6.0)


def test_twins_of_16_and_32_bits_agree(gx: Gx) -> None:
    gx.live(30)
    for narrow, wide in ((808, 884), (811, 890), (814, 896), (817, 902), (820, 908), (823, 914)):
        for phase in range(3):
            assert gx.i16(100, narrow + phase) == gx.i32(100, wide + 2 * phase)
    for phase in range(3):
        assert gx.i16(30, 2600 + phase) == gx.i32(30, 2638 + 2 * phase)
        assert gx.u16(20, 1029 + 4 * phase) == gx.u32(20, 1058 + 2 * phase)
        assert gx.u16(30, 2603 + phase) == gx.u32(30, 2622 + 2 * phase) & 0xFFFF
    assert gx.i16(225, 258) == gx.i32(225, 256)
    assert gx.i16(100, 866) == gx.i32(100, 870)
    assert gx.u16(226, 789) == pytest.approx(10 * gx.u32(226, 792), abs=5)


def test_signs_are_those_of_the_gx(manual_clock: Any) -> None:
    gx = Gx(manual_clock, soc=0.3)
    gx.live(20)
    assert gx.i16(100, 842) > 500  # charging is positive
    assert gx.i16(100, 841) > 5
    assert gx.i16(225, 261) > 5
    assert gx.u16(100, 844) == 1
    assert gx.i16(100, 866) > 0 or gx.u16(100, 850) > 500
    full = Gx(manual_clock, soc=1.0)
    full.live(20)
    assert sum(full.i32(100, address) for address in (908, 910, 912)) < -1_000  # export is negative
    night = Gx(manual_clock, NIGHT, soc=0.8)
    night.live(20)
    assert night.i16(100, 842) < -100
    assert night.u16(100, 844) == 2
    assert night.i16(100, 866) < -100
    assert night.u16(226, 775) == 0


def test_the_meter_counts_what_the_house_draws_and_gives(manual_clock: Any) -> None:
    gx = Gx(manual_clock, soc=1.0)
    before = (gx.u32(30, 2634), gx.u32(30, 2636))
    gx.live(600)
    assert gx.u32(30, 2634) - before[0] <= 1
    expected = (gx.plant.energy.grid_export / 3.6e6) * 100
    assert gx.u32(30, 2636) == rounded(expected) > before[1] + 20


def test_a_one_phase_house_has_one_phase(manual_clock: Any) -> None:
    gx = Gx(manual_clock, house=House(phases=1))
    gx.live(10)
    assert gx.u16(227, 28) == 1
    assert gx.read(227, 3, 3)[1:] == [0, 0]
    assert gx.u16(227, 3) > 2200
    assert gx.i16(100, 821) == gx.i16(100, 822) == 0


def test_text_is_two_characters_a_word(gx: Gx) -> None:
    words = gx.read(100, 800, 6)
    portal = b"".join(word.to_bytes(2, "big") for word in words).decode()
    assert len(portal) == 12
    assert int(portal, 16) > 0
    assert b"".join(word.to_bytes(2, "big") for word in gx.read(30, 2650, 8)).rstrip(b"\0") == b"Grid meter"


def test_the_multi_looks_at_the_same_plant(gx: Gx) -> None:
    gx.live(10)
    assert gx.u16(230, 4526) == gx.u16(227, 26)
    assert gx.read(230, 4506, 3) == gx.read(227, 12, 3)
    assert gx.u16(230, 4529) == gx.u16(225, 266)
    assert gx.u16(230, 4540) == gx.u16(226, 3730)


@given(st.floats(-1e6, 1e6))
def test_rounding_is_to_the_nearest_halves_away_from_zero(value: float) -> None:
    assert abs(rounded(value) - value) <= 0.5
    assert rounded(-value) == -rounded(value)
    assert (rounded(0.5), rounded(1.5), rounded(-2.5)) == (1, 2, -3)


# Controls.


def test_the_volatile_setpoint_overrides_the_stored_one_until_0(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.5)
    gx.write(100, 2700, 500)
    gx.live(20)
    assert gx.plant.state.grid.power_w == pytest.approx(500.0, abs=40.0)
    gx.write(100, 2716, 0xFFFF, -1_500)
    gx.live(20)
    assert gx.i32(100, 2716) == -1_500
    assert gx.plant.state.grid.power_w == pytest.approx(-1_500.0, abs=40.0)
    gx.write(100, 2716, 0, 0)
    gx.live(20)
    assert gx.plant.state.grid.power_w == pytest.approx(500.0, abs=40.0)


def test_2703_is_2700_in_hundreds(gx: Gx) -> None:
    gx.write(100, 2703, -12)
    assert gx.i16(100, 2700) == -1_200
    gx.write(100, 2700, 1_260)
    assert gx.i16(100, 2703) == 13


def test_half_a_pair_is_merged_with_the_other_half(gx: Gx) -> None:
    gx.write(100, 2722, 0, 4_000)
    gx.write(100, 2723, 5_000)
    assert gx.i32(100, 2722) == 5_000
    gx.write(100, 2722, 1)
    assert gx.i32(100, 2722) == 65_536 + 5_000


def test_a_feed_in_limit_holds_the_export_and_lifting_it_lets_go(manual_clock: Any) -> None:
    gx = Gx(manual_clock, soc=1.0)
    gx.live(10)
    assert gx.plant.state.grid.power_w < -1_500
    assert gx.u16(100, 2709) == 0
    gx.write(100, 2722, 0, 0)
    gx.live(10)
    assert gx.plant.state.grid.power_w >= -1.0
    assert gx.u16(100, 2709) == 1
    gx.write(100, 2706, 10)
    gx.live(10)
    assert gx.plant.state.grid.power_w == pytest.approx(-1_000.0, abs=1.0)
    assert gx.i32(100, 2722) == 1_000
    gx.write(100, 2722, 0xFFFF, 0xFFFF)
    gx.live(10)
    assert gx.plant.state.grid.power_w < -1_500
    assert gx.u16(100, 2706) == 0  # -1 rounds to 0 in hundreds of watts
    gx.write(100, 2706, -1)
    assert gx.i32(100, 2722) == -1


def test_2708_keeps_the_pv_inverters_surplus_from_the_grid(manual_clock: Any) -> None:
    gx = Gx(manual_clock, soc=1.0)
    gx.write(100, 2708, 1)
    gx.write(100, 2707, 0)
    gx.live(10)
    assert gx.plant.state.grid.power_w >= -5.0


@pytest.mark.parametrize("register", [(2720, (0, 0)), (2704, (0,)), (2702, (0,))])
def test_a_discharge_cap_of_0_keeps_the_battery(
    manual_clock: Any, register: tuple[int, tuple[int, ...]]
) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.8)
    gx.live(5)
    assert gx.plant.state.battery.power_w > 100.0
    address, words = register
    gx.write(100, address, *words)
    gx.live(10)
    assert gx.plant.state.battery.power_w <= 0.0


def test_a_charge_current_caps_charging(manual_clock: Any) -> None:
    gx = Gx(manual_clock, soc=0.3)
    gx.write(100, 2705, 10)
    gx.live(10)
    assert gx.i16(225, 261) == pytest.approx(100, abs=3)
    gx.write(100, 2705, -1)
    gx.live(10)
    assert gx.i16(225, 261) > 200


def test_the_minimum_soc_is_obeyed(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.5)
    gx.write(100, 2901, 520)
    gx.live(10)
    assert gx.plant.state.battery.power_w <= 0.0
    assert gx.u16(100, 2900) == 11
    gx.write(100, 2901, 600)
    gx.live(10)
    assert gx.plant.state.battery.power_w < -500.0
    assert gx.u16(100, 2900) == 12


def test_keep_charged_and_back(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.5)
    gx.write(100, 2900, 9)
    gx.live(10)
    assert gx.plant.state.battery.power_w < -3_000.0
    assert gx.u16(100, 2900) == 9
    gx.write(100, 2900, 0)
    gx.live(10)
    assert gx.u16(100, 2900) == 2  # 0 ends as BatteryLife on
    assert gx.plant.state.battery.power_w > 0.0
    gx.write(100, 2900, 10)
    gx.live(2)
    assert gx.u16(100, 2900) == 10


def test_mode_3_discharges_as_told_and_falls_asleep_without_repetition(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.6)
    gx.write(227, 37, 0, 0, 0)
    gx.write(100, 2902, 3)
    assert gx.u16(227, 31) == 252
    gx.write(227, 37, -1_500)
    for _ in range(4):
        gx.live(5)
        gx.write(227, 37, -1_500)
    assert gx.i16(227, 12) == pytest.approx(-150, abs=4)
    assert gx.i32(227, 96) == -1_500
    assert gx.plant.steering.mode is Mode.AC_INPUT
    gx.live(20)
    assert gx.u16(227, 31) != 252
    assert abs(gx.plant.state.battery.power_w) < 100.0
    gx.write(227, 96, 0xFFFF, -1_000)
    gx.live(5)
    assert gx.u16(227, 31) == 252
    assert gx.i16(227, 12) == pytest.approx(-100, abs=4)
    gx.write(100, 2902, 1)
    gx.live(10)
    assert gx.plant.state.grid.power_w == pytest.approx(0.0, abs=40.0)


def test_the_watchdog_can_be_set(manual_clock: Any) -> None:
    plant = Plant(start=NIGHT, warm_up=False)
    face = VictronFace(plant, clock=manual_clock, watchdog_s=60.0)
    face.write(100, 2902, [3])
    manual_clock.advance(59.0)
    face.update()
    assert plant.steering.mode is Mode.AC_INPUT
    manual_clock.advance(2.0)
    face.update()
    assert plant.steering.mode is Mode.IDLE


def test_both_flags_of_mode_3_idle_the_battery(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.6)
    gx.write(227, 37, -1_500, 1, 1)
    gx.write(100, 2902, 3)
    gx.live(5)
    assert abs(gx.plant.state.battery.power_w) < 100.0


def test_the_gx_writes_over_the_setpoints_in_modes_1_and_2(gx: Gx) -> None:
    gx.write(227, 37, -1_500, 1, 1)
    assert gx.i16(227, 37) == -1_500
    gx.live(1)
    assert gx.i16(227, 37) == rounded(gx.plant.state.inverter.input_by_phase[0])
    assert gx.read(227, 38, 2) == [0, 0]
    assert gx.plant.steering.mode is Mode.SELF_CONSUMPTION


def test_mode_2_holds_each_phase(manual_clock: Any) -> None:
    gx = Gx(manual_clock, NIGHT, soc=0.8)
    gx.write(100, 2902, 2)
    gx.live(20)
    assert all(abs(gx.i32(100, address)) < 40 for address in (908, 910, 912))


@pytest.mark.parametrize(
    ("unit", "address", "word"),
    [(100, 2902, 0), (100, 2902, 4), (100, 2901, 1_001), (100, 2705, -2), (227, 33, 5), (227, 38, 2)],
)
def test_a_value_outside_a_settings_range_is_exception_10(gx: Gx, unit: int, address: int, word: int) -> None:
    before = gx.u16(unit, address)
    assert code(lambda: gx.write(unit, address, word)) == 10
    assert gx.u16(unit, address) == before


def test_what_was_written_before_a_refused_row_stays(gx: Gx) -> None:
    assert code(lambda: gx.write(100, 2901, 300, 9, 1)) == 10
    assert gx.u16(100, 2901) == 300
    assert gx.u16(100, 2902) == 1


def test_the_switch_turns_the_inverter(gx: Gx) -> None:
    gx.write(227, 33, 4)
    gx.live(2)
    assert gx.plant.steering.switch is Switch.OFF
    assert gx.u16(227, 31) == 0
    assert gx.read(227, 15, 3) == [0, 0, 0]
    gx.write(227, 33, 3)
    gx.live(2)
    assert gx.u16(227, 15) > 2_200


def test_a_reset_takes_the_inverter_away_and_its_counters(gx: Gx) -> None:
    gx.live(600)
    assert gx.u32(227, 90) + gx.u32(227, 74) > 0
    gx.write(227, 62, 1)
    assert code(lambda: gx.read(227, 28)) == 10
    gx.live(9)
    assert gx.u16(227, 28) == 3
    assert gx.u32(227, 90) + gx.u32(227, 74) == 0
    assert gx.u16(227, 33) == 3


def test_the_pv_inverters_limit_holds_it(gx: Gx) -> None:
    gx.write(20, 1056, 0, 700)
    gx.live(2)
    assert gx.u32(20, 1056) == 700
    assert gx.u32(20, 1052) == pytest.approx(700, abs=1)


def test_plain_settings_are_kept(gx: Gx) -> None:
    gx.write(100, 806, 1)
    gx.write(227, 22, 160)
    gx.write(230, 4610, 0xFFFF, -500)
    gx.write(227, 140, *(0x4142,) * 8)
    gx.live(3)
    assert gx.u16(100, 806) == 1
    assert gx.u16(227, 22) == 160
    assert gx.i32(230, 4610) == -500
    assert gx.read(227, 140, 8) == [0x4142] * 8


def test_reading_everything_changes_nothing(gx: Gx) -> None:
    before = (gx.plant.state, gx.plant.steering.__repr__(), dict(gx.face.controls.values))
    for _, unit, first, last in everything():
        gx.read(unit, first, min(125, last + 1 - first))
    assert before == (gx.plant.state, gx.plant.steering.__repr__(), dict(gx.face.controls.values))


def test_counters_that_a_waking_device_may_forget_are_counters_of_the_list(gx: Gx) -> None:
    counters = gx.face.counters(30, Table.HOLDING)
    assert all(address in counters for address in (2603, 2622, 2634, 1046, 74))
    assert not any(address in counters for address in (2600, 2616, 840, 1027))
