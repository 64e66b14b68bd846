"""HTTP as clouds do it, well and badly, against a server of the test's own on a real socket."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import (
    AuthFailed,
    Busy,
    DeviceError,
    Malformed,
    RateLimited,
    Reason,
    Rejected,
    TimedOut,
    Unreachable,
)
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.answers import Answer, utc
from sunhelm.devices.links.control import HttpControlLink
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.http_client import Request
from sunhelm.devices.links.sign_in import Credentials, Desk, Grant, Grants
from sunhelm.devices.links.trace import watched
from sunhelm.devices.links.turns import Turns

SECRET = "s3cret+/=&"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def reply(
    content: object = None, status: int = 200, *, kind: str = "application/json", **headers: str
) -> Behaviour:
    """Answer with this content, as JSON unless it is text."""
    body = content if isinstance(content, str) else json.dumps(content)

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        more += f"Content-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
        writer.write(f"HTTP/1.1 {status} X\r\n{more}\r\n{body}".encode())
        await writer.drain()

    return answer


def raw(data: bytes) -> Behaviour:
    """Answer with these bytes and hang up."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


async def silent(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answer."""


async def hang_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Close the connection instead of answering."""
    writer.close()


@dataclass
class Server:
    """Answers request after request as it was told, the last way for ever."""

    script: list[Behaviour] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                method, path, _ = first.split(" ")
                headers = {
                    name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.asked.append(Asked(method, path, headers, body.decode()))
                behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                await behaviour(self.asked[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*script: Behaviour) -> AsyncIterator[Server]:
    server = Server(list(script))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


@asynccontextmanager
async def opened(
    server: Server, clock: Any, kind: type[HttpLink] = HttpLink, **options: Any
) -> AsyncIterator[Any]:
    options.setdefault("pacing", Pacing(timeout="300ms"))
    link = kind(server.base, clock=clock, **options)
    try:
        yield link
    finally:
        await link.close()


async def read(
    link: HttpLink, clock: Any, path: str = "/data", within: float = 60.0, **options: Any
) -> object:
    deadline = Deadline.after(within, clock)
    async with link.turn(deadline):
        return await link.get_json(path, deadline, **options)


async def test_json_of_a_public_server_needs_no_account(clock: Any) -> None:
    async with serving(reply({"price": 0.21})) as server, opened(server, clock) as link:
        assert await read(link, clock, query={"zone": "NL", "day": 3}) == {"price": 0.21}
        assert server.paths == ["GET /data?zone=NL&day=3"]
        assert link.statistics.requests == 1


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (reply("<html>Down for maintenance</html>", kind="text/html"), Malformed, "a page of HTML"),
        (reply("{'a': 1}"), Malformed, "8 bytes that are no JSON"),
        (reply(""), Malformed, "the answer is empty"),
        (reply("[" * 200_000), Malformed, "nested too deeply"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), Unreachable, "broke before"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Malformed, "no HTTP"),
        (
            raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
            Malformed,
            "coded",
        ),
        (hang_up, Unreachable, "broke before"),
        (silent, TimedOut, "no answer within 0.3 s"),
        (reply("oh", 500, kind="text/html"), Busy, "status 500"),
        (reply("oh", 502), Busy, "status 502"),
        (reply({}, 400), Rejected, "status 400"),
        (reply({}, 403), Rejected, "status 403"),
        (reply({}, 404), Rejected, "status 404"),
        (reply({}, 401), AuthFailed, "refused"),
        (reply({}, 429), RateLimited, "fewer requests"),
        (reply({}, 301, Location="https://elsewhere.example/data"), Malformed, "sends us elsewhere"),
        (reply({}, 301, Location="http://[/"), Malformed, "sends us elsewhere"),
        (reply("x" * (4 * 1024 * 1024 + 1)), Malformed, "no answer is that long"),
    ],
    ids=lambda value: (
        None if callable(value) and not isinstance(value, type) else getattr(value, "__name__", None)
    ),
)
async def test_every_failure_is_one_of_ours_and_tells_no_secret(
    clock: Any, behaviour: Behaviour, error: type[DeviceError], words: str
) -> None:
    async with (
        serving(behaviour) as server,
        opened(
            server, clock, pacing=Pacing(timeout="1s" if words.startswith("no answer is") else "300ms")
        ) as link,
    ):
        with pytest.raises(DeviceError, match=words) as caught, watched() as seen:
            await read(link, clock, query={"token": SECRET})
        assert type(caught.value) is error
        assert f"127.0.0.1:{server.port}/data" in str(caught.value)
        shown = "".join(traceback.format_exception(caught.value)) + "".join(
            f"{t.request}{t.came}" for t in seen
        )
        assert SECRET not in shown
        assert "s3cret" not in shown


async def test_a_host_that_is_not_there_is_unreachable(clock: Any) -> None:
    async with serving(silent) as server:
        pass
    link = HttpLink(server.base, pacing=Pacing(timeout="1s"), clock=clock)
    with pytest.raises(Unreachable, match="connection refused"):
        await read(link, clock)
    assert link.statistics.requests == 3
    await link.close()


@pytest.mark.parametrize(
    "trouble",
    [reply("", 500), reply("<p>", kind="text/html"), hang_up, silent],
    ids=["500", "html", "eof", "slow"],
)
async def test_what_passes_is_tried_again_after_a_growing_pause(clock: Any, trouble: Behaviour) -> None:
    async with serving(trouble, trouble, reply([1])) as server, opened(server, clock) as link:
        assert await read(link, clock) == [1]
        assert link.statistics.retries == 2
        first, second = clock.slept
        assert 0.25 <= first <= 0.5 <= second <= 1.0


async def test_no_pause_goes_past_the_deadline(clock: Any) -> None:
    async with serving(reply("", 500)) as server, opened(server, clock) as link:
        with pytest.raises(Busy):
            await read(link, clock, within=0.2)
        assert len(server.asked) == 1
        assert clock.slept == []


async def test_a_refusal_is_not_tried_again(clock: Any) -> None:
    async with serving(reply({}, 404)) as server, opened(server, clock) as link:
        with pytest.raises(Rejected) as caught:
            await read(link, clock)
        assert caught.value.code == 404
        assert len(server.asked) == 1


async def test_a_server_that_names_a_time_is_left_alone_for_it(clock: Any) -> None:
    async with serving(reply({}, 429, Retry_After="20"), reply([1])) as server, opened(server, clock) as link:
        assert await read(link, clock) == [1]
        assert clock.slept == [20.0]
        assert len(server.asked) == 2


async def test_a_time_longer_than_is_left_is_kept_over_reads(clock: Any) -> None:
    until = formatdate(clock.time() + 600, usegmt=True)
    date = formatdate(clock.time(), usegmt=True)
    async with (
        serving(reply({}, 429, Retry_After=until, Date=date), reply([1])) as server,
        opened(server, clock) as link,
    ):
        with pytest.raises(RateLimited) as caught:
            await read(link, clock)
        assert caught.value.retry_after_s == 600
        clock.advance(300)
        with pytest.raises(RateLimited, match="the next is sent in 300 s"):
            await read(link, clock)
        assert len(server.asked) == 1
        clock.advance(300)
        assert await read(link, clock) == [1]


async def test_a_server_that_names_no_time_is_left_alone_longer_and_longer(clock: Any) -> None:
    async with serving(reply({}, 429)) as server, opened(server, clock, jitter=lambda: 0.0) as link:
        waits = []
        for _ in range(7):
            with pytest.raises(RateLimited):
                await read(link, clock, within=1)
            before = clock.now
            with pytest.raises(RateLimited) as caught:
                await read(link, clock, within=1)
            assert clock.now == before
            waits.append(caught.value.retry_after_s)
            clock.advance(caught.value.retry_after_s or 0)
        assert waits == [30, 60, 120, 240, 480, 900, 900]
        assert len(server.asked) == 7


async def test_redirects_are_followed_on_the_same_server_only(clock: Any) -> None:
    async with (
        serving(reply({}, 302, Location="/there?a=1"), reply([1])) as server,
        opened(server, clock) as link,
    ):
        assert await read(link, clock) == [1]
        assert server.paths == ["GET /data", "GET /there?a=1"]
    async with serving(reply([2])) as other, serving(reply({}, 302, Location=f"{other.base}/x")) as server:
        async with opened(server, clock) as link:
            with pytest.raises(Malformed):
                await read(link, clock)
        assert other.asked == []


async def test_a_sign_in_is_sent_on_to_its_page_on_the_same_server_only(clock: Any) -> None:
    async def ask(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        page = await desk.get("/login", deadline)
        page.check()
        return Grant.basic(credentials["user"], page.text.strip('"'))

    script = (reply("", 301, Location="/Login"), reply("secret"), reply([1]))
    async with serving(*script) as server:
        sign_in = Grants({"user": "me"}, ask, clock)
        async with opened(server, clock, sign_in=sign_in) as link:
            assert await read(link, clock) == [1]
        assert server.paths == ["GET /login", "GET /Login", "GET /data"]
        assert server.asked[2].headers["authorization"] == "Basic bWU6c2VjcmV0"


async def test_a_base_with_a_path_and_a_slash_makes_no_double_slash(clock: Any) -> None:
    async with serving(reply([1])) as server:
        link = HttpLink(f"{server.base}/proxy/", pacing=Pacing(), clock=clock)
        await read(link, clock, "/a/b%2Fc%20d")
        await link.close()
        assert server.paths == ["GET /proxy/a/b%2Fc%20d"]
        with pytest.raises(ValueError, match="does not begin with one"):
            await read(link, clock, "//a")


async def test_a_request_outside_a_turn_is_a_mistake_of_ours(clock: Any) -> None:
    async with serving(reply([1])) as server, opened(server, clock) as link:
        with pytest.raises(RuntimeError, match="in a turn"):
            await link.get_json("/data", Deadline.after(1, clock))


async def test_a_link_that_reads_posts_nowhere(clock: Any) -> None:
    async with serving(reply([1])) as server, opened(server, clock) as link:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            with pytest.raises(ValueError, match="not a request that this link may send"):
                await link.send(Request(method, link.address("/data")), Deadline.after(1, clock))
        assert server.asked == []
        assert not hasattr(link, "tell")


def cloud(clock: Any, *, life: float | None = 3600.0, credentials: Any = None) -> Grants:
    """A sign-in as a cloud with tokens has it: a form, a token for a while."""

    async def ask(desk: Desk, credentials: Credentials, deadline: Deadline) -> Grant:
        answer = await desk.post("/token", deadline, form=credentials)
        if answer.status in (400, 401):
            raise AuthFailed("the sign-in: the client id or the secret is wrong")
        answer.check()
        token = answer.json()
        assert isinstance(token, dict)
        return Grant.bearer(token["token"], life)

    return Grants(credentials or {"secret": SECRET}, ask, clock, posts=("/token",), jitter=lambda: 0.0)


def cloud_server(state: dict[str, Any]) -> Behaviour:
    """A cloud that gives numbered tokens and takes only the last of them."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == "/token":
            state["bodies"] = [*state.get("bodies", []), asked.body]
            if status := state.get("token_status"):
                await reply({}, status)(asked, writer)
                return
            state["token"] = state.get("token", 0) + 1
            await reply({"token": f"t{state['token']}"})(asked, writer)
        elif asked.headers.get("authorization") == f"Bearer t{state.get('token')}" and not state.get("deny"):
            await reply(["data"])(asked, writer)
        else:
            await reply({}, 401)(asked, writer)

    return answer


async def test_a_token_is_asked_for_once_and_renewed_five_minutes_early(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=cloud(clock)) as link:
        for _ in range(3299):
            clock.advance(1)
        deadline = Deadline.after(60, clock)
        async with link.turn(deadline):
            await asyncio.gather(*(link.get_json("/data", deadline) for _ in range(8)))
        assert server.paths.count("POST /token") == 1
        clock.advance(3299)
        await read(link, clock)
        assert state["token"] == 1
        clock.advance(2)
        await read(link, clock)
        assert state["token"] == 2
        assert state["bodies"][0] == "secret=s3cret%2B%2F%3D%26"


async def test_a_short_token_is_not_asked_for_at_every_request(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with (
        serving(cloud_server(state)) as server,
        opened(server, clock, sign_in=cloud(clock, life=200)) as link,
    ):
        for _ in range(10):
            await read(link, clock)
            clock.advance(60)
        assert state["token"] == 5  # at 0, 120, 240, 360, 480 s


async def test_a_token_that_expired_early_is_renewed_once_and_the_request_repeated(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=cloud(clock)) as link:
        await read(link, clock)
        state["token"] = 7  # the cloud has forgotten ours
        assert await read(link, clock) == ["data"]
        assert server.paths[-3:] == ["GET /data", "POST /token", "GET /data"]


async def test_a_cloud_that_denies_new_tokens_too_is_not_asked_for_more_at_every_read(clock: Any) -> None:
    state: dict[str, Any] = {"deny": True}
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=cloud(clock)) as link:
        with pytest.raises(AuthFailed):
            await read(link, clock)
        assert state["token"] == 2
        with pytest.raises(AuthFailed, match="tried again in 60 s"):
            await read(link, clock)
        assert state["token"] == 2
        del state["deny"]
        clock.advance(60)
        assert await read(link, clock) == ["data"]
        assert len(server.asked) == 6


async def test_wrong_credentials_are_tried_once_a_step_of_a_growing_wait(clock: Any) -> None:
    state: dict[str, Any] = {"token_status": 401}
    sign_in = cloud(clock)
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=sign_in) as link:
        for minute in range(60):
            with pytest.raises(AuthFailed, match="the secret is wrong") as caught:
                await read(link, clock)
            assert caught.value.reason is Reason.AUTH_FAILED, minute
            clock.advance(60)
        assert len(server.asked) == 6  # at 0, 1, 3, 7, 15 and 31 minutes
        state.clear()
        clock.advance(3600)
        assert await read(link, clock) == ["data"]
        assert sign_in.refusals == 0


async def test_changed_credentials_are_tried_at_once(clock: Any, tmp_path: Path) -> None:
    state: dict[str, Any] = {"token_status": 401}
    path = tmp_path / "secret"
    path.write_text("old")
    sign_in = cloud(clock, credentials={"id": "a", "secret": SecretFile(path)})
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=sign_in) as link:
        with pytest.raises(AuthFailed):
            await read(link, clock)
        state.clear()
        path.write_text("new")
        assert await read(link, clock) == ["data"]
        assert server.asked[-2].body == "id=a&secret=new"
        path.unlink()
        clock.advance(7200)
        with pytest.raises(AuthFailed, match="cannot be read"):
            await read(link, clock)


@pytest.mark.parametrize("status", [500, 502, 429])
async def test_trouble_of_the_sign_in_is_no_fault_of_the_credentials(clock: Any, status: int) -> None:
    state: dict[str, Any] = {"token_status": status}
    sign_in = cloud(clock)
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=sign_in) as link:
        with pytest.raises((Busy, RateLimited)):
            await read(link, clock, within=5)
        assert sign_in.refusals == 0
        state.clear()
        clock.advance(60)
        assert await read(link, clock) == ["data"]


async def test_a_renewal_that_fails_leaves_the_old_token_in_use(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with serving(cloud_server(state)) as server, opened(server, clock, sign_in=cloud(clock)) as link:
        await read(link, clock)
        state["token_status"] = 500
        clock.advance(3400)
        assert await read(link, clock) == ["data"]
        clock.advance(10)
        assert await read(link, clock) == ["data"]
        assert server.paths.count("POST /token") == 2


async def test_cookies_stay_with_their_link(clock: Any) -> None:
    async with serving(reply([1], Set_Cookie="a=1; path=/")) as server:
        async with opened(server, clock) as link, opened(server, clock) as other:
            await read(link, clock)
            await read(link, clock)
            await read(other, clock)
        assert [asked.headers.get("cookie") for asked in server.asked] == [None, "a=1", None]


async def test_a_link_that_writes_sends_each_request_once(clock: Any) -> None:
    async with (
        serving(reply({"Id": 1}), hang_up, reply("", 500), reply([1])) as server,
        opened(server, clock, HttpControlLink, turns=Turns(role="control")) as link,
    ):
        deadline = Deadline.after(60, clock)
        async with link.turn(deadline):
            done = await link.tell("POST", "/make", deadline, Answer.json, json={"a": 1})
            assert done == {"Id": 1}
            assert server.asked[0].body == '{"a": 1}'
            for error in (Unreachable, Busy):
                with pytest.raises(error):
                    await link.tell("DELETE", "/make/1", deadline, Answer.json)
        assert len(server.asked) == 3
        assert clock.slept == []


async def test_a_write_that_was_denied_is_sent_again_with_a_new_token(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with (
        serving(cloud_server(state)) as server,
        opened(server, clock, HttpControlLink, sign_in=cloud(clock)) as link,
    ):
        await read(link, clock)
        state["token"] = 7
        deadline = Deadline.after(60, clock)
        async with link.turn(deadline):
            await link.tell("POST", "/make", deadline, Answer.json, form={"x": "1 2"})
        assert server.paths[-3:] == ["POST /make", "POST /token", "POST /make"]
        assert server.asked[-1].body == "x=1+2"


async def test_a_form_that_is_answered_with_another_page_is_done(clock: Any) -> None:
    async with (
        serving(reply("", 302, Location="/done")) as server,
        opened(server, clock, HttpControlLink) as link,
    ):
        deadline = Deadline.after(60, clock)
        async with link.turn(deadline):
            status = await link.tell("POST", "/form", deadline, lambda answer: answer.status, form={})
        assert status == 302
        assert len(server.asked) == 1


async def test_a_link_that_writes_wants_the_turns_of_a_controller(clock: Any) -> None:
    with pytest.raises(ValueError, match='"control"'):
        HttpControlLink("http://127.0.0.1", pacing=Pacing(), turns=Turns())


async def test_a_turn_on_a_shared_server_is_one_request(clock: Any) -> None:
    state: dict[str, Any] = {}
    async with (
        serving(cloud_server(state)) as server,
        opened(server, clock, shared=True, sign_in=cloud(clock)) as link,
        opened(server, clock, HttpControlLink, shared=True) as other,
    ):
        deadline = Deadline.after(60, clock)
        async with link.turn(deadline), other.turn(deadline):
            await asyncio.gather(*(link.get_json("/data", deadline) for _ in range(8)))
            with pytest.raises(AuthFailed):
                await other.tell("DELETE", "/data", deadline, Answer.json)
        assert server.paths.count("POST /token") == 1


async def test_the_pause_between_requests_is_kept(clock: Any) -> None:
    async with (
        serving(reply([1])) as server,
        opened(server, clock, pacing=Pacing(timeout="1s", pause="2s")) as link,
    ):
        await read(link, clock)
        await read(link, clock)
        assert clock.slept == [2.0]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-10T02:00:11.1234567Z", 1_768_010_411.123456),
        ("2026-01-10T02:00:11Z", 1_768_010_411.0),
        ("2026-01-10T13:00:11.5+11:00", 1_768_010_411.5),
        ("2026-01-10T02:00:11", None),
        ("0001-01-01T00:00:00Z", -62_135_596_800.0),
        ("", None),
        (None, None),
        (17, None),
    ],
)
def test_times_of_clouds_are_read(text: object, time: float | None) -> None:
    assert utc(text) == time
