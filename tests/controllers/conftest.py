"""What tests of the controller share: time that passes by itself, and a device that can be commanded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controllers.claims.claims import Claim, ClaimKey, Order, Terms
from controllers.claims.demand import Demand, state_of
from controllers.config import Configuration
from controllers.controller import Controller
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal, Statement
from controllers.people import People
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy, TaskPolicy
from controllers.states.reconcile import Reconciler
from controllers.states.writing import Outcome
from controllers.steady import SteadyTime
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Action,
    Hazard,
    Limit,
    Promise,
    Proof,
    Rung,
    SelfConsumption,
    Storage,
    Unknown,
    Value,
)
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site

EXPORT = Promise(
    key="export_limit",
    actions=(Action.LIMIT_EXPORT,),
    hazard=Hazard.AUTOMATIC,
    rung=Rung.PERSISTENT,
    storage=Storage.PERSISTENT,
    proof=Proof.READ_BACK,
    low=0.0,
    high=100_000.0,
    resolution=10.0,
    settle_s=2.0,
    prove_s=10.0,
)
BATTERY = Promise(
    key="battery",
    actions=(Action.CHARGE, Action.DISCHARGE),
    hazard=Hazard.AUTOMATIC,
    rung=Rung.TIMER,
    storage=Storage.VOLATILE,
    proof=Proof.READ_BACK,
    reverts_s=9.0,
)


ZERO = Limit(0)


@dataclass(slots=True)
class FastClock:
    """Time passes only in sleeps, and these take none of ours."""

    now: float = 1_780_000_000.0
    jumped_s: float = 0.0

    def monotonic(self) -> float:
        return self.now - 1_779_000_000.0

    def time(self) -> float:
        return self.now + self.jumped_s

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class FakeHandle:
    """One state of a device. `stale` read backs still show the value before; `lost` writes do nothing."""

    promise: Promise
    value: Value
    clock: FastClock
    writes: list[Value] = field(default_factory=list)
    reads: int = 0
    stale: int = 0
    lost: int = 0
    readable: bool = True
    before: Value | None = None
    fails: Exception | None = None
    write_fails: Exception | None = None
    before_write: Callable[[], None] = lambda: None
    after_write: Callable[[], None] = lambda: None

    def check(self, value: Value) -> None:
        if isinstance(value, Limit) and not (self.promise.low or 0) <= value.watts <= (
            self.promise.high or 1e9
        ):
            raise ValueError(f"{value} is out of range")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Limit) and isinstance(observed, Limit):
            return abs(wanted.watts - observed.watts) <= self.promise.resolution / 2
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Value | Unknown:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        if not self.readable:
            return UNKNOWN
        if self.stale and self.before is not None:
            self.stale -= 1
            return self.before
        return self.value

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.before_write()
        self.check(value)
        self.writes.append(value)
        if self.write_fails is not None:
            raise self.write_fails
        if self.lost:
            self.lost -= 1
            return
        self.before, self.value = self.value, value
        self.after_write()


@dataclass(slots=True)
class FakeDevice:
    """A device with an export limit and a battery."""

    clock: FastClock
    name: str = "roof"
    serial: str = "SN1"
    turns: int = 0
    busy: int = 0
    fails: Exception | None = None
    handles: Mapping[str, FakeHandle] = field(default_factory=dict)
    tasks: Mapping[str, Any] = field(default_factory=dict)
    schedules: Any = None
    envelopes: Any = None
    watchdog: Any = None
    state_of_charge: Any = None
    charger: Any = None
    feedback: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.handles:
            self.handles = {
                "export_limit": FakeHandle(EXPORT, UNLIMITED, self.clock),
                "battery": FakeHandle(BATTERY, SelfConsumption(), self.clock),
            }

    @property
    def export(self) -> FakeHandle:
        return self.handles["export_limit"]

    @property
    def battery(self) -> FakeHandle:
        return self.handles["battery"]

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        assert self.busy == 0, "two exchanges at once"
        if self.fails is not None:
            raise self.fails
        self.busy += 1
        self.turns += 1
        try:
            yield
        finally:
            self.busy -= 1

    async def identify(self, deadline: Deadline) -> str:
        return self.serial

    async def close(self) -> None:
        return None


@dataclass(slots=True)
class Counts:
    """An observer that remembers."""

    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    foreigners: int = 0

    def ended(self, device: str, state: str, outcome: Outcome) -> None:
        self.outcomes.append((state, outcome))

    def foreign(self, device: str, state: str) -> None:
        self.foreigners += 1

    @property
    def results(self) -> list[str]:
        return [outcome.reason or outcome.result.value for _, outcome in self.outcomes]


@dataclass(slots=True)
class Bench:
    """A reconciler with its device and journal; `ask` says what is asked of a state from now on."""

    clock: FastClock
    device: FakeDevice
    directory: Path
    ours: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    demands: dict[str, Demand] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    journal: Journal = field(init=False)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.directory)
        self.reconciler = Reconciler(
            self.device,
            self.journal,
            lambda: self.demands,
            clock=self.clock,
            time=SteadyTime(self.clock),
            observer=self.counts,
            ours=self.ours,
        )

    def restart(self) -> None:
        self.journal.close()
        self.start()

    async def ask(self, value: Value | None, state: str = "export_limit") -> float | None:
        self.demands[state] = Demand(value)
        return await self.reconciler.reconcile()

    async def later(self, seconds: float = 60.0) -> float | None:
        self.clock.now += seconds
        return await self.reconciler.reconcile()


class Killed(BaseException):
    """The process ends here, at this very step."""


class MortalJournal(Journal):
    """A journal that calls `step` before and after each of its writes: there its process may die."""

    def __init__(self, directory: Path, step: Callable[[], None]) -> None:
        super().__init__(directory)
        self._step = step

    async def commit(self, *statements: Statement) -> None:
        self._step()
        await super().commit(*statements)
        self._step()


@dataclass(slots=True)
class Death:
    """The end of a process at one of its steps, counted from 1."""

    at: int
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed


@pytest.fixture(scope="session")
def killed() -> type[Killed]:
    return Killed


@pytest.fixture(scope="session")
def mortal_journal() -> type[MortalJournal]:
    return MortalJournal


PRICE = Policy(
    name="price",
    match={"alertname": "Price"},
    action=Action.LIMIT_EXPORT,
    values={"roof": Limit(500)},
    terms=Terms(lease_s=600, max_life_s=86_400, min_life_s=0),
)
HEARTBEAT = AlertmanagerSection(resend="1s", heartbeat=HeartbeatSection(match={"alertname": "Watchdog"}))


@dataclass(slots=True)
class Household:
    """A controller with one device, "roof", whose loop is taken by hand: `step` does all that is due."""

    clock: FastClock
    device: Any
    directory: Path
    tasks: Mapping[str, TaskPolicy] = field(default_factory=dict)
    control: Control = field(default_factory=lambda: Control(enabled=True))
    zone: str = "UTC"
    counts: Counts = field(default_factory=Counts)
    journal: Journal = field(init=False)
    controller: Controller = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    @property
    def people(self) -> People:
        return self.controller.people

    def start(self) -> None:
        self.journal = Journal(self.directory)
        roof = DeviceConfig(name="roof", family="sec1000s", rated_power=10_000.0, control=self.control)
        meter = DeviceConfig(name="meter", family="sec1000s")
        site = Site(name="home", zone=ZoneInfo(self.zone), devices={"roof": roof, "meter": meter})
        policies = Policies(policies={"price": PRICE}, tasks=self.tasks, alertmanager=HEARTBEAT)
        self.controller = Controller(
            Configuration(site, policies),
            self.journal,
            lambda config, site: self.device,
            observer=self.counts,
            clock=self.clock,
        )

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def dies_at(self, step: int) -> Death:
        """Let the process end at this step of its journal; whoever is given the death may add steps."""
        death = Death(step)
        self.journal.close()
        self.journal = MortalJournal(self.directory, death.step)
        self.controller.journal = self.journal
        for loop in self.controller.fleet.loops.values():
            loop.reconciler.keeping.journal = self.journal
        return death

    def alert(self, name: str, status: Status = Status.FIRING, **more: Any) -> Alert:
        now = self.controller.time.now()
        known: dict[str, Any] = {"starts_at": now, "stamp": self.clock.time(), "seen_at": now}
        return Alert(fingerprint=name, status=status, labels={"alertname": name}, **{**known, **more})

    async def deliver(self, *alerts: Alert) -> None:
        await self.controller.inbox.accept(alerts)
        await self.controller.judge()
        await self.step()

    async def beat(self) -> None:
        await self.deliver(self.alert("Watchdog"))

    async def step(self, after_s: float = 0.0) -> None:
        self.clock.now += after_s
        await self.controller.tick()
        for loop in self.controller.fleet.loops.values():
            await loop.once()


@pytest.fixture(scope="session")
def make_household() -> type[Household]:
    return Household


@pytest.fixture
def make_fresh(tmp_path: Path) -> Callable[[int], Household]:
    """Make a household of its own for each number: another time, another device, another journal."""

    def make(number: int) -> Household:
        clock = FastClock()
        return Household(clock, FakeDevice(clock), tmp_path / str(number))

    return make


@pytest.fixture
def household(clock: FastClock, device: FakeDevice, tmp_path: Path) -> Iterator[Household]:
    household = Household(clock, device, tmp_path / "state")
    yield household
    household.journal.close()


@pytest.fixture(scope="session")
def fast_clock() -> type[FastClock]:
    return FastClock


@pytest.fixture(scope="session")
def fake_device() -> type[FakeDevice]:
    return FakeDevice


@pytest.fixture(scope="session")
def fake_handle() -> type[FakeHandle]:
    return FakeHandle


@pytest.fixture(scope="session")
def make_bench() -> type[Bench]:
    return Bench


@pytest.fixture
def clock() -> FastClock:
    return FastClock()


@pytest.fixture
def device(clock: FastClock) -> FakeDevice:
    return FakeDevice(clock)


@pytest.fixture
def bench(clock: FastClock, device: FakeDevice, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(clock, device, tmp_path / "state")
    yield bench
    bench.journal.close()


@pytest.fixture(scope="session")
def order_of() -> Callable[..., Order]:
    """Make what a claim is for: a limit of the export of "roof", unless told otherwise."""

    def make(
        value: Value = ZERO,
        *,
        action: Action = Action.LIMIT_EXPORT,
        policy: str = "price",
        fingerprint: str = "f1",
        device: str = "roof",
        **terms: float,
    ) -> Order:
        all_terms = replace(Terms(lease_s=600, max_life_s=86_400), **terms)
        key = ClaimKey(policy, fingerprint, device)
        return Order(key=key, action=action, state=state_of(action), value=value, terms=all_terms)

    return make


@pytest.fixture(scope="session")
def claim_of(order_of: Callable[..., Order]) -> Callable[..., Claim]:
    """Make a live claim of time 0."""

    def make(value: Value = ZERO, **order: object) -> Claim:
        return Claim(order=order_of(value, **order), starts_at=0.0, made_at=0.0, renewed_at=0.0)

    return make
