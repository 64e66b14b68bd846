from __future__ import annotations

from typing import Any

import pytest

from exporter.delivery import deliver
from exporter.influx_client import InfluxClient
from exporter.points import Points
from exporter.targets import target_labels

pytestmark = pytest.mark.integration


async def test_a_reading_comes_back_through_promql(
    victoria_metrics: Any, make_section: Any, device: Any
) -> None:
    client = InfluxClient(make_section(victoria_metrics.url))
    labels = target_labels("gx", "home", "victron")
    lines = Points().lines(labels, device.reading(1_780_000_000.0))
    delivered = await deliver(client, lines)
    await client.close()
    assert delivered.written == len(lines)

    common = {**labels, "group": "live"}
    values = victoria_metrics.values('{__name__=~"solar_.+",group="live"}', 1_780_000_000)
    info = {"vendor": "Victron", "model": "Cerbo GX", "serial": "HQ2", "firmware": "v3.55"}
    assert values == {
        tuple(sorted({"__name__": f"solar_{name}", **common, **extra}.items())): value
        for name, extra, value in (
            ("device_info", info, 1.0),
            ("grid_power_watts", {}, 0.0),
            ("grid_export_joules_total", {}, 640_440_000.0),
            ("grid_phase_power_watts", {"phase": "L1"}, 120.5),
            ("grid_phase_power_watts", {"phase": "L2"}, -7.0),
        )
    }
