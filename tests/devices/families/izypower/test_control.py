"""What is commanded at a station arrives as the cloud wants it, is proven, and is put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    Discharge,
    Hazard,
    Limit,
    Mode,
    Number,
    Proof,
    Rung,
    SelfConsumption,
    SocLimits,
)
from sunhelm.devices.errors import DeviceError, Rejected, Unreachable
from sunhelm.devices.families import load_family
from sunhelm.devices.families.izypower.units import heads_of, units_of
from sunhelm.devices.families.izypower.writables import WRITABLES
from sunhelm.simulator.faults import ExceptionReply
from sunhelm.simulator.faults.cloud import Maintenance

AtHome = Callable[..., None]


async def put(home: Any, key: str, value: Any, device: Any = None) -> tuple[Any, Any]:
    """Put a handle to a value; return what was there before and what is there now."""
    device, deadline = device or home.control(), home.deadline()
    handle = device.handles[key]
    async with device.turn(deadline):
        before = await handle.observe(deadline)
        await handle.write(value, deadline)
        return before, await handle.observe(deadline)


def posts(home: Any) -> Sequence[str]:
    return [path for path in home.cloud.paths if path.startswith("POST") and "login" not in path]


def test_a_limit_of_injection_is_a_negative_number_and_goes_back_as_it_was(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        house, device = home.cloud.house, home.control()
        before, now = await put(home, "export_limit", Limit(1234), device)
        assert before is UNLIMITED
        assert now == Limit(1200)  # stricter rather than looser
        assert device.handles["export_limit"].equal(Limit(1234), now)
        assert (house.blocking, house.threshold) == (True, -1200)
        assert home.plant.steering.feed_in_limit_w == 1200
        _, now = await put(home, "export_limit", Limit(0), device)
        assert (now, house.threshold) == (Limit(0), 0)
        _, now = await put(home, "export_limit", UNLIMITED, device)
        assert now is UNLIMITED
        assert (house.blocking, house.threshold) == (False, -300)  # both members as they were found
        assert not house.faux_pas

    at_home(program)


def test_a_limit_of_the_owner_that_is_none_of_our_steps_comes_back_as_it_was(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        house, device = home.cloud.house, home.control()
        house.blocking, house.threshold = True, -320
        handle = device.handles["export_limit"]
        before, now = await put(home, "export_limit", Limit(300), device)
        assert (before, now) == (Limit(320), Limit(300))
        assert not handle.equal(Limit(300), before)  # 20 W more is not what was asked for
        await put(home, "export_limit", Limit(0), device)
        _, now = await put(home, "export_limit", before, device)
        assert (now, house.blocking, house.threshold) == (Limit(320), True, -320)
        _, now = await put(home, "export_limit", Limit(345), device)
        assert now == Limit(300)

    at_home(program)


def test_a_threshold_that_is_positive_is_not_taken_for_a_limit(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        house, device = home.cloud.house, home.control()
        house.blocking, house.threshold = True, 300
        before, now = await put(home, "export_limit", Limit(500), device)
        assert (before, now) == (UNKNOWN, Limit(500))
        house.threshold = 300
        _, now = await put(home, "export_limit", UNLIMITED, device)
        assert (now, house.threshold) == (UNLIMITED, -300)

    at_home(program)


def test_the_meter_is_told_by_its_serial_and_asked_by_its_id(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        await put(home, "export_limit", Limit(0))
        assert any(path.endswith("/baseInfo/9002") for path in home.cloud.paths)
        assert [path.rpartition("/")[2] for path in posts(home)] == ["YZC0000000002"]

    at_home(program)


@pytest.mark.parametrize(
    ("order", "battery_w"), [(Charge(1500), -1500), (Discharge(1600), 1600), (Charge(0), None)], ids=str
)
def test_an_order_takes_the_manual_mode_first_and_hands_it_back(
    at_home: AtHome, order: Any, battery_w: float | None
) -> None:
    async def program(home: Any) -> None:
        battery, device = home.cloud.house.battery, home.control()
        before, now = await put(home, "battery", order, device)
        assert before == SelfConsumption("intelligent")
        assert device.handles["battery"].equal(order, now)
        assert [path.split("/battery/")[1].split("/")[0] for path in posts(home)] == [
            "mode",
            "manual_mode_value",
        ]
        assert battery.ctr_mode == 1
        if battery_w is not None:
            assert home.plant.steering.battery_w == battery_w
        _, after = await put(home, "battery", before, device)
        assert after == before
        assert (battery.ctr_mode, battery.manual_mode, battery.manual_power) == (0, 0, 0)

    at_home(program)


def test_the_very_mode_that_was_found_comes_back(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        home.cloud.house.battery.ctr_mode = 2
        before, _ = await put(home, "battery", Discharge(500), device)
        assert before == SelfConsumption("calendar")
        await put(home, "battery", before, device)
        assert home.cloud.house.battery.ctr_mode == 2

    at_home(program)


def test_an_old_order_by_hand_does_not_act_for_a_moment(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        house = home.cloud.house
        house.battery.manual_mode, house.battery.manual_power = 1, 2400
        seen = []
        order = house.order

        def watched(what: str, serial: str, body: Any) -> None:
            order(what, serial, body)
            seen.append((house.battery.ctr_mode, house.battery.manual_mode, house.battery.manual_power))

        house.order = watched
        await put(home, "battery", Discharge(300))
        assert seen == [(0, 0, 0), (1, 0, 0), (1, 2, 300)]

    at_home(program)


def test_a_battery_that_stops_half_way_shows_neither_state(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device, deadline = home.control(), home.deadline()
        handle = device.handles["battery"]
        async with device.turn(deadline):
            await handle.write(Discharge(300), deadline)
            with home.cloud.faults.during(ExceptionReply(on="write", code=4)), pytest.raises(DeviceError):
                await handle.write(SelfConsumption(), deadline)
            assert not handle.equal(SelfConsumption(), await handle.observe(deadline))
            await handle.write(SelfConsumption(), deadline)
            assert handle.equal(SelfConsumption(), await handle.observe(deadline))
        assert handle.promise.in_steps

    at_home(program)


def test_more_than_the_owner_allows_in_the_app_is_refused(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        for order, name in ((Discharge(1650), "cluster_max_out_power"), (Charge(2450), "max_in_power")):
            with pytest.raises(Rejected, match=name):
                await put(home, "battery", order)
        assert not posts(home)

    at_home(program)


def test_a_master_is_told_and_a_slave_never(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        await put(home, "battery", Charge(500), device)
        await put(home, "soc_limits", SocLimits(minimum=0.2), device)
        await put(home, "setting:backup_outlet", Number(0), device)
        assert {path.rpartition("/")[2] for path in posts(home)} == {"YZB0000000003"}
        assert not home.cloud.house.faux_pas
        assert home.cloud.house.battery.min_soc == 20

    at_home(program)


def test_for_a_slave_named_in_the_site_file_nobody_is_told(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        with pytest.raises(Rejected, match="YZB0000000004 takes no orders"):
            await put(home, "battery", Charge(500))
        assert not posts(home)

    at_home(program, serial="41001/YZB0000000004")


def test_of_two_heads_one_is_named_or_nothing_is_told(at_home: AtHome) -> None:
    second = {
        "deviceId": 9009,
        "sn": "YZB0000000009",
        "deviceType": "battery",
        "onlineState": 1,
        "clusterMode": 1002,
    }

    async def unnamed(home: Any) -> None:
        home.cloud.house.records.append(second)
        with pytest.raises(Rejected, match="YZB0000000003, YZB0000000009"):
            await put(home, "battery", Charge(500))
        assert not posts(home)

    async def named(home: Any) -> None:
        home.cloud.house.records.append(second)
        device = home.control()
        await put(home, "battery", Charge(500), device)
        assert await device.identify(home.deadline()) == "41001/YZB0000000003"

    at_home(unnamed)
    at_home(named, serial="41001/YZB0000000003")


def test_a_battery_that_may_be_a_slave_is_told_nothing(at_home: AtHome) -> None:
    unknown = {"deviceId": 9009, "sn": "YZB0000000009", "deviceType": "battery", "onlineState": 1}

    async def program(home: Any) -> None:
        home.cloud.house.records.append(unknown)
        with pytest.raises(Rejected, match="its role is not told"):
            await put(home, "battery", Charge(500))
        assert not posts(home)

    at_home(program, serial="41001/YZB0000000009")
    alone = units_of([unknown])
    assert heads_of(alone) == [*alone]
    assert heads_of(units_of([unknown, {**unknown, "sn": "YZB0000000010"}])) == []


@pytest.mark.parametrize(
    ("key", "value", "serial"),
    [
        ("battery", Charge(500), "YZB0000000003"),
        ("export_limit", Limit(0), "YZC0000000002"),
        ("setting:ev_power", Number(2000), "YZE0000000005"),
    ],
    ids=str,
)
def test_a_device_that_is_offline_is_told_nothing(at_home: AtHome, key: str, value: Any, serial: str) -> None:
    async def program(home: Any) -> None:
        home.cloud.house.offline.add(serial)
        with pytest.raises(Unreachable, match="offline"):
            await put(home, key, value)
        assert not posts(home)

    at_home(program)


@pytest.mark.parametrize(
    ("mode", "code"), [("self_consumption", 0), ("time_of_use", 2), ("idle", 1), ("native:calendar", 2)]
)
def test_a_mode_is_set_and_the_one_before_comes_back(at_home: AtHome, mode: str, code: int) -> None:
    async def program(home: Any) -> None:
        device, battery = home.control(), home.cloud.house.battery
        before, now = await put(home, "mode", Mode(mode), device)
        assert device.handles["mode"].equal(Mode(mode), now)
        assert battery.ctr_mode == code
        await put(home, "mode", before, device)
        assert battery.ctr_mode == 0

    at_home(program)


def test_a_mode_leaves_a_commanded_battery_alone(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        await put(home, "battery", Charge(500), device)
        with pytest.raises(Rejected, match="end that first"):
            await put(home, "mode", Mode("time_of_use"), device)
        assert home.cloud.house.battery.ctr_mode == 1

    at_home(program)


def test_without_a_meter_there_is_no_intelligent_mode(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.house.has_meter = False
        home.cloud.house.battery.ctr_mode = 2
        device = home.control()
        for key, value in (("mode", Mode("self_consumption")), ("setting:ev_mode", Number(0))):
            with pytest.raises(Rejected, match="meter"):
                await put(home, key, value, device)
        await put(home, "battery", Charge(500), device)
        _, now = await put(home, "battery", SelfConsumption(), device)
        assert now == SelfConsumption("calendar")

    at_home(program)


SETTINGS = [
    ("battery_charge_power", 1200, ("battery", "max_in_power", 1200)),
    ("battery_discharge_power", 1000, ("battery", "cluster_max_out_power", 1000)),
    ("backup_outlet", 0, ("battery", "outlet_on", False)),
    ("backup_outlet_mode", 2, ("battery", "outlet_mode", 2)),
    ("calibration", 0, ("battery", "calibrates", False)),
    ("calibration_interval", 30 * 86_400, ("battery", "calibration_days", 30)),
    ("calibration_time", 4 * 3600 + 300, ("battery", "calibration_time", "04:05")),
    ("ev_power", 4000, ("charger", "power", 4000)),
    ("ev_mode", 0, ("charger", "mode", 0)),
    ("ev_charging", 1, ("charger", "started", True)),
    ("ev_grid", 1, ("charger", "grid", True)),
    ("ev_battery", 0, ("charger", "battery", False)),
    ("ev_derate", 8000, ("charger", "derate", 8000)),
    ("ev_priority", 0, ("charger", "priority", False)),
]


@pytest.mark.parametrize(("name", "value", "there"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_a_setting_arrives_alone_and_goes_back(at_home: AtHome, name: str, value: float, there: Any) -> None:
    async def program(home: Any) -> None:
        house, device = home.cloud.house, home.control()
        part, member, expected = there
        found = {key: getattr(getattr(house, part), key) for key in getattr(house, part).__slots__}
        before, now = await put(home, f"setting:{name}", Number(value), device)
        assert now == Number(value)
        changed = {key: getattr(getattr(house, part), key) for key in found}
        assert changed == {**found, member: expected}
        _, after = await put(home, f"setting:{name}", before, device)
        assert after == before
        assert {key: getattr(getattr(house, part), key) for key in found} == found

    at_home(program)


def test_every_setting_has_a_case() -> None:
    told = {name for name, _, _ in SETTINGS} | {"battery_lights"}
    assert told == {*WRITABLES, "battery_charge_power", "battery_discharge_power"}
    promised = {key.removeprefix("setting:") for key in load_family("izypower").spec.controls if ":" in key}
    assert promised == told


def test_the_lights_are_told_as_a_number_and_nobody_knows_what_they_are(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        before, now = await put(home, "setting:battery_lights", Number(0), device)
        assert (before, now) == (UNKNOWN, UNKNOWN)
        assert home.cloud.house.battery.lights == 0
        promise = device.handles["setting:battery_lights"].promise
        assert (promise.blind, promise.proof, promise.hazard) == (True, Proof.NONE, Hazard.PERSON)

    at_home(program)


def test_the_mode_of_an_outlet_that_is_off_is_not_set(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.house.battery.outlet_on = False
        with pytest.raises(Rejected, match="outlet is off"):
            await put(home, "setting:backup_outlet_mode", Number(2))
        assert not posts(home)

    at_home(program)


@pytest.mark.parametrize("value", [1300, 7500, 4050])
def test_a_charger_is_told_what_it_can(at_home: AtHome, value: float) -> None:
    async def program(home: Any) -> None:
        with pytest.raises(Rejected, match="the charger takes"):
            await put(home, "setting:ev_power", Number(value))
        assert not posts(home)

    at_home(program)


def test_a_cluster_has_the_power_of_its_batteries(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        _, now = await put(home, "setting:battery_charge_power", Number(4800), device)
        assert now == Number(4800)
        with pytest.raises(Rejected, match="4800 W is the most"):
            await put(home, "setting:battery_charge_power", Number(4850), device)

    at_home(program)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("export_limit", Limit(36_050)),
        ("export_limit", Number(5)),
        ("battery", Charge(7300)),
        ("battery", SelfConsumption("nom")),
        ("battery", Mode("idle")),
        ("mode", Mode("native:manual")),
        ("mode", Mode("backup")),
        ("soc_limits", SocLimits(minimum=0.0)),
        ("soc_limits", SocLimits(maximum=0.9)),
        ("setting:battery_charge_power", Number(75)),
        ("setting:battery_discharge_power", Number(-50)),
        ("setting:backup_outlet", Number(2)),
        ("setting:backup_outlet_mode", Number(0)),
        ("setting:calibration_interval", Number(4 * 86_400)),
        ("setting:calibration_interval", Number(5.5 * 86_400)),
        ("setting:calibration_time", Number(61)),
        ("setting:ev_derate", Number(5)),
        ("setting:ev_derate", Number(64_010)),
        ("setting:ev_mode", Number(3)),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_sent(at_home: AtHome, key: str, value: Any) -> None:
    async def program(home: Any) -> None:
        with pytest.raises(ValueError, match=key.partition(":")[0]):
            home.control().handles[key].check(value)
        assert not home.cloud.paths

    at_home(program)


def test_a_page_for_people_is_no_proof_that_anything_was_done(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device, deadline = home.control(), home.deadline()
        handle = device.handles["export_limit"]
        await handle.observe(deadline)
        with home.cloud.faults.during(Maintenance()), pytest.raises(DeviceError):
            await handle.write(Limit(0), deadline)
        assert await handle.observe(deadline) is UNLIMITED

    at_home(program)


def test_live_mode_is_asked_of_the_station_and_every_battery(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device, deadline = home.control(), home.deadline()
        async with device.turn(deadline):
            await device.tasks["task:live_mode"].run(deadline)
        assert set(home.cloud.house.live_until) == {"41001", "YZB0000000003", "YZB0000000004"}
        assert device.tasks["task:live_mode"].promise.rung is Rung.TIMER

    at_home(program)


def test_a_station_is_known_by_its_id_and_tells_its_state_of_charge(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device, deadline = home.control(), home.deadline()
        assert await device.identify(deadline) == "41001"
        soc = await device.state_of_charge(deadline)
        assert soc == pytest.approx(home.plant.state.battery.soc, abs=0.006)

    at_home(program)


def test_nothing_is_automatic_and_all_of_it_stays() -> None:
    for key, writable in load_family("izypower").spec.controls.items():
        assert writable.hazard in ("opt-in", "person"), key
        assert (writable.rung, writable.storage) == ("C", "persistent"), key
        assert writable.doubts, key
    limit = load_family("izypower").spec.controls["export_limit"]
    assert limit.hazards == {"unlimited": "person"}
