"""The decisions about a charger: the worked examples, and what must hold whatever comes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.evcharging.decision import RESERVE, Decision, Limit, Tell, decide
from controllers.evcharging.house import House, sighted
from controllers.evcharging.memory import Memory
from controllers.evcharging.noticing import noticed
from controllers.evcharging.terms import ChargingTerms, EvMode
from controllers.evcharging.wishes import Outlook
from sunhelm.devices.charging import ChargerState, Order, Stage

VOLTS = 240.0
KWH = 3_600_000.0


@dataclass
class World:
    """A charger with a vehicle, a house, and the regulation between them, a control period at a time."""

    mode: EvMode = EvMode.SOLAR
    terms: ChargingTerms = field(default_factory=ChargingTerms)
    memory: Memory = field(default_factory=Memory)
    now: float = 1000.0
    limit_a: float = 32.0
    order: Order | None = Order.STOP
    vehicle: bool = True
    obeys: bool = True
    hides: bool = False
    takes_limits: bool = True
    forgets_at: Order | None = None
    session_j: float = 0.0
    phases: int = 1
    commands: list[Any] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)

    @property
    def charging(self) -> bool:
        return self.vehicle and self.order is Order.START

    @property
    def power_w(self) -> float:
        return self.limit_a * VOLTS * self.phases if self.charging else 0.0

    @property
    def shown(self) -> ChargerState:
        stage = Stage.CHARGING if self.charging else Stage.CONNECTED if self.vehicle else Stage.FREE
        return ChargerState(
            stage=stage,
            order=self.order,
            limit_a=self.limit_a if self.charging or not self.hides else 0.0,
            power_w=self.power_w,
            session_j=math.floor(self.session_j / 360_000) * 360_000,
            volts=(VOLTS,) * self.phases,
            amperes=self.limit_a if self.charging else 0.0,
        )

    def house(self, sun_w: float | None, import_a: float | None = None) -> House | None:
        """Return a reading in which PV gives so much more than the other loads."""
        if sun_w is None:
            return None
        return House(taken_at=self.now, spare_w=sun_w - self.power_w, import_a=import_a)

    def step(self, house: House | None, *, left: int = 300, claimed: bool = False) -> Decision:
        """Let one control period pass."""
        self.session_j += self.power_w * 30
        self.now += 30
        if house is not None:
            house = replace(house, taken_at=self.now)
        shown = self.shown
        memory = noticed(self.memory, shown, self.now, claimed=claimed)
        memory = sighted(memory, house, shown, self.terms, self.now)
        decision = decide(self.mode, Outlook(self.terms, memory, shown, self.now), left)
        self.memory = decision.memory
        if decision.command is not None:
            self.commands.append(decision.command)
            self.changed.append(self.now)
            if self.obeys:
                self.take(decision.command)
        return decision

    def lent(self, limit_a: float) -> World:
        """Let the limit be one of ours, under an owner's of 32 A."""
        self.limit_a, self.memory = limit_a, Memory(owner_a=32.0, ours_a=(limit_a,))
        return self

    def take(self, command: Any) -> None:
        match command:
            case Limit(amperes):
                self.limit_a = amperes if self.takes_limits else self.limit_a
            case Tell(order):
                self.order = order
                self.limit_a = 32.0 if order is self.forgets_at else self.limit_a

    def suffer(self, event: str) -> None:
        """Let something happen that is not of our doing."""
        match event:
            case "plug" | "unplug":
                self.vehicle = event == "plug"
            case "app_start":
                self.order = Order.START
            case "app_stop":
                self.order = Order.STOP
            case "app_limit":
                self.limit_a = 16.0
            case "restart":
                self.memory = replace(self.memory, sights=(), begun_at=self.now)
            case "deaf" | "hears":
                self.obeys = event == "hears"
            case "stuck":
                self.takes_limits = False

    def sun(self, *watts: float | None) -> list[Any]:
        """Let so much sun shine, a period each; return what was commanded."""
        before = len(self.commands)
        for each in watts:
            self.step(self.house(each))
        return self.commands[before:]


def test_solar_starts_once_six_amperes_have_lasted_for_a_minute() -> None:
    world = World()
    assert world.sun(1000, 1600, 1600) == []
    assert world.sun(1600, 1600) == [Limit(6), Tell(Order.START)]


def test_solar_follows_less_at_once_and_more_only_when_it_lasts() -> None:
    world = World().lent(6)
    world.sun(2400, 2400, 2400)
    assert world.commands == [Tell(Order.START)]
    assert world.sun(2400) == [Limit(10)]
    assert world.sun(1930) == [Limit(8)]
    assert world.sun(4800, 4800) == []
    assert world.sun(4800) == [Limit(20)]


def test_solar_stops_when_it_was_too_little_for_three_minutes() -> None:
    world = World().lent(6)
    world.sun(2400, 2400, 2400, 2400)
    assert world.sun(500, 500, 500, 500, 500, 500) == [Limit(6)]
    assert world.sun(500) == [Tell(Order.STOP)]


def test_hybrid_is_six_amperes_and_the_excess() -> None:
    """PV 3000 W, load 2400 W of which the vehicle 1400 W, 240 V: 8.33 A to spare, so 14 A."""
    world = World(EvMode.HYBRID, order=Order.START).lent(6)
    charger = replace(world.shown, power_w=1400.0)
    memory = noticed(world.memory, charger, 1000)
    memory = sighted(memory, House(taken_at=1000, spare_w=3000 - 2400), charger, world.terms, 1000)
    decision = decide(world.mode, Outlook(world.terms, memory, charger, 1000), 300)
    assert decision.command == Limit(14)


def test_solar_with_the_figures_of_the_sheet_gives_eight_amperes_or_stops() -> None:
    world = World().lent(6)
    world.sun(2000, 2000, 2000, 2000)
    assert world.commands == [Tell(Order.START), Limit(8)]
    world = World()
    assert world.sun(500, 500, 500, 500) == []


@pytest.mark.parametrize(
    ("cap", "grid", "limit", "then"),
    [(60, 58, 20, Limit(16)), (60, 57, 20, None), (40, 46, 12, Tell(Order.STOP))],
)
def test_the_import_cap_is_kept_as_the_sheet_works_it_out(
    cap: float, grid: float, limit: float, then: object
) -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=cap), limit_a=limit, order=Order.START)
    assert world.step(world.house(0, import_a=grid)).command == then


def test_after_an_import_cap_the_vehicle_gets_back_what_there_is_room_for() -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=40), limit_a=20, order=Order.START)
    rest = [10.0, 30.0, 30.0, *[10.0] * 6]
    for other_a in rest:
        world.step(world.house(0, import_a=other_a + (world.limit_a if world.charging else 0)))
    assert world.commands == [Limit(6), Limit(20)]


def test_a_session_ends_at_its_energy_to_one_period() -> None:
    for falls in (False, True):
        world = World(EvMode.GRID, ChargingTerms(session_j=5 * KWH), limit_a=32)
        world.step(world.house(0))
        world.order, given_j = Order.START, 0.0
        for number in range(200):
            if falls and number == 40:
                world.order, world.session_j = Order.STOP, 0.0
                world.step(world.house(0))
                world.order = Order.START
            given_j += world.power_w * 30
            world.step(world.house(0))
        print(f"given {given_j / KWH:.4f} kWh of 5")
        assert world.commands[-1] == Tell(Order.STOP)
        assert 5 * KWH <= given_j <= 5 * KWH + 32 * VOLTS * 30 + 1


def test_readings_that_are_too_old_stop_solar_lessen_hybrid_and_leave_grid() -> None:
    for mode, expected in (
        (EvMode.SOLAR, [Tell(Order.STOP)]),
        (EvMode.HYBRID, [Limit(6)]),
        (EvMode.GRID, []),
    ):
        world = World(mode).lent(6)
        if mode is EvMode.GRID:
            world.order = Order.START
        world.sun(*[4800.0] * 6)
        assert world.charging
        assert world.sun(None, None) == []
        assert world.sun(None) == expected


def test_readings_that_are_too_old_stop_what_an_import_cap_bounds() -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=60), limit_a=10, order=Order.START)
    world.step(world.house(0, import_a=20))
    assert [world.step(None).command for _ in range(3)][-1] == Tell(Order.STOP)


def test_watts_are_volts_times_amperes_times_phases() -> None:
    world = World(phases=3).lent(6)
    assert world.sun(4000, 4000, 4000, 4000) == []
    assert world.sun(4400, 4400, 4400) == [Tell(Order.START)]
    assert world.sun(*[6500.0] * 4) == [Limit(9)]


def test_the_owners_own_limit_is_never_exceeded() -> None:
    world = World(limit_a=13)
    world.sun(*[9000.0] * 8)
    assert world.limit_a == 13
    world = World(EvMode.HYBRID, ChargingTerms(most_a=16.0), limit_a=32, order=Order.START)
    world.sun(*[9000.0] * 8)
    assert world.limit_a == 16


def test_off_gives_back_the_limit_and_what_the_charger_was_told() -> None:
    world = World(limit_a=20, order=Order.READY)
    world.sun(*[3000.0] * 6)
    assert (world.limit_a, world.order) == (12, Order.START)
    world.mode = EvMode.OFF
    assert world.sun(0, 0, 0, 0) == [Limit(20), Tell(Order.READY)]
    assert not world.memory.holds


def test_grid_gives_back_the_limit_and_starts_what_was_stopped() -> None:
    world = World(limit_a=20, order=Order.START)
    world.sun(0, 0)
    assert world.commands == [Tell(Order.STOP)]
    world.mode = EvMode.GRID
    assert world.sun(0, 0) == [Tell(Order.START)]


def test_who_charges_by_hand_is_stopped_once_and_then_left_alone() -> None:
    world = World()
    world.sun(2000, 2000, 2000, 2000, 2000)
    world.sun(*[0.0] * 8)
    assert not world.charging
    world.order = Order.START  # with the app
    assert world.sun(0) == [Tell(Order.STOP)]
    assert world.sun(0) == []
    world.order = Order.START
    assert world.sun(0, 0, 0) == []
    assert world.memory.stood_back == "changed_by_someone_else"
    world.memory = world.memory.forgiven()
    assert world.sun(0) == [Tell(Order.STOP)]


def test_who_stops_the_vehicle_by_hand_is_heeded_until_it_is_plugged_in_again() -> None:
    world = World().lent(6)
    world.sun(*[2400.0] * 5)
    world.order = Order.STOP  # with the app
    assert world.sun(*[2400.0] * 5) == []
    assert world.memory.held
    world.vehicle = False
    world.sun(2400)
    world.vehicle = True
    assert world.sun(*[2400.0] * 3) == [Tell(Order.START)]


def test_a_limit_of_somebody_else_is_the_owners_from_then_on() -> None:
    world = World(limit_a=32, order=Order.START)
    world.sun(*[2400.0] * 5)
    assert world.limit_a == 10
    world.limit_a = 8  # with the app
    assert world.sun(*[4800.0] * 5) == []
    assert world.memory.owner_a == 8


def test_a_charger_that_forgets_is_told_again_but_not_for_ever() -> None:
    world = World(limit_a=32, order=Order.START)
    world.sun(*[2400.0] * 5)
    told = 0
    for _ in range(8):
        world.limit_a = 32
        told += len(world.sun(2400, 2400))
    assert told == 4
    assert world.commands[-4:] == [*[Limit(10)] * 3, Tell(Order.STOP)]  # not left charging from the grid
    assert world.memory.stood_back == "keeps_forgetting"


@pytest.mark.parametrize("forgets_at", [Order.START, Order.STOP])
def test_a_charger_that_keeps_a_limit_for_one_charge_alone_is_regulated_all_day(forgets_at: Order) -> None:
    world = World(forgets_at=forgets_at)
    for _ in range(20):
        world.sun(*[4000.0] * 9, *[300.0] * 9)
    assert world.commands.count(Tell(Order.START)) == 20
    assert not world.memory.stood_back
    assert (world.charging, world.memory.owner_a) == (False, 32)


def test_a_vehicle_that_comes_while_others_claim_the_charger_is_not_the_one_that_was_stopped() -> None:
    world = World()
    world.sun(*[2400.0] * 6)
    world.order = Order.STOP
    world.sun(2400.0)
    assert world.memory.held
    for vehicle in (True, False, True):
        world.vehicle = vehicle
        world.step(world.house(2400), claimed=True)
    world.sun(*[2400.0] * 6)
    assert world.charging


def test_a_charger_that_does_not_obey_is_asked_less_and_less_often() -> None:
    world = World(EvMode.SOLAR, order=Order.START, obeys=False)
    told = world.sun(*[0.0] * 120)
    assert told
    assert set(told) == {Tell(Order.STOP)}
    assert len(told) < 12
    assert world.step(world.house(0)).reason in ("does_not_obey", "too_little_sun")


def test_a_charger_that_did_not_obey_is_lowered_and_stopped_at_once_all_the_same() -> None:
    """What it did not raise says nothing of what it lessens: a pause must not let the grid charge the car."""
    world = World(order=Order.START).lent(10)
    world.sun(*[2400.0] * 4)
    world.obeys = False
    raised = world.sun(*[7200.0] * 10)
    assert set(raised) == {Limit(30)}
    assert len(raised) < 6
    assert world.step(world.house(7200)).reason == "does_not_obey"
    assert world.limit_a == 10
    assert world.charging

    world.obeys = True
    assert world.step(world.house(1680)).command == Limit(7)
    for _ in range(8):
        world.memory = replace(world.memory, failures=9, failed_at=world.now)
        world.step(world.house(0))
    assert not world.charging


def test_a_charger_that_takes_no_limit_is_stopped_where_the_import_cap_needs_a_lower_one() -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=40), order=Order.START, takes_limits=False)
    done = [world.step(world.house(0, import_a=46)) for _ in range(2)]
    assert [each.command for each in done] == [Limit(22), Tell(Order.STOP)]
    assert [each.reason for each in done] == ["import_cap", "does_not_obey"]
    for _ in range(20):
        world.step(world.house(0, import_a=20))
        assert not world.charging  # 32 A are more than there is room for
    assert world.memory.failures >= 3
    assert not world.memory.stood_back  # what was never taken was not forgotten
    for _ in range(25):  # it is asked rarely by now
        world.step(world.house(0, import_a=2))
    assert world.charging


def test_a_charger_that_takes_no_limit_is_not_charged_from_the_grid_instead_of_the_sun() -> None:
    world = World(order=Order.START).lent(12)
    world.sun(*[2900.0] * 3)
    world.takes_limits = False
    assert world.sun(*[1700.0] * 4) == [Limit(7), Limit(7), Limit(7), Tell(Order.STOP)]
    world.sun(*[1700.0] * 120)
    assert not world.charging
    assert len(world.commands) < 20
    world.takes_limits = True
    world.sun(*[1700.0] * 30)
    assert world.charging
    assert world.limit_a == 7


def test_a_charger_that_takes_no_limit_in_hybrid_is_stopped_where_it_exceeds_the_import_cap() -> None:
    world = World(EvMode.HYBRID, ChargingTerms(import_cap_a=20), order=Order.START).lent(18)
    for _ in range(3):
        world.step(world.house(2900, import_a=5))
    assert (world.charging, world.limit_a) == (True, 18)
    world.takes_limits = False
    done = [world.step(world.house(-960.0, import_a=22)).command for _ in range(2)]
    assert done == [Limit(6), Tell(Order.STOP)]


@pytest.mark.parametrize("vehicle", [True, False])
def test_under_an_import_cap_no_limit_follows_the_house_while_nothing_is_charged(vehicle: bool) -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=30), vehicle=vehicle)
    for number in range(200):
        world.step(world.house(0, import_a=8 + 8 * math.sin(number / 5)))
    assert world.commands == []
    world.order, world.vehicle = Order.START, True
    assert world.step(world.house(0, import_a=29)).command == Limit(30)


def test_a_limit_that_the_import_cap_has_lowered_stays_low_until_something_is_charged() -> None:
    world = World(EvMode.GRID, ChargingTerms(import_cap_a=40), order=Order.START)
    world.step(world.house(0, import_a=46))
    world.order = Order.READY
    for _ in range(10):
        assert world.step(world.house(0, import_a=2)).command is None
    world.order = Order.START
    for _ in range(10):
        world.step(world.house(0, import_a=2))
    assert world.limit_a == 32


def test_a_vehicle_that_may_draw_from_the_grid_goes_on_though_its_charger_takes_no_limit() -> None:
    world = World(EvMode.HYBRID, order=Order.START, takes_limits=False)
    world.sun(*[0.0] * 30)
    assert world.charging


def test_while_others_claim_the_charger_nothing_is_written_and_afterwards_it_begins_anew() -> None:
    world = World(limit_a=32, order=Order.START)
    world.sun(*[2400.0] * 5)
    world.limit_a = 16
    for _ in range(4):
        decision = world.step(world.house(0), claimed=True)
        assert decision.command is None
        assert decision.reason == "claimed"
    world.limit_a = 32
    world.step(world.house(0))
    assert world.memory.owner_a == 32
    assert not world.memory.foreign


def test_without_budget_nothing_starts_or_grows_and_everything_lessens() -> None:
    world = World().lent(6)
    for _ in range(5):
        assert world.step(world.house(4800), left=1).command is None
    world.sun(*[4800.0] * 3)
    assert world.charging
    assert world.step(world.house(4800), left=RESERVE).command is None
    world.sun(4800)
    assert world.limit_a == 20
    assert world.step(world.house(2400), left=-5).command == Limit(10)
    for _ in range(7):
        last = world.step(world.house(0), left=-5).command
    assert last == Tell(Order.STOP)


def test_a_charger_that_tells_no_limit_while_it_offers_nothing_gets_one_before_it_starts() -> None:
    world = World(hides=True)
    assert world.sun(*[2400.0] * 5) == [Limit(10), Tell(Order.START)]
    assert world.memory.ours_a == (10,)
    world.sun(*[3600.0] * 4)
    assert world.limit_a == 15
    world.sun(*[0.0] * 8)
    assert not world.charging
    assert world.sun(*[0.0] * 5) == []
    assert not world.memory.foreign
    world.mode = EvMode.GRID
    world.sun(0, 0, 0)
    assert world.charging
    assert world.limit_a == 32


def test_off_gives_back_a_limit_that_is_not_told_while_nothing_is_offered() -> None:
    world = World(hides=True, order=Order.START)
    world.sun(*[2400.0] * 5)
    world.sun(*[0.0] * 8)
    assert (world.charging, world.limit_a, world.memory.owner_a) == (False, 6, 32)
    world.mode = EvMode.OFF
    assert world.sun(0, 0, 0, 0) == [Limit(32), Tell(Order.START)]


SUN = st.one_of(st.none(), st.floats(-10_000, 20_000), st.sampled_from([0.0, 1439.0, 1441.0, 2000.0, 7000.0]))
EVENTS = st.sampled_from(
    [
        *("", "", "", "", "plug", "unplug", "app_start", "app_stop", "app_limit"),
        *("restart", "deaf", "hears", "stuck"),
    ]
)


@settings(max_examples=300)
@given(
    mode=st.sampled_from(EvMode),
    cap=st.none() | st.floats(10, 80),
    start=st.sampled_from(Order),
    days=st.lists(st.tuples(SUN, EVENTS, st.integers(-3, 300)), min_size=5, max_size=60),
)
def test_whatever_comes_no_command_breaks_the_rules(
    mode: EvMode, cap: float | None, start: Order, days: list[tuple[float | None, str, int]]
) -> None:
    world = World(mode, ChargingTerms(import_cap_a=cap), order=start)
    for sun_w, event, left in days:
        world.suffer(event)
        before, shown = world.limit_a, world.shown
        was_changed = world.changed[-1] if world.changed else -math.inf
        ceiling = world.memory.owner_a if world.memory.ours_a else before
        decision = world.step(
            None if sun_w is None else world.house(sun_w, import_a=max(0.0, (world.power_w - sun_w) / VOLTS)),
            left=left,
        )
        waited = world.now - was_changed >= 29
        match decision.command:
            case Limit(amperes):
                assert 6 <= amperes <= min(32, max(ceiling or 0, before))
                assert amperes >= before or before - amperes >= 1 - 1e-6
                assert amperes <= before or (waited and (left > RESERVE or mode in (EvMode.GRID, EvMode.OFF)))
            case Tell(Order.START) if mode is not EvMode.OFF:
                assert waited
                assert left >= 2
                assert shown.vehicle
                assert not shown.charging
                assert mode is not EvMode.SOLAR or sun_w is None or sun_w >= 6 * VOLTS - 1e-6
                assert mode is not EvMode.SOLAR or sun_w is None or before <= max(6, sun_w / VOLTS) + 1
        if mode is EvMode.SOLAR and decision.desired_a and sun_w is not None:
            assert decision.desired_a <= max(6.0, sun_w / VOLTS + 1e-6)
        if mode is EvMode.OFF and not world.memory.holds:
            assert decision.command is None
