from __future__ import annotations

import asyncio
import io
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from sunhelm.service.health import Health
from sunhelm.service.landing import LandingLink, landing_page
from sunhelm.service.listen import ListenAddress
from sunhelm.service.web import ListenError, WebServer, create_application


async def test_every_answer_has_the_headers_that_keep_browsers_safe(
    serve: Any, client: aiohttp.ClientSession
) -> None:
    url = await serve()
    for path, status in (("/hello", 200), ("/none", 404)):
        async with client.get(f"{url}{path}") as answer:
            assert answer.status == status
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "deny"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["Server"] == "sunhelm"


async def test_a_handler_that_fails_tells_the_log_and_not_the_caller(
    serve: Any, client: aiohttp.ClientSession
) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise RuntimeError("hunter2")

    url = await serve(add=lambda application: application.router.add_get("/fail", fail))
    with capture_logs() as logs:
        async with client.get(f"{url}/fail") as answer:
            text = await answer.text()
    assert answer.status == 500
    assert "hunter2" not in text
    assert [(line["event"], line["path"]) for line in logs] == [("request_failed", "/fail")]


async def test_a_body_that_is_too_large_is_refused(serve: Any, client: aiohttp.ClientSession) -> None:
    async def read(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    url = await serve(add=lambda application: application.router.add_post("/read", read))
    async with client.post(f"{url}/read", data=io.BytesIO(b"x" * 1024 * 1024)) as answer:
        assert answer.status == 200
    async with client.post(f"{url}/read", data=io.BytesIO(b"x" * (1024 * 1024 + 1))) as answer:
        assert answer.status == 413


async def test_health_and_readiness(serve: Any, client: aiohttp.ClientSession) -> None:
    health = Health("Sunhelm test")
    server = WebServer(create_application(health), (ListenAddress("127.0.0.1", 0),))
    await server.start()
    (url,) = server.urls

    async def ask(path: str) -> tuple[int, str]:
        async with client.get(f"{url}{path}") as answer:
            return answer.status, await answer.text()

    assert await ask("/-/healthy") == (200, "Sunhelm test is healthy.\n")
    assert await ask("/-/ready") == (503, "Sunhelm test is not ready: start.\n")
    health.set_ready()
    assert health.ready
    assert await ask("/-/ready") == (200, "Sunhelm test is ready.\n")
    health.set_unready("shutdown")
    assert await ask("/-/ready") == (503, "Sunhelm test is not ready: shutdown.\n")
    assert await ask("/-/healthy") == (200, "Sunhelm test is healthy.\n")
    await server.stop()
    assert server.urls == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_a_server_listens_where_it_is_told(
    serve: Any, client: aiohttp.ClientSession, host: str
) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    url = await serve(host=host)
    async with client.get(f"{url}/hello") as answer:
        assert await answer.text() == "hello"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_several_addresses_are_served_and_a_taken_one_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = ListenAddress("127.0.0.1", 0)
        server = WebServer(create_application(Health("Test")), (free, free))
        await server.start()
        assert len(set(server.urls)) == 2
        await server.stop()
        server = WebServer(create_application(Health("Test")), (free, ListenAddress("127.0.0.1", port)))
        with pytest.raises(
            ListenError, match=rf"^cannot listen on 127\.0\.0\.1:{port}: Address already in use$"
        ):
            await server.start()


async def test_a_stop_lets_a_request_under_way_finish(client: aiohttp.ClientSession) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response(text="done")

    application = create_application(Health("Test"))
    application.router.add_get("/slow", slow)
    server = WebServer(application, (ListenAddress("127.0.0.1", 0),))
    await server.start()
    (url,) = server.urls
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(client.get(f"{url}/slow"))
        await begun.wait()
        stopped = tasks.create_task(server.stop())
        await asyncio.sleep(0)
        assert not stopped.done()
        go_on.set()
        answer = await asked
        assert await answer.text() == "done"


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%00%ff%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_refused_without_noise(
    serve: Any, client: aiohttp.ClientSession, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    url = await serve()
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(garbage)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert not answer.startswith(b"HTTP/1.1 5")
    assert b"Traceback" not in answer
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    async with client.get(f"{url}/hello") as after:
        assert after.status == 200


def test_the_landing_page_escapes_what_it_shows_and_allows_its_own_style_only() -> None:
    page = landing_page("A <b>", "reads & shows", [LandingLink('/x?a=1&b="2"', "<i>", "'quoted'")])
    assert page.text is not None
    assert "A &lt;b&gt;" in page.text
    assert 'href="/x?a=1&amp;b=&quot;2&quot;"' in page.text
    assert "<i>" not in page.text
    assert "style-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
