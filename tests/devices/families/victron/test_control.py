"""Commands on a GX, against the simulated one on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Charge,
    ControlledDevice,
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
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.families import load_family
from sunhelm.devices.links.turns import Turns
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.faces.victron.layout import HOUSE
from sunhelm.simulator.faults import Holes, Truncate
from sunhelm.simulator.house import House
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 13, tzinfo=ZONE).timestamp()
NIGHT = datetime(2026, 6, 21, 1, 30, tzinfo=ZONE).timestamp()

Lost = Literal["request", "reply", "refused"]


class TroubledFace(VictronFace):
    """The simulated GX; `trouble` says what becomes of its writes, by their number from 0 on."""

    def __init__(self, plant: Plant, clock: Any, units: Mapping[str, Any]) -> None:
        super().__init__(plant, units=units, clock=clock)
        self.server: ModbusServer
        self.trouble: dict[int, Lost] = {}
        self.writes = 0
        self.dynamic_ess = False

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        self.server.faults.stop(Truncate)
        words = list(super().read(unit, table, address, count))
        if address <= 5400 < address + count:
            words[5400 - address] = int(self.dynamic_ess)
        return words

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        self.server.faults.stop(Truncate)
        trouble = self.trouble.get(self.writes)
        self.writes += 1
        if trouble == "refused":
            raise ModbusException(10)
        if trouble is not None:
            self.server.faults.start(Truncate(keep=4, close=True))
        if trouble != "request":
            super().write(unit, address, words)


@dataclass
class Gx:
    """A simulated GX, and us in command of it."""

    face: TroubledFace
    server: ModbusServer
    clock: Any
    device: ControlledDevice
    more: Callable[..., ControlledDevice]
    _last: int = field(default=0)

    @property
    def written(self) -> list[tuple[int, int, tuple[int, ...]]]:
        return [(write.unit, write.address, write.words) for write in self.server.log.writes]

    @property
    def stored(self) -> dict[str, int]:
        """What lasts of what can be commanded."""
        moving = {"setpoint_l1", "setpoint_l2", "setpoint_l3", "disable_charge", "disable_feed_in"}
        return {name: value for name, value in self.face.controls.values.items() if name not in moving}

    def live(self, seconds: int) -> None:
        """Let the house live, second by second."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.face.plant.advance(1)
            self.server.update()

    @property
    def charged_w(self) -> float:
        return -self.face.plant.state.battery.power_w

    async def write(self, key: str, value: Any, device: ControlledDevice | None = None) -> None:
        device = device or self.device
        deadline = Deadline.after(20, self.clock)
        async with device.turn(deadline):
            await device.handles[key].write(value, deadline)

    async def observe(self, key: str, device: ControlledDevice | None = None) -> Any:
        device = device or self.device
        deadline = Deadline.after(20, self.clock)
        async with device.turn(deadline):
            return await device.handles[key].observe(deadline)

    async def hold(self, key: str, value: Any, seconds: int) -> None:
        """Write again as often as the promise wants it."""
        every = int(self.device.handles[key].promise.renew_s or seconds)
        for _ in range(seconds // every):
            await self.write(key, value)
            self.live(every)


Play = Callable[..., Any]


@pytest.fixture
async def play(clock: Any) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:

        async def play(
            *, start: float = NIGHT, phases: int = 3, allow: tuple[str, ...] = (), **more: Any
        ) -> Gx:
            plant = Plant(seed=3, start=start, house=House(phases=phases), warm_up=False)
            face = TroubledFace(plant, clock, more.pop("units_of_gx", HOUSE))
            server = ModbusServer(face, limits=Limits(functions={3, 4, 6, 16}, write_words=125))
            face.server = server
            await server.open("127.0.0.1", 0)
            stack.push_async_callback(server.close)

            def opened(**changes: Any) -> ControlledDevice:
                config = DeviceConfig(
                    name="gx",
                    family="victron",
                    link="modbus_tcp",
                    host="127.0.0.1",
                    port=server.port,
                    **{"control": Control(enabled=True, allow=allow), **more, **changes},
                )
                device = open_controlled(config, Site(name="house", zone=ZONE), clock=clock)
                stack.push_async_callback(device.close)
                return device

            gx = Gx(face, server, clock, opened(), opened)
            gx.live(60)
            return gx

        yield play


@pytest.fixture
async def gx(play: Play) -> Gx:
    gx: Gx = await play()
    return gx


LIMITS = pytest.mark.parametrize(
    ("key", "address", "setting"),
    [("export_limit", 2722, "feed_in_limit"), ("setting:discharge_limit", 2720, "discharge_cap")],
)


@LIMITS
async def test_a_limit_is_written_in_one_frame_read_back_and_undone(
    gx: Gx, key: str, address: int, setting: str
) -> None:
    before = gx.stored
    assert await gx.observe(key) is UNLIMITED
    await gx.write(key, Limit(0))
    assert gx.written == [(100, address, (0, 0))]
    assert await gx.observe(key) == Limit(0)
    await gx.write(key, Limit(70_000))
    assert await gx.observe(key) == Limit(70_000)
    await gx.write(key, UNLIMITED)
    assert gx.written[1:] == [(100, address, (1, 4464)), (100, address, (0xFFFF, 0xFFFF))]
    assert gx.stored == before


async def test_export_falls_to_the_limit_and_comes_back(play: Play) -> None:
    gx = await play(start=NOON)
    await gx.write("current_limits", CurrentLimits(charge=0))
    gx.live(120)
    assert gx.face.plant.state.grid.power_w < -1_000
    await gx.write("export_limit", Limit(0))
    gx.live(120)
    assert gx.face.plant.state.grid.power_w > -100
    await gx.write("export_limit", UNLIMITED)
    gx.live(120)
    assert gx.face.plant.state.grid.power_w < -1_000


async def test_a_number_that_limits_the_battery_is_a_limit(gx: Gx) -> None:
    promise = gx.device.handles["setting:discharge_limit"].promise

    assert promise.meant(Number(0.0)) == Limit(0)
    assert gx.device.handles["setting:settings.grid_setpoint"].promise.meant(Number(0.0)) == Number(0.0)


async def test_the_battery_is_held_by_a_discharge_limit_of_0(gx: Gx) -> None:
    gx.live(60)
    assert gx.charged_w < -100
    await gx.write("setting:discharge_limit", Limit(0))
    gx.live(60)
    assert gx.charged_w == pytest.approx(0, abs=60)


async def test_a_limit_is_never_rounded_to_a_looser_one(gx: Gx) -> None:
    await gx.write("export_limit", Limit(1_499.9))
    assert await gx.observe("export_limit") == Limit(1_499)
    assert gx.device.handles["export_limit"].equal(Limit(1_499.9), Limit(1_499))
    assert not gx.device.handles["export_limit"].equal(Limit(0), UNLIMITED)


@LIMITS
async def test_old_firmware_cannot_show_that_there_is_no_limit(
    gx: Gx, key: str, address: int, setting: str
) -> None:
    gx.server.faults.start(Holes(addresses=frozenset(range(2720, 2724))))
    coarse, step = (2706, 100) if key == "export_limit" else (2704, 10)
    assert await gx.observe(key) is UNKNOWN
    await gx.write(key, Limit(2 * step + 0.5))
    assert gx.written == [(100, coarse, (2,))]
    assert await gx.observe(key) == Limit(2 * step)
    assert gx.device.handles[key].equal(Limit(2 * step + 0.5), Limit(2 * step))
    await gx.write(key, Limit(0))
    assert await gx.observe(key) == Limit(0)
    await gx.write(key, UNLIMITED)
    assert gx.face.controls.values[setting] == -1
    assert await gx.observe(key) is UNLIMITED
    assert await gx.observe(key, gx.more()) is UNKNOWN


async def test_a_limit_that_does_not_fit_old_firmware_is_refused_before_it_is_sent(gx: Gx) -> None:
    gx.server.faults.start(Holes(addresses=frozenset(range(2720, 2724))))
    with pytest.raises(ValueError, match="3276700 W is the most"):
        await gx.write("export_limit", Limit(3_300_000))
    assert gx.written == []


async def test_no_limit_is_in_force_while_something_else_regulates(gx: Gx) -> None:
    gx.face.controls.values["ess_mode"] = 3
    assert await gx.observe("export_limit") is UNKNOWN
    assert await gx.observe("setting:discharge_limit") is UNKNOWN
    assert await gx.observe("mode") is UNKNOWN
    assert await gx.observe("battery") is UNKNOWN


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("order", [Charge(1_500), Discharge(1_200), Charge(0)], ids=repr)
async def test_the_battery_does_as_told_by_the_grid_setpoint(play: Play, phases: int, order: Any) -> None:
    gx = await play(phases=phases)
    before = gx.stored
    assert await gx.observe("battery") == SelfConsumption()
    await gx.hold("battery", order, 60)
    handle = gx.device.handles["battery"]
    assert handle.equal(order, await gx.observe("battery"))
    wanted = order.watts if isinstance(order, Charge) else -order.watts
    assert gx.charged_w == pytest.approx(wanted, abs=max(150, 0.1 * abs(wanted)))
    assert {(unit, address, len(words)) for unit, address, words in gx.written} == {(100, 2716, 2)}
    await gx.write("battery", SelfConsumption())
    assert gx.written[-1] == (100, 2716, (0, 0))
    assert gx.stored == before
    assert await gx.observe("battery") == SelfConsumption()


async def test_a_setpoint_of_exactly_0_would_hand_back_and_is_1(gx: Gx) -> None:
    deadline = Deadline.after(20, gx.clock)
    handle: Any = gx.device.handles["battery"]
    async with gx.device.turn(deadline):
        grid = await handle.board.read_row(
            "system", ("grid_l1_power", "grid_l2_power", "grid_l3_power"), deadline
        )
        now = await handle.board.read_value("system.battery_power", deadline)
        order = Discharge(sum(grid) + now) if sum(grid) + now >= 0 else Charge(-sum(grid) - now)
        await handle.write(order, deadline)
    assert gx.written == [(100, 2716, (0, 1))]


async def test_a_setpoint_of_somebody_else_is_not_ours(gx: Gx) -> None:
    await gx.write("battery", Charge(1_000))
    gx.face.controls.values["override"] = 123
    theirs = await gx.observe("battery")
    assert theirs == SelfConsumption("setpoint 123")
    battery = gx.device.handles["battery"]
    assert not battery.equal(Charge(1_000), theirs)
    assert not battery.equal(SelfConsumption(), theirs)
    assert await gx.observe("battery", gx.more()) is UNKNOWN

    await gx.write("battery", Charge(1_000))
    await gx.write("battery", theirs)
    assert gx.face.controls.values["override"] == 123
    assert await gx.observe("battery") == theirs
    await gx.write("battery", SelfConsumption())
    assert await gx.observe("battery") == SelfConsumption()


@pytest.mark.parametrize("allow", [(), ("external_control",)])
async def test_dynamic_ess_keeps_the_battery_and_handing_back_goes_on(
    play: Play, allow: tuple[str, ...]
) -> None:
    gx = await play(allow=allow)
    gx.face.dynamic_ess = True
    with pytest.raises(Rejected, match="Dynamic ESS is active"):
        await gx.write("battery", Charge(1_000))
    assert gx.written == []
    await gx.write("battery", SelfConsumption())


async def test_firmware_without_dynamic_ess_is_as_good(gx: Gx) -> None:
    gx.server.faults.start(Holes(addresses=frozenset({5400})))
    await gx.write("battery", Charge(1_000))
    assert [address for _, address, _ in gx.written] == [2716]


async def test_the_setpoint_is_refused_while_something_else_regulates(gx: Gx) -> None:
    gx.face.controls.values["ess_mode"] = 3
    with pytest.raises(Rejected, match="ESS mode 3"):
        await gx.write("battery", Charge(1_000))
    assert gx.written == []


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("found", [1, 2])
@pytest.mark.parametrize("order", [Charge(1_500), Discharge(1_200)], ids=repr)
async def test_external_control_is_entered_renewed_and_left_in_the_right_order(
    play: Play, phases: int, found: int, order: Any
) -> None:
    gx = await play(phases=phases, allow=("external_control",))
    gx.face.controls.values["ess_mode"] = found
    before = gx.stored
    native = {1: "phase_compensation", 2: "phases_alone"}[found]
    assert await gx.observe("battery") == SelfConsumption(native)
    await gx.hold("battery", order, 60)
    frame = (0,) * (3 if phases == 1 else 5)
    assert gx.written[:2] == [(227, 37, frame), (100, 2902, (3,))]
    assert {(unit, address, len(words)) for unit, address, words in gx.written[2:]} == {(227, 37, len(frame))}
    assert all(words[1:3] == (0, 0) for _, _, words in gx.written[2:])
    handle = gx.device.handles["battery"]
    assert handle.equal(order, await gx.observe("battery"))
    wanted = order.watts if isinstance(order, Charge) else -order.watts
    assert gx.charged_w == pytest.approx(wanted, abs=max(150, 0.1 * abs(wanted)))
    count = len(gx.written)
    await gx.write("battery", SelfConsumption(native))
    assert gx.written[count:] == [(227, 37, frame), (100, 2902, (found,))]
    assert gx.stored == before
    gx.live(30)
    assert gx.stored == before


async def test_external_control_counts_what_the_sun_brings_to_the_battery(play: Play) -> None:
    gx = await play(start=NOON, allow=("external_control",))
    await gx.hold("battery", Charge(3_000), 60)
    assert gx.face.plant.state.charger.output_w > 500
    assert gx.charged_w == pytest.approx(3_000, abs=350)


async def test_external_control_that_is_not_renewed_falls_asleep_and_is_seen(play: Play) -> None:
    gx = await play(allow=("external_control",))
    promise = gx.device.handles["battery"].promise
    assert (promise.rung, promise.reverts_s) == (Rung.PERSISTENT, 10)
    assert (promise.renew_s or 99) <= 10 / 3 + 0.1
    await gx.hold("battery", Discharge(1_000), 30)
    gx.live(30)
    assert gx.charged_w == pytest.approx(0, abs=60)
    assert await gx.observe("battery") is UNKNOWN


async def test_the_way_the_gx_regulated_is_put_back_after_a_crash_too(play: Play) -> None:
    gx = await play(allow=("external_control",))
    gx.face.controls.values["ess_mode"] = 2
    found = await gx.observe("battery")
    await gx.write("battery", Charge(1_000))
    successor = gx.more()
    assert await gx.observe("battery", successor) is UNKNOWN
    await gx.write("battery", found, successor)
    assert gx.face.controls.values["ess_mode"] == 2
    assert await gx.observe("battery", successor) == found


async def test_external_control_is_left_although_the_site_file_allows_it_no_more(play: Play) -> None:
    gx = await play(allow=("external_control",))
    gx.face.controls.values["ess_mode"] = 2
    found = await gx.observe("battery")
    await gx.write("battery", Charge(1_000))
    successor = gx.more(control=Control(enabled=True))
    assert await gx.observe("battery", successor) is UNKNOWN
    await gx.write("battery", found, successor)
    assert gx.face.controls.values["ess_mode"] == 2
    assert await gx.observe("battery", successor) == SelfConsumption()


async def test_external_control_of_somebody_else_is_left_alone(play: Play) -> None:
    gx = await play()
    gx.face.controls.values["ess_mode"] = 3
    await gx.write("battery", SelfConsumption())
    assert gx.face.controls.values["ess_mode"] == 3


@pytest.mark.parametrize("lost", ["request", "reply", "refused"])
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_external_control_cut_short_is_an_error_and_both_ways_converge(
    play: Play, lost: Lost, at: int
) -> None:
    gx = await play(allow=("external_control",))
    before = gx.stored
    gx.face.trouble = {at: lost}
    with pytest.raises(DeviceError):
        await gx.write("battery", Charge(1_000))
    gx.face.trouble = {}
    await gx.hold("battery", Charge(1_000), 30)
    assert gx.device.handles["battery"].equal(Charge(1_000), await gx.observe("battery"))
    gx.face.writes, gx.face.trouble = 0, {min(at, 1): lost}
    with pytest.raises(DeviceError):
        await gx.write("battery", SelfConsumption("phase_compensation"))
    gx.face.trouble = {}
    await gx.write("battery", SelfConsumption("phase_compensation"))
    assert gx.stored == before


async def test_external_control_does_not_discharge_at_the_minimum(play: Play) -> None:
    gx = await play(allow=("external_control",))
    gx.face.controls.values["minimum_soc"] = 1_000
    with pytest.raises(Rejected, match=r"100\.0% is the minimum"):
        await gx.write("battery", Discharge(1_000))
    assert gx.written == []


async def test_an_unknown_ess_mode_is_not_changed(play: Play) -> None:
    gx = await play(allow=("external_control",))
    gx.face.controls.values["ess_mode"] = 0
    assert await gx.observe("battery") is UNKNOWN
    with pytest.raises(Rejected, match="ESS mode 0 is not known"):
        await gx.write("battery", Charge(1_000))
    assert gx.written == []


async def test_the_charge_current_is_limited_and_undone(gx: Gx) -> None:
    before = gx.stored
    assert await gx.observe("current_limits") == CurrentLimits()
    await gx.write("current_limits", CurrentLimits(charge=20.9))
    assert gx.written == [(100, 2705, (20,))]
    assert await gx.observe("current_limits") == CurrentLimits(charge=20)
    assert gx.device.handles["current_limits"].equal(CurrentLimits(charge=20.9), CurrentLimits(charge=20))
    await gx.write("current_limits", CurrentLimits())
    assert gx.stored == before


async def test_the_minimum_state_of_charge_is_set_and_undone(gx: Gx) -> None:
    before = gx.stored
    found = await gx.observe("soc_limits")
    await gx.write("soc_limits", SocLimits(minimum=0.25))
    assert gx.written == [(100, 2901, (250,))]
    assert await gx.observe("soc_limits") == SocLimits(minimum=0.25)
    await gx.write("soc_limits", found)
    assert gx.stored == before


@pytest.mark.parametrize(
    ("state", "found"),
    [
        *((state, "native:with_battery_life") for state in range(1, 9)),
        (9, "backup"),
        *((state, "native:without_battery_life") for state in (10, 11, 12)),
    ],
)
async def test_a_mode_is_undone_by_what_was_chosen(gx: Gx, state: int, found: str) -> None:
    gx.face.controls.values["battery_life"] = state
    assert await gx.observe("mode") == Mode(found)
    for name, number in (("backup", 9), ("self_consumption", 10), (found, None)):
        await gx.write("mode", Mode(name))
        gx.live(1)
        assert gx.device.handles["mode"].equal(Mode(name), await gx.observe("mode"))
        if number:
            assert gx.written[-1] == (100, 2900, (number,))
    assert {"native:with_battery_life": 1, "backup": 9}.get(found, 10) == gx.written[-1][2][0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("export_limit", Charge(1)),
        ("export_limit", Limit(2**31)),
        ("battery", Limit(0)),
        ("battery", Charge(-1)),
        ("battery", Discharge(100_001)),
        ("battery", Charge(float("nan"))),
        ("battery", SelfConsumption("anyhow")),
        ("current_limits", CurrentLimits(charge=-1)),
        ("current_limits", CurrentLimits(charge=40_000)),
        ("current_limits", CurrentLimits(charge=1, discharge=1)),
        ("soc_limits", SocLimits(minimum=1.01)),
        ("soc_limits", SocLimits(minimum=-0.1)),
        ("soc_limits", SocLimits(minimum=0.2, maximum=0.9)),
        ("soc_limits", SocLimits()),
        ("mode", Mode("force_charge")),
        ("mode", Limit(0)),
        ("setting:settings.grid_setpoint", Number(40_000)),
        ("setting:settings.grid_setpoint", Number(float("inf"))),
        ("setting:settings.grid_setpoint", UNLIMITED),
        ("setting:settings.pump_mode", Number(3)),
        ("setting:settings.dc_surplus_feed_in_allowed", Limit(1)),
    ],
    ids=str,
)
async def test_refused_values_never_reach_the_wire(gx: Gx, key: str, value: Any) -> None:
    asked = gx.server.log.requests
    with pytest.raises(ValueError, match=key.partition(":")[0]):
        gx.device.handles[key].check(value)
    with pytest.raises(ValueError, match=key.partition(":")[0]):
        await gx.write(key, value)
    assert gx.server.log.requests == asked


async def test_every_setting_of_the_house_takes_its_own_value_back(gx: Gx) -> None:
    settings = [key for key in gx.device.handles if key.startswith("setting:")]
    assert len(settings) > 30
    for key in settings:
        handle = gx.device.handles[key]
        try:
            found = await gx.observe(key)
        except Rejected:
            continue  # another house has that part
        if found is UNKNOWN:
            continue
        await gx.write(key, found)
        assert handle.equal(found, await gx.observe(key)), key


async def test_a_setting_is_written_in_its_base_unit_and_read_back(gx: Gx) -> None:
    key = "setting:vebus.ac_in_current_limit"
    before = await gx.observe(key)
    await gx.write(key, Number(16.3))
    assert gx.written == [(227, 22, (163,))]
    assert await gx.observe(key) == Number(16.3)
    await gx.write(key, before)
    assert await gx.observe(key) == before


async def test_a_setting_without_a_limit_is_unlimited(gx: Gx) -> None:
    key = "setting:settings.grid_export_current_limit"
    assert await gx.observe(key) is UNLIMITED
    await gx.write(key, Number(16))
    assert await gx.observe(key) == Number(16)
    await gx.write(key, UNLIMITED)
    assert gx.written[-1] == (100, 2713, (0xFFFF,))


def test_settings_say_who_may_set_them() -> None:
    config = DeviceConfig(
        name="gx", family="victron", link="modbus_tcp", host="127.0.0.1", control=Control(enabled=True)
    )
    handles = open_controlled(config, Site(name="house", zone=ZONE)).handles
    of = {key: handle.promise.hazard for key, handle in handles.items()}
    for name in ("vebus.switch_position", "system.relay_1_closed", "settings.grid_metered_by_inverter"):
        assert of[f"setting:{name}"] is Hazard.PERSON
    assert of["setting:settings.grid_setpoint"] is Hazard.OPT_IN
    for name in ("vebus.output_voltage_setting", "vebus.reset", "vebus.redetect", "vebus.charge_forbidden"):
        assert f"setting:{name}" not in of
    for name in ("settings.maximum_feed_in_power", "hub4.grid_setpoint_override", "settings.ess_state"):
        assert f"setting:{name}" not in of
    assert Hazard.AUTOMATIC not in of.values()
    assert Hazard.NEVER not in of.values()
    assert handles["export_limit"].promise.hazard_of(UNLIMITED) is Hazard.PERSON
    by_action = [key for key, each in handles.items() if Action.CHARGE in each.promise.actions]
    assert by_action == ["battery"]


def test_every_place_in_the_family_file_is_a_register() -> None:
    family: Any = load_family("victron")
    writable = {
        f"{part.name}.{register.name}"
        for part in family.spec.parts
        for register in family.map_of(part).registers
        if register.access != "r"
    }
    assert set(family.spec.setting_hazards) <= writable
    commanded = {place for each in family.spec.controls.values() for place in each.registers}
    assert commanded | set(family.spec.tasks["restart"].registers) <= writable
    assert not commanded & set(family.spec.setting_hazards)


async def test_a_part_at_several_units_has_settings_for_each(play: Play) -> None:
    gx = await play(
        units={"vebus": (227, 246)}, units_of_gx={**HOUSE, "vebus": (227, 246)}, allow=("external_control",)
    )
    assert "setting:vebus.ac_in_current_limit" not in gx.device.handles
    await gx.write("setting:vebus_246.ac_in_current_limit", Number(10))
    assert gx.written == [(246, 22, (100,))]
    with pytest.raises(Rejected, match="vebus answers at units 227, 246"):
        await gx.write("battery", Charge(1_000))


async def test_a_restart_is_one_write_and_for_a_person(gx: Gx) -> None:
    task = gx.device.tasks["restart"]
    assert task.promise.hazard is Hazard.PERSON
    deadline = Deadline.after(20, gx.clock)
    async with gx.device.turn(deadline):
        await task.run(deadline)
    assert gx.face.controls.resets == 1


async def test_a_read_only_server_refuses_and_nothing_is_written_elsewhere(gx: Gx) -> None:
    gx.face.trouble = {0: "refused"}
    with pytest.raises(Rejected):
        await gx.write("export_limit", Limit(0))
    assert gx.face.writes == 1
    assert await gx.observe("export_limit") is UNLIMITED


async def test_a_gx_is_known_by_its_portal_id(gx: Gx) -> None:
    deadline = Deadline.after(20, gx.clock)
    async with gx.device.turn(deadline):
        serial = await gx.device.identify(deadline)
    assert len(serial) == 12
    other = gx.more(serial="c0619ab12345")
    async with other.turn(deadline):
        with pytest.raises(Rejected, match="the site file says c0619ab12345"):
            await other.identify(deadline)


async def test_a_sequence_is_one_turn(play: Play) -> None:
    gx = await play(allow=("external_control",))
    one, two = gx.device, gx.more()
    await asyncio.gather(gx.write("battery", Charge(1_000), one), gx.write("export_limit", Limit(0), two))
    places = [address for _, address, _ in gx.written]
    assert places in ([37, 2902, 37, 2722], [2722, 37, 2902, 37])


async def test_control_is_refused_to_a_reader(play: Play, tmp_path: Any) -> None:
    config = DeviceConfig(name="gx", family="victron", link="modbus_tcp", host="127.0.0.1")
    site = Site(name="house", zone=ZONE)
    with pytest.raises(NotControllable, match=r"devices\.gx: may only be read"):
        open_controlled(config, site)
    enabled = DeviceConfig(
        name="gx", family="victron", link="modbus_tcp", host="127.0.0.1", control=Control(enabled=True)
    )
    with pytest.raises(ValueError, match='turns of role "reader"'):
        open_controlled(enabled, site, turns=Turns(tmp_path))
