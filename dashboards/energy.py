"""Panels of energy that several dashboards show: how much of it is one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from grafana_foundation_sdk.builders import bargauge, timeseries
from grafana_foundation_sdk.models.common import VisibilityMode

from dashboards.panels import DAYS, NO_RULES, Frame, Series, Steps, chart, of_each_day, share
from dashboards.queries import share_not

Share = Literal["Self-sufficiency", "Self-consumption"]

_SHARES: Final[Mapping[Share, tuple[str, str]]] = {
    "Self-sufficiency": (
        "The part of today's consumption that was not imported.",
        share_not("grid_import", "load_consumption"),
    ),
    "Self-consumption": (
        "The part of today's PV production that was not exported.",
        share_not("grid_export", "pv_production"),
    ),
}
_STEPS: Final[Steps] = {None: "orange", 0.4: "yellow", 0.7: "green"}


def share_today(which: Share, width: int) -> bargauge.Panel:
    """Return a bar of today's share."""
    text, query = _SHARES[which]
    frame = Frame(f"{which} today", text, NO_RULES, width, 5)
    return of_each_day(share(frame, [Series(which, query)], _STEPS, now=False), days=0)


def shares_by_day(width: int) -> timeseries.Panel:
    """Return both shares of a week, day by day."""
    frame = Frame(
        "Self-sufficiency by day",
        "Self-sufficiency: the part of the consumption that was not imported. Self-consumption: the part "
        "of the PV production that was not exported.",
        NO_RULES,
        width,
        10,
    )
    series = [Series(which, query) for which, (_, query) in _SHARES.items()]
    panel = of_each_day(chart(frame, "percentunit", series, line_width=2), days=DAYS)
    return panel.min(0).max(1).show_points(VisibilityMode.ALWAYS).point_size(8)
