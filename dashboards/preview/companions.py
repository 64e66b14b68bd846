"""What else a Prometheus beside the house knows: prices, the alert on them, and a controller that minds it.

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
