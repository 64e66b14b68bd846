"""Stories of a regulated charger: what is lost, who else writes, and what it is told, byte by byte."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from controllers.evcharging.readings import HouseReading, NoReading
from controllers.intake.alerts import Alert, Status
from controllers.people import Command
from sunhelm.devices.control import Action
from sunhelm.simulator.faces.givenergy_evc import State

pytestmark = pytest.mark.timeout(200)

KWH = 3_600_000.0
START, STOP, READY = (95, (1,)), (95, (2,)), (95, (0,))


def limit(amperes: int) -> tuple[int, tuple[int, ...]]:
    return (91, (10 * amperes,))


@dataclass
class Readings:
    """A house that says what it is told to: so much excess, or something that cannot be."""

    street: Any
    excess_w: float = 2900.0
    import_w: float = 0.0
    fails: bool = False
    age_s: float = 0.0
    changed: dict[tuple[str, ...], float] = field(default_factory=dict)
    missing: set[tuple[str, ...]] = field(default_factory=set)

    def __call__(self, section: Any, site: Any) -> Readings:
        return self

    async def read(self, deadline: Any) -> HouseReading:
        if self.fails:
            raise NoReading("timeout")
        load = 400.0 + self.street.plant.steering.vehicle_w
        values: dict[tuple[str, ...], float] = {
            ("pv_power",): self.excess_w + 400.0,
            ("load_power",): load,
            ("grid_power",): self.import_w,
        }
        values |= self.changed
        return HouseReading({key: values[key] for key in values.keys() - self.missing}, self.age_s)

    async def close(self) -> None:
        return None


@dataclass
class Told:
    """A street whose house says what the story wants, after the vehicle was started at 12 A."""

    street: Any
    readings: Readings

    async def periods(self, number: int) -> list[Any]:
        """Let so many control periods pass; return what was written meanwhile."""
        before = len(self.street.written)
        await self.street.live(30 * number)
        written: list[Any] = self.street.written[before:]
        return written


@pytest.fixture
def told(street: Any) -> Any:
    """Run a story in a house that says what it wants."""

    def run(story: Any, charging: dict[str, Any] | None = None, *, begin: bool = True) -> Any:
        async def whole(street: Any) -> None:
            readings = Readings(street)
            street.open_house = readings
            told = Told(street, readings)
            street.start()
            if begin:
                await street.live(40)
                assert await told.periods(4) == [limit(12), START]
                assert street.car.state is State.CHARGING
            await story(told)
            await street.kill()

        return street(whole, {"mode": "solar", **(charging or {})})

    return run


def test_readings_that_stop_coming_stop_the_vehicle_after_two_periods_and_it_goes_on_with_them(
    told: Any,
) -> None:
    async def story(it: Told) -> None:
        it.readings.fails = True
        assert await it.periods(1) == []
        assert await it.periods(2) == [STOP]
        assert it.street.regulator.shown.reason == "readings_stale"
        it.readings.fails = False
        assert await it.periods(5) == [START]

    told(story)


@pytest.mark.parametrize(
    ("name", "value"),
    [("pv_power", math.nan), ("load_power", -500.0), ("pv_power", math.inf), ("grid_power", 5e9)],
)
def test_readings_that_cannot_be_count_as_none(told: Any, name: str, value: float) -> None:
    async def story(it: Told) -> None:
        it.readings.changed = {(name,): value}
        assert await it.periods(3) == [STOP]
        assert it.street.regulator.shown.house_failing == "implausible"

    told(story)


def test_a_battery_that_is_not_told_any_more_is_not_taken_for_one_that_rests(told: Any) -> None:
    """Load and battery are missing at once where one of them is worked out from the other."""

    async def story(it: Told) -> None:
        it.readings.changed = {("grid_power",): 0.0, ("battery_power",): 2000.0}
        it.readings.missing = {("load_power",)}
        assert await it.periods(1) == [limit(6)]
        it.readings.missing |= {("battery_power",)}
        assert await it.periods(4) == [STOP]
        assert it.street.regulator.shown.house_failing == "implausible"

    told(story)


def test_old_readings_count_as_none(told: Any) -> None:
    async def story(it: Told) -> None:
        it.readings.age_s = 61.0
        assert await it.periods(3) == [STOP]

    told(story)


def test_readings_that_flap_lower_the_limit_once_and_never_raise_it(told: Any) -> None:
    async def story(it: Told) -> None:
        commands = []
        for number in range(40):
            it.readings.excess_w = 7000.0 if number % 2 else 1500.0
            commands += await it.periods(1)
        assert commands == [limit(6)]

    told(story)


def test_a_jump_of_the_clock_changes_nothing(told: Any) -> None:
    async def story(it: Told) -> None:
        for jump_s in (3600.0, -86_400.0, 0.0):
            it.street.clock.jumped_s = jump_s
            assert await it.periods(4) == []
            assert it.street.car.state is State.CHARGING

    told(story)


def test_a_charger_that_is_lost_and_restarts_is_told_again(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        await street.server.close()
        port = street.server.port
        await it.periods(4)
        assert street.regulator.shown.reason == "charger_unreachable"
        street.car.limit_a, street.car.control = 32.0, 0
        street.car.update()
        await street.server.open("127.0.0.1", port)
        assert sorted(await it.periods(6)) == sorted([STOP, limit(12), START])
        assert not street.regulator.memory.stood_back

    told(story)


def test_a_controller_that_is_killed_leaves_the_vehicle_charging_and_goes_on(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        await street.kill()
        assert await it.periods(4) == []
        assert street.car.state is State.CHARGING
        session_kwh = street.car.session_j / KWH
        street.start()
        assert await it.periods(4) == []
        assert street.regulator.memory.owner_a == 32
        it.readings.excess_w = 2000.0
        assert await it.periods(2) == [limit(8)]
        assert street.regulator.memory.session.energy_j / KWH > session_kwh - 0.1

    told(story)


def test_a_controller_that_ends_in_order_stops_what_only_the_sun_should_charge(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        await street.stop()
        assert street.written[-1] == STOP
        assert street.car.state is State.CONNECTED
        street.start()
        assert await it.periods(5) == [START]

    told(story)


def test_off_gives_back_the_owners_limit_and_what_the_charger_was_told(told: Any) -> None:
    async def story(it: Told) -> None:
        await it.street.controller.people.set_baseline(
            Command(device="car", action=Action.EV_MODE, parameters={"mode": "off"})
        )
        assert await it.periods(4) == [limit(32), STOP]
        assert await it.periods(4) == []
        assert it.street.regulator.own_mode == "off"
        await it.street.kill()
        it.street.start()
        assert await it.periods(2) == []
        assert it.street.regulator.mode == "off"

    told(story)


def test_a_claim_on_the_mode_holds_as_long_as_it_lives(told: Any) -> None:
    async def story(it: Told) -> None:
        people = it.street.controller.people
        command = Command(device="car", action=Action.EV_MODE, parameters={"mode": "hybrid"})
        claim = await people.claim(command, lasting_s=300.0)
        assert claim.value == "hybrid"
        assert await it.periods(3) == [limit(18)]
        (device,) = [each for each in people.devices() if each.name == "car"]
        assert device.charging is not None
        assert (device.charging.mode, device.charging.own_mode) == ("hybrid", "solar")
        plan = await people.plan(command)
        assert plan.state == "ev_mode"
        assert await it.periods(9) == [limit(12)]
        assert it.street.regulator.mode == "solar"

    told(story)


def test_a_claim_on_the_limit_goes_first_and_gives_back_the_owners_own(told: Any) -> None:
    async def story(it: Told) -> None:
        people = it.street.controller.people
        command = Command(device="car", action=Action.SET_CURRENT_LIMITS, parameters={"charge": "16A"})
        claim = await people.claim(command, lasting_s=3600.0, confirmed=True)
        it.readings.excess_w = 0.0
        assert await it.periods(20) == [limit(16)]
        assert it.street.regulator.shown.reason == "claimed"
        await people.release(claim.id)
        assert await it.periods(3) == [limit(32), STOP]
        assert it.street.regulator.memory.owner_a == 32

    told(story)


def test_who_changes_the_limit_by_the_app_twice_is_left_alone_until_a_person_says_how_to_go_on(
    told: Any,
) -> None:
    async def story(it: Told) -> None:
        street = it.street
        street.car.limit_a = 20.0
        assert await it.periods(2) == [limit(12)]
        street.car.limit_a = 25.0
        assert await it.periods(4) == []
        assert street.regulator.memory.stood_back == "changed_by_someone_else"
        (device,) = [each for each in street.controller.people.devices() if each.name == "car"]
        assert device.charging.stands_back == "changed_by_someone_else"
        await street.controller.people.set_baseline(
            Command(device="car", action=Action.EV_MODE, parameters={"mode": "solar"})
        )
        assert await it.periods(3) == [limit(12)]

    told(story)


def test_firmware_that_ignores_what_is_written_is_asked_less_and_less_often(told: Any) -> None:
    async def story(it: Told) -> None:
        it.street.car.obeys = False
        it.readings.excess_w = -1000.0
        assert await it.periods(120)
        shown = it.street.regulator.memory.failures
        asked = [each for each in it.street.server.log.recent if each.function == 16]
        assert shown > 3
        assert len(asked) < 20

    told(story)


def test_without_a_vehicle_nothing_is_started_and_one_that_comes_waits_for_the_sun(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        street.car.unplug()
        street.car.plug_and_go = True
        it.readings.excess_w = 0.0
        await it.periods(10)
        before = len(street.written)
        street.car.plug_in(10 * KWH)
        assert await it.periods(4) == []
        assert street.car.state is State.CONNECTED
        it.readings.excess_w = 2900.0
        assert START in await it.periods(5)
        assert len(street.written) > before

    told(story)


def test_a_policy_asks_for_a_mode_as_long_as_its_alert_fires(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        await street.kill()
        street.policies = {
            "cheap": {
                "match": {"alertname": "Cheap"},
                "device": "car",
                "action": "ev_mode",
                "with": {"mode": "hybrid"},
                "lease": "9h",
                "min_life": "0s",
            }
        }
        street.start()
        await it.periods(1)

        async def deliver(name: str, status: Status = Status.FIRING, **more: Any) -> None:
            now = street.controller.time.now()
            given = {"starts_at": now, "stamp": now, "seen_at": now, **more}
            alert = Alert(fingerprint=name, status=status, labels={"alertname": name}, **given)
            await street.controller.inbox.accept([alert])

        began = street.controller.time.now()
        await deliver("Watchdog")
        await deliver("Cheap")
        assert limit(18) in await it.periods(5)
        assert street.regulator.mode == "hybrid"
        await deliver("Cheap", Status.RESOLVED, starts_at=began, ends_at=street.controller.time.now())
        for _ in range(3):
            await it.periods(4)
            await deliver("Watchdog")  # that Prometheus still lives
        await it.periods(1)
        assert street.regulator.mode == "solar"

    told(story)


def test_a_charger_that_nobody_wants_regulated_any_more_gets_back_what_it_had(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        await street.kill()
        whole = street.file

        def without() -> Any:
            path = whole()
            content = json.loads(path.read_text())
            del content["evcharging"]
            path.write_text(json.dumps(content))
            return path

        street.file = without
        street.start()
        assert await it.periods(4) == [limit(32), STOP]
        assert not street.regulator.configured
        (device,) = [each for each in street.controller.people.devices() if each.name == "car"]
        assert device.charging is None

    told(story)


def test_a_session_is_capped_over_pauses_of_a_charger_that_forgets_its_count(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street
        street.car.session_falls = True
        given = 0.0
        before = street.car.delivered_j
        for number in range(80):
            it.readings.excess_w = 6000.0 if number // 16 % 2 == 0 else 0.0
            await it.periods(1)
        given = (street.car.delivered_j - before) / KWH
        print(f"given {given:.3f} kWh of 2 over {street.regulator.memory.session.before_j / KWH:.2f} before")
        assert street.regulator.shown.reason == "session_cap"
        assert 1.8 < given < 2.0 + 6.0 * 30 / 3600 + 0.1

    told(story, {"session": "2kWh"})


def test_a_vehicle_that_comes_while_nothing_is_regulated_has_a_session_of_its_own(told: Any) -> None:
    async def story(it: Told) -> None:
        street = it.street

        async def choose(mode: str) -> None:
            await street.controller.people.set_baseline(
                Command(device="car", action=Action.EV_MODE, parameters={"mode": mode})
            )

        it.readings.excess_w = 7000.0
        await it.periods(20)
        assert street.regulator.shown.reason == "session_cap"
        await choose("off")
        await it.periods(4)
        street.car.unplug()
        assert await it.periods(3) == []
        street.car.plug_in(10 * KWH)
        assert await it.periods(3) == []
        assert street.regulator.shown.reason == "off"
        await choose("solar")
        await it.periods(6)
        assert street.car.state is State.CHARGING

    told(story, {"session": "0.5kWh"})


SHEET = {
    "start": "0003000000090110005f0001020001",
    "stop": "0004000000090110005f0001020002",
    "limit 16 A": "0005000000090110005b00010200a0",
}
"""What the facts sheet says is on the wire, with its transaction numbers."""


def test_the_charger_is_told_with_the_bytes_of_the_sheet(told: Any) -> None:
    heard: list[bytes] = []

    async def tap(street: Any) -> asyncio.Server:
        """Stand between the controller and the charger."""
        behind = street.server.port

        async def pass_on(reader: Any, writer: Any, into: list[bytes] | None) -> None:
            while data := await reader.read(1024):
                if into is not None:
                    into.append(data)
                writer.write(data)
                await writer.drain()
            writer.close()

        async def accept(reader: Any, writer: Any) -> None:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(pass_on(reader, there_writer, heard), pass_on(there_reader, writer, None))

        return await asyncio.start_server(accept, "127.0.0.1", 0)

    async def story(it: Told) -> None:
        street = it.street
        await street.kill()
        server = await tap(street)
        port = server.sockets[0].getsockname()[1]
        whole = street.file

        def through() -> Any:
            path = whole()
            path.write_text(path.read_text().replace(str(street.server.port), str(port)))
            return path

        street.file = through
        street.start()
        it.readings.excess_w = 16.4 * 230.0
        await it.periods(4)
        it.readings.excess_w = 0.0
        await it.periods(9)
        it.readings.excess_w = 16.4 * 230.0
        await it.periods(8)
        await street.kill()
        server.close()
        street.start()

    told(story)
    written = {data[2:].hex() for data in heard if data[7] == 16}
    assert {bytes.fromhex(frame)[2:].hex() for frame in SHEET.values()} <= written
    assert all(data[8:10] in (b"\x00\x5b", b"\x00\x5f") for data in heard if data[7] == 16)
