"""Every operation, tried with whatever its own description allows and forbids."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any, Final

import jsonschema
import pytest
import schemathesis
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from controllers.api import asks
from controllers.api.openapi import PATH, WEBHOOK, openapi
from controllers.api.table import OPERATIONS
from controllers.app import MOST_BODY_BYTES, Desk, add_controller
from controllers.counts import PREFIX, Counts
from controllers.door import Door, known_hosts
from sunhelm.configuration.secrets import SecretFile
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application

REFUSALS: Final = ["401", "403", "404", "409", "422", "428"]
"""How what the description allows may be answered all the same: it is about devices that there are."""

TOKEN: Final = "a-token-of-the-test"
HEADERS: Final = {"Authorization": f"Bearer {TOKEN}"}
CONFIG: Final = schemathesis.Config.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", *REFUSALS]}}}
)
DOCUMENT: Final = openapi()


def described(*names: str) -> list[Any]:
    """Return the operations, described with fewer names, so that what is asked for is there."""
    text = json.dumps(DOCUMENT)
    for pattern, few in (
        (asks.NAME, f"^({'|'.join(names)})$"),
        (asks.ID, "^(claim|task|schedule)-[01]$"),
    ):
        assert text.count(json.dumps(pattern)) > 5
        text = text.replace(json.dumps(pattern), json.dumps(few))
    schema = schemathesis.openapi.from_dict(json.loads(text), config=CONFIG)
    return [found.ok() for found in schema.get_all_operations()]


def served(app: web.Application) -> Iterator[str]:
    """Serve from a thread: schemathesis asks as programs do, and waits."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    token = tmp_path_factory.mktemp("door") / "token"
    token.write_text(TOKEN, encoding="utf-8")
    return Door(known_hosts([], []), bearer=SecretFile(token))


@pytest.fixture(scope="module")
def pretending(application: Any, backstage_for_all: Any, door: Door) -> Iterator[str]:
    """Serve the API with somebody behind it who does whatever is asked."""
    yield from served(application(backstage_for_all, door))


@pytest.fixture(scope="module")
def whole(
    make_household: Any,
    fast_clock: Any,
    fake_device: Any,
    door: Door,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Serve the whole application: the API, the webhook and the controller behind them."""
    clock = fast_clock()
    household = make_household(clock, fake_device(clock), tmp_path_factory.mktemp("state"))
    process = ProcessMetrics(PREFIX)
    app = create_application(Health("Test"), most_body_bytes=MOST_BODY_BYTES)
    app.middlewares.append(door.middleware())
    add_controller(app, Desk(household.controller, Counts(process), process.registry))
    yield from served(app)
    household.journal.close()


def statuses_of(operation: Any, url: str, *modes: GenerationMode, times: int) -> set[int]:
    """Try one operation with whatever its description allows, or forbids."""
    cases = st.one_of(*(operation.as_strategy(mode) for mode in modes))
    statuses: set[int] = set()

    @settings(max_examples=times, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(cases)
    def one(case: Case) -> None:
        statuses.add(case.call_and_validate(base_url=url, headers=HEADERS).status_code)

    one()
    return statuses


@pytest.mark.parametrize(
    "operation",
    [each for each in described("roof") if each.path != WEBHOOK],
    ids=lambda operation: operation.label,
)
def test_answers_are_as_described_and_something_is_done(operation: Any, pretending: str) -> None:
    statuses = statuses_of(operation, pretending, GenerationMode.POSITIVE, times=50)

    assert min(statuses) < 300, statuses


@pytest.mark.parametrize("operation", described("roof", "shed"), ids=lambda operation: operation.label)
def test_nothing_makes_the_whole_fail(operation: Any, whole: str) -> None:
    statuses = statuses_of(operation, whole, *GenerationMode, times=25)

    assert max(statuses) < 500, statuses


async def test_the_description_is_served_and_valid(client: TestClient[Any, Any]) -> None:
    answer = await client.get(PATH)

    assert await answer.json() == DOCUMENT
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
