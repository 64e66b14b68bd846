"""The page shows what is, escapes all of it, and does only what its own forms ask for, once."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from controllers.page.tokens import LIFETIME_S
from controllers.people import EventRecord, RefusalReason, Refused

Client = TestClient[Any, Any]
RELEASE = "/claims/price:f%2F1/release"
HOLD = "/devices/roof/hold"
FORM = "application/x-www-form-urlencoded"


class Texts(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def __str__(self) -> str:
        return " ".join(self.words)


async def read(client: Client, path: str = "/") -> str:
    answer = await client.get(path)
    assert answer.status == 200
    return await answer.text()


async def token_of(client: Client, path: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', await read(client, path))
    assert found is not None
    return found[1]


async def send(client: Client, path: str, token: str, more: str = "", **headers: str) -> tuple[int, str]:
    origin = f"http://{client.host}:{client.port}"
    answer = await client.post(
        path,
        data=f"token={token}{more}",
        headers={"Origin": origin, "Content-Type": FORM, **headers},
        allow_redirects=False,
    )
    return answer.status, answer.headers.get("Location", "") or str(Texts(await answer.text()))


async def test_the_page_tells_what_is_and_why(client: Client) -> None:
    page = str(Texts(await read(client)))

    for words in (
        "Every device holds what it shall.",
        "desired at most 0 W written at most 0 W observed at most 0 W 12 s ago your own value: no limit",
        "roof export limit: at most 0 W policy price · for 1 h 5 min · ends 22:36:10 unless it is renewed",
        "roof force charge 2 000 W to 90% Fri 29 May 00:26 to Fri 29 May 22:26 · kept by the controller",
        "22:25:40 roof limit 0W write",
    ):
        assert words in page


async def test_the_page_looks_again_by_itself_without_any_script(client: Client) -> None:
    answer = await client.get("/")
    page = await answer.text()
    policy = answer.headers["Content-Security-Policy"]

    assert '<meta http-equiv="refresh" content="10">' in page
    assert not {"script", "img", "iframe", "link"} & set(Texts(page).tags)
    assert not re.search(r"\son\w+=|style=|javascript:|https?://", page)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "deny"


async def test_what_people_and_alerts_write_is_shown_and_never_done(client: Client, people: Any) -> None:
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    people.made = (replace(people.made[0], id=evil, cause=evil, value=evil),)
    people.events = (EventRecord(at=1.0, kind="request", device=evil, what=evil, cause=evil, reason=evil),)
    page = await read(client)

    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    assert "49" not in page


async def test_a_claim_is_released_by_its_form(client: Client, people: Any) -> None:
    asked = str(Texts(await read(client, RELEASE)))
    status, where = await send(client, RELEASE, await token_of(client, RELEASE))

    assert "Export limit of roof: at most 0 W, asked for by policy price, for 1 h 5 min." in asked
    assert "Then roof gets back what it had: no limit." in asked
    assert (status, where) == (303, "/?told=released")
    assert people.done == [("release", "price:f/1")]
    html = await read(client, where)
    assert '<meta http-equiv="refresh" content="10; url=/">' in html
    page = str(Texts(html))
    assert "The claim is released." in page
    assert "release id=price:f/1 request · anna · done" in page


async def test_the_form_tells_who_else_asks(client: Client, people: Any) -> None:
    people.made = (*people.made, replace(people.made[0], id="other", value="limit 4000W"))

    assert "Others ask there for something still: at most 4\u202f000 W." in await read(client, RELEASE)


async def test_showing_a_form_does_nothing(client: Client, people: Any) -> None:
    for path in (RELEASE, HOLD, "/devices/roof/end-hold"):
        await read(client, path)

    assert people.done == []


async def test_a_device_is_held_for_a_time_to_choose_from(client: Client, people: Any) -> None:
    status, where = await send(client, HOLD, await token_of(client, HOLD), "&for=6h")

    assert (status, where) == (303, "/?told=held")
    assert people.done == [("hold", "roof", 21_600.0)]
    assert "held until Fri 29 May 04:26" in str(Texts(await read(client)))
    await send(client, "/devices/roof/end-hold", await token_of(client, "/devices/roof/end-hold"))
    assert people.done[-1] == ("end_hold", "roof")


@pytest.mark.parametrize("time", ["8d", "-1h", "NaN", "", "1h&for=7d", "\u0661h"])
async def test_no_other_time_is_taken(client: Client, people: Any, time: str) -> None:
    status, _ = await send(client, HOLD, await token_of(client, HOLD), f"&for={time}")

    assert (status, people.done) == (403 if "&" in time else 400, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
async def test_a_form_of_another_page_does_nothing(
    client: Client, people: Any, headers: dict[str, str]
) -> None:
    status, told = await send(client, RELEASE, await token_of(client, RELEASE), **headers)

    assert status == 403
    assert "The form does not come from this page." in told
    assert people.done == []


async def test_a_form_without_its_origin_does_nothing(client: Client, people: Any) -> None:
    token = await token_of(client, RELEASE)
    answer = await client.post(RELEASE, data={"token": token})

    assert (answer.status, people.done) == (403, [])


@pytest.mark.parametrize("media", ["application/json", "multipart/form-data", "text/plain"])
async def test_only_forms_are_taken(client: Client, people: Any, media: str) -> None:
    status, _ = await send(client, RELEASE, await token_of(client, RELEASE), **{"Content-Type": media})

    assert (status, people.done) == (415, [])


@pytest.mark.parametrize("token", ["", "x", "1.2.3", "9999999999.aa.bb", "\u00e9", "inf.x.y"])
async def test_a_token_that_is_none_does_nothing(client: Client, people: Any, token: str) -> None:
    status, told = await send(client, RELEASE, token)

    assert (status, people.done) == (403, [])
    assert "Start again." in told


async def test_a_token_is_for_one_act_of_one_visitor_and_for_an_hour(
    client: Client, people: Any, backstage: Any
) -> None:
    of_hold, of_release = await token_of(client, HOLD), await token_of(client, RELEASE)

    assert (await send(client, RELEASE, of_hold))[0] == 403
    backstage.visitor = "eve"
    assert (await send(client, RELEASE, of_release))[0] == 403
    backstage.visitor = "anna"
    backstage.time += LIFETIME_S
    assert (await send(client, RELEASE, of_release))[0] == 403
    assert people.done == []


async def test_a_form_is_for_the_claim_that_was_seen(client: Client, people: Any) -> None:
    token = await token_of(client, RELEASE)
    people.made = (replace(people.made[0], made_at=people.made[0].made_at + 1000),)

    assert (await send(client, RELEASE, token))[0] == 403
    people.made = ()
    assert (await send(client, RELEASE, token))[0] == 404
    assert people.done == []


async def test_a_form_that_is_sent_again_does_nothing_more(client: Client, people: Any) -> None:
    token = await token_of(client, HOLD)
    answers = await asyncio.gather(*(send(client, HOLD, token) for _ in range(10)))

    assert {status for status, _ in answers} == {303}
    assert people.done == [("hold", "roof", 3600.0)]


async def test_a_form_that_never_ends_is_refused(client: Client, people: Any) -> None:
    token = await token_of(client, RELEASE)

    assert (await send(client, RELEASE, token, "&x=" + "y" * 5000))[0] == 413
    assert people.done == []


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        lambda path, name: URL(path.format(quote(name, safe="")), encoded=True),
        st.sampled_from(
            ["/claims/{}/release", "/devices/{}/hold", "/devices/{}/end-hold", "/{}", "/?told={}"]
        ),
        st.text(max_size=30) | st.sampled_from(["roof", "price:f/1", ".."]),
    ),
    st.binary(max_size=200) | st.text().map(lambda text: f"token={text}&for={text}".encode()),
    st.sampled_from(["", "; charset=bogus", "; charset=utf-16"]),
)
async def test_whatever_is_sent_is_no_fault_of_ours(
    client: Client, people: Any, address: URL, body: bytes, charset: str
) -> None:
    shown = await client.get(address)
    headers = {"Origin": f"http://{client.host}:{client.port}", "Content-Type": f"{FORM}{charset}"}
    sent = await client.post(address, data=body, headers=headers)

    assert shown.status < 500
    assert 400 <= sent.status < 500
    assert people.done == []


async def test_what_is_refused_is_told(client: Client, people: Any) -> None:
    people.refuse = Refused(RefusalReason.CONFLICT, "Somebody was <faster>.")
    status, told = await send(client, RELEASE, await token_of(client, RELEASE))

    assert status == 409
    assert "Somebody was <faster>." in told
    assert (await client.get("/claims/none/release")).status == 404
    assert (await client.get("/devices/none/hold")).status == 404


async def test_a_journal_that_takes_nothing_lets_nothing_happen(
    client: Client, people: Any, backstage: Any
) -> None:
    token = await token_of(client, RELEASE)
    backstage.requests._journal._database.execute("DROP TABLE requests")

    assert (await send(client, RELEASE, token))[0] == 503
    assert people.done == []
    assert "The journal cannot be read" in await read(client)


async def test_what_needs_somebody_comes_first(client: Client, people: Any, backstage: Any) -> None:
    (state,) = people.device.states
    state = replace(state, differs_since=backstage.time - 300, fail_safe=True)
    people.device = replace(
        people.device, failing="unreachable", states=(state,), limit_lifted_s=12.0, held_until=1.0
    )
    people.made = (replace(people.made[0], ended="expired"),)
    backstage.wrong = ("The heartbeat is late.",)
    page = str(Texts(await read(client)))

    for words in (
        "The heartbeat is late.",
        "roof cannot be reached: unreachable.",
        "roof has had no export limit for 12 s: a watchdog reset has lifted it.",
        "roof, export limit: does not hold what it shall, since 5 min.",
        "the fail-safe holds, for nobody can say what is asked.",
        "1 of the claims below ended without a word; release what no longer counts.",
        "expired; its fail-safe holds",
    ):
        assert words in page
    assert "Every device holds" not in page
    assert "held until" not in page


async def test_what_is_told_is_one_of_few_sentences(client: Client) -> None:
    assert "gibberish" not in await read(client, "/?told=gibberish")
