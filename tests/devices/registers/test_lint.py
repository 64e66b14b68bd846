"""Names that promtool would refuse are refused when a map is loaded, and no others."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from sunhelm.devices.quantities import CATALOGUE, Kind, Quantity
from sunhelm.devices.registers.lint import lint

CLEAN = [
    *(
        "fan_speed",
        "battery_cycles",
        "thermometers",
        "count_of_cells",
        "total_runs",
        "sum_of_strings",
        "info",
    ),
    *(
        "bucket_size",
        "seconds_hand",
        "kelvin_scale",
        "summary2",
        "msx",
        "hourly_mean",
        "daily_mean",
        "voltsx",
    ),
]
BAD = [
    *(
        "phase_count",
        "cell_sum",
        "size_bucket",
        "runs_total",
        "gauge_reading",
        "my_counter",
        "histogram_of_x",
    ),
    *(
        "delay_ms",
        "s_bend",
        "pb_ratio_b",
        "mb_free",
        "day_d",
        "h_bridge",
        "run_hours",
        "days_left",
        "kilometers",
    ),
    *(
        "minutes_past",
        "kilobytes_sent",
        "millivolts_now",
        "bits_set",
        "fahrenheit_now",
        "megajoules_in",
        "miles",
    ),
]


def quantity(name: str, unit: str = "", kind: Kind = "gauge") -> Quantity:
    return Quantity(f"deye_{name}", unit, kind, "Some text.")


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_name_brings_no_complaint(name: str) -> None:
    assert list(lint(quantity(name))) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_brings_a_complaint(name: str) -> None:
    assert list(lint(quantity(name)))


def test_a_counter_may_end_in_total_and_a_name_not_in_its_unit() -> None:
    assert list(lint(quantity("runs", kind="counter"))) == []
    assert list(lint(quantity("grid_volts", "volts"))) == [
        '"solar_deye_grid_volts_volts" has its unit twice; it is added to the name'
    ]


def test_the_catalogue_is_clean() -> None:
    complaints = [complaint for quantity in CATALOGUE.values() for complaint in lint(quantity)]
    assert complaints == []


@pytest.mark.integration
def test_promtool_complains_of_the_same_names() -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is in Debian's package prometheus"
    metrics = [quantity(name).metric for name in (*CLEAN, *BAD)]
    page = "".join(f"# HELP {m} Some text.\n# TYPE {m} gauge\n{m} 1\n" for m in metrics)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False, timeout=30
    )
    complained = {line.split()[0] for line in (checked.stdout + checked.stderr).splitlines()}
    assert complained == {quantity(name).metric for name in BAD}
