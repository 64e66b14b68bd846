from __future__ import annotations

from typing import Any

from sunhelm.devices.errors import Reason


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
