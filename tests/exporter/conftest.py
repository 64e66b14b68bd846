"""What tests of the exporter share: a clock moved by hand and a device that answers when told to."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import Exporter, add_exporter
from exporter.flight import Flight
from exporter.instruments import Instruments
from exporter.targets import Target, Targets, target_labels
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Reason, Rejected
from sunhelm.devices.links.trace import trace
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Guard, Held, Outcome, Reading, Sample
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application


@dataclass(slots=True)
class ManualClock:
    """Time stands still until `advance`; whoever sleeps until then wakes."""

    now: float = 1_780_000_000.0
    set_back_s: float = 0.0
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def monotonic(self) -> float:
        return self.now - 1_779_000_000.0

    def time(self) -> float:
        return self.now - self.set_back_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float) -> None:
        """Move on, wake who is due, and let everybody do what they now can."""
        self.now += seconds
        while self._sleepers and self._sleepers[0][0] <= self.now:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something that only the test can bring."""
    for _ in range(20):
        await asyncio.sleep(0)


GRID = CATALOGUE["grid_power"]
PHASES = CATALOGUE["grid_phase_power"]
EXPORT = CATALOGUE["grid_export"]
DEVICE = CATALOGUE["device"]
STATE = Quantity("victron_vebus_state", "", "state", "State of the inverter/charger.", ("state",))


@dataclass(slots=True)
class FakeDevice:
    """A device of two groups. While `held`, reads wait for `release`."""

    clock: ManualClock
    name: str = "gx"
    reads: list[frozenset[str] | None] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)
    cancelled: int = 0
    closed: int = 0
    fails: Reason | None = None
    crash: Exception | None = None
    groups: tuple[str, ...] = ("live", "settings")
    more: tuple[Sample, ...] = ()
    traced: list[tuple[str, tuple[int, ...], str | None]] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    before: Callable[[], Awaitable[None]] | None = None
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._gate.set()

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    async def read(self, deadline: Deadline, groups: Collection[str] | None = None) -> Reading:
        self.reads.append(None if groups is None else frozenset(groups))
        self.deadlines.append(deadline)
        for request, words, error in self.traced:
            trace(request, words, None if error is None else Rejected(error))
        if self.says:
            structlog.get_logger().debug(**self.says)
        self.begun.set()
        if self.before is not None:
            await self.before()
        taken_at = self.clock.time()
        try:
            await self._gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.crash is not None:
            raise self.crash
        return self.reading(taken_at, groups)

    async def close(self) -> None:
        self.closed += 1

    def reading(self, taken_at: float, groups: Collection[str] | None = None) -> Reading:
        names = [name for name in self.groups if groups is None or name in groups]
        if self.fails is not None:
            outcome = Outcome(self.fails, "the device does not answer", waited_s=3.0, requests=1)
            return Reading(self.name, taken_at, (), dict.fromkeys(names, outcome))
        number = float(len(self.reads))
        live = (
            Sample(DEVICE, 1.0, ("Victron", "Cerbo GX", "HQ2", "v3.55"), "holding 800 serial", "live"),
            Sample(GRID, number, (), "sum of the phases", "live"),
            Sample(PHASES, 120.5, ("L1",), "holding 820 grid_l1", "live"),
            Sample(PHASES, -7.0, ("L2",), "holding 821 grid_l2", "live"),
            Sample(EXPORT, 640_440_000.0, (), "holding 2634 energy_reverse", "live"),
        )
        settings = tuple(
            Sample(STATE, float(state == "bulk"), (state,), "holding 31 state", "settings")
            for state in ("bulk", "float")
        )
        outcome = Outcome(taken_at=taken_at, requests=2, waited_s=0.25)
        outcomes = {name: outcome if name == "live" else replace(outcome, requests=1) for name in names}
        samples = tuple(sample for sample in live + settings if sample.group in names)
        held = (Held(Guard.SENTINEL, "live", "holding 843 battery_soc", "0xFFFF"),)
        samples += self.more
        return Reading(self.name, taken_at, samples, outcomes, held if "live" in names else ())


@pytest.fixture(scope="session")
def make_clock() -> type[ManualClock]:
    return ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def make_device() -> Callable[..., FakeDevice]:
    def make(name: str = "gx", *, clock: ManualClock) -> FakeDevice:
        return FakeDevice(clock, name)

    return make


@pytest.fixture
def device(make_device: Callable[..., FakeDevice], clock: ManualClock) -> FakeDevice:
    return make_device(clock=clock)


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[[], Awaitable[None]]:
    return settle


@pytest.fixture
def make_target(clock: ManualClock) -> Callable[..., Target]:
    def make(device: FakeDevice, *, refresh_s: float = 1.0, listeners: Sequence[Any] = ()) -> Target:
        flight = Flight(device, refresh_s=refresh_s, deadline_s=30.0, listeners=listeners, clock=device.clock)
        labels = target_labels(device.name, "home", "victron")
        return Target(device.name, labels, flight, interval_s=15.0, timeout_s=10.0)

    return make


@pytest.fixture
def exporter(device: FakeDevice, clock: ManualClock, make_target: Callable[..., Target]) -> Exporter:
    """An exporter of one fake device, "gx"."""
    targets = Targets({})
    instruments = Instruments(ProcessMetrics("sunhelm_exporter"), targets)
    instruments.follow([device.name])
    target = make_target(device, listeners=[partial(instruments.read, {"device": device.name})])
    targets.replace({device.name: target})
    return Exporter(targets, instruments, clock=clock)


@pytest.fixture
def shed(
    exporter: Exporter,
    make_device: Callable[..., FakeDevice],
    make_target: Callable[..., Target],
    clock: ManualClock,
) -> FakeDevice:
    """A second device of the exporter."""
    shed = make_device("shed", clock=clock)
    exporter.targets.replace({**exporter.targets, "shed": make_target(shed)})
    return shed


def application(exporter: Exporter) -> web.Application:
    health = Health("Sunhelm exporter")
    health.set_ready()
    app = create_application(health)
    add_exporter(app, exporter)
    return app


@pytest.fixture
async def client(exporter: Exporter) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(exporter))) as client:
        yield client


@pytest.fixture
async def raw_client(exporter: Exporter) -> AsyncIterator[TestClient[Any, Any]]:
    """A client that leaves bodies as they came."""
    async with TestClient(TestServer(application(exporter)), auto_decompress=False) as client:
        yield client


def series(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


@pytest.fixture(scope="session")
def series_of() -> Callable[[str], dict[tuple[str, ...], float]]:
    """Parse a page: a value by the metric's name and its labels, sorted, as "name=value"."""
    return series
