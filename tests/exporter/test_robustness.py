"""No request, however odd, brings down the exporter, learns a secret, or makes it connect anywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.app import Exporter, add_exporter
from exporter.instruments import Instruments
from exporter.openings import open_targets
from exporter.probe import TIMEOUT_HEADER
from exporter.targets import Targets
from sunhelm.devices.site import load_site
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application

many = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

PATHS = [
    "/",
    "/probe",
    "/metrics",
    "/sd",
    "/api/v1/readings/gx",
    "/api/v1/readings/",
    "/-/ready",
    "/-/reload",
]
HEADERS = [TIMEOUT_HEADER, "Accept", "Accept-Encoding", "Host", "Origin", "X-Forwarded-Host", "Content-Type"]
# What a header may hold on the wire: anything but the ends of lines and zero.
HEADER_BYTES = st.binary(max_size=60).map(lambda raw: bytes(b for b in raw if b not in (0, 10, 13)))
PIECES = st.sampled_from(
    [
        "target",
        "group",
        "debug",
        "true",
        "gx",
        "=",
        "&",
        ";",
        "%",
        "%00",
        "%ff",
        "%ud800",
        "+",
        "..",
        "/",
        "?",
    ]
)
QUERIES = st.one_of(
    st.text(max_size=40).map(lambda text: quote(text, safe="=&;%+").encode()),
    st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()),
    st.binary(max_size=40).map(lambda raw: bytes(b for b in raw if b > 32)),
)


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever was asked, the log says nothing worse than that it was no HTTP."""
    yield
    for record in caplog.get_records("call"):
        error = record.exc_info[1] if record.exc_info else None
        assert record.levelno < logging.ERROR or isinstance(error, HttpProcessingError), record


async def ask(client: Any, request: bytes) -> tuple[int, bytes]:
    """Send the bytes as they are; return the status and the whole answer."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    try:
        writer.write(request)
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split(b" ", 2)[1]), answer


def check(status: int, answer: bytes) -> None:
    assert status < 500, answer
    assert b"Traceback" not in answer
    assert b'File "' not in answer


@given(path=st.sampled_from(PATHS), query=QUERIES)
@example(path="/probe", query=b"target=gx&target=gx")
@example(path="/probe", query=b"target=gx&group=%ff%fe")
@example(path="/api/v1/readings/gx", query=b"%")
@many
async def test_no_query_is_too_odd(client: Any, path: str, query: bytes) -> None:
    target = path.encode() + b"?" + query
    check(*await ask(client, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))


@given(path=st.binary(max_size=40).map(lambda raw: bytes(b for b in raw if b > 32)))
@example(path=b"/api/v1/readings/%2e%2e%2fetc%2fpasswd")
@example(path=b"/api/v1/readings/" + b"a" * 5000)
@example(path=b"//evil.example/probe?target=gx")
@example(path=b"http://evil.example/probe?target=gx")
@many
async def test_no_path_is_too_odd(client: Any, path: bytes) -> None:
    check(*await ask(client, b"GET /" + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))


@given(
    path=st.sampled_from(["/probe?target=gx", "/metrics", "/sd", "/api/v1/readings/gx", "/"]),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), HEADER_BYTES), max_size=4),
)
@example(path="/probe?target=gx", headers=[("Accept", b"application/openmetrics-text;version=x")])
@example(path="/probe?target=gx", headers=[("Accept-Encoding", b"gzip;q=.")])
@example(path="/metrics", headers=[(TIMEOUT_HEADER, b"1e400")])
@many
async def test_no_header_is_too_odd(
    client: Any, exporter: Any, path: str, headers: list[tuple[str, bytes]]
) -> None:
    exporter.all_devices = True
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    request = b"GET " + path.encode() + b" HTTP/1.1\r\n" + lines + b"Connection: close\r\n\r\n"
    check(*await ask(client, request))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/", "/probe?target=gx", "/metrics", "/sd", "/api/v1/readings/gx"])
async def test_pages_can_only_be_read(client: Any, device: Any, method: str, path: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    status, answer = await ask(client, request.encode())

    check(status, answer)
    assert status in (400, 404, 405)
    assert not device.reads


@pytest.fixture
async def canary() -> AsyncIterator[Any]:
    """A server that nobody may ever reach; its `visitors` are counted."""

    class Canary:
        visitors = 0
        address = ""

        def visit(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visitors += 1
            writer.close()

    canary = Canary()
    server = await asyncio.start_server(canary.visit, "127.0.0.1", 0)
    canary.address = "{}:{}".format(*server.sockets[0].getsockname())
    async with server:
        yield canary


async def test_no_part_of_a_request_becomes_an_address(
    canary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(
        "site: {name: home, zone: Europe/Amsterdam}\n"
        "devices: {gx: {family: victron, host: 127.0.0.1, port: 1}}\n",
        encoding="utf-8",
    )
    targets = Targets({})
    instruments = Instruments(ProcessMetrics("sunhelm_exporter"), targets)
    targets.replace(open_targets(load_site(site).site))
    instruments.follow(targets)
    app = create_application(Health("Sunhelm exporter"))
    add_exporter(app, Exporter(targets, instruments, all_devices=True))
    there = canary.address
    wishes = [
        there,
        f"http://{there}/",
        f"//{there}",
        f"gx@{there}",
        f"{there}#gx",
        f"gx\r\nHost: {there}",
        f"gx,{there}",
        "localhost",
        "169.254.169.254",
        "file:///etc/passwd",
        "${PATH}",
    ]
    async with TestClient(TestServer(app)) as client:
        for wish in wishes:
            text = quote(wish, safe="")
            for path in (
                f"/probe?target={text}",
                f"/probe?target=gx&host={text}",
                f"/probe?target=gx&module={text}&port={text}",
                f"/api/v1/readings/{text}",
                f"/{text}",
            ):
                answer = await client.get(path)
                assert answer.status in (400, 404)
                assert "root:" not in await answer.text()
        forwarded = {"X-Forwarded-Host": there, "Forwarded": f"host={there}", "Referer": f"http://{there}/"}
        for path in ("/probe?target=gx", "/metrics", "/sd"):
            answer = await client.get(path, headers=forwarded)
            assert answer.status == 200
            assert there not in await answer.text()

    assert canary.visitors == 0
