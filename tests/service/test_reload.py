from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import aiohttp
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from sunhelm.configuration.mistakes import ConfigurationError, Mistake
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.reload import Reloader

WRONG = ConfigurationError([Mistake("sunhelm.yml", 3, 1, "devices.gx", "is wrong")])


class Configuration:
    """Something that can be loaded, or fails as the test wants."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.loaded = asyncio.Event()
        self.times = 0
        self.at_once = 0

    async def load(self) -> None:
        self.at_once += 1
        assert self.at_once == 1
        await asyncio.sleep(0)
        self.at_once -= 1
        self.times += 1
        self.loaded.set()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def configuration() -> Configuration:
    return Configuration()


@pytest.fixture
def metrics() -> ProcessMetrics:
    return ProcessMetrics("sunhelm_test")


@pytest.fixture
def reloader(configuration: Configuration, metrics: ProcessMetrics) -> Reloader:
    return Reloader(configuration.load, metrics, time=lambda: 1_780_000_000.0)


def outcome(metrics: ProcessMetrics) -> tuple[float | None, float | None]:
    return (
        metrics.registry.get_sample_value("sunhelm_test_config_last_reload_successful"),
        metrics.registry.get_sample_value("sunhelm_test_config_last_reload_success_timestamp_seconds"),
    )


async def test_a_reload_is_counted_and_a_failure_keeps_the_time_of_the_last_success(
    reloader: Reloader, configuration: Configuration, metrics: ProcessMetrics
) -> None:
    await reloader.reload()
    assert outcome(metrics) == (1, 1_780_000_000.0)
    configuration.failure = WRONG
    with capture_logs() as logs, pytest.raises(ConfigurationError):
        await reloader.reload()
    assert outcome(metrics) == (0, 1_780_000_000.0)
    assert [line["mistake"] for line in logs] == ["sunhelm.yml:3:1: devices.gx: is wrong"]


async def test_reloads_do_not_overlap(reloader: Reloader, configuration: Configuration) -> None:
    await asyncio.gather(*(reloader.reload() for _ in range(5)))
    assert configuration.times == 5


async def test_a_hangup_reloads_and_what_fails_does_not_end_that(
    reloader: Reloader, configuration: Configuration, metrics: ProcessMetrics
) -> None:
    with capture_logs() as logs:
        async with reloader.upon_hangup():
            for failure in (None, WRONG, RuntimeError("a bug"), None):
                configuration.failure = failure
                configuration.loaded.clear()
                os.kill(os.getpid(), signal.SIGHUP)
                await configuration.loaded.wait()
                await settled()
    assert configuration.times == 4
    assert outcome(metrics)[0] == 1
    events = [line["event"] for line in logs]
    assert events == ["config_loaded", "config_refused", "config_reload_failed", "config_loaded"]


async def settled() -> None:
    """Let the tasks that are ready do what they have to."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_reload_can_be_asked_for_over_http(
    serve: Any, client: aiohttp.ClientSession, reloader: Reloader, configuration: Configuration
) -> None:
    url = await serve(add=reloader.add_routes)
    for method in ("POST", "PUT"):
        async with client.request(method, f"{url}/-/reload") as answer:
            assert answer.status == 200
    async with client.get(f"{url}/-/reload") as answer:
        assert answer.status == 405
    assert configuration.times == 2
    configuration.failure = WRONG
    async with client.post(f"{url}/-/reload") as answer:
        assert answer.status == 500
        assert "sunhelm.yml:3:1: devices.gx: is wrong" in await answer.text()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "OWN"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "OWN"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, 403),
    ],
)
async def test_another_sites_page_cannot_reload(
    *,
    serve: Any,
    client: aiohttp.ClientSession,
    reloader: Reloader,
    configuration: Configuration,
    headers: dict[str, str],
    status: int,
) -> None:
    url = await serve(add=reloader.add_routes)
    sent = {name: url if value == "OWN" else value for name, value in headers.items()}
    async with client.post(f"{url}/-/reload", headers=sent) as answer:
        assert answer.status == status
    assert configuration.times == (status == 200)


def test_a_process_tells_of_itself(metrics: ProcessMetrics) -> None:
    page = generate_latest(metrics.registry).decode()
    assert 'sunhelm_test_build_info{pythonversion="3.' in page
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert f"\n{name} " in page
    assert "_created" not in page


def test_two_processes_in_one_have_registries_of_their_own() -> None:
    assert ProcessMetrics("sunhelm_a").registry is not ProcessMetrics("sunhelm_a").registry
