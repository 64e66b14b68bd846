"""Commands on a Deye inverter, against the simulated one on a real socket, over each of its links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNLIMITED,
    Action,
    Charge,
    CurrentLimits,
    Discharge,
    Hazard,
    Limit,
    Mode,
    Number,
    Rung,
    SelfConsumption,
    SocLimits,
)
from sunhelm.devices.controlled import NotControllable, open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import AuthFailed, DeviceError, Rejected, Unreachable
from sunhelm.devices.families import load_family
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.solarman import Habits

LINKS = ("modbus_tcp", "rtu_over_tcp", "solarman_v5")
HYBRIDS = ("three_phase_lv", "three_phase_hv", "single_phase")
SELL = {"three_phase_lv": 143, "three_phase_hv": 143, "single_phase": 245}


class TroubledFace(DeyeFace):
    """An inverter that refuses or forgets writes, by their number from 0 on."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.trouble: dict[int, Literal["refused", "forgotten"]] = {}
        self.writes = 0

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        trouble = self.trouble.get(self.writes)
        self.writes += 1
        if trouble == "refused":
            raise ModbusException(4)
        if trouble is None:
            super().write(unit, address, words)


@pytest.mark.parametrize("link", LINKS)
async def test_the_export_limit_is_one_write_and_comes_back(play: Any, link: str) -> None:
    inverter = await play(link=link)
    before = await inverter.observe("export_limit")
    assert before == Limit(12_000)
    await inverter.write("export_limit", Limit(0))
    assert inverter.written == [(143, (0,))]
    assert await inverter.observe("export_limit") == Limit(0)
    inverter.live(60)
    assert inverter.face.plant.state.grid.power_w > -5.0
    await inverter.write("export_limit", before)
    assert await inverter.observe("export_limit") == before
    assert {request.function for request in inverter.server.log.recent} == {3, 16}


async def test_a_plain_logger_cuts_its_answer_and_that_is_success(play: Any) -> None:
    inverter = await play(link="solarman_v5", habits=Habits(plain=True))
    assert await inverter.observe("export_limit") == Limit(12_000)
    await inverter.write("export_limit", Limit(5_000))
    assert inverter.written == [(143, (5_000,))]


async def test_a_stranger_is_told_the_true_serial_number_and_writes_nothing(play: Any) -> None:
    inverter = await play(link="solarman_v5", habits=Habits(to_strangers="tells"))
    config = replace(inverter.config, logger_serial=1)
    device = open_controlled(config, Site(name="house", zone=inverter.device.schedules.zone))
    deadline = Deadline.after(5)
    with pytest.raises(AuthFailed, match=f"is {inverter.server.serial}; logger_serial in the site file"):
        async with device.turn(deadline):
            await device.handles["export_limit"].write(Limit(0), deadline)
    await device.close()
    assert inverter.written == []
    assert inverter.server.strangers == 1


@pytest.mark.parametrize("kind", HYBRIDS)
async def test_a_limit_is_written_in_the_steps_of_the_inverter_and_never_looser(play: Any, kind: str) -> None:
    inverter = await play(kind)
    await inverter.write("export_limit", Limit(4_999.7))
    step = 10 if kind == "three_phase_hv" else 1
    assert inverter.written == [(SELL[kind], (4_999 // step,))]
    handle = inverter.device.handles["export_limit"]
    assert handle.equal(Limit(4_999.7), await inverter.observe("export_limit"))


async def test_there_is_no_export_limit_for_none(play: Any) -> None:
    inverter = await play()
    with pytest.raises(ValueError, match="always has one"):
        inverter.device.handles["export_limit"].check(UNLIMITED)
    with pytest.raises(ValueError, match="65534 W is the most"):
        inverter.device.handles["export_limit"].check(Limit(70_000))


@pytest.mark.parametrize("kind", HYBRIDS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("current_limits", CurrentLimits(charge=40.0, discharge=0.0)),
        ("soc_limits", SocLimits(minimum=0.15)),
        ("mode", Mode("feed_in_first")),
        ("battery", Charge(1_500.0)),
        ("battery", Discharge(2_000.0)),
    ],
    ids=["currents", "soc", "mode", "charge", "discharge"],
)
async def test_every_control_is_read_back_and_its_inverse_restores_every_word(
    play: Any, kind: str, key: str, value: Any
) -> None:
    inverter = await play(kind, soc=0.6)
    words = inverter.words
    before = await inverter.observe(key)
    await inverter.write(key, value)
    assert inverter.device.handles[key].equal(value, await inverter.observe(key))
    assert inverter.words != words
    await inverter.write(key, before)
    assert inverter.device.handles[key].equal(before, await inverter.observe(key))
    assert inverter.words == words


@pytest.mark.parametrize(("order", "sign"), [(Charge(2_000.0), -1), (Discharge(2_000.0), 1)])
async def test_the_battery_does_as_told(play: Any, order: Any, sign: int) -> None:
    inverter = await play(soc=0.5, at=1_782_172_800.0)  # two hours after midnight
    await inverter.write("battery", order)
    inverter.live(120)
    assert inverter.face.plant.state.battery.power_w == pytest.approx(sign * 2_000.0, rel=0.1)
    await inverter.write("battery", SelfConsumption())
    inverter.live(120)
    assert abs(inverter.face.plant.state.battery.power_w) < 1_500.0


async def test_forcing_the_battery_needs_no_more_words_when_it_is_forced(play: Any) -> None:
    """Each word that is written wears the memory: what stands there already is not written again."""
    inverter = await play()
    await inverter.write("battery", Charge(1_500.0))
    inverter.server.log.writes.clear()
    await inverter.write("battery", Charge(1_500.0))
    assert inverter.written == []


async def test_the_slots_are_off_while_they_are_changed_and_on_last(play: Any) -> None:
    inverter = await play()
    inverter.face.settings.words[146] = 0xFF
    await inverter.write("battery", Discharge(1_000.0))
    addresses = [address for address, _ in inverter.written]
    assert inverter.written[0] == (146, (0xFE,))
    assert addresses.index(154) < addresses.index(166) < addresses.index(172)
    assert addresses[-2:] == [146, 142]  # and only then the inverter may sell
    inverter.server.log.writes.clear()
    await inverter.write("battery", SelfConsumption())
    assert inverter.written[-1] == (146, (0xFE,))


async def test_a_sequence_that_is_cut_short_anywhere_leaves_nothing_forced_or_is_put_back(play: Any) -> None:
    for cut in range(12):
        inverter = await play(face=TroubledFace, soc=0.5)
        words = inverter.words
        before = await inverter.observe("battery")
        inverter.face.trouble = dict.fromkeys(range(cut, 99), "refused")
        try:
            await inverter.write("battery", Discharge(1_000.0))
        except DeviceError:
            program_is_off = not inverter.words[146] & 1
            sells = inverter.words[142] == 0
            assert program_is_off or not sells
        inverter.face.trouble = {}
        await inverter.write("battery", before)
        assert inverter.words == words


async def test_a_write_that_is_taken_and_not_kept_is_no_success(play: Any) -> None:
    inverter = await play(face=TroubledFace)
    inverter.face.trouble = dict.fromkeys(range(99), "forgotten")
    with pytest.raises(Rejected, match="took the slots, and does not show them"):
        await inverter.write("battery", Discharge(1_000.0))


async def test_more_current_than_the_owner_allows_is_refused(play: Any) -> None:
    inverter = await play()
    with pytest.raises(Rejected, match="120 A is the most that the battery and the owner allow"):
        await inverter.write("battery", Charge(9_000.0))
    assert inverter.written == []


async def test_a_battery_run_by_voltage_is_not_forced(play: Any) -> None:
    inverter = await play()
    inverter.face.settings.words[111] = 0
    with pytest.raises(Rejected, match="run by voltage"):
        await inverter.write("battery", Charge(1_000.0))
    assert inverter.written == []


async def test_the_floor_of_the_battery_stands_between_its_neighbours(play: Any) -> None:
    inverter = await play()
    for ratio in (0.04, 0.2, 0.9):
        with pytest.raises(Rejected, match="shuts down, and 20 %"):
            await inverter.write("soc_limits", SocLimits(minimum=ratio))
    assert inverter.written == []


async def test_self_consumption_regulates_where_there_is_a_meter(play: Any) -> None:
    inverter = await play()
    inverter.face.settings.words[142] = 0
    await inverter.write("mode", Mode("self_consumption"))
    assert inverter.written == [(142, (2,))]
    inverter.face.settings.words[142] = 0
    inverter.face._written.update(dict.fromkeys(range(613, 620), 0))
    await inverter.write("mode", Mode("self_consumption"))
    assert inverter.written[-1] == (142, (1,))


async def test_a_switch_of_peak_shaving_leaves_its_neighbours(play: Any) -> None:
    """The recording of an owner: 0x2AAA became 0x2ABA, and 0x2A2A becomes 0x2A3A."""
    inverter = await play()
    key = "setting:three_phase_lv.grid_peak_shaving"
    for before, after in ((0x2AAA, 0x2ABA), (0x2A2A, 0x2A3A)):
        inverter.face.settings.words[178] = before
        await inverter.write(key, Number(1))
        assert inverter.written[-1] == (178, (after,))
        assert await inverter.observe(key) == Number(1)
        await inverter.write(key, Number(0))
        assert inverter.written[-1] == (178, (after & ~0x10,))


async def test_a_switch_of_a_single_phase_inverter_is_one_bit(play: Any) -> None:
    inverter = await play("single_phase")
    inverter.face.settings.words[280] = 0x1001
    await inverter.write("setting:single_phase.grid_peak_shaving", Number(1))
    assert inverter.written == [(280, (0x1101,))]


async def test_a_setting_of_one_bit_leaves_the_others(play: Any) -> None:
    inverter = await play()
    inverter.face.settings.words[141] = 0b10_1101
    await inverter.write("setting:three_phase_lv.energy_pattern", Number(0))
    assert inverter.written == [(141, (0b10_1100,))]


async def test_every_setting_of_a_hybrid_can_be_read_and_written_as_it_is(play: Any) -> None:
    for kind in HYBRIDS:
        inverter = await play(kind)
        words = inverter.words
        for key in [key for key in inverter.device.handles if key.startswith("setting:")]:
            value = await inverter.observe(key)
            if isinstance(value, Number) and "remote_" not in key:
                try:
                    inverter.device.handles[key].check(value)
                except ValueError:
                    continue
                await inverter.write(key, value)
                assert inverter.words == words, key


async def test_the_clock_tells_how_far_it_is_off_and_is_set(play: Any) -> None:
    inverter = await play()
    inverter.face.settings._set_clock((0x1A06, 0x180E, 0x0000))  # 24 June, 14:00
    task = inverter.device.tasks["set_clock"]
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        assert await task.offset(deadline) == pytest.approx(3600, abs=2)
        await task.run(deadline)
        assert await task.offset(deadline) == pytest.approx(0, abs=2)
    assert [(address, len(words)) for address, words in inverter.written] == [(62, 3)]


async def test_a_micro_inverter_is_limited_by_a_share(play: Any) -> None:
    inverter = await play("micro")
    assert next(iter(inverter.device.handles)) == "production_limit"
    assert await inverter.observe("production_limit") is UNLIMITED
    await inverter.write("production_limit", Limit(500))
    assert inverter.written == [(40, (25,))]
    assert await inverter.observe("production_limit") == Limit(500)
    await inverter.write("production_limit", UNLIMITED)
    assert await inverter.observe("production_limit") is UNLIMITED
    inverter.face._written[40] = 1000
    with pytest.raises(Rejected, match="its unit is another"):
        await inverter.write("production_limit", Limit(500))


async def test_an_inverter_is_known_by_its_serial_number(play: Any) -> None:
    inverter = await play()
    deadline = inverter.deadline()
    async with inverter.device.turn(deadline):
        assert await inverter.device.identify(deadline) == "2304060810"
    other = await play(serial="9999999999")
    with pytest.raises(Rejected, match="is 2304060810; the site file says 9999999999"):
        async with other.device.turn(deadline):
            await other.device.identify(deadline)


def test_without_its_model_an_inverter_is_not_commanded() -> None:
    config = DeviceConfig(name="roof", family="deye", host="127.0.0.1", control=Control(enabled=True))
    site = Site(name="house", zone=ZoneInfo("UTC"))
    for model in (None, "something else"):
        with pytest.raises(NotControllable, match="needs its `model`"):
            open_controlled(replace(config, model=model), site)
    with pytest.raises(NotControllable, match="rated_power"):
        open_controlled(replace(config, model="SUN-M80G3-EU"), site)


async def test_settings_say_who_may_set_them(play: Any) -> None:
    inverter = await play()
    of = {key: handle.promise.hazard for key, handle in inverter.device.handles.items()}
    part = "setting:three_phase_lv"
    for name in ("power_switch", "remote_lock", "battery_operation_mode", "remote_mode", "max_solar_power"):
        assert of[f"{part}.{name}"] is Hazard.PERSON
    for name in ("solar_sell", "time_of_use", "slot_1_start", "grid_charge_current", "zero_export_power"):
        assert of[f"{part}.{name}"] is Hazard.OPT_IN
    for name in ("factory_reset", "grid_standard", "grid_voltage_high_limit", "parallel_config"):
        assert f"{part}.{name}" not in of
    for name in ("max_sell_power", "work_mode", "special_function_1", "max_charge_current"):
        assert f"{part}.{name}" not in of, "it has a control of its own"
    assert Hazard.AUTOMATIC not in of.values(), "all of it stays when the controller dies"
    assert {handle.promise.rung for handle in inverter.device.handles.values()} == {Rung.PERSISTENT}
    first = {
        action: key
        for key, each in reversed(inverter.device.handles.items())
        for action in each.promise.actions
    }
    assert first[Action.LIMIT_EXPORT] == "export_limit"
    assert first[Action.CHARGE] == first[Action.DISCHARGE] == "battery"


def test_every_place_in_the_family_file_is_a_register() -> None:
    family: Any = load_family("deye")
    writable = {
        f"{part.name}.{register.name}"
        for part in family.spec.parts
        for register in family.map_of(part).registers
        if register.access != "r"
    }
    names = {place.partition(".")[2] for place in writable}
    assert {place.removeprefix("*.") for place in family.spec.setting_hazards} <= names
    commanded = {place for each in family.spec.controls.values() for place in each.registers}
    assert commanded <= writable


async def test_an_inverter_that_sleeps_behind_its_logger_is_unreachable(play: Any) -> None:
    inverter = await play(link="solarman_v5", unit=2)
    with pytest.raises(Unreachable, match="the inverter does not answer the logger"):
        await inverter.write("export_limit", Limit(0))
