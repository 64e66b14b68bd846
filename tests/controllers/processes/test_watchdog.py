"""kill -9 while the export limit is lifted: the next process puts it back before anything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.sec1000 import Habits, Sec1000Box
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.real_time]

BACK_S: Final = 5.0
CAPACITY_W: Final = 11_000

SITE: Final = {
    "site": {"name": "home", "zone": "Europe/Amsterdam"},
    "devices": {
        "roof": {
            "family": "sec1000s",
            "rated_power": "11kW",
            "export_limit": {"minimum": "0W", "maximum": "11kW", "phases": "sum"},
            "control": {
                "enabled": True,
                "allow": ["reset_watchdog", "limit_export"],
                "allow_unlimited": "10s",
            },
        }
    },
    "alertmanager": {
        "repeat_interval": "1m",
        "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
    },
    "policies": {
        "throttled": {"match": {"alertname": "Throttled"}, "device": "roof", "action": "reset_watchdog"},
        "price": {
            "match": {"alertname": "Price"},
            "device": "roof",
            "action": "limit_export",
            "with": {"limit": "4kW"},
        },
    },
}

# Two reads, three frames that lift the limit, then those that put it back.
CUTS: Final = [
    {"frame": frame, "delivered": done}
    for frame, done in ((2, True), (3, False), (3, True), (5, True), (6, False), (8, True), (9, False))
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
async def test_a_controller_killed_while_the_limit_is_lifted_puts_it_back_first(
    *,
    tie: Callable[..., Any],
    words: Any,
    wait_until: Callable[..., Any],
    tmp_path: Path,
    cut: dict[str, Any],
    within_s: Callable[[float], float],
) -> None:
    async with SimulatedSite(faces=["sec1000s"]) as simulated:
        box = simulated.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        box.habits = Habits(hangs_below_s=None)
        box.total_capacity_w = box.export_limit_w = CAPACITY_W
        async with tie(tmp_path, SITE, box.port) as (controller, wire):
            controller.start()
            await controller.ready()
            await controller.deliver(words.firing("Watchdog"))
            wire.cut_at(**cut)
            await controller.deliver(words.firing("Throttled"))
            await controller.killed()
            lifted, written = box.mode == 0, len(box.log.writes)

            controller.start()
            await wait_until(lambda: box.mode, lambda mode: mode == 3, controller)
            assert time.monotonic() - controller.started_at < within_s(BACK_S), controller.log
            if lifted:
                assert [write.address for write in list(box.log.writes)[written : written + 3]] == [
                    0x33,
                    0x28,
                    0x40,
                ]
            await controller.ready()
            if cut["frame"] > 2:
                await wait_until(lambda: "limit_restored" in controller.log, bool, controller)
            assert (box.mode, box.export_limit_w, box.total_capacity_w) == (3, CAPACITY_W, CAPACITY_W)
            metrics = await controller.metrics()
            assert 'sunhelm_controller_limit_lifted_seconds{device="roof"} 0.0' in metrics


async def test_a_controller_told_to_end_puts_the_limit_back_before(
    tie: Callable[..., Any], words: Any, wait_until: Callable[..., Any], tmp_path: Path
) -> None:
    async with SimulatedSite(faces=["sec1000s"]) as simulated:
        box = simulated.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        box.habits = Habits(hangs_below_s=None)
        async with tie(tmp_path, SITE, box.port) as (controller, _):
            controller.start()
            await controller.ready()
            await controller.deliver(words.firing("Watchdog"), words.firing("Throttled"))
            await wait_until(lambda: box.mode, lambda mode: mode == 0, controller)
            controller.process.terminate()
            ended = await wait_until(controller.process.poll, lambda status: status is not None, controller)

            assert (ended, box.mode) == (0, 3), controller.log
            assert "limit_restored" in controller.log
