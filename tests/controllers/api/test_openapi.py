"""Every operation, tried with whatever its own description allows and forbids."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any, Final, cast

import jsonschema
import pytest
import schemathesis
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from controllers.api import asks
from controllers.api.openapi import PATH, openapi
from controllers.api.table import OPERATIONS
from controllers.door import Door, known_hosts
from sunhelm.configuration.secrets import SecretFile

REFUSALS: Final = ["401", "403", "404", "409", "422", "428"]
"""How what the description allows may be answered all the same: it is about devices that there are."""

TOKEN: Final = "a-token-of-the-test"
HEADERS: Final = {"Authorization": f"Bearer {TOKEN}"}
CONFIG: Final = schemathesis.Config.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", *REFUSALS]}}}
)
DOCUMENT: Final = openapi()


def likely(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description with fewer names, so that what is asked for is there now and then."""
    text = json.dumps(document)
    for pattern, few in ((asks.NAME, "^(roof|shed)$"), (asks.ID, "^(claim|task|schedule)-[01]$")):
        assert text.count(json.dumps(pattern)) > 5
        text = text.replace(json.dumps(pattern), json.dumps(few))
    return cast("dict[str, Any]", json.loads(text))


SCHEMA: Final = schemathesis.openapi.from_dict(likely(DOCUMENT), config=CONFIG)
TRIED: Final = [
    operation for found in SCHEMA.get_all_operations() if "webhook" not in (operation := found.ok()).path
]


@pytest.fixture(scope="module")
def url(application: Any, backstage_for_all: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the API from a thread: schemathesis asks as programs do, and waits."""
    token = tmp_path_factory.mktemp("door") / "token"
    token.write_text(TOKEN, encoding="utf-8")
    door = Door(known_hosts([], []), bearer=SecretFile(token))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application(backstage_for_all, door))

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


@pytest.mark.parametrize("operation", TRIED, ids=lambda operation: operation.label)
def test_nothing_makes_it_fail_and_answers_are_as_described(operation: Any, url: str) -> None:
    cases = st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode))
    statuses: list[int] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(cases)
    def one(case: Case) -> None:
        statuses.append(case.call_and_validate(base_url=url, headers=HEADERS).status_code)

    one()
    assert any(status < 300 for status in statuses), sorted(set(statuses))


async def test_the_description_is_served_and_valid(client: TestClient[Any, Any]) -> None:
    answer = await client.get(PATH)

    assert await answer.json() == DOCUMENT
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
