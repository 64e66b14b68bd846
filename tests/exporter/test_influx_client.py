from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.config import InfluxSection
from exporter.delivery import Failure, WriteFailed
from exporter.influx_client import InfluxClient

TOKEN = "a-token-that-nobody-may-see"


class Server:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[], web.Response] = lambda: web.Response(status=204)
        self.requests: list[tuple[web.Request, bytes]] = []
        self.silent = False

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((request, await request.read()))
        if self.silent:
            await asyncio.Event().wait()
        return self.answer()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def section(server: Server, tmp_path: Path) -> AsyncIterator[InfluxSection]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    async with TestServer(app, handler_cancellation=True) as running:
        yield InfluxSection.model_validate(
            {
                "url": str(running.make_url("/below")),
                "org": "home & hearth",
                "bucket": "solar",
                "token_file": str(tmp_path / "token"),
                "spool": str(tmp_path / "spool"),
                "timeout": "500ms",
            }
        )


@pytest.fixture
async def client(section: InfluxSection) -> AsyncIterator[InfluxClient]:
    client = InfluxClient(section)
    yield client
    await client.close()


async def failure_of(client: InfluxClient) -> WriteFailed:
    with pytest.raises(WriteFailed) as failed:
        await client.write(["solar x=1 1"])
    assert TOKEN not in str(failed.value)
    return failed.value


async def test_a_write_is_that_of_the_protocol(client: InfluxClient, server: Server) -> None:
    await client.write(["solar,site=a x=1 1", "solar,site=b x=2 2"])
    ((request, body),) = server.requests
    assert (request.method, request.path) == ("POST", "/below/api/v2/write")
    assert dict(request.query) == {"org": "home & hearth", "bucket": "solar", "precision": "s"}
    assert request.headers["Authorization"] == f"Token {TOKEN}"
    assert request.headers["Content-Encoding"] == "gzip"
    plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    assert plain == b"solar,site=a x=1 1\nsolar,site=b x=2 2"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.REJECTED),
        (401, Failure.UNAUTHORIZED),
        (403, Failure.FORBIDDEN),
        (404, Failure.NOT_FOUND),
        (405, Failure.UNEXPECTED),
        (413, Failure.TOO_LARGE),
        (422, Failure.REJECTED),
        (429, Failure.BUSY),
        (500, Failure.SERVER_ERROR),
        (502, Failure.SERVER_ERROR),
        (503, Failure.BUSY),
        (302, Failure.UNEXPECTED),
        (200, Failure.UNEXPECTED),
    ],
)
async def test_every_status_has_its_reason(
    client: InfluxClient, server: Server, status: int, failure: Failure
) -> None:
    server.answer = lambda: web.json_response(
        {"code": "x", "message": f"why {TOKEN}"}, status=status, headers={"Location": "/elsewhere"}
    )
    failed = await failure_of(client)
    assert failed.failure is failure
    assert status == 200 or failed.detail.endswith("why (hidden)")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_a_number_or_a_date(client: InfluxClient, server: Server, status: int) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for text, least, most in (("17", 17, 17), (when, 80, 91), ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0)):
        headers = {"Retry-After": text}
        server.answer = lambda: web.Response(status=status, headers=headers)  # noqa: B023
        asked = (await failure_of(client)).retry_after_s
        assert asked is not None
        assert least <= asked <= most


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e9", "٣"])
async def test_a_retry_after_that_says_nothing_is_ignored(
    client: InfluxClient, server: Server, text: str
) -> None:
    server.answer = lambda: web.Response(status=503, headers={"Retry-After": text})
    assert (await failure_of(client)).retry_after_s is None


async def test_a_partial_write_tells_how_many_were_refused(client: InfluxClient, server: Server) -> None:
    message = "failure writing points to database: partial write: field type conflict dropped=3"
    server.answer = lambda: web.json_response({"message": message}, status=422)
    assert (await failure_of(client)).rejected == 3


@pytest.mark.parametrize("body", [b"", b"<html>\xff", b"[1]", b'{"message": 5}'])
async def test_an_answer_that_is_not_influxdbs_is_shown_as_it_is(
    client: InfluxClient, server: Server, body: bytes
) -> None:
    server.answer = lambda: web.Response(status=500, body=body)
    assert (await failure_of(client)).detail.startswith("500 Internal Server Error")


async def test_a_long_answer_is_cut(client: InfluxClient, server: Server) -> None:
    server.answer = lambda: web.Response(status=400, text="x" * 10_000)
    assert len((await failure_of(client)).detail) < 400


async def test_no_answer_is_a_time_out(client: InfluxClient, server: Server) -> None:
    server.silent = True
    assert (await failure_of(client)).failure is Failure.TIMEOUT


async def test_nobody_there_is_unreachable(section: InfluxSection) -> None:
    nowhere = section.model_copy(update={"url": section.url._replace(netloc="127.0.0.1:1")})
    client = InfluxClient(nowhere)
    assert (await failure_of(client)).failure is Failure.UNREACHABLE
    await client.close()


async def test_a_token_that_was_changed_needs_no_reload(
    client: InfluxClient, server: Server, tmp_path: Path
) -> None:
    await client.write(["solar x=1 1"])
    (tmp_path / "token").write_text("the-next-one")
    await client.write(["solar x=1 2"])
    sent = [request.headers["Authorization"] for request, _ in server.requests]
    assert sent == [f"Token {TOKEN}", "Token the-next-one"]


async def test_a_token_that_cannot_be_read_is_told_and_nothing_is_sent(
    client: InfluxClient, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "token").unlink()
    failed = await failure_of(client)
    assert (failed.failure, server.requests) == (Failure.UNAUTHORIZED, [])
    assert "token cannot be read" in failed.detail


async def test_without_a_token_none_is_sent(section: InfluxSection, server: Server) -> None:
    client = InfluxClient(section.model_copy(update={"token_file": None}))
    await client.write(["solar x=1 1"])
    await client.close()
    assert "Authorization" not in server.requests[0][0].headers
