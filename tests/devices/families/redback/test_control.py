"""Every command of an account, against the simulated cloud, with what the inverter then does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controllers.states.writing import Result, write_and_prove
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    Discharge,
    Envelope,
    Limit,
    Mode,
    Schedule,
    SelfConsumption,
)
from sunhelm.devices.errors import AuthFailed, Busy, DeviceError, Rejected, TimedOut, Unreachable
from sunhelm.simulator.faults import Truncate
from sunhelm.simulator.faults.cloud import ExpiredTokens, Refusal, WrongCredentials

AtHome = Callable[..., None]


def test_a_limit_of_export_is_done_when_the_inverter_says_so_and_gone_when_it_is_taken_back(
    at_home: AtHome,
) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        limit = device.handles["export_limit"]
        async with device.turn(home.deadline()):
            assert await limit.observe(home.deadline()) is UNLIMITED
            began = home.clock.time()
            outcome = await write_and_prove(limit, Limit(500), home.clock)
        assert outcome.result is Result.VERIFIED
        assert 60 <= home.clock.time() - began <= 200
        (told,) = home.cloud.inverter.envelopes()
        assert told["MaxExportPowerW"] == 500
        others = ("MaxImportPowerW", "MaxDischargePowerW", "MaxChargePowerW", "MaxGenerationPowerVA")
        assert [told[key] for key in others] == [None] * 4
        assert told["EventId"].startswith("sunhelm-roof-export-500-")
        await home.clock.sleep(90)
        assert home.plant.state.grid.power_w >= -550
        async with device.turn(home.deadline()):
            assert (await write_and_prove(limit, UNLIMITED, home.clock)).result is Result.VERIFIED
        assert home.cloud.inverter.envelopes() == []
        await home.clock.sleep(61)
        assert home.plant.steering.feed_in_limit_w is None

    at_home(program)


def test_a_limit_that_is_held_never_lapses_and_leaves_an_hour_at_most(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        limit = device.handles["export_limit"]
        assert (await write_and_prove(limit, Limit(0), home.clock)).done
        for _ in range(18):  # three hours, renewed each ten minutes
            for _ in range(10):
                await home.clock.sleep(60)
                assert await limit.observe(home.deadline()) == Limit(0)
                assert home.plant.steering.feed_in_limit_w == 0
            await limit.write(Limit(0), home.deadline())
        assert 6 <= len([path for path in home.cloud.paths if path.startswith("POST /Api")]) <= 8
        await home.clock.sleep(3600 + 61)  # the controller has died
        assert await limit.observe(home.deadline()) is UNLIMITED
        assert home.plant.steering.feed_in_limit_w is None

    at_home(program)


def test_the_stricter_envelope_of_somebody_else_is_left_and_counts(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        bounds = {"StartAtUtc": "2026-06-21T09:00:00Z", "EndAtUtc": "2026-06-21T20:00:00Z"}
        theirs = {"EventId": "DNSP-77", **bounds, "MaxExportPowerW": 1500, "IsNetworkLevel": True}
        assert home.cloud.inverter.create_envelope(theirs) is None
        device = home.control()
        limit = device.handles["export_limit"]
        assert await limit.observe(home.deadline()) == Limit(1500)
        await limit.write(Limit(3000), home.deadline())
        assert [one["EventId"] for one in home.cloud.inverter.envelopes()] == ["DNSP-77"]
        assert (await write_and_prove(limit, Limit(200), home.clock)).done
        assert (await write_and_prove(limit, Limit(1500), home.clock)).done
        assert (await write_and_prove(limit, UNLIMITED, home.clock)).result is Result.FAILED
        assert [one["EventId"] for one in home.cloud.inverter.envelopes()] == ["DNSP-77"]
        with pytest.raises(Rejected, match="of the operator of the grid"):
            await device.envelopes.delete("DNSP-77", home.deadline())

    at_home(program)


def test_a_changed_limit_replaces_the_one_before_without_a_gap(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        limit = device.handles["export_limit"]
        for watts in (500, 100, 2000):
            assert (await write_and_prove(limit, Limit(watts), home.clock)).done
            assert [one["MaxExportPowerW"] for one in home.cloud.inverter.envelopes()] == [watts]
        changes = [path for path in home.cloud.paths if "OperatingEnvelope" in path and "GET" not in path]
        assert [path.split()[0] for path in changes] == ["POST", "POST", "DELETE", "POST", "DELETE"]

    at_home(program)


@pytest.mark.parametrize("value", [Limit(10_001), Charge(100), Mode("backup")])
def test_what_is_no_limit_is_refused_before_anything_is_sent(at_home: AtHome, value: Any) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        with pytest.raises(ValueError):
            await device.handles["export_limit"].write(value, home.deadline())
        assert home.cloud.paths == []

    at_home(program)


def test_a_lost_answer_makes_no_second_envelope_and_no_second_schedule(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        envelope = Envelope(start=home.clock.time() + 600, end=home.clock.time() + 1200, grid_export=0)
        schedule = Schedule(
            start=home.clock.time() + 600, end=home.clock.time() + 1200, mode="force_charge", watts=2000
        )
        for keeper, wanted, there in (
            (device.envelopes, envelope, home.cloud.inverter.envelopes),
            (device.schedules, schedule, lambda: home.cloud.inverter.schedules()["Schedules"]),
        ):
            await keeper.entries(home.deadline())
            answer = home.cloud._port._answer

            def losing(request: Any, answer: Any = answer) -> Any:
                if request.method == "POST":
                    home.cloud.faults.start(Truncate(keep=20, close=True))
                return answer(request)

            home.cloud._port._answer = losing
            looking = home.clock.time()

            async def heal() -> None:
                while not home.cloud.faults.on(Truncate):
                    await home.clock.sleep(0.1)
                await home.clock.sleep(0.1)
                home.cloud.faults.clear()

            healing = asyncio.create_task(heal())
            key = await keeper.create(wanted, "plan-1", home.deadline())
            await healing
            home.cloud._port._answer = answer
            assert len(there()) == 1
            assert await keeper.create(wanted, "plan-1", home.deadline()) == key
            assert len(there()) == 1
            assert home.clock.time() - looking < 30
            await keeper.delete(key, home.deadline())
            assert there() == []
            await keeper.delete(key, home.deadline())

    at_home(program)


def test_schedules_charge_and_discharge_and_what_is_deleted_lets_go(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        start = home.clock.time() + 90
        wanted = Schedule(start=start, end=start + 1500, mode="force_discharge", watts=1500)
        key = await device.schedules.create(wanted, "evening", home.deadline())
        (told,) = home.cloud.inverter.schedules()["Schedules"]
        assert (told["UserNotes"], told["Duration"]) == ("sunhelm evening", "00:25:00")
        assert told["DesiredMode"] == {"InverterMode": "DischargeBattery", "ArgumentInWatts": 1500}
        (entry,) = await device.schedules.entries(home.deadline())
        assert (entry.key, entry.ours, entry.schedule.mode) == (key, True, "force_discharge")
        await home.clock.sleep(180)
        assert home.plant.state.battery.power_w == pytest.approx(1500, abs=100)
        await device.schedules.delete(key, home.deadline())
        await home.clock.sleep(61)
        assert home.cloud.inverter.in_force == ("Auto", 0)

    at_home(program)


def test_schedules_that_cannot_be_are_refused(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        now = home.clock.time()

        def one(**changed: Any) -> Schedule:
            return Schedule(
                **{"start": now, "end": now + 600, "mode": "force_charge", "watts": 1000, **changed}
            )

        for wrong in (
            one(mode="time_of_use"),
            one(mode="native:chargebattery"),
            one(mode="native:Stop"),
            one(mode="native:ImportPower", watts=None),
            one(watts=10_500),
            one(target_soc=0.8),
            one(end=now + 59),
            one(end=now + 86_401),
        ):
            with pytest.raises(ValueError):
                device.schedules.check(wrong)
        with pytest.raises(Rejected, match="the battery can do 5000 W"):
            await device.schedules.create(one(watts=9000), "x", home.deadline())
        key = await device.schedules.create(one(watts=None), "x", home.deadline())
        (told,) = home.cloud.inverter.schedules()["Schedules"]
        assert told["DesiredMode"]["ArgumentInWatts"] == 5000
        home.cloud.inverter.daily.append(
            {
                "SerialNumber": home.cloud.inverter.serial,
                "StartTime": "02:00:00",
                "Duration": "01:30:00",
                "DaysActive": "Everyday",
                "TimezoneIANA": "Australia/Sydney",
                "DesiredMode": {"InverterMode": "Conserve", "ArgumentInWatts": 0},
            }
        )
        daily = next(e for e in await device.schedules.entries(home.deadline()) if e.key != key)
        assert (daily.ours, daily.schedule.mode) == (False, "backup")
        with pytest.raises(Rejected, match="repeats daily"):
            await device.schedules.delete(daily.key, home.deadline())

    at_home(program)


def test_the_battery_is_charged_by_schedules_that_follow_each_other(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        battery = device.handles["battery"]
        assert await battery.observe(home.deadline()) == SelfConsumption("Auto")
        assert (await write_and_prove(battery, Discharge(1200), home.clock)).done
        assert home.plant.state.battery.power_w == pytest.approx(1200, abs=250)
        for _ in range(6):
            await home.clock.sleep(600)
            await battery.write(Discharge(1200), home.deadline())
            assert home.cloud.inverter.in_force == ("DischargeBattery", 1200)
        shown = home.cloud.inverter.schedules(stale=True)["Schedules"]
        assert len(shown) == 4
        assert (await write_and_prove(battery, Charge(800), home.clock)).done
        assert (await write_and_prove(battery, SelfConsumption(), home.clock)).done
        assert home.cloud.inverter.schedules()["Schedules"] == []
        assert await device.state_of_charge(home.deadline()) == pytest.approx(
            home.plant.state.battery.soc, abs=0.02
        )
        with pytest.raises(Rejected, match="can do 5000 W"):
            await battery.write(Charge(6000), home.deadline())

    at_home(program)


def test_the_lasting_mode_is_set_in_the_portal_and_seen_after_a_minute(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        mode = device.handles["mode"]
        assert await mode.observe(home.deadline()) == Mode("self_consumption")
        assert (await write_and_prove(mode, Mode("backup"), home.clock)).result is Result.VERIFIED
        assert home.cloud.inverter.lasting == ("Conserve", 0)
        assert (await write_and_prove(mode, Mode("native:DischargeBattery:2500"), home.clock)).done
        assert home.cloud.inverter.lasting == ("DischargeBattery", 2500)
        key = await device.schedules.create(
            Schedule(start=home.clock.time(), end=home.clock.time() + 600, mode="backup"),
            "x",
            home.deadline(),
        )
        await home.clock.sleep(61)
        assert await mode.observe(home.deadline()) is UNKNOWN
        with pytest.raises(Rejected, match="hides the mode"):
            await mode.write(Mode("self_consumption"), home.deadline())
        await device.tasks["task:reset_to_auto"].run(home.deadline())
        assert home.cloud.inverter.lasting == ("Auto", 0)
        assert key not in str(home.cloud.inverter.schedules())
        await home.clock.sleep(61)
        assert await mode.observe(home.deadline()) == Mode("self_consumption")

    at_home(program)


@pytest.mark.parametrize(
    "name",
    [
        "time_of_use",
        "native:Hibernate",
        "native:ChargeBattery",
        "native:Auto:20000",
        "native:chargebattery:1",
    ],
)
def test_a_mode_that_the_portal_has_not_is_refused(at_home: AtHome, name: str) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        with pytest.raises(ValueError):
            device.handles["mode"].check(Mode(name))

    at_home(program)


def test_what_the_page_of_the_portal_does_not_show_fails_and_says_so(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.portal.has_mode = False
        device = home.control()
        with pytest.raises(Rejected, match="the portal shows no form that sets the mode"):
            await device.handles["mode"].write(Mode("backup"), home.deadline())
        assert home.cloud.inverter.lasting == ("Auto", 0)

    at_home(program)


def test_a_session_that_ended_is_made_anew_and_a_wrong_password_is_told(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        mode = device.handles["mode"]
        await mode.write(Mode("backup"), home.deadline())
        home.cloud.portal.sessions.clear()
        await mode.write(Mode("self_consumption"), home.deadline())
        assert home.cloud.inverter.lasting == ("Auto", 0)
        home.cloud.portal.sessions.clear()
        with home.cloud.faults.during(WrongCredentials()):
            with pytest.raises(AuthFailed, match="asks for the e-mail address and the password again"):
                await mode.write(Mode("backup"), home.deadline())
            asked = home.cloud.paths.count("POST /Account/Login")
            with pytest.raises(AuthFailed, match="tried again in"):
                await mode.write(Mode("backup"), home.deadline())
            assert home.cloud.paths.count("POST /Account/Login") == asked

    at_home(program)


def test_without_a_sign_in_to_the_portal_there_is_no_mode(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        assert list(device.handles) == ["export_limit", "battery"]
        assert "task:reset_to_auto" not in device.tasks

    at_home(program, portal=False)


def test_a_site_has_envelopes_and_no_schedules(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        site = home.control("house")
        assert (list(site.handles), site.schedules) == (["export_limit"], None)
        assert await site.identify(home.deadline()) == home.cloud.inverter.site
        assert (await write_and_prove(site.handles["export_limit"], Limit(0), home.clock)).done
        await site.tasks["task:delete_all_envelopes"].run(home.deadline())
        assert home.cloud.inverter.envelopes() == []

    at_home(program)


def test_an_inverter_of_pv_alone_is_asked_for_no_schedules_and_no_mode(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        shed = home.control("shed")
        refused = [
            shed.handles["battery"].write(Charge(1000), home.deadline()),
            shed.handles["mode"].write(Mode("backup"), home.deadline()),
            shed.schedules.entries(home.deadline()),
            shed.tasks["task:reset_to_auto"].run(home.deadline()),
        ]
        for each in refused:
            with pytest.raises(Rejected, match="SI series"):
                await each
        assert not [path for path in home.cloud.paths if "Schedule" in path or "productcontrol" in path]

    at_home(program, neighbours=True)


def test_envelopes_bound_what_they_name_and_nothing_else(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        now = home.clock.time()
        wanted = Envelope(start=now + 60, end=now + 3600, grid_import=4000, generation=2500)
        key = await device.envelopes.create(wanted, "claim 7", home.deadline())
        assert key == "sunhelm-claim 7"
        (told,) = home.cloud.inverter.envelopes()
        assert (told["MaxImportPowerW"], told["MaxGenerationPowerVA"]) == (4000, 2500)
        assert told["MaxExportPowerW"] is None
        (entry,) = await device.envelopes.entries(home.deadline())
        assert (entry.envelope.grid_import, entry.envelope.grid_export) == (4000, None)
        with pytest.raises(ValueError):
            device.envelopes.check(Envelope(start=now, end=now + 1, charge=20_000))
        await device.envelopes.delete(key, home.deadline())
        assert home.cloud.inverter.envelopes() == []

    at_home(program)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Refusal(status=500), Busy), (Refusal(status=404), Rejected), (WrongCredentials(), AuthFailed)],
)
def test_trouble_of_the_cloud_fails_a_command_and_changes_nothing(
    at_home: AtHome, fault: Any, error: type[DeviceError]
) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        with home.cloud.faults.during(fault), pytest.raises(error):
            await device.handles["export_limit"].write(Limit(0), home.deadline())
        assert home.cloud.inverter.envelopes() == []

    at_home(program)


def test_an_expired_token_costs_a_command_nothing(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        await device.handles["export_limit"].write(Limit(0), home.deadline())
        home.cloud.faults.start(ExpiredTokens())
        await device.handles["export_limit"].write(UNLIMITED, home.deadline())
        assert home.cloud.inverter.envelopes() == []

    at_home(program)


def test_an_inverter_that_is_offline_takes_up_nothing_and_that_is_told(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        home.cloud.offline = True
        device = home.control()
        outcome = await write_and_prove(device.handles["export_limit"], Limit(0), home.clock)
        assert (outcome.result, outcome.reason) == (Result.FAILED, "not_proven")
        await home.clock.sleep(300)
        with pytest.raises(Unreachable, match="last told its cloud anything"):
            await device.handles["battery"].observe(home.deadline())

    at_home(program)


def test_times_are_not_told_to_a_cloud_whose_clock_is_wrong(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        home.clock.start += 180  # ours is ahead now
        wanted = Schedule(start=home.clock.time(), end=home.clock.time() + 600, mode="backup")
        with pytest.raises(Rejected, match="180 s behind ours"):
            await device.schedules.create(wanted, "x", home.deadline())
        assert not [path for path in home.cloud.paths if path.startswith("POST /Api")]

    async def still(home: Any) -> None:
        home.cloud.update = lambda: None
        home.plant.advance = lambda seconds: 0
        await program(home)

    at_home(still)
    assert TimedOut


def test_a_schedule_that_is_placed_late_begins_now_and_ends_when_it_should(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        now = home.clock.time()
        late = Schedule(start=now - 600, end=now + 1200, mode="backup")
        key = await device.schedules.create(late, "late", home.deadline())
        (told,) = home.cloud.inverter.schedules()["Schedules"]
        assert (told["StartTimeUtc"], told["Duration"]) == ("2026-06-21T10:00:00Z", "00:20:00")
        await home.clock.sleep(60)
        assert await device.schedules.create(late, "late", home.deadline()) == key
        assert len(home.cloud.inverter.schedules()["Schedules"]) == 1

    at_home(program)


def test_what_others_made_is_spared_when_everything_is_set_back(at_home: AtHome) -> None:
    async def program(home: Any) -> None:
        device = home.control()
        now = home.clock.time()
        theirs = home.cloud.inverter.create_schedule(
            {
                "UserNotes": "maintenance",
                "StartTimeUtc": "2026-06-21T16:00:00Z",
                "Duration": "01:00:00",
                "DesiredMode": {"InverterMode": "Conserve", "ArgumentInWatts": 0},
            }
        )
        for number in range(3):
            wanted = Schedule(start=now + 3600 * number, end=now + 3600 * number + 600, mode="backup")
            await device.schedules.create(wanted, f"plan-{number}", home.deadline())
        await device.tasks["task:reset_to_auto"].run(home.deadline(120))
        assert [one["ScheduleId"] for one in home.cloud.inverter.schedules()["Schedules"]] == [theirs]

    at_home(program)
