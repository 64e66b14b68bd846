from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import generate_latest

from exporter.config import Configuration, load_configuration
from exporter.influx_output import InfluxOutput
from exporter.targets import target_labels
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.service.metrics import ProcessMetrics

pytestmark = pytest.mark.real_time

LABELS = target_labels("gx", "home", "victron")
SITE = "site: {name: home, zone: Europe/Amsterdam}\ndevices: {gx: {family: victron, host: 192.0.2.8}}\n"

Configure = Callable[..., Configuration]


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """Takes everything; `arrived` has how many points were written to which bucket."""
    arrived: dict[str, int] = {}

    async def write(request: web.Request) -> web.Response:
        bucket = request.query["bucket"]
        arrived[bucket] = arrived.get(bucket, 0) + len((await request.text()).splitlines())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/api/v2/write", write)
    async with TestServer(app) as server:
        server.arrived = arrived  # type: ignore[attr-defined]
        yield server


@pytest.fixture
def configure(tmp_path: Path, server: TestServer) -> Configure:
    def configure(bucket: str = "", spool: str = "spool", others: str = "interval: off") -> Configuration:
        section = f"influxdb: {{url: '{server.make_url('')}', bucket: {bucket}, spool: {spool}, {others}}}\n"
        (tmp_path / "sunhelm.yml").write_text(SITE + (section if bucket else ""))
        return load_configuration(tmp_path / "sunhelm.yml")

    return configure


@pytest.fixture
async def output(clock: Any) -> AsyncIterator[tuple[InfluxOutput, ProcessMetrics]]:
    process = ProcessMetrics("sunhelm_exporter")
    output = InfluxOutput(process, {}, clock=clock)
    yield output, process
    await output.close()


def metrics(process: ProcessMetrics) -> str:
    return generate_latest(process.registry).decode()


async def test_switched_off_it_takes_readings_and_shows_nothing(
    output: Any, configure: Configure, device: Any
) -> None:
    influx, process = output
    await influx.follow(configure())
    influx.observe(LABELS, device.reading(device.clock.time()))
    assert "influxdb" not in metrics(process)


async def test_the_client_is_imported_only_when_it_is_on() -> None:
    code = (
        "import sys, exporter.main; sys.exit(any(name.startswith('influxdb_client') for name in sys.modules))"
    )
    assert (
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    ).returncode == 0


async def test_it_follows_the_configuration(
    output: Any, configure: Configure, device: Any, clock: Any, server: Any
) -> None:
    influx, process = output
    for bucket in ("one", "two"):
        await influx.follow(configure(bucket))
        influx.observe(LABELS, device.reading(device.clock.time()))
        await clock.advance(1.0)
    await influx.follow(configure())
    influx.observe(LABELS, device.reading(device.clock.time()))
    assert server.arrived == {"one": 6, "two": 6}
    assert "influxdb" not in metrics(process)


async def test_the_same_configuration_changes_nothing(output: Any, configure: Configure) -> None:
    influx, _ = output
    await influx.follow(configure("one"))
    writer = influx._writer
    await influx.follow(configure("one"))
    assert influx._writer is writer


async def test_a_spool_that_cannot_be_used_leaves_everything_as_it_was(
    output: Any, configure: Configure, device: Any, server: Any, tmp_path: Path
) -> None:
    influx, _ = output
    await influx.follow(configure("one"))
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigurationError, match=r"sunhelm\.yml:3:\d+: influxdb\.spool: .*cannot be used"):
        await influx.follow(configure("two", spool="taken"))
    influx.observe(LABELS, device.reading(device.clock.time()))
    await influx.close()
    assert server.arrived == {"one": 6}


async def test_its_metrics_tell_what_happened(
    output: Any, configure: Configure, device: Any, series_of: Any, promtool: str
) -> None:
    influx, process = output
    await influx.follow(configure("one", others="spool_limit: 10MB"))
    influx.observe(LABELS, device.reading(device.clock.time()))
    async with asyncio.timeout(10):
        while influx._statistics.written < 6 or influx._statistics.waiting.points:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    page = metrics(process)
    values = series_of(page)
    prefix = "sunhelm_exporter_influxdb_"
    assert values[f"{prefix}points_spooled_total",] == values[f"{prefix}points_written_total",] == 6
    assert values[f"{prefix}points_dropped_total", "reason=spool_full"] == 0
    assert values[f"{prefix}write_errors_total", "reason=unreachable"] == 0
    assert values[f"{prefix}spool_points",] == 0
    assert values[f"{prefix}spool_limit_bytes",] == 10_000_000
    assert values[f"{prefix}last_success_timestamp_seconds",] == device.clock.time()
    assert (f"{prefix}spool_oldest_timestamp_seconds",) not in values
    lint: Sequence[str] = [promtool, "check", "metrics"]
    checked = await asyncio.to_thread(
        subprocess.run, lint, input=page, capture_output=True, text=True, check=False
    )
    ours = [text for text in checked.stdout.splitlines() + checked.stderr.splitlines() if prefix in text]
    assert ours == []
