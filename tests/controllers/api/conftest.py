"""The API with somebody behind it who only pretends to command devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from controllers.api.operations import MOST_BODY_BYTES
from controllers.api.problems import answer_refusals, shape_problems
from controllers.api.requests import Requests
from controllers.api.routes import add_api
from controllers.door import Door
from controllers.journal.journal import Journal
from controllers.people import (
    LASTING_S,
    CapabilityRecord,
    ClaimRecord,
    Command,
    DeviceRecord,
    EntryRecord,
    EnvelopeRecord,
    EventRecord,
    PlanRecord,
    RefusalReason,
    Refused,
    ScheduleRecord,
    StateRecord,
    TaskRecord,
)
from controllers.policy.parameters import PARAMETERS
from sunhelm.devices.control import Action, Hazard, Proof, Rung, Storage
from sunhelm.service.access import VISITOR
from sunhelm.service.health import Health
from sunhelm.service.web import create_application

NOW = 1_780_000_000.0
DANGEROUS = (Action.RESTART, Action.RESET_WATCHDOG)

CAPABILITY = CapabilityRecord(
    key="export_limit",
    kind="state",
    actions=(Action.LIMIT_EXPORT,),
    means="native",
    hazard=Hazard.AUTOMATIC,
    allowed=True,
    rung=Rung.PERSISTENT,
    storage=Storage.PERSISTENT,
    proof=Proof.READ_BACK,
    low=0.0,
    high=10_000.0,
)
STATE = StateRecord(
    key="export_limit",
    desired="",
    written="",
    observed="limit 5000W",
    observed_at=NOW - 5,
    differs_since=None,
)


@dataclass
class FakePeople:
    """Keeps what it is asked for in lists. `asked` are the names of the calls that change something."""

    made: dict[str, ClaimRecord] = field(default_factory=dict)
    done: list[TaskRecord] = field(default_factory=list)
    planned: dict[str, ScheduleRecord] = field(default_factory=dict)
    bounds: dict[str, EnvelopeRecord] = field(default_factory=dict)
    held_until: float | None = None
    asked: list[str] = field(default_factory=list)
    refuse: Refused | None = None

    def devices(self) -> tuple[DeviceRecord, ...]:
        live = [claim for claim in self.made.values() if not claim.ended]
        state = replace(STATE, desired=live[0].value if live else "")
        return (
            DeviceRecord(
                name="roof",
                family="sec1000s",
                states=(state,),
                capabilities=(CAPABILITY,),
                held_until=self.held_until,
                budget_left=18,
            ),
        )

    def claims(self, *, ended: bool = False) -> tuple[ClaimRecord, ...]:
        return tuple(claim for claim in self.made.values() if ended or not claim.ended)

    def tasks(self, *, most: int = 100) -> tuple[TaskRecord, ...]:
        return tuple(self.done[-most:])

    def schedules(self, *, ended: bool = False) -> tuple[ScheduleRecord, ...]:
        return tuple(each for each in self.planned.values() if ended or each.state != "deleted")

    async def history(
        self, *, device: str | None = None, before: float | None = None, most: int = 100
    ) -> tuple[EventRecord, ...]:
        event = EventRecord(at=NOW - 60, kind="write", device="roof", what="limit 0W", outcome="verified")
        return (event,) if before is None or event.at < before else ()

    async def plan(self, command: Command, *, lasting_s: float = LASTING_S) -> PlanRecord:
        return PlanRecord(
            device=command.device,
            action=command.action,
            state="export_limit",
            value=self._value(command),
            observed="limit 5000W",
            desired="limit 0W",
            writes=("limit 0W",),
            warnings=("A dead controller leaves the last value.",),
            hazard=Hazard.AUTOMATIC,
            rung=Rung.PERSISTENT,
            means="native",
            needs_confirmation=command.action in DANGEROUS,
            ends_at=NOW + lasting_s,
        )

    async def claim(
        self, command: Command, *, lasting_s: float = LASTING_S, confirmed: bool = False
    ) -> ClaimRecord:
        value = self._value(command)
        self._note("claim")
        claim = ClaimRecord(
            id=f"claim-{len(self.made)}",
            device=command.device,
            action=command.action,
            state="export_limit",
            value=value,
            cause="person",
            fingerprint="",
            made_at=NOW,
            renewed_at=NOW,
            ends_at=NOW + lasting_s,
        )
        self.made[claim.id] = claim
        return claim

    async def release(self, claim: str) -> ClaimRecord:
        if claim not in self.made:
            raise Refused(RefusalReason.NOT_FOUND, f"There is no claim {claim}.")
        self._note("release")
        self.made[claim] = replace(self.made[claim], ended="released", ended_at=NOW)
        return self.made[claim]

    async def release_device(self, device: str) -> tuple[ClaimRecord, ...]:
        if device != "roof":
            raise Refused(RefusalReason.UNKNOWN_DEVICE, f"{device} is not one of the devices.")
        return tuple([await self.release(claim.id) for claim in self.claims()])

    async def hold(self, device: str, *, lasting_s: float = LASTING_S) -> float:
        self._note("hold")
        self.held_until = NOW + lasting_s
        return self.held_until

    async def end_hold(self, device: str) -> None:
        self._note("end_hold")
        self.held_until = None

    async def set_baseline(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        self._note("set_baseline")
        return STATE

    async def set(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        self._confirm(confirmed=confirmed)
        self._note("set")
        return STATE

    async def run_task(self, command: Command, *, confirmed: bool = False) -> TaskRecord:
        if command.action in DANGEROUS:
            self._confirm(confirmed=confirmed)
        self._note("run_task")
        task = TaskRecord(
            id=f"task-{len(self.done)}",
            device=command.device,
            action=command.action,
            cause="person",
            asked_at=NOW,
        )
        self.done.append(task)
        return task

    async def create_schedule(self, command: Command, *, confirmed: bool = False) -> ScheduleRecord:
        schedule = replace(await self.plan_schedule(command), id=f"schedule-{len(self.planned)}")
        self._note("create_schedule")
        self.planned[schedule.id] = schedule
        return schedule

    async def import_schedules(
        self, device: str, text: str, *, replace: bool = False, confirmed: bool = False
    ) -> tuple[ScheduleRecord, ...]:
        self._note("import_schedules")
        return self.schedules()

    async def plan_schedule(self, command: Command) -> ScheduleRecord:
        return ScheduleRecord(
            id="",
            device=command.device,
            start=NOW + 60,
            end=NOW + 3660,
            mode=str(command.parameters["mode"]),
            watts=1000.0,
            target_soc=None,
            means="kept",
            state="planned",
            cause="person",
        )

    async def delete_schedule(self, schedule: str) -> ScheduleRecord:
        if schedule not in self.planned:
            raise Refused(RefusalReason.NOT_FOUND, f"There is no schedule {schedule}.")
        self._note("delete_schedule")
        self.planned[schedule] = replace(self.planned[schedule], state="deleted")
        return self.planned[schedule]

    async def delete_schedules(self, device: str) -> tuple[ScheduleRecord, ...]:
        return tuple([await self.delete_schedule(each.id) for each in self.schedules()])

    async def device_schedules(self, device: str) -> tuple[EntryRecord, ...]:
        entry = EntryRecord(
            key="1", start=NOW, end=NOW + 60, mode="idle", watts=None, target_soc=None, ours=None
        )
        return (entry,)

    async def create_envelope(self, command: Command, *, confirmed: bool = False) -> EnvelopeRecord:
        self._note("create_envelope")
        envelope = EnvelopeRecord(
            id=f"envelope-{len(self.bounds)}", device=command.device, start=NOW, end=NOW + 60, charge=100.0
        )
        self.bounds[envelope.id] = envelope
        return envelope

    async def envelopes(self, device: str) -> tuple[EnvelopeRecord, ...]:
        return tuple(self.bounds.values())

    async def delete_envelope(self, device: str, envelope: str) -> None:
        self._note("delete_envelope")
        self.bounds.pop(envelope, None)

    def _note(self, name: str) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.asked.append(name)

    def _confirm(self, *, confirmed: bool) -> None:
        if not confirmed:
            raise Refused(RefusalReason.NEEDS_CONFIRMATION, "It lifts the export limit for 5 s.")

    def _value(self, command: Command) -> str:
        model = PARAMETERS.get(command.action)
        if model is None:
            return ""
        try:
            return str(model.model_validate(dict(command.parameters)).value(10_000.0))
        except ValueError as error:
            raise Refused(RefusalReason.WRONG, f"with: {error}"[:200]) from None


@dataclass
class Backstage:
    """What the operations need."""

    people: FakePeople
    requests: Requests
    visitor: str = "anna"


@pytest.fixture
def backstage(tmp_path: Path) -> Iterator[Backstage]:
    journal = Journal(tmp_path / "state")
    seconds = count()
    yield Backstage(FakePeople(), Requests(journal, lambda: NOW + next(seconds)))
    journal.close()


@pytest.fixture(scope="module")
def backstage_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backstage]:
    """One for all tests of a module that share a server."""
    journal = Journal(tmp_path_factory.mktemp("state"))
    yield Backstage(FakePeople(), Requests(journal, lambda: NOW))
    journal.close()


@pytest.fixture
def people(backstage: Backstage) -> FakePeople:
    return backstage.people


@pytest.fixture(scope="session")
def application() -> Callable[..., web.Application]:
    """Make an application with the real door, or one that takes everybody for `visitor`."""

    def make(backstage: Backstage, door: Door | None = None) -> web.Application:
        @web.middleware
        async def let_in(request: web.Request, handler: Any) -> web.StreamResponse:
            request[VISITOR] = backstage.visitor
            answer: web.StreamResponse = await handler(request)
            return answer

        app = create_application(Health("Test"), most_body_bytes=MOST_BODY_BYTES)
        app.middlewares.insert(0, shape_problems)
        app.middlewares.append(let_in if door is None else door.middleware())
        app.middlewares.append(answer_refusals)
        add_api(app, backstage)
        return app

    return make


@pytest.fixture
async def client(backstage: Backstage, application: Any) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(backstage))) as client:
        yield client
