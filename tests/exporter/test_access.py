"""Who may not enter learns nothing and changes nothing, whatever is tried."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from exporter.app import add_exporter
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.reload import Reloader
from sunhelm.service.web import create_application
from sunhelm.service.webconfig_file import WebConfigFile

PASSWORD = "correct horse"
PATHS = [
    "/",
    "/probe?target=gx",
    "/probe?target=gx&debug=true",
    "/metrics",
    "/sd",
    "/api/v1/readings/gx",
    "/none",
]
GREETING = "Basic " + base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()
LINE_BYTES = st.binary(max_size=60).map(lambda raw: bytes(b for b in raw if b not in (0, 10, 13)))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)

many = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Guarded:
    """A server with users, and how often somebody made it load its configuration again."""

    host: str
    port: int
    hash: str
    reloads: int = 0

    async def ask(self, line: str, *headers: tuple[str, bytes]) -> tuple[int, bytes]:
        """Send a request with these headers as they are; return the status and the whole answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
            writer.write(f"{line} HTTP/1.1\r\n".encode() + lines + b"Connection: close\r\n\r\n")
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
        assert b"Traceback" not in answer
        assert self.hash.encode() not in answer
        assert PASSWORD.encode() not in answer
        return int(answer.split(b" ", 2)[1]), answer


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever was asked, the log has no secret, and nothing worse than that it was no HTTP."""
    yield
    for record in caplog.get_records("call"):
        error = record.exc_info[1] if record.exc_info else None
        assert record.levelno < logging.ERROR or isinstance(error, HttpProcessingError), record
        assert PASSWORD not in record.getMessage()


@pytest.fixture
async def guarded(exporter: Any, tmp_path: Path) -> AsyncIterator[Guarded]:
    hash_ = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{prometheus: {hash_!r}}}\n", encoding="utf-8")
    app = create_application(Health("Sunhelm exporter"), web_config=WebConfigFile(file))
    add_exporter(app, exporter)

    async def load() -> None:
        server.reloads += 1

    Reloader(load, ProcessMetrics("test"), time=lambda: 0.0).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        assert client.port is not None
        server = Guarded(client.host, client.port, hash_)
        yield server


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_told_without_a_password(guarded: Guarded, device: Any, path: str) -> None:
    status, answer = await guarded.ask(f"GET {path}", ("Host", b"x"))

    assert status == 401
    assert b"gx" not in answer
    assert b"solar_" not in answer
    assert not device.reads


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_the_password_enters(guarded: Guarded, path: str) -> None:
    status, _ = await guarded.ask(f"GET {path}", ("Host", b"x"), ("Authorization", GREETING.encode()))
    assert status == (404 if path == "/none" else 200)


@given(
    path=st.sampled_from(PATHS),
    header=st.one_of(
        LINE_BYTES,
        LINE_BYTES.map(lambda raw: b"Basic " + raw),
        LINE_BYTES.map(lambda raw: b"Basic " + base64.b64encode(raw)),
        TEXTS.map(lambda text: b"Basic " + base64.b64encode(f"prometheus:{text}".encode())),
        TEXTS.map(lambda text: b"Bearer " + base64.b64encode(text.encode())),
    ),
)
@example(path="/metrics", header=b"Basic " + base64.b64encode(b"prometheus:" + b"x" * 4000))
@example(path="/metrics", header=b"Basic " + base64.b64encode(b"prometheus:\0"))
@example(path="/metrics", header=b"Basic " + base64.b64encode(b":"))
@many
async def test_no_header_is_a_password_by_chance(
    guarded: Guarded, device: Any, path: str, header: bytes
) -> None:
    assume(header.strip() != GREETING.encode())
    status, _ = await guarded.ask(f"GET {path}", ("Host", b"x"), ("Authorization", header))

    assert status in (400, 401)
    assert not device.reads


HOSTS = st.sampled_from([b"127.0.0.1:10480", b"gx.lan", b"[::1]:10480"])


@given(
    method=st.sampled_from(["POST", "PUT"]),
    host=HOSTS,
    site=st.none() | st.sampled_from([b"cross-site", b"same-site", b"", b"Same-Origin"]) | LINE_BYTES,
    origin=st.none()
    | st.sampled_from([b"null", b"http://evil.example", b"https://gx.lan.evil.example"])
    | LINE_BYTES,
)
@example(method="POST", host=b"gx.lan", site=None, origin=b"")
@example(method="POST", host=b"gx.lan", site=b"cross-site", origin=b"http://gx.lan")
@many
async def test_no_other_sites_page_can_reload_with_a_password_that_the_browser_kept(
    guarded: Guarded, method: str, host: bytes, site: bytes | None, origin: bytes | None
) -> None:
    assume(site is not None or origin is not None)
    own = site is not None and site.strip() in (b"same-origin", b"none")
    same = site is None and origin is not None and origin.strip().partition(b"://")[2] == host
    assume(not own and not same)
    headers = [("Host", host), ("Authorization", GREETING.encode()), ("Content-Length", b"0")]
    headers += [
        (name, value) for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value is not None
    ]
    status, _ = await guarded.ask(f"{method} /-/reload", *headers)

    assert status in (400, 403)
    assert guarded.reloads == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH"])
async def test_a_link_or_a_picture_cannot_reload(guarded: Guarded, method: str) -> None:
    headers = (("Host", b"x"), ("Authorization", GREETING.encode()), ("Content-Length", b"0"))
    status, _ = await guarded.ask(f"{method} /-/reload", *headers)

    assert status == 405
    assert guarded.reloads == 0


async def test_a_program_with_the_password_can_reload_and_one_without_cannot(guarded: Guarded) -> None:
    headers = (("Host", b"x"), ("Content-Length", b"0"))
    assert (await guarded.ask("POST /-/reload", *headers))[0] == 401
    assert guarded.reloads == 0
    assert (await guarded.ask("POST /-/reload", *headers, ("Authorization", GREETING.encode())))[0] == 200
    assert guarded.reloads == 1
