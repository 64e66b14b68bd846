"""Exporter and controller at once on a box that bears one client, and asks for its pauses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from sunhelm.simulator.faults import Delay, OneClient
from sunhelm.simulator.request_log import Request, RequestLog

pytestmark = [pytest.mark.timeout(240), pytest.mark.real_time]

TELEMETRY, SET_LIMIT, GET_LIMIT = 0x0B, 0x42, 0x43
ROUNDS: Final = 4
SCRAPE_S: Final = 1.0
ANSWERS_S: Final = 0.4
SETTLE_S: Final = 2.0
"""What the box needs between a write and a look at it."""
SLACK_S: Final = 0.1
"""What a machine with other work to do may take between two clocks."""
POLICIES: Final = {
    "price": {
        "match": {"alertname": "Price"},
        "device": "roof",
        "action": "limit_export",
        "with": {"limit": "0W"},
        "min_life": "0s",
    }
}


@dataclass(slots=True)
class TimedLog(RequestLog):
    """Requests with the moments at which they came."""

    times: list[tuple[float, int]] = field(default_factory=list)

    def record(self, request: Request) -> None:
        self.times.append((time.monotonic(), request.function))
        super(TimedLog, self).record(request)

    def of(self, *functions: int) -> list[float]:
        """Return when requests with these functions came."""
        return [at for at, function in self.times if function in functions]


@dataclass
class Scraper:
    """Somebody who scrapes the box each second, whatever comes back; remembers every scrape that failed."""

    session: ClientSession
    url: str
    scrapes: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            async with self.session.get(self.url) as answer:
                page = await answer.text()
            self.scrapes += 1
            if "\nsolar_device_up 1" not in page:
                reasons = [line for line in page.splitlines() if line.startswith("solar_group_failure{")]
                self.failed.append((began, " ".join(reasons)))
            await asyncio.sleep(max(0.0, SCRAPE_S - (time.monotonic() - began)))


async def test_the_controller_comes_next_and_the_exporter_loses_a_scrape_at_most(
    roof: Any, run_chain: Callable[..., Any], eventually_true: Callable[..., Any]
) -> None:
    box, door = roof.box, roof.box.log
    box.log = log = TimedLog()
    box.faults.start(OneClient())
    box.faults.start(Delay(seconds=ANSWERS_S))
    capacity_w = box.export_limit_w
    devices = {"roof": roof.devices()["roof"]}
    async with run_chain(devices, POLICIES, only=("exporter", "controller")) as chain:
        scraper = Scraper(chain.session, chain.url("exporter", "/probe?target=roof"))
        scraping = asyncio.create_task(scraper.run())
        await eventually_true(lambda: len(log.of(TELEMETRY)) >= 2, chain)
        waits, lost = [], []
        for _ in range(ROUNDS):
            began, since = time.monotonic(), time.time()
            await chain.deliver("firing", "Watchdog", "Price", since=since)
            await eventually_true(lambda: box.export_limit_w == 0, chain)
            waits.append(next(at for at in log.of(SET_LIMIT, GET_LIMIT) if at > began) - began)
            await eventually_true(lambda: observed(chain, 0.0), chain)
            await chain.deliver("resolved", "Price", since=since, until=time.time())
            await eventually_true(lambda: beaten(chain, box, capacity_w), chain)
            await eventually_true(lambda: restored(chain), chain)
            lost.append(sum(at >= began for at, _ in scraper.failed))
        scraping.cancel()
        await asyncio.gather(scraping, return_exceptions=True)
        words = chain.words()

    telemetry = log.of(TELEMETRY)
    print(f"{scraper.scrapes} scrapes, {len(telemetry)} telemetry requests, failed: {scraper.failed}")
    print(f"waited {', '.join(f'{wait:.2f}' for wait in waits)} s for the box; lost scrapes a round {lost}")
    assert (door.turned_away, door.connections >= len(log.times) > 0) == (0, True)
    assert not box.hung
    assert min(later - earlier for earlier, later in pairwise(telemetry)) >= 5.0 - SLACK_S
    assert _pauses_after_writes(log) >= 1.0 - SLACK_S
    assert max(waits) < ANSWERS_S + SETTLE_S + SLACK_S, words
    assert max(lost) <= 2, "one for the curtailment and one for the restore"
    assert all("busy" in reasons for _, reasons in scraper.failed), scraper.failed


def _pauses_after_writes(log: TimedLog) -> float:
    """Return the shortest time between the last frame of a write and the telemetry after it."""
    writes = log.of(SET_LIMIT)
    return min(
        at - max(write for write in writes if write < at)
        for at in log.of(TELEMETRY)
        if any(write < at for write in writes)
    )


async def observed(chain: Any, watts: float) -> bool:
    return list((await chain.controllers("observed")).values()) == [watts]


async def restored(chain: Any) -> bool:
    """Return whether nothing is asked any more, and nothing owed."""
    return not await chain.controllers("desired")


async def beaten(chain: Any, box: Any, watts: int) -> bool:
    """Let the heart beat, and return whether the box has its limit back."""
    await chain.deliver("firing", "Watchdog", since=1.0)
    await asyncio.sleep(0.1)
    return bool(box.export_limit_w == watts)
