"""What else a Prometheus beside the house knows: prices and an alert, a controller, counters, trouble.

Nothing of it acts on the simulated house: the limit is never so strict that it would hold anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

_PRICE: Final[Mapping[str, str]] = {
    "site": "home",
    "device": "prices",
    "family": "tariff",
    "currency": "EUR",
}
_ALERT: Final[Mapping[str, str]] = {
    "alertname": "FeedInPriceNegative",
    "alertstate": "firing",
    "control": "sunhelm",
    "severity": "info",
    **_PRICE,
}
EXPORT_LIMIT_W: Final = 9_000
"""What the house lets into the grid: more than it ever has."""


_COUNTED: Final[Mapping[str, Mapping[str, str]]] = {
    "sunhelm_exporter_held_values_total": {"guard": "bounds"},
    "sunhelm_exporter_link_retries_total": {},
    "sunhelm_exporter_link_stale_answers_total": {},
    "sunhelm_exporter_link_connects_total": {},
}
"""What the exporter counts of a device, and the labels beside it; here it grows by one every hour."""


def price(time: int) -> float:
    """Return what a kWh sent to the grid brings, in euro: less than nothing around noon."""
    hour = datetime.fromtimestamp(time, UTC).hour
    return round(0.06 - 0.09 * math.exp(-((hour - 12.5) ** 2) / 6.0), 4)


def companions(device: str, times: range) -> Iterator[tuple[str, Mapping[str, str], float, int]]:
    """Yield metric, labels, value and time of all that is known beside the house whose device this is."""
    commanded = {"device": device, "state": "export_limit"}
    for time in times:
        yield "solar_tariff_feed_in_price_per_kwh", _PRICE, price(time), time
        negative = price(time) < 0
        if negative:
            yield "ALERTS", _ALERT, 1.0, time
        for side in ("desired", "written", "observed"):
            limit = EXPORT_LIMIT_W * 2 / 3 if negative else EXPORT_LIMIT_W
            yield f"sunhelm_controller_{side}", commanded, float(limit), time
        for name, labels in _COUNTED.items():
            yield name, {"device": device, **labels}, float(time // 3600), time
        hot = datetime.fromtimestamp(time, UTC).hour in (12, 13)
        if hot:
            failure = {"site": "home", "device": device, "family": device, "reason": "timeout"}
            yield "solar_group_failure", failure | {"group": "battery_settings"}, 1.0, time
        alarm = {"site": "home", "device": device, "family": device, "alarm": "high_temperature"}
        yield f"solar_{device}_warnings", alarm, float(hot), time
        yield f"solar_{device}_warnings", alarm | {"alarm": "grid_lost"}, 1.0, time
