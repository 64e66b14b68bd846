"""The controller dies, and an inverter that nobody renews looks after the house by itself at its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.sma import SmaFace
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.real_time]

NIGHT: Final = 1_782_081_000.0
FALLS_BACK_S: Final = 9.0
RENEWED_S: Final = FALLS_BACK_S / 3
HANDED_BACK: Final = [(40151, (0, 803)), (40149, (0, 0))]

ISLAND: Final = {
    "site": {"name": "home", "zone": "Europe/Amsterdam"},
    "devices": {"island": {"family": "sma", "control": {"enabled": True, "allow": ["charge"]}}},
    "alertmanager": {
        "repeat_interval": "1m",
        "resend": "1ms",
        "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
    },
    "policies": {
        "price": {
            "match": {"alertname": "Price"},
            "device": "island",
            "action": "charge",
            "with": {"power": "1500W"},
            "lease": "10m",
            "max_life": "24h",
            "min_life": "0s",
        }
    },
}


async def seen_to_work(controller: Any) -> None:
    """Wait until the controller has seen what no register tells: that the battery does as it was told."""
    while 'outcome="effect_seen"' not in await controller.metrics():
        assert controller.process.poll() is None, controller.log
        await asyncio.sleep(0.05)


async def test_a_killed_controller_leaves_the_battery_to_the_device_after_its_time(
    *,
    tie: Callable[..., Any],
    words: Any,
    wait_until: Callable[..., Any],
    tmp_path: Path,
    within_s: Callable[[float], float],
) -> None:
    async with SimulatedSite(faces=["sma"], start=NIGHT) as simulated:
        endpoint = simulated.endpoints["sma"]
        assert isinstance(endpoint, ModbusServer)
        assert isinstance(endpoint.face, SmaFace)
        controls, log = endpoint.face.controls, endpoint.log
        controls.settings[41195] = int(FALLS_BACK_S)

        def battery_w() -> float:
            return simulated.plant.state.battery.power_w

        def last_two() -> list[tuple[int, tuple[int, ...]]]:
            return [(each.address, each.words) for each in log.writes][-2:]

        async with tie(tmp_path, ISLAND, endpoint.port) as (controller, _):
            controller.start()
            await controller.ready()
            await controller.deliver(words.firing("Watchdog"), words.firing("Price"))
            await wait_until(lambda: len(log.writes), lambda count: count >= 3, controller)
            await wait_until(battery_w, lambda watts: watts < -300, controller)
            await seen_to_work(controller)
            controller.kill()
            killed_at = time.monotonic()
            assert controls.obeys == "setpoint"

            await wait_until(lambda: controls.obeys, lambda obeys: obeys == "fallback", controller)
            assert (
                FALLS_BACK_S - RENEWED_S - 1.0 < time.monotonic() - killed_at < FALLS_BACK_S + within_s(1.0)
            )
            await wait_until(battery_w, lambda watts: watts >= 0, controller)

            controller.start()
            await wait_until(lambda: controls.obeys, lambda obeys: obeys == "setpoint", controller)
            await controller.ready()
            await controller.deliver(words.resolved("Price", at=time.time() - 0.1))
            await controller.deliver(words.firing("Watchdog"))
            await wait_until(last_two, lambda writes: writes == HANDED_BACK, controller)
            assert controls.obeys == ""
