"""The page with somebody behind it who only pretends to command devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from controllers.api.requests import Requests
from controllers.journal.journal import Journal
from controllers.page.routes import Page
from controllers.people import (
    ClaimRecord,
    Command,
    DeviceRecord,
    EventRecord,
    Refused,
    ScheduleRecord,
    StateRecord,
)
from sunhelm.devices.control import Action
from sunhelm.service.access import VISITOR
from sunhelm.service.health import Health
from sunhelm.service.web import create_application

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = 1_780_000_000.0
STATE = StateRecord(
    key="export_limit",
    desired="limit 0W",
    written="limit 0W",
    observed="limit 0W",
    baseline="unlimited",
    observed_at=NOW - 12,
)
ROOF = DeviceRecord(name="roof", family="sec1000s", states=(STATE,), capabilities=())
WRITE = EventRecord(at=NOW - 60, kind="write", device="roof", what="limit 0W")
CLAIM = ClaimRecord(
    id="price:f/1",
    device="roof",
    action=Action.LIMIT_EXPORT,
    state="export_limit",
    value="limit 0W",
    cause="price",
    fingerprint="f1",
    made_at=NOW - 3900,
    renewed_at=NOW - 30,
    ends_at=NOW + 570,
)
SCHEDULE = ScheduleRecord(
    id="s1",
    device="roof",
    start=NOW + 7200,
    end=NOW + 86_400,
    mode="force_charge",
    watts=2000.0,
    target_soc=0.9,
    means="kept",
    state="planned",
    cause="person",
)


@dataclass
class FakePeople:
    """One device, one claim; `done` is what was asked."""

    device: DeviceRecord = ROOF
    made: tuple[ClaimRecord, ...] = (CLAIM,)
    events: tuple[EventRecord, ...] = (WRITE,)
    done: list[tuple[Any, ...]] = field(default_factory=list)
    refuse: Refused | None = None

    def devices(self) -> tuple[DeviceRecord, ...]:
        return (self.device,)

    def claims(self, *, ended: bool = False) -> tuple[ClaimRecord, ...]:
        return self.made

    def schedules(self, *, ended: bool = False) -> tuple[ScheduleRecord, ...]:
        return (SCHEDULE,)

    async def history(self, *, most: int = 100) -> tuple[EventRecord, ...]:
        return self.events

    async def release(self, claim: str) -> ClaimRecord:
        self._note("release", claim)
        self.made = ()
        return replace(CLAIM, ended="released")

    async def hold(self, device: str, *, lasting_s: float = 3600.0) -> float:
        self._note("hold", device, lasting_s)
        self.device = replace(self.device, held_until=NOW + lasting_s)
        return NOW + lasting_s

    async def set_baseline(self, command: Command) -> StateRecord:
        self._note("set_baseline", command.device, command.action, dict(command.parameters))
        return STATE

    async def end_hold(self, device: str) -> None:
        self._note("end_hold", device)

    def _note(self, *what: Any) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.done.append(what)


@dataclass
class Backstage:
    """What the page needs."""

    requests: Requests
    people: Any = field(default_factory=FakePeople)
    zone: ZoneInfo = AMSTERDAM
    site: str = "home"
    time: float = NOW
    wrong: tuple[str, ...] = ()
    visitor: str = "anna"

    def now(self) -> float:
        return self.time

    def concerns(self) -> tuple[str, ...]:
        return self.wrong


@pytest.fixture
def backstage(tmp_path: Path) -> Iterator[Backstage]:
    journal = Journal(tmp_path / "state")
    yield Backstage(Requests(journal, lambda: NOW))
    journal.close()


@pytest.fixture
def people(backstage: Backstage) -> Any:
    return backstage.people


@pytest.fixture
async def client(backstage: Backstage) -> AsyncIterator[TestClient[Any, Any]]:
    @web.middleware
    async def let_in(request: web.Request, handler: Any) -> web.StreamResponse:
        request[VISITOR] = backstage.visitor
        answer: web.StreamResponse = await handler(request)
        return answer

    app = create_application(Health("Test"))
    app.middlewares.append(let_in)
    Page(backstage).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client
