"""Limits, tasks and settings of SMA devices, against simulated ones on a real socket."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Hazard,
    Limit,
    Number,
    Proof,
    Rung,
)
from sunhelm.devices.controlled import NotControllable
from sunhelm.devices.errors import AuthFailed, Rejected
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.sections import Account, ExportRange
from sunhelm.simulator.faces.sma.controls import CODE
from sunhelm.simulator.faces.sma.models import HYBRID, INVERTER, KEEP_LAST, STORAGE, SUNNY_ISLAND

NOON = datetime(2026, 6, 21, 13, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
HOME_MANAGER = {"model": "Home Manager 2.0", "rated_power": 8_000.0}


async def test_production_falls_to_the_limit_and_comes_back(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    before = played.face.plant.state.pv_inverter.power_w
    assert before > 700
    await played.write("production_limit", Limit(500))
    assert played.written == [(40023, (1_250,))], "12.50 % of 4 kW"
    played.live(20)
    handle = played.device.handles["production_limit"]
    observed = await played.observe("production_limit")
    assert isinstance(observed, Limit)
    assert observed.watts == pytest.approx(500, abs=2)
    assert handle.equal(Limit(500), observed)
    assert not handle.equal(Limit(300), observed)
    await played.write("production_limit", UNLIMITED)
    assert played.written[1:] == [(40023, (10_000,))]
    played.live(20)
    assert played.face.plant.state.pv_inverter.power_w > before * 0.8
    assert await played.observe("production_limit") is UNKNOWN


async def test_a_limit_of_production_is_rounded_to_a_stricter_one(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    await played.write("production_limit", Limit(499.99))
    await played.write("production_limit", Limit(0))
    await played.write("production_limit", Limit(70_000))
    assert [words for _, words in played.written] == [(1_249,), (0,), (10_000,)]


async def test_firmware_without_hundredths_gets_whole_percents(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    played.face.refuses = lambda address, words: 2 if address == 40023 else 0
    await played.write("production_limit", Limit(519))
    await played.write("production_limit", Limit(0))
    assert played.written == [(40016, (12,)), (40016, (0,))]


async def test_a_limit_that_nobody_renews_ends_by_itself(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    await played.hold("production_limit", Limit(200), 900)
    assert played.face.controls.pv_share == 0.05
    promise = played.device.handles["production_limit"].promise
    assert (promise.rung, promise.reverts_s, promise.renew_s) == (Rung.TIMER, 600, 20)
    played.live(610)
    assert played.face.controls.pv_share == 1.0


async def test_a_limit_that_would_be_kept_for_ever_needs_the_owners_word(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    played.face.controls.settings[41193] = KEEP_LAST
    with pytest.raises(Rejected, match="keep_last_setpoint"):
        await played.write("production_limit", Limit(200))
    await played.write("production_limit", UNLIMITED)  # letting go is refused to nobody


async def test_a_limit_of_production_wants_control_by_communication_and_pv(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    played.face.controls.settings[40210] = 1078
    with pytest.raises(Rejected, match="30835"):
        await played.write("production_limit", Limit(200))
    for model in (SUNNY_ISLAND, STORAGE):
        played = await play(model)
        with pytest.raises(Rejected, match="no PV"):
            await played.write("production_limit", Limit(200))


async def test_the_export_limit_is_stored_read_back_and_put_back(play: Any) -> None:
    played = await play(HYBRID, start=NOON, soc=1.0)
    assert await played.observe("export_limit") == Limit(15_000)
    assert played.face.plant.state.grid.power_w < -800
    await played.write("export_limit", Limit(0))
    assert played.written == [(41217, (0, 0))]
    assert await played.observe("export_limit") == Limit(0)
    played.live(60)
    assert played.face.plant.state.grid.power_w > -100
    await played.write("export_limit", Limit(15_000))
    assert await played.observe("export_limit") == Limit(15_000)
    played.live(60)
    assert played.face.plant.state.grid.power_w < -800


async def test_an_export_limit_against_the_devices_own_output_is_none(play: Any) -> None:
    played = await play(INVERTER, start=NOON)
    played.face.controls.settings[41187] = 3547
    assert await played.observe("export_limit") is UNKNOWN
    with pytest.raises(Rejected, match="41187"):
        await played.write("export_limit", Limit(0))
    assert played.written == []


async def test_an_export_limit_that_a_device_lacks_is_unknown(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    played.face.unknown = {41217}
    assert await played.observe("export_limit") is UNKNOWN
    del played.face.controls.settings[41217]
    played.face.unknown = set()
    assert await played.observe("export_limit") is UNKNOWN


async def test_the_owners_ends_of_the_export_limit_are_promised(play: Any) -> None:
    ends = ExportRange.model_validate({"minimum": "0W", "maximum": "9kW"})
    played = await play(SUNNY_ISLAND, export_limit=ends)
    promise = played.device.handles["export_limit"].promise
    assert (promise.owner_low, promise.owner_high, promise.rung) == (0.0, 9_000.0, Rung.PERSISTENT)
    for value in (UNLIMITED, Limit(2_000_000), Number(5)):
        with pytest.raises(ValueError, match="export_limit"):
            played.device.handles["export_limit"].check(value)


async def test_a_home_manager_limits_the_whole_plant(play: Any) -> None:
    played = await play("home manager", start=NOON, **HOME_MANAGER)
    assert set(played.device.handles) == {"export_limit"}
    assert played.device.tasks == {}
    await played.write("export_limit", Limit(0))
    assert played.written == [(40016, (0,))]
    played.live(120)
    observed = await played.observe("export_limit")
    assert played.device.handles["export_limit"].equal(Limit(0), observed)
    await played.write("export_limit", Limit(1_999))
    await played.write("export_limit", UNLIMITED)
    assert played.written[1:] == [(40016, (24,)), (40016, (100,))]
    assert played.face.plant.steering.feed_in_limit_w is None
    assert await played.observe("export_limit") is UNKNOWN
    async with played.device.turn(played.deadline()):
        assert "home manager" in await played.device.identify(played.deadline())


async def test_a_home_manager_without_the_power_of_its_plant_cannot_be_commanded(play: Any) -> None:
    with pytest.raises(NotControllable, match="rated_power"):
        await play("home manager", model="Home Manager 2.0")


async def test_a_device_is_known_by_its_serial_number(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    async with played.device.turn(played.deadline()):
        assert await played.device.identify(played.deadline()) == "3000009476"
    other = played.opened(serial="1")
    async with other.turn(played.deadline()):
        with pytest.raises(Rejected, match="3000009476"):
            await other.identify(played.deadline())


async def test_a_restart(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    await played.run("restart")
    assert played.written == [(40077, (0, 1146))]
    assert played.face.controls.restarts == 1


async def test_the_clock_is_set_where_there_is_one(play: Any) -> None:
    played = await play(INVERTER)
    task = played.device.tasks["set_clock"]
    async with played.device.turn(played.deadline()):
        ahead = await task.offset(played.deadline())
    assert ahead == pytest.approx(played.face.plant.time - played.clock.time())
    await played.run("set_clock")
    now = round(played.clock.time())
    assert played.written == [(40001, (now >> 16, now & 0xFFFF))]
    with pytest.raises(Rejected, match="40001"):
        await (await play(SUNNY_ISLAND)).run("set_clock")


@pytest.fixture
def installer(tmp_path: Path) -> Callable[[str], dict[str, Account]]:
    def installer(code: str) -> dict[str, Account]:
        (tmp_path / "code").write_text(code)
        return {"installer": Account(family="sma", password_file=SecretFile(tmp_path / "code"))}

    return installer


async def test_grid_guard_is_logged_in_by_a_person_alone(play: Any, installer: Any) -> None:
    played = await play(INVERTER, account="installer", accounts=installer(f"{CODE}\n"))
    with pytest.raises(Rejected):
        await played.write("setting:settings.power_limit_mode", Number(1079))
    await played.write("setting:grid_guard", Number(1))
    await played.write("setting:settings.power_limit_mode", Number(1077))
    await played.write("setting:grid_guard", Number(0))
    with pytest.raises(Rejected):
        await played.write("setting:settings.power_limit_mode", Number(1079))
    assert played.device.handles["setting:grid_guard"].promise.hazard is Hazard.PERSON
    assert played.device.tasks["restart"].promise.hazard is Hazard.PERSON
    assert await played.observe("setting:grid_guard") is UNKNOWN
    with pytest.raises(ValueError, match="no account"):
        await (await play(INVERTER)).write("setting:grid_guard", Number(1))
    for value in (Number(CODE), Limit(1)):
        with pytest.raises(ValueError, match="neither 0"):
            played.device.handles["setting:grid_guard"].check(value)


@pytest.mark.parametrize("code", ["987654321", "installer", "-5", "", "99999999999"])
async def test_a_wrong_code_is_told_without_the_code(
    play: Any, installer: Any, code: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    played = await play(INVERTER, account="installer", accounts=installer(code))
    with pytest.raises(AuthFailed) as failure:
        await played.write("setting:grid_guard", Number(1))
    told = f"{failure.value!r} {failure.value.__cause__!r} {caplog.text} {capsys.readouterr()}"
    assert not code or code not in told
    assert not played.face.controls.logged_in


async def test_no_setting_shows_or_takes_the_code(play: Any) -> None:
    played = await play(INVERTER)
    assert not [key for key in played.device.handles if "grid_guard_code" in key]


async def test_a_stored_setting_is_for_a_person(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    handle = played.device.handles["setting:settings.state_of_charge_lock_feed_in"]
    assert (handle.promise.hazard, handle.promise.rung) == (Hazard.PERSON, Rung.PERSISTENT)
    assert await played.observe(handle.promise.key) == Number(0.6)
    await played.write(handle.promise.key, Number(0.55))
    assert played.written == [(40707, (0, 55))]
    assert await played.observe(handle.promise.key) == Number(0.55)


async def test_the_fallback_is_set_by_its_codes(play: Any) -> None:
    played = await play(STORAGE)
    await played.write("setting:settings.fallback_mode", Number(2507))
    await played.write("setting:settings.fallback_time", Number(120))
    await played.write("setting:settings.fallback_power", Number(-500))
    await played.write("setting:settings.fallback_power_maximum", Number(3680))
    assert played.written == [
        (41193, (0, 2507)),
        (41195, (0, 120)),
        (41215, (0xFFFF, 0xFE0C)),
        (44037, (5, 40320)),
    ]
    with pytest.raises(ValueError, match="2506 keep_last_value"):
        await played.write("setting:settings.fallback_mode", Number(1))


async def test_what_can_only_be_written_is_accepted_and_for_a_person(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    handle = played.device.handles["setting:control.reactive_power_setpoint"]
    assert (handle.promise.hazard, handle.promise.proof) == (Hazard.PERSON, Proof.NONE)
    assert await played.observe(handle.promise.key) is UNKNOWN
    await played.write(handle.promise.key, Number(-300))
    assert played.written == [(40153, (0xFFFF, 0xFED4))]
    with pytest.raises(ValueError, match="-2147483648"):
        await played.write(handle.promise.key, Number(-2147483648))


async def test_nothing_that_can_be_set_is_for_a_policy_but_the_handles(play: Any) -> None:
    played = await play(SUNNY_ISLAND)
    free = {
        key
        for key, handle in played.device.handles.items()
        if handle.promise.hazard in (Hazard.AUTOMATIC, Hazard.OPT_IN)
    }
    assert free == {"export_limit", "production_limit", "battery", "mode"}
    for key in ("set_country_standard", "cell_charge_nominal_voltage_boost_charge", "yield_offset"):
        assert not [each for each in played.device.handles if each.endswith(key)]
    assert not [key for key in played.device.handles if key.startswith("setting:parameters.")]


async def test_the_owner_may_have_given_it_another_unit_id(play: Any) -> None:
    played = await play(SUNNY_ISLAND, units={"device": (7,)})
    played.face.unit = 7
    await played.write("setting:settings.state_of_charge_lock_feed_in", Number(0.5))
    assert played.server.log.writes[-1].unit == 7


def test_every_control_says_what_it_does_and_names_registers_of_its_maps(sma: RegisterFamily) -> None:
    parts = {part.name: sma.map_of(part) for part in sma.spec.parts}
    for key, control in {**sma.spec.controls, **sma.spec.tasks}.items():
        assert control.doubts, key
        for place in control.registers:
            part, _, name = place.partition(".")
            assert "w" in parts[part][name].access, place
    assert sma.spec.controls["battery"].actions == (Action.CHARGE, Action.DISCHARGE)


async def test_every_handle_can_be_asked_on_every_model(play: Any) -> None:
    for model in (SUNNY_ISLAND, replace(SUNNY_ISLAND, units=1), STORAGE, HYBRID, INVERTER):
        played = await play(model)
        asked = 0
        async with played.device.turn(played.deadline()):
            for handle in played.device.handles.values():
                await handle.observe(played.deadline())
                asked += 1
        assert asked > 250
        assert played.written == []
