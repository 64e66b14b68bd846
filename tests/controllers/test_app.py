"""The door and the routes, over HTTP, with a fake device behind them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from controllers.app import MOST_BODY_BYTES, Desk, add_controller
from controllers.claims.claims import Terms
from controllers.config import Configuration
from controllers.controller import Controller
from controllers.counts import PREFIX, Counts
from controllers.door import Door, DoorError, known_hosts
from controllers.journal.journal import Journal
from controllers.metrics import ControllerCollector
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy
from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.control import Action, Limit
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site
from sunhelm.service.health import Health
from sunhelm.service.listen import ListenAddress
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application
from sunhelm.service.webconfig_file import WebConfigFile

pytestmark = pytest.mark.real_time

TOKEN = "a-token-of-the-test"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
ROOF = DeviceConfig(name="roof", family="sec1000s", control=Control(enabled=True))
SITE = Site(name="home", zone=ZoneInfo("UTC"), devices={"roof": ROOF})
POLICIES = Policies(
    policies={
        "price": Policy(
            name="price",
            match={"alertname": "Price"},
            action=Action.LIMIT_EXPORT,
            values={"roof": Limit(0)},
            terms=Terms(lease_s=36_000, max_life_s=86_400),
        )
    },
    alertmanager=AlertmanagerSection(heartbeat=HeartbeatSection(match={"alertname": "Watchdog"})),
)
PAST, NEVER = "2026-05-28T20:26:40Z", "0001-01-01T00:00:00Z"


def alert(name: str = "Price", fingerprint: str = "f1", status: str = "firing", ends: str = NEVER) -> Any:
    return {
        "status": status,
        "labels": {"alertname": name},
        "annotations": {},
        "startsAt": PAST,
        "endsAt": ends,
        "fingerprint": fingerprint,
    }


def delivery(*alerts: Any) -> bytes:
    return json.dumps({"version": "4", "status": "firing", "alerts": alerts}).encode()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n", encoding="utf-8")
    return Door(known_hosts([], []), bearer=SecretFile(token))


@pytest.fixture
def controller(tmp_path: Path, device: Any) -> Iterator[Controller]:
    journal = Journal(tmp_path / "state")
    counts = Counts(ProcessMetrics(PREFIX))
    configuration = Configuration(SITE, POLICIES)
    yield Controller(configuration, journal, lambda config, site: device, observer=counts)
    journal.close()


@asynccontextmanager
async def served(controller: Controller, door: Door) -> AsyncIterator[TestClient[Any, Any]]:
    process = ProcessMetrics(PREFIX)
    counts = Counts(process)
    process.registry.register(ControllerCollector(controller))
    app = create_application(
        Health("Sunhelm controller"), web_config=door.web_config, most_body_bytes=MOST_BODY_BYTES
    )
    app.middlewares.append(door.middleware())
    add_controller(app, Desk(controller, counts, process.registry))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def client(controller: Controller, door: Door) -> AsyncIterator[TestClient[Any, Any]]:
    async with served(controller, door) as client:
        yield client


async def post(client: TestClient[Any, Any], body: bytes, **headers: str) -> tuple[int, str]:
    answer = await client.post("/api/v1/webhook", data=body, headers={**HEADERS, **headers})
    return answer.status, await answer.text()


async def test_a_delivery_is_answered_once_it_is_in_the_journal(  # W2, W7
    client: TestClient[Any, Any], controller: Controller
) -> None:
    assert await post(client, delivery(alert(), alert("Other", "f2"))) == (200, "1 of 2 alerts are kept.\n")

    assert controller.journal.read("SELECT fingerprint, status, times, pending FROM alerts") == [
        ("f1", "firing", 1, 1)
    ]
    assert controller.ledger.claims == {}
    await controller.judge()
    assert len(controller.ledger.claims) == 1


async def test_repeats_make_the_journal_no_longer(  # W3, W8
    client: TestClient[Any, Any], controller: Controller
) -> None:
    for _ in range(200):
        await post(client, delivery(alert()))
    await controller.judge()

    assert controller.journal.read("SELECT times, pending FROM alerts") == [(200, 0)]
    assert controller.journal.read("SELECT count(*) FROM claims") == [(1,)]


async def test_what_was_answered_and_not_judged_is_judged_after_a_restart(
    client: TestClient[Any, Any], controller: Controller, device: Any
) -> None:
    await post(client, delivery(alert()))
    controller.journal.close()
    journal = Journal(controller.journal.directory)
    counts = Counts(ProcessMetrics(PREFIX))
    again = Controller(Configuration(SITE, POLICIES), journal, lambda *_: device, observer=counts)
    await again.judge()

    assert len(again.ledger.claims) == 1
    journal.close()


async def test_a_delivery_reaches_the_device(
    client: TestClient[Any, Any], controller: Controller, device: Any
) -> None:
    device.handles["export_limit"].promise = _quick(device.handles["export_limit"].promise)
    written = asyncio.Event()
    device.export.after_write = written.set
    working = asyncio.create_task(controller.run())
    await post(client, delivery(alert("Watchdog", "w"), alert()))
    await asyncio.wait_for(written.wait(), 10)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    page = await metrics(client)

    for side in ("desired", "written", "observed"):
        assert page[f"{PREFIX}_{side}", "roof", "export_limit"] == 0
    assert page[f"{PREFIX}_claims", "price"] == 1
    assert page[f"{PREFIX}_budget_left", "roof"] == 18
    assert page[f"{PREFIX}_heartbeat_late",] == 0
    assert page[f"{PREFIX}_inbox_alerts",] == 0
    assert page[f"{PREFIX}_differs_seconds", "roof", "export_limit"] == 0
    assert page[f"{PREFIX}_fail_safe", "roof", "export_limit"] == 0


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}]
)
@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/webhook", "/nothing"])
async def test_nobody_comes_in_without_the_token(
    client: TestClient[Any, Any], path: str, headers: dict[str, str]
) -> None:
    post = path == "/api/v1/webhook"
    answer = await client.request("POST" if post else "GET", path, headers=headers)

    assert answer.status == 401
    assert TOKEN not in await answer.text()


async def test_health_is_open(client: TestClient[Any, Any]) -> None:
    assert (await client.get("/-/healthy")).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:10481"}, 403),
        ({"Host": "localhost:10481"}, 200),
    ],
)
async def test_other_origins_hosts_and_types_are_refused(
    client: TestClient[Any, Any], headers: dict[str, str], status: int
) -> None:
    assert (await post(client, delivery(alert()), **headers))[0] == status


async def test_a_link_on_another_page_leads_here_and_nothing_else_does(
    client: TestClient[Any, Any],
) -> None:
    clicked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    framed = {**clicked, "Sec-Fetch-Dest": "iframe"}

    assert (await client.get("/", headers={**HEADERS, **clicked})).status == 200
    assert (await client.get("/", headers={**HEADERS, **framed})).status == 403
    assert (await post(client, delivery(alert()), **clicked))[0] == 403


async def test_a_bad_body_is_refused_in_one_line(client: TestClient[Any, Any]) -> None:
    status, text = await post(client, b'{"version": "3"}')

    assert (status, text.count("\n")) == (400, 1)
    assert "version" in text


async def test_a_body_that_is_nested_without_end_is_refused(client: TestClient[Any, Any]) -> None:
    nested, deeper = (
        b'{"version": "4", "alerts": [], "more": ' + b"[" * levels + b"]" * levels + b"}"
        for levels in (15, 16)
    )

    assert (await post(client, nested))[0] == 200
    status, text = await post(client, deeper)
    assert (status, json.loads(text)["detail"]) == (
        400,
        "body: is nested deeper than 16 levels, or no JSON",
    )


async def test_every_failure_below_the_api_has_one_shape(client: TestClient[Any, Any]) -> None:
    refused = [
        await client.get("/api/v1/webhook", headers=HEADERS),
        await client.get("/api/v1/nothing", headers=HEADERS),
        await client.get("/api/v1/webhook"),
        await client.post("/api/v1/webhook", headers={**HEADERS, "Origin": "http://evil.example"}),
        await client.post("/api/v1/webhook", headers=HEADERS, data=b"{"),
    ]
    problems = [await answer.json(content_type="application/problem+json") for answer in refused]

    assert [problem["status"] for problem in problems] == [405, 404, 401, 403, 400]
    assert all({"type", "title", "code", "detail", "errors"} <= problem.keys() for problem in problems)
    assert refused[0].headers["Allow"] == "POST"
    assert refused[2].headers["WWW-Authenticate"] == 'Bearer realm="sunhelm"'
    assert (await client.get("/nothing", headers=HEADERS)).content_type == "text/plain"


async def test_a_body_that_is_too_long_is_refused(client: TestClient[Any, Any]) -> None:
    async def spaces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 1024 * 1024

    answer = await client.post("/api/v1/webhook", data=spaces(), headers=HEADERS)
    assert answer.status == 413


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text().map(lambda text: delivery(alert(text, "f", text))))
async def test_whatever_is_posted_is_no_fault_of_ours(client: TestClient[Any, Any], body: bytes) -> None:
    assert (await post(client, body))[0] in (200, 400)


async def test_a_journal_that_takes_nothing_lets_alertmanager_try_again(
    client: TestClient[Any, Any], controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.journal._database.execute("DROP TABLE alerts")

    assert (await post(client, delivery(alert())))[0] == 503
    assert len(controller.inbox) == 0
    assert (await metrics(client))[f"{PREFIX}_journal_failing",] == 1


async def test_a_thousand_alerts_at_once_are_answered_within_a_second(
    client: TestClient[Any, Any], controller: Controller
) -> None:
    body = delivery(*(alert(fingerprint=f"f{n}") for n in range(1000)))
    began = time.monotonic()
    status, _ = await post(client, body)
    took_s = time.monotonic() - began
    await controller.judge()

    assert (status, len(controller.ledger.claims)) == (200, 1000)
    assert took_s < 1.0


async def test_without_authentication_only_on_loopback(tmp_path: Path) -> None:
    here, everywhere = ListenAddress.parse("127.0.0.1:0"), ListenAddress.parse(":10481")
    hosts = known_hosts([here], ["controller.lan"])

    Door(hosts, without=True).check([here, ListenAddress.parse("[::1]:0")])
    with pytest.raises(DoorError, match=r"for loopback addresses only, not :10481"):
        Door(hosts, without=True).check([here, everywhere])
    with pytest.raises(DoorError, match="whoever reaches this port could command devices"):
        Door(hosts).check([here])
    with pytest.raises(DoorError, match="cannot be read"):
        Door(hosts, bearer=SecretFile(tmp_path / "nothing")).check([here])
    assert {"controller.lan", "127.0.0.1"} <= hosts


async def test_users_of_the_web_configuration_may_come_in_and_only_they(
    controller: Controller, tmp_path: Path
) -> None:
    path = tmp_path / "web.yml"
    secret = "$2b$04$ZVpyUeVJLkSpOS5ZwWlFAeNlWNU5VjhZLTWoVkNnsLsRtvZVtYSgG"
    path.write_text(f"basic_auth_users: {{am: '{secret}'}}\n", encoding="utf-8")
    users = Door(known_hosts([], []), WebConfigFile(path))
    users.check([])
    async with served(controller, users) as client:
        assert (await client.get("/metrics")).status == 401
        path.write_text("{}\n", encoding="utf-8")
        assert (await client.get("/metrics")).status == 403
        assert (await client.get("/-/healthy")).status == 200


async def test_a_browser_shows_the_token_as_a_password(client: TestClient[Any, Any]) -> None:
    refused = await client.get("/")
    right, wrong = ({"Authorization": encode_basic_auth("anna", each)} for each in (TOKEN, "wrong"))

    assert refused.headers["WWW-Authenticate"] == 'Basic realm="sunhelm", charset="UTF-8"'
    assert (await client.get("/", headers=wrong)).status == 401
    answer = await client.get("/", headers=right)
    assert '<p class="who">bearer</p>' in await answer.text()


async def test_the_page_tells_what_is_wrong_around_the_devices(
    client: TestClient[Any, Any], controller: Controller
) -> None:
    async def page() -> str:
        return await (await client.get("/", headers=HEADERS)).text()

    assert "The heartbeat was never seen" in await page()
    await post(client, delivery(alert("Watchdog", "w")))
    await controller.judge()
    assert "The heartbeat" not in await page()
    await post(client, delivery(alert("Watchdog", "w", "resolved", ends="2096-05-28T20:26:40Z")))
    await controller.judge()
    assert "The heartbeat is late" in await page()


async def metrics(client: TestClient[Any, Any]) -> dict[tuple[str, ...], float]:
    answer = await client.get("/metrics", headers=HEADERS)
    assert answer.status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(await answer.text())
        for sample in family.samples
    }


def _quick(promise: Any) -> Any:
    return replace(promise, settle_s=0.0)
