"""Faults as Prometheus sees them: through the whole exporter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import Exporter, add_exporter
from exporter.instruments import Instruments
from exporter.openings import open_targets
from exporter.probe import TIMEOUT_HEADER
from exporter.targets import Targets
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.web import create_application
from sunhelm.simulator.families import FAMILIES
from sunhelm.simulator.faults import (
    Delay,
    Drop,
    ExceptionReply,
    HalfOpen,
    Late,
    Refuse,
    Truncate,
    WrongTransaction,
)

OWN = ("solar_device", "solar_group", "solar_probe", "solar_scrape", "solar_sec1000s_feedback")
"""Series that tell of the asking, not of the device."""


@asynccontextmanager
async def _client(bench: Any) -> AsyncIterator[TestClient[Any, Any]]:
    targets = Targets({})
    instruments = Instruments(ProcessMetrics("sunhelm_exporter"), targets)
    targets.replace(open_targets(bench.site, clock=bench.clock))
    instruments.follow([*targets])
    health = Health("Sunhelm exporter")
    health.set_ready()
    app = create_application(health)
    add_exporter(app, Exporter(targets, instruments, clock=bench.clock))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (Drop(), {"timeout", "unreachable"}),
        (Delay(seconds=25.0), {"timeout", "unreachable"}),
        (Late(), {"timeout", "unreachable"}),
        (Truncate(), {"timeout", "unreachable"}),
        # A time-out where the read was still backing off when the scrape had to leave.
        (WrongTransaction(), {"malformed", "unreachable", "timeout"}),
        (ExceptionReply(code=6), {"busy", "timeout"}),
        (HalfOpen(), {"timeout", "unreachable"}),
        (Refuse(), {"unreachable"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("family", [name for name in FAMILIES if not FAMILIES[name].cloud])
def test_a_scrape_is_in_time_says_why_and_is_well_again_after(
    family: str, fault: Any, reasons: set[str], open_bench: Any, virtually: Any
) -> None:  # T6, T20, T41
    async def program() -> None:
        async with open_bench(family) as bench, _client(bench) as client:
            scrape = bench.device.family.spec.scrape

            async def page() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
                began = bench.clock.monotonic()
                headers = {TIMEOUT_HEADER: str(scrape.timeout)}
                answer = await client.get("/probe?target=device", headers=headers)
                assert answer.status == 200
                text = await answer.text()
                took = bench.clock.monotonic() - began
                assert took <= scrape.timeout
                await bench.pass_time(max(0.0, scrape.interval - took))
                return {
                    (sample.name, frozenset(sample.labels.items())): sample.value
                    for metric in text_string_to_metric_families(text)
                    for sample in metric.samples
                }

            up = ("solar_device_up", frozenset())
            assert (await page())[up] == 1
            with bench.faults.during(fault):
                for _ in range(3):
                    shown = await page()
                    assert shown[up] == 0
                    assert not {name for name, _ in shown if not name.startswith(OWN)}
                    told = {dict(labels)["reason"] for name, labels in shown if name == "solar_group_failure"}
                    assert told
                    # The error answers of a GivEnergy adapter have no number.
                    assert told <= reasons | ({"rejected"} if family == "givenergy" else set())
            # A device of one client is free again when what it owes the last one has been said.
            await bench.pass_time(fault.seconds if isinstance(fault, Delay) else 0.0)
            assert (await page())[up] == 1

    virtually(program())
