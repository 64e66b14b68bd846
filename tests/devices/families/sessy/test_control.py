"""What is commanded on a Sessy arrives, is proven, and is put back."""

from __future__ import annotations

from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    Action,
    Charge,
    Discharge,
    Hazard,
    Mode,
    Number,
    SelfConsumption,
    SocLimits,
)
from sunhelm.devices.errors import Rejected


async def put(device: Any, key: str, value: Any) -> Any:
    """Put a handle to a value; return what was there before and what is there now."""
    deadline = Deadline.after(9)
    handle = device.handles[key]
    async with device.turn(deadline):
        before = await handle.observe(deadline)
        await handle.write(value, deadline)
        return before, await handle.observe(deadline)


ORDERS = [(Charge(1500), -1500), (Discharge(1700), 1700), (Charge(0), 0)]


@pytest.mark.parametrize(("order", "setpoint"), ORDERS, ids=str)
async def test_an_order_is_a_setpoint_under_the_strategy_of_the_api(
    home: Any, order: Any, setpoint: int
) -> None:
    device = home.opened("battery")
    before, now = await put(device, "battery", order)

    assert before == SelfConsumption("nom")
    assert device.handles["battery"].equal(order, now)
    assert (home.battery.strategy, home.battery.setpoint_w) == ("API", setpoint)
    assert home.plant.steering.battery_w == setpoint
    _, after = await put(device, "battery", before)
    assert after == SelfConsumption("nom")
    assert home.battery.strategy == "NOM"
    await device.close()


async def test_the_very_strategy_that_was_found_comes_back(home: Any) -> None:
    home.battery.strategy = "ROI"
    device = home.opened("battery")
    before, _ = await put(device, "battery", Charge(500))
    await put(device, "battery", before)

    assert home.battery.strategy == "ROI"
    await device.close()


async def test_nothing_is_written_while_the_makers_cloud_commands(home: Any) -> None:
    home.battery.overridden = True
    device = home.opened("battery")

    with pytest.raises(Rejected, match="cloud of the maker"):
        await put(device, "battery", Charge(500))
    assert not home.battery.log.writes
    await device.close()


async def test_a_strategy_leaves_a_commanded_battery_alone(home: Any) -> None:
    device = home.opened("battery")
    await put(device, "mode", Mode("time_of_use"))
    assert home.battery.strategy == "ROI"
    await put(device, "battery", Charge(500))

    with pytest.raises(Rejected, match="end that first"):
        await put(device, "mode", Mode("self_consumption"))
    assert home.battery.strategy == "API"
    await device.close()


async def test_a_setting_leaves_the_others_as_they_are(home: Any) -> None:
    device = home.opened("battery")
    changed = ("min_soc", "eco_charge_hours", "eco_nom_charge", "enabled_time")
    fuse = {key: value for key, value in home.battery.config.items() if key not in changed}
    before, now = await put(device, "soc_limits", SocLimits(minimum=0.2))

    assert (before, now) == (SocLimits(minimum=0.05), SocLimits(minimum=0.2))
    assert {key: home.battery.config[key] for key in fuse} == fuse
    await put(device, "setting:eco_charge_hours", Number(2 * 3600))
    await put(device, "setting:eco_nom_charge", Number(1))
    assert (home.battery.config["eco_charge_hours"], home.battery.config["eco_nom_charge"]) == (2, True)
    await put(device, "soc_limits", before)
    assert home.battery.config["min_soc"] == 5
    await device.close()


async def test_the_hours_of_work_have_two_ends(home: Any) -> None:
    device = home.opened("battery")
    before, now = await put(device, "setting:enabled_from", Number(7 * 3600 + 30 * 60))
    assert (before, now) == (Number(0), Number(27_000))
    assert home.battery.config["enabled_time"] == "07:30-23:59"
    await put(device, "setting:enabled_until", Number(0))
    assert home.battery.config["enabled_time"] == "07:30-00:00"
    await put(device, "setting:enabled_from", before)
    assert home.battery.config["enabled_time"] == "00:00-00:00"

    home.battery.config["enabled_time"] = "always"
    deadline = Deadline.after(9)
    async with device.turn(deadline):
        assert await device.handles["setting:enabled_from"].observe(deadline) is UNKNOWN
        with pytest.raises(Rejected, match="HH:MM-HH:MM"):
            await device.handles["setting:enabled_from"].write(Number(60), deadline)
    await device.close()


async def test_what_changes_nothing_is_not_sent(home: Any) -> None:
    device = home.opened("battery")
    await put(device, "setting:max_power", Number(2200))
    await put(device, "mode", Mode("self_consumption"))
    assert not home.battery.log.writes

    await put(device, "battery", Charge(500))
    await put(device, "battery", Charge(800))
    assert len(home.battery.log.writes) == 3  # the strategy once, and two setpoints
    await device.close()


async def test_the_target_of_the_grid_is_the_meters(home: Any) -> None:
    device = home.opened("p1")
    before, now = await put(device, "setting:grid_target", Number(-50))

    assert (before, now) == (Number(0), Number(-50))
    assert home.p1.grid_target_w == -50
    assert set(device.handles) == {"setting:grid_target"}
    await device.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("battery", Charge(2201)),
        ("battery", SelfConsumption("api")),
        ("battery", Mode("idle")),
        ("mode", Mode("native:api")),
        ("mode", Mode("force_charge")),
        ("soc_limits", SocLimits(maximum=0.9)),
        ("soc_limits", SocLimits(minimum=1.2)),
        ("setting:min_power", Number(49)),
        ("setting:min_power", Number(60.5)),
        ("setting:eco_charge_hours", Number(1800)),
        ("setting:enabled_from", Number(86_400)),
        ("setting:enabled_until", Number(90)),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_sent(home: Any, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        home.opened("battery").handles[key].check(value)


def test_what_guards_the_fuse_and_the_radio_cannot_be_written(home: Any) -> None:
    handles = home.opened("battery").handles

    for name in (
        "group_current",
        "phase_current",
        "group_sessys",
        "phase_sessys",
        "total_sessys",
        "active_phase",
    ):
        assert f"setting:{name}" not in handles
    assert handles["setting:cloud_enabled"].promise.hazard is Hazard.PERSON


async def test_a_restart_is_for_a_person(home: Any) -> None:
    device = home.opened("battery")
    task, deadline = device.tasks["restart"], Deadline.after(9)
    async with device.turn(deadline):
        await task.run(deadline)

    assert (task.promise.actions, task.promise.hazard) == ((Action.RESTART,), Hazard.PERSON)
    assert home.battery.restarts == 1
    await device.close()


async def test_a_device_is_known_by_its_serial(home: Any) -> None:
    device, deadline = home.opened("battery"), Deadline.after(9)
    async with device.turn(deadline):
        assert await device.identify(deadline) == "DSIMU1"
    await device.close()


async def test_a_battery_tells_its_state_of_charge_so_that_a_schedule_can_end_by_it(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, deadline = home.opened("battery"), Deadline.after(9)
    answers, path = vars(home.battery)["_answers"], "/api/v1/power/status"
    async with device.turn(deadline):
        assert await device.state_of_charge(deadline) == pytest.approx(home.plant.state.battery.soc, abs=1e-6)
        for lost in (None, "full", 1.7, -1):
            monkeypatch.setitem(answers, path, lambda lost=lost: {"sessy": {"state_of_charge": lost}})
            with pytest.raises(Rejected, match="state of charge"):
                await device.state_of_charge(deadline)
    await device.close()

    meter = home.opened("p1")
    assert meter.state_of_charge is None
    await meter.close()
