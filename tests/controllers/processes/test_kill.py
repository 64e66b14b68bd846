"""kill -9 between any two frames: the next process brings the device to what is asked within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.real_time]

CONVERGED_S: Final = 5.0
CAPACITY_W: Final = 11_000
HEARTBEAT: Final = {
    "repeat_interval": "1m",
    "resend": "1ms",
    "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
}


def site(device: dict[str, Any], **policy: Any) -> dict[str, Any]:
    terms = {"match": {"alertname": "Price"}, "lease": "10m", "max_life": "24h", "min_life": "0s"}
    return {
        "site": {"name": "home", "zone": "Europe/Amsterdam"},
        "devices": {"roof": device},
        "alertmanager": HEARTBEAT,
        "policies": {"price": {**terms, "device": "roof", **policy}},
    }


BOX: Final = site(
    {
        "family": "sec1000s",
        "rated_power": "11kW",
        "export_limit": {"minimum": "0W", "maximum": "11kW", "phases": "sum"},
        "control": {"enabled": True, "allow": ["limit_export"]},
    },
    action="limit_export",
    **{"with": {"limit": "0W"}},
)
GX: Final = site(
    {"family": "victron", "control": {"enabled": True, "allow": ["charge", "external_control"]}},
    action="charge",
    **{"with": {"power": "1500W"}},
)


# Read for its identity, read for what is set, the limit, read back.
@pytest.mark.parametrize(
    "cut", [{"frame": frame, "delivered": done} for frame in (1, 2, 3, 4) for done in (False, True)], ids=str
)
async def test_a_controller_killed_at_any_frame_of_a_limit_ends_what_was_begun(
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
        box.total_capacity_w = box.export_limit_w = CAPACITY_W
        async with tie(tmp_path, BOX, box.port) as (controller, wire):
            controller.start()
            await controller.ready()
            wire.cut_at(**cut)
            await controller.deliver(words.firing("Watchdog"), words.firing("Price"))
            await controller.killed()

            controller.start()
            await wait_until(lambda: box.export_limit_w, lambda watts: watts == 0, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log

            await controller.ready()
            wire.cut_at(**cut)
            await controller.deliver(words.resolved("Price", at=time.time() - 0.1))
            await controller.deliver(words.firing("Watchdog"))
            await controller.killed()

            controller.start()
            await wait_until(lambda: box.export_limit_w, lambda watts: watts == CAPACITY_W, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log
            assert box.mode == 3


async def test_a_device_with_a_timer_lets_go_by_itself_and_is_taken_up_again(
    *,
    tie: Callable[..., Any],
    words: Any,
    wait_until: Callable[..., Any],
    tmp_path: Path,
    within_s: Callable[[float], float],
) -> None:
    async with SimulatedSite(faces=["victron"]) as simulated:
        endpoint = simulated.endpoints["victron"]
        assert isinstance(endpoint, ModbusServer)
        assert isinstance(endpoint.face, VictronFace)
        controls = endpoint.face.controls
        async with tie(tmp_path, GX, endpoint.port) as (controller, wire):
            controller.start()
            await controller.ready()
            await controller.deliver(words.firing("Watchdog"), words.firing("Price"))
            await wait_until(lambda: controls.external, bool, controller)
            controller.kill()
            killed_at = time.monotonic()
            await wait_until(lambda: controls.external, lambda external: not external, controller)
            assert time.monotonic() - killed_at < controls.watchdog_s + within_s(1.0)

            controller.start()
            await wait_until(lambda: controls.external, bool, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log

            await controller.ready()
            wire.cut_at(3, delivered=True)
            await controller.deliver(words.resolved("Price", at=time.time() - 0.1))
            await controller.deliver(words.firing("Watchdog"))
            await controller.killed()

            controller.start()
            await wait_until(lambda: controls.mode, lambda mode: mode != 3, controller)
            assert time.monotonic() - controller.started_at < within_s(CONVERGED_S), controller.log
