"""PromQL of the dashboards: our metrics, filtered by the dashboards' variables.

Every query works whether `site` and `device` come as target labels (from `/sd`) or stand on the
`/metrics` page that all devices share.
"""

from __future__ import annotations

from typing import Literal

Point = Literal["grid", "load"]
Source = Literal["pv", "battery"]
Energy = Literal[
    "pv_production",
    "grid_import",
    "grid_export",
    "battery_charge",
    "battery_discharge",
    "load_consumption",
]

DEVICES = 'device=~"$device", site=~"$site"'
"""The chosen devices: what they have is added up."""

GRID_METER = 'device=~"$grid_meter", site=~"$site"'
"""The one device whose view of the grid and the loads counts: a second one sees the same watts."""


def chosen(metric: str, *matchers: str, devices: str = DEVICES) -> str:
    """Return the series of the metric that belong to the chosen devices."""
    return f"{metric}{{{', '.join((devices, *matchers))}}}"


def power(what: Source | Point) -> str:
    """Return the power of the site in watts; positive into the house, for loads out of it."""
    devices = GRID_METER if what in ("grid", "load") else DEVICES
    return f"sum({chosen(f'solar_{what}_power_watts', devices=devices)})"


def power_now(what: Source | Point) -> str:
    """Return the power in whole watts, so that what is left of a sum does not become a femtowatt."""
    return f"round({power(what)})"


def inflow(what: Source | Point) -> str:
    """Return the part of the power that comes into the house: production, import, discharge."""
    return f"clamp_min({power(what)}, 0)"


def outflow(what: Source | Point) -> str:
    """Return the part of the power that leaves the house, as a positive number: export, charge."""
    return f"clamp_min(-{power(what)}, 0)"


def energy_of_day(what: Energy) -> str:
    """Return the kWh of the day that begins at the evaluated instant.

    With a step of one day Grafana evaluates at midnight of the dashboard's time zone, so that this is the
    energy of each day, and of today so far. A device without a counter has its power integrated.
    """
    devices = GRID_METER if what.startswith(("grid", "load")) else DEVICES
    counted = chosen(f"device:solar_{what}_kwh:last1d", devices=devices)
    integrated = chosen(f"device:solar_{what}_kwh:integral1m", devices=devices)
    return f"sum(increase({counted}[1d] offset -1d) or sum_over_time({integrated}[1d] offset -1d))"


def share_not(part: Energy, whole: Energy) -> str:
    """Return how much of the day's `whole` was not `part`: 0 to 1."""
    return f"clamp(1 - {energy_of_day(part)} / {energy_of_day(whole)}, 0, 1)"


def device_state() -> str:
    """Return 1 up, 0 down, 2 asleep, 3 without a page from the exporter; one series a device."""
    by = "max by (device, family)"
    up = chosen("solar_device_up")
    asleep = chosen("solar_group_failure", 'reason="asleep"')
    target = chosen("up", 'family!=""')
    return f"{by} ({up} == 1) or {by} (2 * {asleep}) or {by} ({up}) or {by} (3 + 0 * {target})"


def failing_groups() -> str:
    """Return how many groups of each device could not be read."""
    return f"sum by (device, family) (1 - {chosen('solar_group_success')})"


def age_of_data(which: Literal["newest", "oldest"]) -> str:
    """Return the age in seconds of the newest or the oldest group of each device."""
    extreme = "max" if which == "newest" else "min"
    return f"time() - {extreme} by (device, family) ({chosen('solar_group_timestamp_seconds')})"
