"""Izypower as it is read: what its cloud says, does not say, and says wrongly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.families import load_family

AtHome = Callable[..., None]


def test_a_station_reads_as_the_house_is(at_home: AtHome, told: Any) -> None:
    async def program(home: Any) -> None:
        reading = await home.reader().read(home.deadline())
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        values, now = told(reading), home.plant.state
        assert values["solar_grid_power_watts",] == pytest.approx(now.grid.power_w, abs=400)
        balance = [values[f"solar_{name}_power_watts",] for name in ("pv", "grid", "battery")]
        assert sum(balance) == pytest.approx(values["solar_load_power_watts",])

    at_home(program)


def test_the_names_of_all_metrics_are_known(golden: Any, root: Path) -> None:
    lines = {
        f"{quantity.metric} {quantity.kind} {','.join(quantity.labels)}".rstrip() + "\n"
        for quantities in load_family("izypower").offers.values()
        for quantity in quantities
    }
    golden.check(root / "tests" / "golden" / "names" / "izypower.txt", "".join(sorted(lines)))
