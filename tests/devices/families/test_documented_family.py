"""The smallest family, as `docs/extend/family.md` writes it down, reads a device."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from sunhelm.devices.clock import Deadline


async def test_the_smallest_family_of_the_docs_reads_a_device(
    root: Path, make_source: Callable[..., Any], link: Any, clock: Any
) -> None:
    page = (root / "docs" / "extend" / "family.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    source = make_source(yaml.safe_load(files["family.yaml"]), {"device.csv": files["device.csv"]})
    link.set(1, 100, 0xFFFF, 0xFC18, 0, 12345)

    deadline = Deadline.after(10, clock)
    async with source.turn(deadline):
        await source.prepare(deadline)
        fetched = await source.fetch(("live", "energy"), deadline)

    told = {sample.quantity.metric: sample.value for group in fetched.values() for sample in group.samples}
    assert told == {"solar_grid_power_watts": -1000.0, "solar_pv_production_joules_total": 1234.5 * 3.6e6}
