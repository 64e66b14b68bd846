"""A family of the tests' own, a link that answers from memory, and homes beside simulated clouds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from controllers.claims.claims import Terms
from controllers.config import Configuration
from controllers.controller import Controller
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal, JournalError, Statement
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Action, ControlledDevice, Limit
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device import Device
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError, Rejected
from sunhelm.devices.families import Accounts
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import RegisterSource
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.links.base import LinkStatistics, Span, Table
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

SHEET_PARTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "huawei": {
        "holding": ("inverter", "meter", "battery", "packs", "optimizers"),
        "holding-v2": ("inverter_v2",),
        "emma-holding": ("emma",),
        "sdongle-holding": ("dongle",),
        "scharger-holding": ("charger",),
        "emi-holding": ("weather",),
        "smartlogger-holding": ("logger",),
        "smartlogger-meter-holding": ("logger_meter",),
        "smartlogger-remap-holding": ("logger_inverters",),
    },
    "deye": {
        "holding-3p": ("three_phase_lv", "three_phase_hv"),
        "holding-1p": ("single_phase",),
        "holding-string": ("string",),
        "holding-micro": ("micro",),
    },
    "givenergy": {
        "battery-input": ("battery",),
        "hv-bcu-input": ("stack",),
        "hv-bmu-input": ("module",),
        "meter-input": ("meter",),
        "meter-product": ("meter_product",),
        "lv-bcu-input": ("low_voltage_bms",),
        "hv-config-input": ("high_voltage",),
        "hv-bams-input": ("bams",),
    },
}
"""The parts that describe a block of a sheet; of GivEnergy, all others are the inverter's own two tables."""


@pytest.fixture(scope="session")
def sheet_parts() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The parts that describe a block of a facts sheet, by family and block."""
    return SHEET_PARTS


@dataclass
class MemoryLink:
    """Answers from `words`, by unit and address; refuses every block that touches anything else.

    `trouble` are errors to raise instead, by the first address of the request. `tables` are the words of
    tables that have their own; for any other table it answers from `words`.
    """

    words: dict[tuple[int, int], int]
    trouble: dict[int, list[DeviceError]] = field(default_factory=dict)
    statistics: LinkStatistics = field(default_factory=LinkStatistics)
    spans: list[Span] = field(default_factory=list)
    tables: dict[Table, dict[tuple[int, int], int]] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        yield

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        self.spans.append(span)
        self.statistics.requests += 1
        if self.trouble.get(span.address):
            raise self.trouble[span.address].pop(0)
        words = self.tables.get(span.table, self.words)
        if not any(unit == span.unit for unit, _ in words):
            raise Rejected("no such unit", code=10)
        try:
            return tuple(words[span.unit, address] for address in range(span.address, span.end))
        except KeyError:
            raise Rejected("illegal address", code=2) from None

    async def close(self) -> None: ...

    def set(self, unit: int, start: int, *words: int) -> None:
        self.words.update(((unit, start + i), word) for i, word in enumerate(words))


@pytest.fixture
def link() -> MemoryLink:
    return MemoryLink({})


@pytest.fixture
def make_source(tmp_path: Path, link: MemoryLink, clock: Any) -> Callable[..., RegisterSource]:
    """Return a function that builds a source from the text of `family.yaml` and of its maps."""

    def make(
        spec: Mapping[str, Any],
        maps: Mapping[str, str],
        *,
        units: Mapping[str, tuple[int, ...]] | None = None,
        profile: str = "core",
        **figures: Any,
    ) -> RegisterSource:
        for name, text in maps.items():
            lines = [line.strip() for line in text.strip().splitlines()]
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        family = RegisterFamily("testfamily", FamilySpec.model_validate(spec, strict=False), tmp_path)
        config = DeviceConfig(
            family="testfamily",
            name="unit",
            units=units or {},
            base=None,
            profile=profile,
            map=figures.get("map"),
            model=None,
            serial=None,
            link=None,
            rated_power=figures.get("rated_power"),
            capacity=figures.get("capacity"),
        )
        surroundings = Surroundings(ZoneInfo("Europe/Amsterdam"), clock)
        return family.source(config, surroundings, link)

    return make


__all__ = ["MemoryLink", "Table"]


_ALERT = "FeedInPriceNegative"


class InstantJournal(Journal):
    """A journal on the disk that takes none of the virtual time, however slow the disk is."""

    async def commit(self, *statements: Statement) -> None:
        error = self._transaction(statements)
        if error is not None:
            raise JournalError(str(error))


class Nobody:
    """Counts nothing."""

    def ended(self, *_: object) -> None: ...

    def foreign(self, *_: object) -> None: ...


@dataclass
class Curtailed:
    """A home with a controller that hears of a price."""

    home: Any
    controller: Controller
    began: float
    exported: list[float] = field(default_factory=list)
    cut_at: float | None = None

    @classmethod
    def of(cls, home: Any, journal: Journal) -> Curtailed:
        price = Policy(
            name="price",
            match={"alertname": _ALERT},
            action=Action.LIMIT_EXPORT,
            values={"roof": Limit(0)},
            terms=Terms(lease_s=1200, max_life_s=86_400, min_life_s=0),
        )
        heartbeat = HeartbeatSection(match={"alertname": "Watchdog"})
        policies = Policies(policies={"price": price}, alertmanager=AlertmanagerSection(heartbeat=heartbeat))
        controller = Controller(
            Configuration(home.site, policies),
            journal,
            lambda config, site: open_controlled(config, site, clock=home.clock),
            observer=Nobody(),
            clock=home.clock,
        )
        return cls(home, controller, home.clock.time() + 120)

    async def hear(self, ended: float | None = None) -> None:
        """Hear what Alertmanager delivers, and live for a minute."""
        alerts = [self._alert("Watchdog", Status.FIRING)]
        if ended is None and self.home.clock.time() >= self.began:
            alerts.append(self._alert(_ALERT, Status.FIRING))
        elif ended is not None:
            alerts.append(self._alert(_ALERT, Status.RESOLVED, ended))
        await self.controller.inbox.accept(alerts)
        await self.controller.judge()
        for _ in range(60):
            await self.home.clock.sleep(1)
            self.exported.append(-self.home.plant.state.grid.power_w)
            if self.cut_at is None and self.home.plant.steering.feed_in_limit_w == 0:
                self.cut_at = self.home.clock.time()

    def _alert(self, name: str, status: Status, ends_at: float = 0.0) -> Alert:
        return Alert(
            fingerprint=name,
            status=status,
            labels={"alertname": name},
            starts_at=self.began,
            ends_at=ends_at,
            stamp=self.controller.clock.time(),
            seen_at=self.controller.time.now(),
        )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = InstantJournal(tmp_path / "state")
    yield journal
    journal.close()


@pytest.fixture
def curtailed(journal: Journal) -> Callable[[Any], AbstractAsyncContextManager[Curtailed]]:
    """Put a controller that hears of a negative price into a home whose device is called roof."""

    @asynccontextmanager
    async def curtailed(home: Any) -> AsyncIterator[Curtailed]:
        house = Curtailed.of(home, journal)
        running = asyncio.create_task(house.controller.run())
        try:
            yield house
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for loop in house.controller.fleet.loops.values():
                await loop.reconciler.device.close()

    return curtailed


@dataclass
class CloudHome:
    """A simulated account whose time goes by, and its devices opened for control or for reading."""

    clock: VirtualClock
    plant: Plant
    cloud: Any
    site: Site
    patience_s: float
    opened: list[ControlledDevice | Device] = field(default_factory=list)

    def control(self, name: str = "roof") -> ControlledDevice:
        device = open_controlled(self.site.devices[name], self.site, clock=self.clock)
        self.opened.append(device)
        return device

    def reader(self, name: str = "roof", accounts: Accounts | None = None) -> Device:
        device = Device(self.site.devices[name], self.site, clock=self.clock, accounts=accounts)
        self.opened.append(device)
        return device

    def deadline(self, seconds: float | None = None) -> Deadline:
        return Deadline.after(self.patience_s if seconds is None else seconds, self.clock)

    async def live(self) -> None:
        while True:
            await self.clock.sleep(1)
            self.plant.advance(self.clock.time() - self.plant.time)
            self.cloud.update()


@pytest.fixture
def beside_cloud(tmp_path: Path) -> Callable[..., None]:
    """Run a program in virtual time beside a simulated account: `beside_cloud(program, cloud_of, site_of)`.

    `cloud_of` makes the cloud of a plant and a clock; `site_of` says what the site file has of it, once it
    can be reached.
    """

    async def run(
        program: Callable[[CloudHome], Awaitable[None]],
        cloud_of: Callable[[Plant, VirtualClock], Any],
        site_of: Callable[[Any], Mapping[str, Any]],
        start: float,
        patience_s: float,
    ) -> None:
        clock = VirtualClock(start - asyncio.get_running_loop().time())
        plant = Plant(seed=3, start=start)
        cloud = cloud_of(plant, clock)
        await cloud.open("127.0.0.1", 0)
        (tmp_path / "sunhelm.yml").write_text(json.dumps(site_of(cloud)))
        home = CloudHome(clock, plant, cloud, load_site(tmp_path / "sunhelm.yml").site, patience_s)
        life = asyncio.create_task(home.live())
        try:
            await program(home)
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            for device in home.opened:
                await device.close()
            await cloud.close()

    def beside_cloud(
        program: Callable[[CloudHome], Awaitable[None]],
        cloud_of: Callable[[Plant, VirtualClock], Any],
        site_of: Callable[[Any], Mapping[str, Any]],
        *,
        start: float,
        patience_s: float = 30.0,
    ) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(run(program, cloud_of, site_of, start, patience_s))

    return beside_cloud
