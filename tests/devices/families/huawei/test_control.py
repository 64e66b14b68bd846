"""Commands on a SUN2000, against the simulated one on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    ControlledDevice,
    Discharge,
    Limit,
    Mode,
    Number,
    Schedule,
    SelfConsumption,
    SocLimits,
)
from sunhelm.devices.controlled import NotControllable, open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import AuthFailed, Malformed, Rejected
from sunhelm.devices.sections import Account, Control
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.huawei import HuaweiFace, HuaweiServer
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 13, tzinfo=ZONE).timestamp()
NIGHT = datetime(2026, 6, 21, 1, 30, tzinfo=ZONE).timestamp()


@dataclass
class House:
    """A simulated SUN2000, and us in command of it."""

    face: HuaweiFace
    server: HuaweiServer
    clock: Any
    device: ControlledDevice

    @property
    def written(self) -> list[tuple[int, tuple[int, ...]]]:
        """What the device took: address and words."""
        return [(write.address, write.words) for write in self.server.log.writes]

    @property
    def settings(self) -> dict[int, int]:
        return dict(self.face.controls.values)

    def live(self, seconds: int) -> None:
        """Let the house live, second by second; its time is that of the clock."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.face.plant.advance(1)
            self.server.update()

    def catch_up(self) -> None:
        """Let the house live through what the clock has seen."""
        self.face.plant.advance(self.clock.time() - self.face.plant.time)
        self.server.update()

    def deadline(self) -> Deadline:
        return Deadline.after(20, self.clock)

    async def write(self, key: str, value: Any) -> None:
        deadline = self.deadline()
        async with self.device.turn(deadline):
            await self.device.handles[key].write(value, deadline)
        self.catch_up()

    async def observe(self, key: str) -> Any:
        deadline = self.deadline()
        async with self.device.turn(deadline):
            return await self.device.handles[key].observe(deadline)

    @property
    def charged_w(self) -> float:
        return -self.face.plant.state.battery.power_w


Play = Callable[..., Any]


@pytest.fixture
async def play(clock: Any, tmp_path: Path) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:

        async def play(
            *, start: float = NIGHT, secret: str = "", account: bool = False, **more: Any
        ) -> House:
            clock.now = start
            plant = Plant(seed=3, start=start, warm_up=False)
            face = HuaweiFace(plant, clock=clock, **more)
            server = HuaweiServer(face, clock=clock, single=False)  # it cannot see in time who has gone
            await server.open("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            (tmp_path / "password").write_text(secret)
            config = DeviceConfig(
                name="roof",
                family="huawei",
                link="modbus_tcp",
                host="127.0.0.1",
                port=server.port,
                account="owner" if account else None,
                control=Control(enabled=True),
            )
            owner = Account(family="huawei", password_file=SecretFile(tmp_path / "password"))
            site = Site(name="house", zone=ZONE, accounts=MappingProxyType({"owner": owner}))
            device = open_controlled(config, site, clock=clock)
            stack.push_async_callback(device.close)
            house = House(face, server, clock, device)
            house.live(60)
            return house

        yield play


@pytest.fixture
async def house(play: Play) -> House:
    made: House = await play()
    return made


async def test_it_is_known_by_its_serial_number(house: House) -> None:
    async with house.device.turn(house.deadline()):
        assert await house.device.identify(house.deadline()) == "SIM0000000012"


# Export


async def test_export_is_limited_first_the_watts_and_then_the_mode(house: House) -> None:
    before = house.settings
    assert await house.observe("export_limit") is UNLIMITED
    await house.write("export_limit", Limit(3_000))
    assert house.written == [(47_416, (0, 3_000)), (47_415, (6,))]
    assert await house.observe("export_limit") == Limit(3_000)
    await house.write("export_limit", UNLIMITED)
    assert house.written[2:] == [(47_415, (0,)), (47_416, (0, 0))]
    assert house.settings == before


async def test_zero_export_has_a_mode_of_its_own_and_is_never_left_between_frames(house: House) -> None:
    await house.write("export_limit", Limit(0))
    assert house.written == [(47_415, (5,))]
    assert await house.observe("export_limit") == Limit(0)
    await house.write("export_limit", Limit(500))
    assert house.written[1:] == [(47_416, (0, 500)), (47_415, (6,))]


async def test_what_was_found_in_percent_comes_back_in_percent(house: House) -> None:
    house.face.controls.values.update({47_415: 7, 47_418: 605})
    found = await house.observe("export_limit")
    assert found == Limit(6_655)  # of 11 kW
    await house.write("export_limit", Limit(0))
    await house.write("export_limit", found)
    assert (house.settings[47_415], house.settings[47_418]) == (7, 605)


async def test_export_falls_to_the_limit_and_comes_back(play: Play) -> None:
    house = await play(start=NOON)
    house.face.plant.battery.stored_j = house.face.plant.battery.spec.capacity_j
    house.live(120)
    assert house.face.plant.state.grid.power_w < -1_000
    await house.write("export_limit", Limit(0))
    house.live(120)
    assert house.face.plant.state.grid.power_w > -100
    await house.write("export_limit", UNLIMITED)
    house.live(120)
    assert house.face.plant.state.grid.power_w < -1_000


async def test_an_export_limit_without_a_meter_is_refused_but_its_end_is_not(house: House) -> None:
    house.face.controls.meter_online = False
    with pytest.raises(Rejected, match="meter is offline"):
        await house.write("export_limit", Limit(0))
    assert not house.written
    await house.write("export_limit", UNLIMITED)
    assert house.written == [(47_415, (0,))]


@pytest.mark.parametrize(("mode", "watts"), [(1, 0), (6, -500)])
async def test_a_limit_that_is_none_of_ours_is_unknown(house: House, mode: int, watts: int) -> None:
    house.face.controls.values.update({47_415: mode, 47_416: watts})
    assert await house.observe("export_limit") is UNKNOWN


async def test_nothing_is_written_while_digital_inputs_limit_the_export(house: House) -> None:
    house.face.controls.values[47_415] = 1
    with pytest.raises(Rejected, match="digital inputs"):
        await house.write("export_limit", Limit(0))
    assert not house.written


@pytest.mark.parametrize("key", ["export_limit", "production_limit"])
async def test_a_limit_has_ends(house: House, key: str) -> None:
    handle = house.device.handles[key]
    for value in (Limit(1_000_001), Mode("idle"), Number(5)):
        with pytest.raises(ValueError, match=key):
            handle.check(value)


# Production


async def test_production_is_limited_in_watts_and_set_free_by_the_inverters_maximum(house: House) -> None:
    assert await house.observe("production_limit") == Limit(10_000)  # the inverter's own, below its maximum
    await house.write("production_limit", Limit(2_000))
    assert house.written == [(40_126, (0, 2_000))]
    assert await house.observe("production_limit") == Limit(2_000)
    await house.write("production_limit", Limit(10_000))
    assert await house.observe("production_limit") == Limit(10_000)


async def test_a_limit_of_0_is_no_power_and_not_no_limit(play: Play) -> None:
    house = await play(start=NOON)
    house.live(60)
    assert house.face.plant.state.pv_inverter.power_w > 1_000
    await house.write("production_limit", Limit(0))
    house.live(60)
    assert house.face.plant.state.pv_inverter.power_w == 0
    assert await house.observe("production_limit") == Limit(0)


async def test_a_stricter_limit_in_percent_is_never_lifted(house: House) -> None:
    house.face.controls.values[40_125] = 300
    assert await house.observe("production_limit") == Limit(3_300)
    await house.write("production_limit", Limit(1_000))
    assert await house.observe("production_limit") == Limit(1_000)
    with pytest.raises(Rejected, match="40125"):
        await house.write("production_limit", Limit(5_000))
    await house.write("production_limit", Limit(3_300))
    assert await house.observe("production_limit") == Limit(3_300)
    assert house.settings[40_125] == 300


# Battery


async def test_a_forced_charge_writes_its_order_last_and_ends_by_itself(house: House) -> None:
    await house.write("battery", Charge(2_500))
    assert house.written == [(47_247, (0, 2_500)), (47_083, (2,)), (47_100, (1,))]
    house.live(30)
    assert house.charged_w == pytest.approx(2_500, rel=0.05)
    assert await house.observe("battery") == Charge(2_500)
    house.live(120)
    assert house.charged_w < 100
    assert isinstance(await house.observe("battery"), SelfConsumption)


async def test_a_renewed_charge_goes_on(house: House) -> None:
    for _ in range(5):
        await house.write("battery", Charge(1_500))
        house.live(40)
    assert house.charged_w == pytest.approx(1_500, rel=0.05)
    assert house.written.count((47_100, (1,))) == 5
    assert house.written.count((47_247, (0, 1_500))) == 1


async def test_a_forced_discharge_is_stopped_with_all_it_set(house: House) -> None:
    before = house.settings
    await house.write("battery", Discharge(2_000))
    house.live(30)
    assert house.charged_w == pytest.approx(-2_000, rel=0.05)
    assert await house.observe("battery") == Discharge(2_000)
    await house.write("battery", SelfConsumption())
    assert house.written[3:] == [(47_100, (0,)), (47_249, (0, 0)), (47_083, (0,))]
    assert house.settings == before
    assert isinstance(await house.observe("battery"), SelfConsumption)


async def test_a_battery_that_goes_on_is_not_taken_for_one_that_was_stopped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.write("battery", Discharge(2_000))
    with monkeypatch.context() as patched:
        patched.setattr(type(house.face.controls), "mode", property(lambda _: 1))
        await house.write("battery", SelfConsumption())
        assert house.settings[47_100] == 0
        assert await house.observe("battery") == Discharge(2_000)
    house.live(5)
    assert isinstance(await house.observe("battery"), SelfConsumption)


async def test_an_order_that_has_ended_may_still_stand_there(play: Play) -> None:
    house = await play(keeps_order=True)
    await house.write("battery", Charge(2_000))
    house.live(150)
    assert house.settings[47_100] == 1
    assert isinstance(await house.observe("battery"), SelfConsumption)


async def test_a_charge_of_more_than_the_battery_is_built_for_is_refused_before_anything_is_sent(
    house: House,
) -> None:
    for order in (Charge(5_001), Discharge(5_001)):
        with pytest.raises(Rejected, match="built for"):
            await house.write("battery", order)
    assert not house.written


async def test_a_battery_that_is_almost_full_is_charged_with_what_it_allows(house: House) -> None:
    battery = house.face.plant.battery
    battery.stored_j = 0.985 * battery.spec.capacity_j
    house.live(10)
    handle = house.device.handles["battery"]
    await house.write("battery", Charge(5_000))
    observed = await house.observe("battery")
    assert isinstance(observed, Charge)
    assert 0 < observed.watts < 5_000
    assert handle.equal(Charge(5_000), observed)
    assert not handle.equal(Charge(4_000), observed)
    battery.stored_j = 0.3 * battery.spec.capacity_j
    house.live(10)
    await house.write("battery", Charge(5_000))
    assert await house.observe("battery") == Charge(5_000)
    assert not handle.equal(Charge(5_000), observed)


async def test_firmware_whose_charge_never_ends_is_not_told_to_charge(house: House) -> None:
    house.face.software = "V100R001C00SPC168"
    with pytest.raises(Rejected, match="SPC168"):
        await house.write("battery", Charge(1_000))
    assert not house.written
    await house.write("battery", SelfConsumption())


async def test_a_charge_that_ends_by_its_state_of_charge_is_told_to_end_by_time(house: House) -> None:
    house.face.controls.values.update({47_246: 1, 47_101: 900})
    await house.write("battery", Charge(1_000))
    assert (47_246, (0,)) in house.written
    assert house.written[-1] == (47_100, (1,))


async def test_states_of_charge_are_set_within_what_the_inverter_takes(house: House) -> None:
    assert await house.observe("soc_limits") == SocLimits(0.1, 1.0)
    await house.write("soc_limits", SocLimits(minimum=0.15))
    assert house.written == [(47_082, (150,))]
    assert await house.observe("soc_limits") == SocLimits(0.15, 1.0)
    for wrong in (SocLimits(minimum=0.3), SocLimits(maximum=0.5), SocLimits()):
        with pytest.raises(ValueError, match="soc_limits"):
            house.device.handles["soc_limits"].check(wrong)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("feed_in_first", 4), ("time_of_use", 5), ("native:adaptive", 0), ("self_consumption", 2)],
)
async def test_modes_are_set_and_told(house: House, name: str, raw: int) -> None:
    await house.write("mode", Mode(name))
    assert house.settings[47_086] == raw
    assert await house.observe("mode") == Mode(name)


async def test_the_mode_is_the_clouds_while_that_commands(house: House) -> None:
    house.face.controls.values[47_589] = 3
    assert await house.observe("mode") is UNKNOWN
    with pytest.raises(Rejected, match="cloud"):
        await house.write("mode", Mode("time_of_use"))
    assert not house.written


async def test_peak_shaving_covers_the_whole_week(house: House) -> None:
    key = "setting:battery.peak_shaving_power"
    assert await house.observe(key) is UNKNOWN
    await house.write(key, Number(4_000))
    ((address, words),) = house.written
    assert address == 47_956
    assert len(words) == 64
    assert words[:6] == (1, 0, 1440, 0, 4_000, 0x7F00)
    assert await house.observe(key) == Number(4_000)


@pytest.mark.parametrize(
    ("key", "value", "address", "words"),
    [
        ("battery.charge_power_limit", 2_500, 47_075, (0, 2_500)),
        ("battery.discharge_power_limit", 0, 47_077, (0, 0)),
        ("battery.grid_charge_allowed", 1, 47_087, (1,)),
        ("battery.grid_charge_cutoff", 0.8, 47_088, (800,)),
        ("battery.backup_reserve", 0.25, 47_102, (250,)),
        ("battery.grid_charge_power", 3_000, 47_242, (0, 3_000)),
        ("battery.surplus_use", 0, 47_299, (0,)),
        ("inverter.power_derating", 0.7, 40_125, (700,)),
        ("inverter.mppt_scanning_interval", 600, 42_055, (10,)),
        ("inverter.active_power_gradient", 1.0, 42_017, (1, 34_464)),
    ],
)
async def test_settings_are_set_by_name_and_put_back(
    house: House, key: str, value: float, address: int, words: tuple[int, ...]
) -> None:
    before = house.settings
    found = await house.observe(f"setting:{key}")
    await house.write(f"setting:{key}", Number(value))
    assert house.written == [(address, words)]
    assert await house.observe(f"setting:{key}") == Number(pytest.approx(value))
    await house.write(f"setting:{key}", found)
    assert house.settings == before


async def test_a_power_above_what_the_battery_allows_is_the_inverters_to_refuse(house: House) -> None:
    with pytest.raises(Rejected, match="exception 3"):
        await house.write("setting:battery.charge_power_limit", Number(6_000))


# EMMA


async def test_behind_an_emma_its_registers_are_written(play: Play) -> None:
    house = await play(emma=True)
    assert await house.observe("export_limit") is UNLIMITED
    await house.write("export_limit", Limit(1_000))
    assert [(write.unit, write.address) for write in house.server.log.writes] == [(0, 40_107), (0, 40_100)]
    assert await house.observe("export_limit") == Limit(1_000)
    await house.write("mode", Mode("feed_in_first"))
    assert await house.observe("mode") == Mode("feed_in_first")
    with pytest.raises(Rejected, match="no such mode"):
        await house.write("mode", Mode("native:adaptive"))
    for key, value in (("battery", Charge(1_000)), ("battery", SelfConsumption())):
        with pytest.raises(Rejected, match="EMMA"):
            await house.write(key, value)
    with pytest.raises(Rejected, match="EMMA"):
        await run(house, "set_clock")
    assert {write.unit for write in house.server.log.writes} == {0}


# Sign-in


async def test_a_write_that_wants_a_sign_in_gets_one_and_a_heartbeat(play: Play) -> None:
    house = await play(password="secret word", secret="secret word", account=True)
    await house.write("export_limit", Limit(0))
    assert house.settings[47_415] == 5
    assert house.written == [(49_999, (1,)), (47_415, (5,))]


async def test_each_connection_signs_in_anew(play: Play) -> None:
    house = await play(password="secret word", secret="secret word", account=True)
    await house.write("export_limit", Limit(0))
    await house.write("export_limit", Limit(1_000))
    assert [address for address, _ in house.written] == [49_999, 47_415, 49_999, 47_416, 49_999, 47_415]
    assert house.server.log.connections == 2


async def test_a_sign_in_that_was_refused_is_not_tried_again(play: Play) -> None:
    house = await play(password="secret word", secret="another", account=True)
    for _ in range(3):
        with pytest.raises(AuthFailed) as refused:
            await house.write("export_limit", Limit(0))
        assert "another" not in str(refused.value)
    assert house.face.sign_in.tries == 1


async def test_a_password_that_cannot_be_read_is_told(play: Play) -> None:
    house = await play(password="secret word", secret="", account=True)
    with pytest.raises(AuthFailed, match="is empty"):
        await house.write("export_limit", Limit(0))


async def test_without_an_account_the_error_says_what_is_missing(play: Play) -> None:
    house = await play(password="secret word")
    with pytest.raises(AuthFailed, match="account"):
        await house.write("export_limit", Limit(0))


@pytest.mark.parametrize("refusal", [2, 4])
async def test_firmware_that_refuses_in_other_words_is_understood(play: Play, refusal: int) -> None:
    house = await play(password="secret word", secret="secret word", account=True)
    house.face.sign_in.refusal = refusal
    await house.write("mode", Mode("feed_in_first"))
    assert house.settings[47_086] == 4


async def test_no_sign_in_is_made_where_none_is_wanted(play: Play) -> None:
    house = await play(secret="secret word", account=True)
    await house.write("mode", Mode("feed_in_first"))
    assert not [request for request in house.server.log.recent if request.function == 0x41]


async def test_a_challenge_with_a_trailing_byte_is_understood(play: Play) -> None:
    house = await play(password="secret word", secret="secret word", account=True)
    house.face.sign_in.marker = b"\x20"
    await house.write("mode", Mode("feed_in_first"))
    assert house.settings[47_086] == 4


# Tasks


async def run(house: House, key: str) -> None:
    deadline = house.deadline()
    async with house.device.turn(deadline):
        await house.device.tasks[key].run(deadline)


async def test_the_clock_is_set_to_the_local_time_that_the_inverter_itself_explains(house: House) -> None:
    house.face.controls.clock_error_s = 300.0
    task: Any = house.device.tasks["set_clock"]
    async with house.device.turn(house.deadline()):
        house.catch_up()
        assert await task.offset(house.deadline()) == pytest.approx(300, abs=3)
    await run(house, "set_clock")
    assert house.face.controls.clock_error_s == pytest.approx(0, abs=3)
    assert {address for address, _ in house.written} == {40_000}


async def test_the_clock_of_an_emma_is_compared_with_the_local_time_of_the_site(play: Play) -> None:
    house = await play(emma=True)
    house.face.controls.clock_error_s = -240.0
    house.catch_up()
    task: Any = house.device.tasks["set_clock"]
    async with house.device.turn(house.deadline()):
        assert await task.offset(house.deadline()) == pytest.approx(-240, abs=5)


async def test_a_clock_without_a_zone_is_told(house: House) -> None:
    house.face.controls.values[43_006] = 0x7FFF
    with pytest.raises(Rejected, match="zone"):
        await run(house, "set_clock")
    assert not house.written


async def test_a_restart_is_for_a_person(house: House) -> None:
    assert house.device.tasks["restart"].promise.hazard == "person"
    await run(house, "restart")
    assert house.face.resets == 1


# Schedules


def schedule(start: tuple[int, int, int], hours: float, mode: str = "force_charge", **more: Any) -> Schedule:
    begin = datetime(2026, 6, *start, tzinfo=ZONE).timestamp()
    return Schedule(start=begin, end=begin + 3600 * hours, mode=mode, **more)


@pytest.fixture
async def tou(house: House) -> House:
    """A house in mode time of use whose grid may charge; 21 June 2026 is a Sunday."""
    house.face.controls.values.update({47_086: 5, 47_087: 1})
    return house


async def create(house: House, wanted: Schedule) -> str:
    schedules, deadline = house.device.schedules, house.deadline()
    assert schedules is not None
    async with house.device.turn(deadline):
        return await schedules.create(wanted, "mark", deadline)


async def entries(house: House) -> Any:
    schedules, deadline = house.device.schedules, house.deadline()
    assert schedules is not None
    async with house.device.turn(deadline):
        return await schedules.entries(deadline)


async def delete(house: House, key: str) -> None:
    schedules, deadline = house.device.schedules, house.deadline()
    assert schedules is not None
    async with house.device.turn(deadline):
        await schedules.delete(key, deadline)


async def test_a_schedule_is_a_period_of_its_weekday_and_goes_again(tou: House) -> None:
    key = await create(tou, schedule((22, 1, 0), 4))
    assert key == "1.60-300.charge"
    assert tou.face.controls.periods[47_255][:4] == (1, 60, 300, 0x0002)
    (entry,) = await entries(tou)
    assert (entry.key, entry.schedule) == (key, schedule((22, 1, 0), 4))
    await delete(tou, key)
    assert tou.face.controls.periods[47_255] == (0,) * 43
    await delete(tou, key)


async def test_a_schedule_is_made_once(tou: House) -> None:
    for _ in range(2):
        await create(tou, schedule((22, 1, 0), 4))
    assert len(tou.written) == 1


async def test_a_schedule_over_midnight_is_two_periods_and_one_entry(tou: House) -> None:
    wanted = schedule((21, 22, 0), 4, "force_discharge")
    key = await create(tou, wanted)
    assert key == "0.1320-1440.discharge+1.0-120.discharge"
    (entry,) = await entries(tou)
    assert (entry.key, entry.schedule) == (key, wanted)
    await delete(tou, key)
    assert not await entries(tou)


async def test_periods_of_the_owner_stay_and_are_not_run_over(tou: House) -> None:
    words = (1, 0, 120, 0x007F, *[0] * 39)
    tou.face.controls.periods[47_255] = words
    with pytest.raises(Rejected, match="taken"):
        await create(tou, schedule((22, 1, 0), 4))
    key = await create(tou, schedule((22, 3, 0), 2))
    assert tou.face.controls.periods[47_255][:7] == (2, 0, 120, 0x007F, 180, 300, 0x0002)
    (owners,) = [entry for entry in await entries(tou) if entry.key != key]
    with pytest.raises(Rejected, match="left alone"):
        await delete(tou, owners.key)
    await delete(tou, key)
    assert tou.face.controls.periods[47_255] == words


async def test_a_fifteenth_period_has_no_place(tou: House) -> None:
    slots = [word for n in range(14) for word in (20 * n, 20 * n + 10, 0x007F)]
    tou.face.controls.periods[47_255] = (14, *slots)
    with pytest.raises(Rejected, match="14 periods are taken"):
        await create(tou, schedule((22, 10, 0), 1))


async def test_a_scheduled_charge_happens(tou: House) -> None:
    tou.face.plant.battery.stored_j = 0.2 * tou.face.plant.battery.spec.capacity_j
    await create(tou, schedule((21, 1, 40), 1))
    tou.live(60)
    assert tou.charged_w < 100
    tou.live(600)
    assert tou.charged_w == pytest.approx(2_500, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({47_086: 2}, "time_of_use"), ({47_087: 0}, "grid_charge_allowed"), ({43_006: 0}, "time_zone")],
)
async def test_a_schedule_that_would_not_act_is_refused(
    tou: House, settings: dict[int, int], message: str
) -> None:
    tou.face.controls.values.update(settings)
    with pytest.raises(Rejected, match=message):
        await create(tou, schedule((22, 1, 0), 4))
    assert not tou.written


async def test_periods_of_another_battery_are_never_touched(tou: House) -> None:
    image = tou.face.image

    def of_lg() -> Any:
        words = image()
        words[47_000] = 1
        return words

    tou.face.image = of_lg  # type: ignore[method-assign]
    for act in (create(tou, schedule((22, 1, 0), 4)), entries(tou), delete(tou, "1.60-300.charge")):
        with pytest.raises(Rejected, match="no LUNA2000"):
            await act
    assert not tou.written


async def test_periods_that_read_otherwise_a_second_time_are_not_written_back(tou: House) -> None:
    tou.face.controls.periods[47_255] = (1, 0, 120, 0x007F, *[0] * 39)
    read = tou.face.read
    times = iter(range(100))

    def forgetful(unit: int, table: Any, address: int, count: int) -> Any:
        words = read(unit, table, address, count)
        return [0] * count if address == 47_255 and next(times) % 2 == 0 else words

    tou.face.read = forgetful  # type: ignore[method-assign]
    with pytest.raises(Malformed, match="not the same twice"):
        await create(tou, schedule((22, 3, 0), 2))
    assert not tou.written


@pytest.mark.parametrize(
    "wrong",
    [
        schedule((22, 1, 0), 4, "idle"),
        schedule((22, 1, 0), 4, watts=1_000),
        schedule((22, 1, 0), 4, target_soc=0.5),
        schedule((22, 1, 0), 25),
        schedule((22, 1, 0), 0.001),
    ],
)
async def test_a_schedule_that_no_period_can_be_is_wrong(house: House, wrong: Schedule) -> None:
    schedules = house.device.schedules
    assert schedules is not None
    with pytest.raises(ValueError, match=r"schedule|power|state of charge"):
        schedules.check(wrong)


async def test_an_account_without_a_password_is_a_mistake(clock: Any) -> None:
    config = DeviceConfig(
        name="roof", family="huawei", host="127.0.0.1", account="owner", control=Control(enabled=True)
    )
    accounts = MappingProxyType({"owner": Account(family="huawei")})
    with pytest.raises(NotControllable, match="password_file"):
        open_controlled(config, Site(name="house", zone=ZONE, accounts=accounts), clock=clock)
