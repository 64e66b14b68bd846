"""Many webhooks at once: all are answered soon, all are kept, and the device hears of it once."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(120), pytest.mark.real_time]

ANSWERED_S: Final = 1.0
STORM_S: Final = 10
STORM_A_SECOND: Final = 200
MEMORY_MIB: Final = 64
SITE: Final = {
    "site": {"name": "home", "zone": "UTC"},
    "devices": {
        "roof": {
            "family": "sec1000s",
            "rated_power": "11kW",
            "export_limit": {"minimum": "0W", "maximum": "11kW", "phases": "sum"},
            "control": {"enabled": True, "allow": ["limit_export"]},
        }
    },
    "alertmanager": {
        "repeat_interval": "1m",
        "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
    },
    "policies": {
        "price": {
            "match": {"alertname": "Price"},
            "device": "roof",
            "action": "limit_export",
            "with": {"limit": "0W"},
            "lease": "10m",
            "max_life": "24h",
        }
    },
}


def kept(folder: Path) -> int:
    """Return how many alerts are in the journal."""
    with closing(sqlite3.connect(folder / "state" / "journal.sqlite3")) as journal:
        return int(journal.execute("SELECT count(*) FROM alerts WHERE labels LIKE '%Price%'").fetchone()[0])


def memory_mib(controller: Any) -> float:
    """Return the resident memory of the process."""
    status = Path(f"/proc/{controller.process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


async def answered_s(controller: Any, *alerts: Any) -> float:
    """Deliver, and return after how many seconds the answer was there."""
    began = time.monotonic()
    await controller.deliver(*alerts)
    return time.monotonic() - began


@pytest.fixture
async def roof(tie: Callable[..., Any], words: Any, tmp_path: Path) -> AsyncIterator[tuple[Any, Sec1000Box]]:
    """A controller that is ready, and its box."""
    async with SimulatedSite(faces=["sec1000s"]) as simulated:
        box = simulated.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        async with tie(tmp_path, SITE, box.port) as (controller, _):
            controller.start()
            await controller.ready()
            await controller.deliver(words.firing("Watchdog"))
            yield controller, box


async def test_two_hundred_repeats_of_a_delivery_are_one_write(
    roof: Any, words: Any, wait_until: Callable[..., Any]
) -> None:
    controller, box = roof

    for _ in range(200):
        await controller.deliver(words.firing("Price"))

    await wait_until(lambda: box.export_limit_w, lambda watts: watts == 0, controller)
    await wait_until(lambda: "outcome=verified" in controller.log, bool, controller)
    assert len(box.log.writes) == 1
    assert kept(controller.folder) == 1


async def test_a_delivery_of_a_thousand_alerts_is_kept_whole(
    roof: Any, words: Any, within_s: Callable[[float], float]
) -> None:
    controller, _ = roof

    took_s = await answered_s(
        controller, *(words.firing("Price", fingerprint=str(number)) for number in range(1000))
    )

    assert took_s < within_s(ANSWERED_S)
    assert kept(controller.folder) == 1000


async def test_a_storm_of_webhooks_is_answered_and_kept(
    roof: Any, words: Any, record_property: Callable[[str, object], None], within_s: Callable[[float], float]
) -> None:
    controller, box = roof
    before = memory_mib(controller)
    began = time.monotonic()
    answers = []
    for number in range(STORM_S * STORM_A_SECOND):
        await asyncio.sleep(max(0.0, began + number / STORM_A_SECOND - time.monotonic()))
        alert = words.firing("Price", fingerprint=str(number))
        answers.append(asyncio.create_task(answered_s(controller, alert)))

    slowest_s = max(await asyncio.gather(*answers))

    record_property("slowest_s", slowest_s)
    assert slowest_s < within_s(ANSWERED_S)
    assert kept(controller.folder) == len(answers)
    assert memory_mib(controller) - before < MEMORY_MIB
    assert len(box.log.writes) == 1
