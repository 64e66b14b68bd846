"""What is asked reaches the controller as it was meant, or nothing of it does."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from controllers.api.commanding import MOST_CLAIMS
from controllers.people import RefusalReason, Refused

Client = TestClient[Any, Any]
LIMIT = {"device": "roof", "action": "limit_export", "with": {"limit": "0W"}}


async def ask(client: Client, method: str, path: str, body: object = None) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    headers = {} if data is None else {"Content-Type": "application/json"}
    answer = await client.request(method, f"/api/v1{path}", data=data, headers=headers)
    return answer.status, await answer.json(content_type=None)


async def errors(client: Client, method: str, path: str, body: object = None) -> dict[str, str]:
    _, problem = await ask(client, method, path, body)
    return {error["place"]: error["message"] for error in problem["errors"]}


async def test_a_claim_is_made_told_and_released(client: Client, people: Any) -> None:
    status, made = await ask(client, "POST", "/claims", {**LIMIT, "for": "2h"})

    assert (status, made["value"], made["cause"]) == (201, "Limit(watts=0.0)", "person")
    assert made["ends_at"] == "2026-05-28T22:26:40Z"
    assert made["by"] == "anna"
    assert await ask(client, "GET", f"/claims/{made['id']}") == (200, made)
    assert (await ask(client, "GET", "/claims"))[1] == {"claims": [made]}
    assert (await ask(client, "DELETE", f"/claims/{made['id']}"))[1]["ended"] == "released"
    assert (await ask(client, "GET", "/claims?device=roof"))[1] == {"claims": []}
    assert len((await ask(client, "GET", "/claims?ended=true"))[1]["claims"]) == 1


async def test_an_answer_that_was_lost_is_given_again(client: Client, people: Any) -> None:
    body = {**LIMIT, "id": "a-word-of-mine"}
    first, again = [await ask(client, "POST", "/claims", body) for _ in range(2)]
    other = await ask(client, "POST", "/claims", {**body, "with": {"limit": "5kW"}})

    assert first == again
    assert people.asked == ["claim"]
    assert (other[0], other[1]["code"]) == (409, "id_taken")


async def test_what_is_dangerous_is_confirmed_first(client: Client, people: Any) -> None:
    body = {"device": "roof", "action": "restart"}
    refused = await ask(client, "POST", "/tasks", body)
    done = await ask(client, "POST", "/tasks", {**body, "confirmed": True})

    assert (refused[0], refused[1]["code"]) == (428, "needs_confirmation")
    assert refused[1]["detail"] == "It lifts the export limit for 5 s."
    assert done[0] == 201
    assert people.asked == ["run_task"]


async def test_a_plan_does_nothing_and_is_not_in_the_journal(client: Client, people: Any) -> None:
    status, plan = await ask(client, "POST", "/plans", {**LIMIT, "for": "30 min"})
    _, journal = await ask(client, "GET", "/journal")

    assert (status, plan["writes"], plan["needs_confirmation"]) == (200, ["limit 0W"], False)
    assert people.asked == []
    assert [event["kind"] for event in journal["events"]] == ["write"]


async def test_the_journal_has_who_asked_and_what_was_done(client: Client) -> None:
    await ask(client, "POST", "/claims", LIMIT)
    await ask(client, "PUT", "/devices/roof/hold", {"for": "1h"})
    _, journal = await ask(client, "GET", "/journal?device=roof")
    hold, claim, write = journal["events"]

    assert (hold["cause"], hold["what"]) == ("anna", "hold for=1h")
    assert (claim["kind"], claim["outcome"]) == ("request", "done")
    assert claim["what"] == "make claim action=limit_export limit=0W"
    assert write["kind"] == "write"
    assert len((await ask(client, "GET", "/journal?most=2"))[1]["events"]) == 2


async def test_a_file_is_a_line_of_the_journal(client: Client) -> None:
    await ask(client, "POST", "/schedules/import", {"device": "roof", "text": "start,end\n" * 100})
    (event, *_) = (await ask(client, "GET", "/journal"))[1]["events"]

    rows = r"start,end\n" * 6
    assert event["what"] == f"import schedules text={rows}..."


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ({**LIMIT, "device": "Roof!"}, "body.device", '"Roof!" is not allowed. The device, as the site'),
        (
            {**LIMIT, "devise": "roof"},
            "body.devise",
            "is not known here; allowed are for, id, conf",
        ),
        ({**LIMIT, "action": "limit_exprt"}, "body.action", 'Did you mean "limit_export"?'),
        ({**LIMIT, "action": "restart"}, "body.action", '"restart" is not'),
        ({**LIMIT, "with": {"limit": 0}}, "body.with.limit", "0 is not text"),
        ({**LIMIT, "with": {"limit": None}}, "body.with.limit", "is not text"),
        ({**LIMIT, "with": {"limit": {"limit": "0W"}}}, "body.with.limit", "is not text"),
        ({**LIMIT, "with": {"limit": "0W\u202e"}}, "body.with.limit", "match pattern"),
        ({**LIMIT, "with": {"limit": "0W\n"}}, "body.with.limit", "match pattern"),
        ({**LIMIT, "with": {f"l{'i' * n}": "0W" for n in range(9)}}, "body.with", "the most entries are 8"),
        ({**LIMIT, "for": "-1h"}, "body.for", '"-1h" is not allowed. A number with s, m'),
        ({**LIMIT, "for": "NaN"}, "body.for", "is not allowed"),
        ({**LIMIT, "for": "1e9s"}, "body.for", "is not allowed"),
        ({**LIMIT, "for": "\u0661h"}, "body.for", "is not allowed"),
        ({**LIMIT, "for": 3600}, "body.for", "3600 is not text"),
        ({**LIMIT, "confirmed": "true"}, "body.confirmed", '"true" is not true or false'),
        ({**LIMIT, "confirmed": 1}, "body.confirmed", "1 is not true or false"),
        ({**LIMIT, "id": "short"}, "body.id", "is not allowed"),
        ([LIMIT], "body", "not a mapping"),
        (b"{", "body", "is nested deeper than 4 levels, or no JSON"),
        (b'{"device": "\xff"}', "body", "is no JSON"),
        (b'{"device": NaN}', "body.device", "NaN is not text"),
        (b"[" * 5 + b"]" * 5, "body", "is nested deeper than 4 levels, or no JSON"),
    ],
    ids=repr,
)
async def test_what_is_wrong_is_told_with_its_place_and_nothing_is_done(
    client: Client, people: Any, body: object, place: str, message: str
) -> None:
    status, problem = await ask(client, "POST", "/claims", body)
    told = {error["place"]: error["message"] for error in problem["errors"]}

    assert (status, problem["code"], problem["title"]) == (400, "malformed", "Bad Request")
    assert message in told[place]
    assert people.asked == []


@pytest.mark.parametrize("duration", ["0s", "8d", "999999d", "169h", "0.000s"])
async def test_a_time_is_neither_nothing_nor_endless(client: Client, people: Any, duration: str) -> None:
    for method, path, body in (("POST", "/claims", LIMIT), ("PUT", "/devices/roof/hold", {})):
        status, problem = await ask(client, method, path, {**body, "for": duration})

        assert (status, problem["detail"]) == (
            422,
            f'for: "{duration}" is not a time that is allowed; more than 0s, at most 7d',
        )
    assert people.asked == []


async def test_all_mistakes_are_told_at_once(client: Client) -> None:
    told = await errors(client, "POST", "/claims", {"action": "fly", "for": 1, "more": []})

    assert told.keys() == {"body.device", "body.action", "body.for", "body.more"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/claims?ended=perhaps", "address.ended"),
        ("/claims?device=roof&device=shed", "address.device"),
        ("/claims?devise=roof", "address.devise"),
        ("/journal?most=0", "address.most"),
        ("/journal?most=99999999999999999999999", "address.most"),
        ("/journal?before=nan", "address.before"),
        ("/journal?before=-1", "address.before"),
        ("/claims/%22%3E%3Cscript%3E", "address.id"),
        ("/devices/%00", "address.device"),
    ],
)
async def test_addresses_are_held_against_their_models_too(client: Client, path: str, place: str) -> None:
    status, _ = await ask(client, "GET", path)

    assert status == 400
    assert place in await errors(client, "GET", path)


async def test_an_unknown_device_is_not_found_and_the_nearest_is_named(client: Client, people: Any) -> None:
    status, problem = await ask(client, "POST", "/claims", {**LIMIT, "device": "rof"})

    assert (status, problem["code"]) == (404, "unknown_device")
    assert '"rof" is not one that may be commanded: ' in problem["detail"]
    assert 'Did you mean "roof"?' in problem["detail"]
    assert people.asked == []


@pytest.mark.parametrize("reason", list(RefusalReason))
async def test_every_refusal_of_the_controller_has_its_status(
    client: Client, people: Any, reason: RefusalReason
) -> None:
    people.refuse = Refused(reason, "No.", ("first", "second"))
    status, problem = await ask(client, "POST", "/claims", LIMIT)

    assert 400 <= status < 500
    assert (problem["code"], problem["detail"]) == (reason.value, "No.")
    assert [error["message"] for error in problem["errors"]] == ["first", "second"]


async def test_mistakes_have_the_place_that_they_speak_of(client: Client, people: Any) -> None:
    mistakes = ('limit: "0" is not an amount', "row 3: start: is missing", "There is none: look again")
    people.refuse = Refused(RefusalReason.WRONG, "Three mistakes.", mistakes)
    _, problem = await ask(client, "POST", "/claims", LIMIT)

    assert [(error["place"], error["message"]) for error in problem["errors"]] == [
        ("limit", '"0" is not an amount'),
        ("row 3", "start: is missing"),
        ("request", "There is none: look again"),
    ]


async def test_only_json_is_taken(client: Client, people: Any) -> None:
    body = json.dumps(LIMIT)
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"):
        answer = await client.post("/api/v1/claims", data=body, headers={"Content-Type": media})
        assert answer.status == 415
        assert answer.content_type == "application/problem+json"
    assert people.asked == []


async def test_a_body_without_end_is_refused(client: Client, people: Any) -> None:
    async def spaces() -> Any:
        for _ in range(20):
            yield b" " * 64 * 1024

    answer = await client.post("/api/v1/claims", data=spaces(), headers={"Content-Type": "application/json"})

    assert answer.status == 413
    assert people.asked == []


async def test_a_body_that_stops_coming_is_not_waited_for(
    client: Client, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controllers.api.bodies.PATIENCE_S", 0.01)
    refused = asyncio.Event()

    async def stopping() -> Any:
        yield b'{"device": '
        await refused.wait()

    sending = client.post("/api/v1/claims", data=stopping(), headers={"Content-Type": "application/json"})
    answer = await sending
    refused.set()

    assert (answer.status, people.asked) == (408, [])


async def test_a_body_that_swells_is_not_taken(client: Client, people: Any) -> None:
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await client.post("/api/v1/claims", data=bomb, headers=headers)

    assert (answer.status, people.asked) == (415, [])


async def test_many_releases_at_once_end_a_claim_once_and_fail_nobody(client: Client, people: Any) -> None:
    _, made = await ask(client, "POST", "/claims", LIMIT)
    answers = await asyncio.gather(*(ask(client, "DELETE", f"/claims/{made['id']}") for _ in range(20)))

    assert {status for status, _ in answers} == {200}
    assert people.claims() == ()


async def test_a_loop_that_went_wrong_is_stopped(client: Client, people: Any) -> None:
    for _ in range(MOST_CLAIMS):
        assert (await ask(client, "POST", "/claims", LIMIT))[0] == 201
    status, problem = await ask(client, "POST", "/claims", LIMIT)

    assert (status, problem["code"]) == (409, "conflict")


async def test_a_journal_that_takes_nothing_lets_nothing_happen(
    client: Client, people: Any, backstage: Any
) -> None:
    backstage.requests._journal._database.execute("DROP TABLE requests")
    status, problem = await ask(client, "POST", "/claims", LIMIT)

    assert (status, problem["code"]) == (503, "journal")
    assert people.asked == []


async def test_a_setting_may_be_a_bare_number(client: Client, people: Any) -> None:
    seen = []

    async def remember(command: Any, *, confirmed: bool = False) -> Any:
        seen.append(command.parameters)
        return people.devices()[0].states[0]

    people.set = remember
    for value in ("42", "52.5V"):
        body = {"device": "roof", "setting": "x", "value": value}
        assert (await ask(client, "POST", "/settings", body))[0] == 201

    assert seen == [{"setting": "x", "value": 42.0}, {"setting": "x", "value": "52.5V"}]
