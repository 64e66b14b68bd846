from __future__ import annotations

from typing import Any


async def test_its_own_metrics_count_probes_reads_and_guards(
    client: Any, clock: Any, device: Any, series_of: Any
) -> None:
    for _ in range(3):
        await client.get("/probe?target=gx")
    await clock.advance(1.0)
    device.groups = ("live",)
    await client.get("/probe?target=gx")
    page = series_of(await (await client.get("/metrics")).text())

    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=complete"] == 4
    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=down"] == 0
    assert page["sunhelm_exporter_reads_total", "device=gx"] == 2
    assert page["sunhelm_exporter_held_values_total", "device=gx", "guard=sentinel"] == 2
    assert page["sunhelm_exporter_dropped_samples_total", "device=gx"] == 0
    assert [name for name, *_ in page if name == "sunhelm_exporter_build_info"]
    assert page["process_resident_memory_bytes",] > 0
    assert not [name for name, *_ in page if name.endswith("_created") or name.startswith("solar_")]
