"""What else a Prometheus beside the devices knows: the alerts that fire while a feed-in price is negative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from dashboards.preview.history import Sampled

BEGINS, ENDS = 11, 14
"""The hours, in UTC, between which the simulated market pays less than nothing."""

_ALERT: Final[Mapping[str, str]] = {
    "alertname": "FeedInPriceNegative",
    "alertstate": "firing",
    "control": "sunhelm",
    "severity": "info",
    "site": "home",
    "device": "tariff",
    "family": "tariff",
    "currency": "EUR",
}


def is_negative(time: int) -> bool:
    """Whether a kWh sent to the grid costs something at a time."""
    return BEGINS <= datetime.fromtimestamp(time, UTC).hour <= ENDS


def alerts(times: Iterable[int]) -> Iterator[Sampled]:
    """Yield the alerts that fire, as Prometheus keeps them."""
    for time in times:
        if is_negative(time):
            yield "ALERTS", _ALERT, 1.0, time
