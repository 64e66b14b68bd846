"""People against the whole controller over HTTP: what is sent twice, at once, wrong, or by others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from controllers.app import MOST_BODY_BYTES, Desk, add_controller
from controllers.counts import PREFIX, Counts
from controllers.door import Door, known_hosts
from controllers.people import Command
from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNLIMITED,
    Action,
    Hazard,
    Limit,
    Promise,
    Proof,
    Rung,
    SelfConsumption,
    Storage,
)
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application

TOKEN = "a-token-of-the-test"
Client = TestClient[Any, Any]
LIMIT = {"device": "roof", "action": "limit_export", "with": {"limit": "0W"}}
RESTART = {"device": "roof", "action": "restart", "confirmed": True}


PROMISE = Promise(
    key="restart",
    actions=(Action.RESTART,),
    hazard=Hazard.PERSON,
    rung=Rung.PERSISTENT,
    storage=Storage.VOLATILE,
    proof=Proof.NONE,
)


@dataclass
class Restart:
    """A task that counts."""

    promise: Promise = PROMISE
    times: int = 0

    async def run(self, deadline: Deadline) -> None:
        self.times += 1


@pytest.fixture
def restart(device: Any) -> Restart:
    task = Restart()
    device.tasks = {"restart": task}
    return task


@asynccontextmanager
async def served(household: Any, folder: Path) -> AsyncIterator[Client]:
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    process = ProcessMetrics(PREFIX)
    app = create_application(Health("Test"), most_body_bytes=MOST_BODY_BYTES)
    app.middlewares.append(Door(known_hosts([], []), bearer=SecretFile(folder / "token")).middleware())
    add_controller(app, Desk(household.controller, Counts(process), process.registry))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


@pytest.fixture
async def client(restart: Restart, household: Any, tmp_path: Path) -> AsyncIterator[Client]:
    async with served(household, tmp_path) as client:
        yield client


async def ask(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body)
    kind = {} if body is None else {"Content-Type": "application/json"}
    answer = await client.request(method, f"/api/v1{path}", data=data, headers={**kind, **headers})
    return answer.status, await answer.json(content_type=None)


async def test_a_claim_over_http_reaches_the_device_and_its_end_gives_back(
    client: Client, household: Any
) -> None:
    status, plan = await ask(client, "POST", "/plans", LIMIT)
    assert (status, plan["writes"]) == (200, ["export_limit: limit 0W in place of unlimited"])
    assert household.device.export.writes == []

    _, claim = await ask(client, "POST", "/claims", {**LIMIT, "for": "2h"})
    await household.step()
    assert household.device.export.value == Limit(0)
    _, told = await ask(client, "GET", "/devices/roof")
    assert (told["states"][0]["observed"], told["states"][0]["baseline"]) == ("limit 0W", "unlimited")

    await ask(client, "DELETE", f"/claims/{claim['id']}")
    await household.step()
    assert household.device.export.value == UNLIMITED
    _, journal = await ask(client, "GET", "/journal")
    assert [event["kind"] for event in journal["events"]].count("write") == 2
    assert {event["cause"] for event in journal["events"] if event["kind"] == "request"} == {"bearer"}


async def test_a_restart_that_is_asked_for_again_is_done_once(
    client: Client, household: Any, restart: Restart
) -> None:
    body = {**RESTART, "id": "a-word-of-mine"}
    answers = await asyncio.gather(*(ask(client, "POST", "/tasks", body) for _ in range(10)))
    await household.step()
    again = await ask(client, "POST", "/tasks", body)
    await household.step()

    assert {status for status, _ in answers} <= {201, 409}
    assert again[0] == 201
    assert restart.times == 1


async def test_nor_is_it_done_again_after_the_controller_was_killed(
    client: Client, household: Any, restart: Restart, tmp_path: Path
) -> None:
    body = {**RESTART, "id": "a-word-of-mine"}
    first = await ask(client, "POST", "/tasks", body)
    await household.step()
    household.restart()
    async with served(household, tmp_path) as later:
        assert await ask(later, "POST", "/tasks", body) == first
    await household.step()

    assert restart.times == 1


async def test_nobody_restarts_a_device_that_is_about_to_restart(
    client: Client, household: Any, restart: Restart
) -> None:
    answers = [await ask(client, "POST", "/tasks", RESTART) for _ in range(3)]
    await household.step()

    assert [status for status, _ in answers] == [201, 409, 409]
    assert restart.times == 1
    assert (await ask(client, "POST", "/tasks", RESTART))[0] == 201


async def test_many_at_once_leave_the_device_as_it_was(client: Client, household: Any) -> None:
    made = await asyncio.gather(*(ask(client, "POST", "/claims", LIMIT) for _ in range(20)))
    await household.step()
    names = [claim["id"] for _, claim in made]
    released = await asyncio.gather(
        *(ask(client, "DELETE", f"/claims/{name}") for name in names for _ in range(3)),
        *(ask(client, "DELETE", "/devices/roof/claims") for _ in range(3)),
    )
    await household.step()

    assert {status for status, _ in released} == {200}
    assert household.device.export.value == UNLIMITED
    assert household.device.export.writes == [Limit(0), UNLIMITED]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": ""},
    ],
    ids=str,
)
async def test_no_other_page_and_nobody_else_commands_anything(
    client: Client, household: Any, headers: dict[str, str]
) -> None:
    command = Command(device="roof", action=Action.LIMIT_EXPORT, parameters={"limit": "0W"})
    await household.people.claim(command)
    for method, path, body in (
        ("POST", "/claims", LIMIT),
        ("DELETE", "/devices/roof/claims", None),
        ("PUT", "/devices/roof/hold", {}),
        ("POST", "/tasks", RESTART),
    ):
        assert (await ask(client, method, path, body, **headers))[0] in (401, 403)

    assert len(household.people.claims()) == 1
    assert household.people.tasks() == ()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/claims", {**LIMIT, "with": {"limit": "-1W"}}),
        ("/claims", {**LIMIT, "with": {"limit": "NaN"}}),
        ("/claims", {**LIMIT, "with": {"limit": "infW"}}),
        ("/claims", {**LIMIT, "with": {"limit": "999999999999999kW"}}),
        ("/claims", {**LIMIT, "with": {"limit": "101%"}}),
        ("/claims", {**LIMIT, "with": {"limit": "unlimited"}}),
        ("/claims", {**LIMIT, "with": {"limit": "0W", "more": "1"}}),
        ("/claims", {"device": "roof", "action": "charge", "with": {"power": "0W"}}),
        ("/claims", {"device": "roof", "action": "charge", "with": {"power": "-500W"}}),
        ("/claims", {"device": "meter", "action": "limit_export", "with": {"limit": "0W"}}),
        ("/schedules", {"device": "roof", "start": "now", "duration": "8d", "mode": "force_charge"}),
        ("/schedules/import", {"device": "roof", "text": "[" * 200_000}),
        ("/schedules/import", {"device": "roof", "text": '{"a":' * 40_000}),
        ("/schedules/import", {"device": "roof", "text": "start,end\n" * 20_000}),
        ("/schedules/import", {"device": "roof", "text": '[{"start": NaN, "end": 1e999}]'}),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_nothing_wrong_reaches_a_device(
    client: Client, household: Any, path: str, body: object
) -> None:
    status, problem = await ask(client, "POST", path, body)
    await household.step()

    assert status in (404, 422)
    assert problem["detail"]
    assert household.people.claims() == household.people.schedules() == ()
    assert household.device.export.writes == household.device.battery.writes == []


async def test_what_only_a_person_may_is_asked_for_twice(
    client: Client, household: Any, restart: Restart
) -> None:
    status, problem = await ask(client, "POST", "/tasks", {**RESTART, "confirmed": False})
    await household.step()

    assert (status, problem["code"], restart.times) == (428, "needs_confirmation", 0)
    restart.promise = replace(restart.promise, hazard=Hazard.NEVER)
    status, problem = await ask(client, "POST", "/tasks", RESTART)
    assert (status, problem["code"]) == (403, "forbidden")


async def test_a_hold_lets_go_and_its_end_takes_up_again(client: Client, household: Any) -> None:
    await household.beat()
    await household.deliver(household.alert("Price"))
    assert household.device.export.value == Limit(500)

    await ask(client, "PUT", "/devices/roof/hold", {"for": "2h"})
    await household.step()
    assert household.device.export.value == UNLIMITED
    await ask(client, "DELETE", "/devices/roof/hold")
    await household.step()
    assert household.device.export.value == Limit(500)


async def test_a_charge_ends_in_what_the_device_did_before(client: Client, household: Any) -> None:
    charge = {"device": "roof", "action": "charge", "with": {"power": "500W"}, "for": "30min"}
    await ask(client, "POST", "/claims", charge)
    await household.step()
    await household.step(after_s=1801)

    assert household.device.battery.value == SelfConsumption()
    assert (await ask(client, "GET", "/claims"))[1] == {"claims": []}
