"""Every control of a GivEnergy inverter, over the real link against a simulated one: what it writes, in which
order, what the device shows then, and that its end brings back what was there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Charge,
    Discharge,
    Hazard,
    Limit,
    Mode,
    Number,
    Schedule,
    SelfConsumption,
    SocLimits,
    Unknown,
    Value,
)
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.control import CommandedDevice
from sunhelm.devices.families.givenergy.control import open_control
from sunhelm.devices.sections import Control
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.givenergy import ALL_IN_ONE, HYBRID, THREE_PHASE, Dongle, GivEnergyFace, Kind
from sunhelm.simulator.faces.givenergy.recorded import RecordedFace
from sunhelm.simulator.faults import ExceptionReply
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
EVENING = 1_782_064_800.0  # 21 June 2026, 20:00 in Amsterdam
MINUTE = 60.0
HOUR = 3600.0


@dataclass
class Bench:
    """A simulated inverter and what commands it."""

    dongle: Dongle
    device: CommandedDevice
    clock: Any
    plant: Plant | None = None

    @property
    def written(self) -> list[tuple[int, int]]:
        """What was written since this was asked last: registers and words."""
        writes = [(write.address, write.words[0]) for write in self.dongle.log.writes]
        self.dongle.log.writes.clear()
        return writes

    @property
    def deadline(self) -> Deadline:
        return Deadline.after(30, self.clock)

    async def observe(self, key: str) -> Any:
        async with self.device.turn(self.deadline):
            return await self.device.handles[key].observe(self.deadline)

    async def put(self, key: str, value: Value) -> list[tuple[int, int]]:
        """Write a value, see it proven, and return what was written."""
        handle = self.device.handles[key]
        async with self.device.turn(self.deadline):
            await handle.write(value, self.deadline)
            observed = await handle.observe(self.deadline)
            assert not isinstance(observed, Unknown)
            assert handle.equal(value, observed), value
        return self.written

    async def run(self, key: str) -> list[tuple[int, int]]:
        async with self.device.turn(self.deadline):
            await self.device.tasks[key].run(self.deadline)
        return self.written

    def owner(self, words: Mapping[int, int]) -> None:
        """Have the owner set registers."""
        face = self.dongle.face
        assert isinstance(face, GivEnergyFace)
        face.settings.words.update(words)
        self.dongle.update()

    def live(self, seconds: float) -> None:
        assert self.plant is not None
        self.plant.advance(seconds)
        self.clock.advance(seconds)
        self.dongle.update()

    @property
    def registers(self) -> dict[int, int]:
        """All holding registers that can be written, but the clock."""
        face = self.dongle.face
        assert isinstance(face, GivEnergyFace)
        return {a: w for a, w in face.settings.words.items() if a not in range(35, 41)}


Open = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def opened(patient: RegisterFamily, clock: Any) -> Open:
    """Open a simulated inverter of a kind for control: `async with opened(HYBRID) as bench`."""
    clock.now = EVENING

    @asynccontextmanager
    async def opened(
        kind: Kind = HYBRID, *, words: Mapping[int, int] | None = None, serial: str | None = None
    ) -> AsyncIterator[Bench]:
        plant = Plant(seed=3, start=EVENING, warm_up=False, soc=0.5) if words is None else None
        recorded = RecordedFace({(0x11, Table.HOLDING): words or {}}, generous=True)
        dongle = Dongle(GivEnergyFace(plant, kind) if plant else recorded)
        await dongle.open("127.0.0.1", 0)
        config = DeviceConfig(
            family="givenergy",
            name="roof",
            host="127.0.0.1",
            port=dongle.port,
            units={},
            model=None,
            serial=serial,
            link=None,
            rated_power=None,
            capacity=None,
            control=Control(enabled=True),
        )
        device = open_control(patient, config, Surroundings(ZONE, clock))
        try:
            yield Bench(dongle, device, clock, plant)
        finally:
            await device.close()
            await dongle.close()

    return opened


# Forcing the battery


async def test_forced_charging_writes_what_the_sheet_says_and_charges(opened: Open) -> None:
    async with opened() as bench:
        bench.registers  # noqa: B018 - it is a hybrid
        bench.owner({116: 80, 20: 1})
        before = bench.registers
        found = await bench.observe("battery")
        assert await bench.put("battery", Charge(3000)) == [
            *((116, 100), (94, 2000), (95, 2201), (96, 1), (111, 29)),
        ]
        bench.live(60)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w == pytest.approx(-0.29 * 10_240, rel=0.05)
        assert await bench.put("battery", found) == [(111, 50), (96, 0), (94, 30), (95, 430), (116, 80)]
        assert bench.registers == before


async def test_forced_discharging_writes_what_the_sheet_says_and_discharges(opened: Open) -> None:
    async with opened() as bench:
        before = bench.registers
        found = await bench.observe("battery")
        assert await bench.put("battery", Discharge(2500)) == [
            *((112, 24), (27, 0), (59, 1), (56, 2000), (57, 2201)),
        ]
        bench.live(60)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w == pytest.approx(0.24 * 10_240, rel=0.05)
        assert await bench.put("battery", found) == [(27, 1), (56, 1600), (57, 1900), (59, 0), (112, 50)]
        assert bench.registers == before


async def test_a_reserve_is_lowered_to_discharge_and_comes_back(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({110: 60})
        found = await bench.observe("battery")
        assert (110, 4) in await bench.put("battery", Discharge(1000))
        assert (110, 60) in await bench.put("battery", found)


async def test_a_pause_ends_with_a_forced_slot_and_comes_back(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({318: 3, 319: 0, 320: 2359})
        found = await bench.observe("battery")
        assert (await bench.put("battery", Charge(1000)))[-1] == (318, 0)
        assert (await bench.put("battery", found))[-1] == (318, 3)


async def test_three_phases_are_forced_by_registers_of_their_own(opened: Open) -> None:
    async with opened(THREE_PHASE) as bench:
        before = bench.registers
        found = await bench.observe("battery")
        charging = [(1111, 100), (1113, 2000), (1114, 2201), (1110, 40), (1123, 1), (1112, 1)]
        written = await bench.put("battery", Charge(4000))
        assert written == [order for order in charging if order != (1111, 100)], "it is there already"
        bench.live(60)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w < -1000
        assert await bench.put("battery", Discharge(4000)) == [
            *((1123, 0), (1112, 0), (1122, 1), (1108, 40), (27, 0), (59, 1), (1118, 2001), (1119, 2202)),
        ]
        await bench.put("battery", found)
        assert bench.registers == before


async def test_charging_goes_before_discharging_without_a_word_of_the_owner(opened: Open) -> None:
    """One order in place of the other: the first one's slot must not count any more."""
    async with opened() as bench:
        found = await bench.observe("battery")
        await bench.put("battery", Charge(1000))
        assert (96, 0) in await bench.put("battery", Discharge(1000))
        written = await bench.put("battery", Charge(1000))
        assert {(27, 1), (59, 0), (96, 1)} <= set(written)
        await bench.put("battery", found)
        assert await bench.observe("battery") == found


async def test_a_slot_that_is_renewed_moves_on(opened: Open) -> None:
    async with opened() as bench:
        await bench.put("battery", Charge(1000))
        bench.live(HOUR)
        assert await bench.put("battery", Charge(1000)) == [(94, 2100), (95, 2301)]
        assert bench.device.handles["battery"].promise.renew_s == HOUR


async def test_a_slot_across_midnight_is_one(opened: Open) -> None:
    async with opened() as bench:
        bench.live(3.5 * HOUR)
        assert (await bench.put("battery", Charge(1000)))[:2] == [(94, 2330), (95, 131)]
        bench.live(HOUR)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w < -500


async def test_a_dead_controller_leaves_a_slot_that_ends(opened: Open) -> None:
    """And whoever comes back knows that it is not the owner's, also when it is over."""
    async with opened() as bench:
        await bench.put("battery", Charge(1000))
        bench.live(3 * HOUR)
        bench.live(MINUTE)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w > -500
        assert isinstance(await bench.observe("battery"), Charge)


async def test_an_owners_night_slot_is_no_order_of_ours(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({96: 1, 94: 2330, 95: 530})
        bench.live(4 * HOUR)
        assert isinstance(await bench.observe("battery"), SelfConsumption)


async def test_without_what_was_there_before_only_the_forcing_ends(opened: Open) -> None:
    async with opened() as bench:
        await bench.put("battery", Charge(1000))
        assert await bench.put("battery", SelfConsumption()) == [(96, 0)]
        await bench.put("battery", Discharge(1000))
        assert await bench.put("battery", SelfConsumption()) == [(27, 1), (59, 0)]


@pytest.mark.parametrize(("watts", "why"), [(5000, "3600 W is the most"), (50, "103 W is the least")])
async def test_a_power_that_cannot_be_is_refused_before_anything_is_written(
    watts: float, why: str, opened: Open
) -> None:
    async with opened() as bench:
        with pytest.raises(Rejected, match=why):
            await bench.put("battery", Charge(watts))
        assert bench.written == []


@pytest.mark.parametrize(
    "value", [Charge(0), Limit(0), SelfConsumption("eco"), SelfConsumption("27=1,59=70000")]
)
async def test_what_is_no_order_is_refused(value: Value, opened: Open) -> None:
    async with opened() as bench:
        with pytest.raises(ValueError, match="battery"):
            bench.device.handles["battery"].check(value)


async def test_registers_of_another_inverter_are_not_written(opened: Open) -> None:
    async with opened() as bench:
        with pytest.raises(ValueError, match="are not the registers of this inverter"):
            await bench.put("battery", SelfConsumption("1110=100,1123=0"))
        assert bench.written == []


async def test_what_is_given_back_is_written_whatever_fails(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as bench:
        found = await bench.observe("battery")
        await bench.put("battery", Charge(1000))
        takes = bench.dongle.face.write

        def refuses_96(unit: int, address: int, words: Sequence[int]) -> None:
            if address == 96:
                raise ModbusException(2)
            takes(unit, address, words)

        monkeypatch.setattr(bench.dongle.face, "write", refuses_96)
        with pytest.raises(Rejected, match="write 96=0: refused"):
            await bench.put("battery", found)
        assert bench.written == [(111, 50), (94, 30), (95, 430)]


async def test_a_refusal_is_believed_when_it_comes_twice(opened: Open) -> None:
    async with opened() as bench:
        with bench.dongle.faults.during(ExceptionReply(on="write")), pytest.raises(Rejected, match="refused"):
            await bench.put("battery", Charge(1000))
        writes = [request for request in bench.dongle.log.recent if request.function == 6]
        assert [request.address for request in writes] == [94, 94]


async def test_an_ems_forces_no_battery(opened: Open) -> None:
    async with opened(words=EMS) as bench:
        with pytest.raises(Rejected, match="an EMS forces no battery"):
            await bench.observe("battery")
        for key in ("soc_limits", "production_limit", "mode"):
            with pytest.raises(Rejected, match="EMS"):
                await bench.observe(key)
        for task in bench.device.tasks:
            with pytest.raises(Rejected, match="EMS"):
                await bench.run(task)
        assert bench.written == []


SERIAL = dict(enumerate((0x5141, 0x3030, 0x3030, 0x5430, 0x3032), 13))
EMS = {0: 0x5001, 21: 1036, **SERIAL, 35: 26, 36: 6, 37: 21, 38: 20, 39: 0, 40: 0}
GATEWAY = {
    0: 0x7001,
    21: 10,
    **SERIAL,
    35: 26,
    36: 6,
    37: 21,
    38: 20,
    313: 100,
    314: 100,
    27: 1,
    110: 4,
    311: 1,
}


async def test_a_gateway_is_forced_in_percent(opened: Open) -> None:
    async with opened(words=GATEWAY) as bench:
        assert await bench.put("battery", Charge(6000)) == [
            *((116, 100), (94, 2000), (95, 2201), (313, 50), (96, 1)),
        ]


# Modes, reserve, rates


@pytest.mark.parametrize(
    ("mode", "written"),
    [
        ("time_of_use", [(59, 1)]),
        ("native:timed_export", [(27, 0), (59, 1)]),
        ("native:eco_100", [(110, 100)]),
        ("native:eco_20", [(110, 20)]),
        ("self_consumption", []),
    ],
)
async def test_modes_write_what_the_sheet_says(
    mode: str, written: list[tuple[int, int]], opened: Open
) -> None:
    async with opened() as bench:
        before = bench.registers
        found = await bench.observe("mode")
        assert found == Mode("native:eco_4")
        assert await bench.put("mode", Mode(mode)) == written
        await bench.put("mode", found)
        assert bench.registers == before


async def test_eco_with_a_battery_that_stands_still_is_not_self_consumption(opened: Open) -> None:
    async with opened() as bench:
        await bench.put("mode", Mode("native:eco_100"))
        assert await bench.put("mode", Mode("self_consumption")) == [(110, 4)]
        await bench.put("mode", Mode("native:eco_30"))
        assert await bench.put("mode", Mode("self_consumption")) == []


@pytest.mark.parametrize(("reserve", "found"), [(0, Mode("native:eco_4")), (0xFFFF, UNKNOWN)])
async def test_a_reserve_that_cannot_be_written_is_not_what_comes_back(
    reserve: int, found: Any, opened: Open
) -> None:
    async with opened(words={**GATEWAY, 110: reserve}) as bench:
        assert await bench.observe("mode") == found
        if found is not UNKNOWN:
            bench.device.handles["mode"].check(found)
            bench.device.handles["soc_limits"].check(await bench.observe("soc_limits"))


@pytest.mark.parametrize("mode", ["backup", "native:eco_3", "native:eco_101", "native:eco"])
async def test_modes_that_are_none_are_refused(mode: str, opened: Open) -> None:
    async with opened() as bench:
        with pytest.raises(ValueError, match="is none of"):
            bench.device.handles["mode"].check(Mode(mode))


async def test_the_reserve(opened: Open) -> None:
    async with opened() as bench:
        assert await bench.observe("soc_limits") == SocLimits(minimum=0.04)
        assert await bench.put("soc_limits", SocLimits(minimum=0.3)) == [(110, 30)]
        with pytest.raises(ValueError, match=r"0\.04 to 1"):
            bench.device.handles["soc_limits"].check(SocLimits(minimum=0.03))
    async with opened(THREE_PHASE) as bench:
        assert await bench.put("soc_limits", SocLimits(minimum=0.3)) == [(1109, 30)]
        with pytest.raises(Rejected, match="5 % is the least"):
            await bench.put("soc_limits", SocLimits(minimum=0.04))


# kWh, rated W, asked W: register 111, and W shown; the sheet's arithmetic.
@pytest.mark.parametrize(
    ("charge_ah", "asked", "word", "shown"),
    [
        (160, 1000, 12, 983.04),
        (186, 2000, 21, 1999.872),
        (102, 0, 0, 0.0),
        (160, 4096, 50, 4096.0),
        (160, 2600, 50, 4096.0),  # all that its battery takes
        (160, 2599, 31, 2539.52),
        (102, 2600, 50, 2611.2),
    ],
)
async def test_rates_are_hundredths_of_the_capacity(
    charge_ah: int, asked: float, word: int, shown: float, opened: Open
) -> None:
    words = {0: 0x2001, 21: 449, **SERIAL, 55: charge_ah, 111: 40, 112: 40}
    async with opened(words=words) as bench:
        key = "setting:battery.charge_power"
        assert await bench.put(key, Number(asked)) == [(111, word)]
        assert (await bench.observe(key)).value == pytest.approx(shown)


async def test_forcing_with_all_that_the_battery_takes_bounds_nothing(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({111: 20, 112: 20})
        written = await bench.put("battery", Charge(3600))
        assert (111, 50) in written
        assert await bench.observe("battery") == Charge(3600)
        written = await bench.put("battery", Discharge(3600))
        assert (112, 50) in written
        assert await bench.observe("battery") == Discharge(3600)


async def test_every_rate_that_is_found_comes_back_exactly(opened: Open) -> None:
    for key, register in (("setting:battery.charge_power", 111), ("setting:battery.discharge_power", 112)):
        async with opened() as bench:
            face = bench.dongle.face
            assert isinstance(face, GivEnergyFace)
            for word in (0, 1, 12, 33, 35, 36, 49, 50, 80):
                face.settings.words[register] = word
                found = await bench.observe(key)
                await bench.put(key, Number(0.0))
                await bench.put(key, found)
                assert face.settings.words[register] == word


async def test_a_pause_is_a_power_of_nothing(opened: Open) -> None:
    async with opened() as bench:
        found = await bench.observe("setting:battery.discharge_power")
        assert await bench.put("setting:battery.discharge_power", Number(0)) == [(112, 0)]
        bench.live(60)
        assert bench.plant is not None
        assert bench.plant.state.battery.power_w <= 1.0
        assert await bench.put("setting:battery.discharge_power", found) == [(112, 50)]
    async with opened(THREE_PHASE) as bench:
        with pytest.raises(Rejected, match="100 W is the least"):
            await bench.put("setting:battery.charge_power", Number(0))


async def test_the_output_is_limited_in_percent(opened: Open) -> None:
    async with opened() as bench:
        assert await bench.observe("production_limit") is UNLIMITED
        assert await bench.put("production_limit", Limit(2530)) == [(50, 50)]
        assert await bench.observe("production_limit") == Limit(2500)
        assert await bench.put("production_limit", Limit(0)) == [(50, 0)]
        assert await bench.put("production_limit", UNLIMITED) == [(50, 100)]


# Settings


@pytest.mark.parametrize(
    ("kind", "setting", "value", "written"),
    [
        (HYBRID, "controls.charge_target_enabled", 1, (20, 1)),
        (HYBRID, "slots.charge_target", 0.8, (116, 80)),
        (HYBRID, "slots.charge_enabled", 1, (96, 1)),
        (HYBRID, "controls.battery_cutoff", 0.1, (114, 10)),
        (HYBRID, "controls.real_time_control", 0, (166, 0)),
        (HYBRID, "slots.charge_slot_2_start", 5400, (31, 130)),
        (HYBRID, "slots.charge_slot_2_end", 16_200, (32, 430)),
        (HYBRID, "slots.discharge_slot_2_start", 57_600, (44, 1600)),
        (HYBRID, "slots.discharge_slot_2_end", 68_400, (45, 1900)),
        (HYBRID, "pause.pause_mode", 2, (318, 2)),
        (HYBRID, "pause.pause_slot_start", 3600, (319, 100)),
        (HYBRID, "pause.pause_slot_end", 7200, (320, 200)),
        (ALL_IN_ONE, "ac_controls.battery_charge_limit_ac", 0.4, (313, 40)),
        (ALL_IN_ONE, "ac_controls.battery_discharge_limit_ac", 0.4, (314, 40)),
        (ALL_IN_ONE, "ac_controls.export_priority", 1, (311, 1)),
        (ALL_IN_ONE, "ac_controls.eps_enabled", 0, (317, 0)),
        (ALL_IN_ONE, "ten_slots.charge_slot_3_start", 3600, (246, 100)),
        (ALL_IN_ONE, "ten_slots.charge_slot_10_end", 7200, (268, 200)),
        (ALL_IN_ONE, "ten_slots.charge_slot_1_target", 0.9, (242, 90)),
        (ALL_IN_ONE, "ten_slots.discharge_slot_10_target", 0.2, (299, 20)),
        (ALL_IN_ONE, "ten_slots.alternative_charge_slot_2_start", 3600, (243, 100)),
        (THREE_PHASE, "three_phase_settings.force_charge_enabled", 1, (1123, 1)),
        (THREE_PHASE, "three_phase_settings.force_discharge_enabled", 1, (1122, 1)),
        (THREE_PHASE, "three_phase_settings.ac_charge_enabled", 1, (1112, 1)),
        (THREE_PHASE, "three_phase_settings.charge_target", 0.8, (1111, 80)),
        (THREE_PHASE, "three_phase_settings.load_first_stop_state_of_charge", 0.2, (1078, 20)),
        (THREE_PHASE, "three_phase_settings.discharge_slot_2_start", 3600, (1120, 100)),
    ],
)
async def test_settings_are_one_register_each(
    kind: Kind, setting: str, value: float, written: tuple[int, int], opened: Open
) -> None:
    key = f"setting:{setting}"
    async with opened(kind) as bench:
        found = await bench.observe(key)
        assert await bench.put(key, Number(value)) == [written]
        await bench.put(key, found)


async def test_settings_of_other_models_are_refused(opened: Open) -> None:
    async with opened() as bench:
        for setting in (
            "three_phase_settings.charge_target",
            "ems_settings.plant_control",
            "ten_slots.charge_slot_3_start",
        ):
            with pytest.raises(Rejected, match="answers"):
                await bench.observe(f"setting:{setting}")


async def test_only_what_is_safe_is_offered(opened: Open) -> None:
    async with opened() as bench:
        handles = bench.device.handles
        settings = {key.removeprefix("setting:") for key in handles if key.startswith("setting:")}
        assert not [
            key for key in settings if key.startswith(("inverter.", "grid_code.", "extended.", "faults."))
        ]
        assert "controls.restart" not in settings
        persons = {key for key, handle in handles.items() if handle.promise.hazard is Hazard.PERSON}
        assert persons == {
            f"setting:{name}"
            for name in (
                *("ac_controls.eps_enabled", "ems_settings.plant_control", "ems_settings.export_power_limit"),
                "three_phase_settings.load_first_stop_state_of_charge",
                "calibration",
            )
        }
        assert all(handle.promise.hazard in (Hazard.OPT_IN, Hazard.PERSON) for handle in handles.values())
        assert Action.LIMIT_EXPORT not in {a for handle in handles.values() for a in handle.promise.actions}


# Tasks


async def test_the_clock_is_set_word_by_word(opened: Open) -> None:
    async with opened() as bench:
        face = bench.dongle.face
        assert isinstance(face, GivEnergyFace)
        face.settings.clock_offset_s = -400.0
        task: Any = bench.device.tasks["set_clock"]
        async with bench.device.turn(bench.deadline):
            assert await task.offset(bench.deadline) == pytest.approx(-400, abs=2)
        written = await bench.run("set_clock")
        assert written == [(38, 20), (39, 0), (40, 1)]
        async with bench.device.turn(bench.deadline):
            assert abs(await task.offset(bench.deadline)) < 5


async def test_a_month_that_is_none_is_set_right(opened: Open) -> None:
    """Firmware is known to show month 13 at new year."""
    words = {0: 0x2001, 21: 449, **SERIAL, 35: 26, 36: 13, 37: 1, 38: 0, 39: 0, 40: 0}
    async with opened(words=words) as bench:
        assert await bench.run("set_clock") == [(36, 6), (37, 21), (38, 20), (40, 1)]


async def test_a_restart_is_100_and_nothing_else(opened: Open) -> None:
    async with opened() as bench:
        assert await bench.run("restart") == [(163, 100)]
        assert bench.device.tasks["restart"].promise.hazard is Hazard.PERSON


@pytest.mark.parametrize("stage", [1, 3])
async def test_a_calibration_is_for_a_person(stage: int, opened: Open) -> None:
    async with opened() as bench:
        handle = bench.device.handles["setting:calibration"]
        assert handle.promise.hazard is Hazard.PERSON
        assert await bench.put("setting:calibration", Number(stage)) == [(29, stage)]
        assert await bench.put("setting:calibration", Number(0)) == [(29, 0)]
        for value in (Number(2), Number(-1), Number(0.5), Charge(1)):
            with pytest.raises(ValueError, match="is none of 0, 1, 3"):
                handle.check(value)


async def test_the_serial_number_has_to_be_that_of_the_site_file(opened: Open) -> None:
    async with opened() as bench, bench.device.turn(bench.deadline):
        assert await bench.device.identify(bench.deadline) == "QA0000T002"
    async with opened(serial="QA0000T003") as bench, bench.device.turn(bench.deadline):
        with pytest.raises(Rejected, match="is QA0000T002; the site file says QA0000T003"):
            await bench.device.identify(bench.deadline)


# Schedules


def tomorrow(start: float, end: float, mode: str = "force_charge", **more: Any) -> Schedule:
    """A schedule between hours of the next day."""
    midnight = EVENING + 4 * HOUR
    return Schedule(start=midnight + start * HOUR, end=midnight + end * HOUR, mode=mode, **more)


async def made(bench: Bench, schedule: Schedule) -> str:
    assert bench.device.schedules is not None
    async with bench.device.turn(bench.deadline):
        return await bench.device.schedules.create(schedule, "mark", bench.deadline)


async def deleted(bench: Bench, key: str) -> list[tuple[int, int]]:
    assert bench.device.schedules is not None
    bench.written  # noqa: B018 - what came before
    async with bench.device.turn(bench.deadline):
        await bench.device.schedules.delete(key, bench.deadline)
    return bench.written


async def listed(bench: Bench) -> list[tuple[str, Schedule]]:
    assert bench.device.schedules is not None
    async with bench.device.turn(bench.deadline):
        entries = await bench.device.schedules.entries(bench.deadline)
    return [(entry.key, entry.schedule) for entry in entries]


async def test_a_schedule_takes_a_free_slot_and_gives_it_back(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({96: 1})
        before = bench.registers
        key = await made(bench, tomorrow(1.5, 4.5))
        assert key == "charge-2/0130-0430"
        assert bench.written == [(31, 130), (32, 430)]
        assert (key, tomorrow(1.5, 4.5)) in await listed(bench)
        assert await made(bench, tomorrow(1.5, 4.5)) == key, "it is not made twice"
        assert bench.written == []
        assert await deleted(bench, key) == [(31, 0), (32, 0)]
        assert await deleted(bench, key) == []
        assert bench.registers == before


async def test_owners_slots_that_sleep_are_not_woken(opened: Open) -> None:
    async with opened() as bench:
        with pytest.raises(Rejected, match="charge-1 of the owner would begin to count"):
            await made(bench, tomorrow(1, 2))
        assert bench.written == []


async def test_what_makes_slots_count_is_switched_on_and_off_again(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({94: 0, 95: 0})
        before = bench.registers
        key = await made(bench, tomorrow(1, 2))
        assert bench.written == [(31, 100), (32, 200), (96, 1)]
        second = await made(bench, tomorrow(3, 4))
        assert await deleted(bench, key) == [(31, 0), (32, 0)], "the other one still counts"
        assert await deleted(bench, second) == [(94, 0), (95, 0)]
        assert bench.registers == {**before, 96: 1}
        only = await made(bench, tomorrow(1, 2))
        assert not only.endswith("+")
        bench.owner({96: 0})
        await deleted(bench, only)
        key = await made(bench, tomorrow(1, 2))
        assert await deleted(bench, key) == [(96, 0), (31, 0), (32, 0)]
        assert bench.registers == before


async def test_a_slot_that_was_changed_since_is_left_alone(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({96: 1})
        key = await made(bench, tomorrow(1, 2))
        bench.owner({32: 300})
        assert await deleted(bench, key) == []


async def test_no_slot_is_left(opened: Open) -> None:
    async with opened() as bench:
        bench.owner({96: 1})
        await made(bench, tomorrow(1, 2))
        with pytest.raises(Rejected, match="all its charge slots are taken"):
            await made(bench, tomorrow(3, 4))


async def test_discharging_into_the_grid_needs_the_mode_for_it(opened: Open) -> None:
    async with opened() as bench:
        with pytest.raises(Rejected, match="`set_mode native:timed_export` makes them export"):
            await made(bench, tomorrow(17, 19, "force_discharge"))
        await bench.put("mode", Mode("native:timed_export"))
        key = await made(bench, tomorrow(17, 19, "force_discharge"))
        assert bench.written == [(44, 1700), (45, 1900)]
        with pytest.raises(Rejected, match="in `set_mode time_of_use` they serve"):
            await made(bench, tomorrow(20, 21, "self_consumption"))
        await deleted(bench, key)
        await bench.put("mode", Mode("time_of_use"))
        assert await made(bench, tomorrow(20, 21, "self_consumption")) == "discharge-2/2000-2100"


async def test_ten_slots_have_states_of_charge_of_their_own(opened: Open) -> None:
    async with opened(ALL_IN_ONE) as bench:
        bench.owner({96: 1})
        key = await made(bench, tomorrow(1, 2, target_soc=0.8))
        assert key == "charge-10/0100-0200"
        assert bench.written == [(267, 100), (268, 200), (269, 80)]
        assert (key, tomorrow(1, 2, target_soc=0.8)) in await listed(bench)
    async with opened() as bench:
        bench.owner({96: 1})
        with pytest.raises(Rejected, match="no state of charge of their own"):
            await made(bench, tomorrow(1, 2, target_soc=0.8))


async def test_three_phases_and_an_ems_have_slots_elsewhere(opened: Open) -> None:
    async with opened(THREE_PHASE) as bench:
        bench.owner({1113: 0, 1114: 0})
        key = await made(bench, tomorrow(1, 2))
        assert bench.written == [(1115, 100), (1116, 200), (1123, 1), (1112, 1)]
        assert await deleted(bench, key) == [(1123, 0), (1112, 0), (1115, 0), (1116, 0)]
    async with opened(words=EMS) as bench:
        key = await made(bench, tomorrow(1, 2, target_soc=0.9))
        assert bench.written == [(2059, 100), (2060, 200), (2061, 90)]
        await made(bench, tomorrow(18, 19, "force_discharge"))
        assert bench.written == [(2068, 1800), (2069, 1900)]
        await made(bench, tomorrow(7, 9, "self_consumption"))
        assert bench.written == [(2050, 700), (2051, 900)]
        assert len(await listed(bench)) == 3
        assert await deleted(bench, key) == [(2059, 0), (2060, 0)]


async def test_schedules_are_refused_while_the_battery_is_forced(opened: Open) -> None:
    async with opened() as bench:
        await bench.put("battery", Charge(1000))
        with pytest.raises(Rejected, match="forced now"):
            await made(bench, tomorrow(1, 2))


async def test_schedules_are_refused_while_the_clock_is_wrong(opened: Open) -> None:
    async with opened() as bench:
        bench.dongle.face.settings.clock_offset_s = 150.0  # type: ignore[attr-defined]
        with pytest.raises(Rejected, match=r"its clock is \+150 s off"):
            await made(bench, tomorrow(1, 2))


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        (tomorrow(1, 2, "backup"), "is none of"),
        (tomorrow(1, 26), "less than 24 h"),
        (tomorrow(1, 2.003), "whole minutes"),
        (tomorrow(1, 2, watts=1000), "no power of its own"),
    ],
)
async def test_schedules_that_no_slot_can_hold_are_refused(
    schedule: Schedule, why: str, opened: Open
) -> None:
    async with opened() as bench:
        assert bench.device.schedules is not None
        with pytest.raises(ValueError, match=why):
            bench.device.schedules.check(schedule)


async def test_a_schedule_of_our_own_length_is_a_minute_longer(opened: Open) -> None:
    """So that it is never taken for an order that forces the battery."""
    async with opened() as bench:
        bench.owner({96: 1, 94: 0, 95: 0, 31: 1, 32: 2})
        await made(bench, tomorrow(1, 3 + 1 / 60))
        assert bench.written == [(94, 100), (95, 302)]
        assert isinstance(await bench.observe("battery"), SelfConsumption)
