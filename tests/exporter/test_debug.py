from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog

from sunhelm.devices.errors import Reason
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.service.logs import configure_logs


async def test_debug_shows_how_the_probe_went_and_the_metrics(client: Any, device: Any) -> None:
    answer = await client.get("/probe?target=gx&debug=true")
    page = await answer.text()

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Probe of gx, family victron, site home" in page
    assert "read for this probe" in page
    assert "live: read, 2 requests, 0.250 s" in page
    assert "sentinel: holding 843 battery_soc (0xFFFF)" in page
    assert "\nsolar_grid_power_watts 1.0\n" in page


async def test_debug_names_the_reason_of_a_failed_group(client: Any, device: Any) -> None:
    device.fails = Reason.RATE_LIMITED
    page = await (await client.get("/probe?target=gx&debug=true")).text()

    assert "live: rate_limited: the device does not answer" in page


async def test_debug_shows_the_log_of_this_probe_and_of_no_other(
    client: Any, device: Any, clock: Any, logs: None
) -> None:
    device.says = {"event": "link_connected", "where": "gx:502", "password": "hunter2"}
    page = await (await client.get("/probe?target=gx&debug=true")).text()
    again = await (await client.get("/probe?target=gx&debug=true")).text()

    assert "level=debug event=link_connected where=gx:502 password=***\n" in page
    assert "hunter2" not in page
    assert "link_connected" not in again


@pytest.fixture
def logs() -> Iterator[None]:
    """Log lines as a running exporter has them, at its usual level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(stream=io.StringIO())
    yield
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass
class FakeLink:
    statistics: LinkStatistics


@dataclass
class FakeSource:
    link: FakeLink

    def plan(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"unit 100 holding 800+{len(group)}" for group in groups)


async def test_debug_shows_the_words_the_plan_and_what_the_link_has_done(
    client: Any, exporter: Any, device: Any, series_of: Any
) -> None:
    link = FakeLink(LinkStatistics(requests=7, connects=2, retries=1, stale_answers=3, waited_for_turn_s=0.5))
    exporter.targets.replace({"gx": replace(exporter.targets["gx"], source=FakeSource(link))})
    device.traced = [("unit 100 holding 800+4", (1, 0xFFFF), None), ("unit 225 holding 259+1", (), "refused")]
    page = await (await client.get("/probe?target=gx&debug=true")).text()

    assert "  unit 100 holding 800+4: 0001 ffff\n  unit 225 holding 259+1: refused\n" in page
    assert "  unit 100 holding 800+4\n  unit 100 holding 800+8\n" in page
    assert "  7 requests, 2 connections\n  1 retries, 3 stale answers\n  0.500 s waited" in page
    own = series_of(await (await client.get("/metrics")).text())
    assert own["sunhelm_exporter_link_requests_total", "device=gx"] == 7
    assert own["sunhelm_exporter_link_turn_wait_seconds_total", "device=gx"] == 0.5


async def test_debug_says_that_a_reading_was_made_for_others_or_comes_later(
    client: Any, device: Any, clock: Any
) -> None:
    await client.get("/probe?target=gx")
    again = await (await client.get("/probe?target=gx&debug=true")).text()
    await clock.advance(1.0)
    device.hold()
    device.begun.clear()
    late = asyncio.create_task(client.get("/probe?target=gx&debug=true"))
    await device.begun.wait()
    await clock.advance(10.0)

    assert "served again, or read for a simultaneous probe" in again
    assert "the read goes on and serves the next probe" in await (await late).text()
    device.release()
