"""The dynamic schedule of a Sessy: its power and the price of energy, now and in the next hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.families.shapes import number, objects
from sunhelm.devices.families.timeline import Period, Timeline
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Sample
from sunhelm.devices.wall_clock import begin

_GROUP: Final = "schedule"
_HOUR_S: Final = 3600.0
_HOURS_AHEAD: Final = range(1, 25)
_EUR: Final = 100_000
_CURRENCY: Final = "EUR"


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(f"sessy_{name}", unit, "gauge", text, labels)


_POWER: Final = _gauge("schedule_power", "watts", "What the schedule asks for now; discharge is positive.")
_POWER_AHEAD: Final = _gauge(
    "schedule_ahead_power",
    "watts",
    "What the schedule asks for so many hours from now; discharge is positive.",
    "hours",
)
_PRICE: Final = _gauge(
    "energy", "price_per_kwh", "The price of a kWh that the schedule reckons with now.", "currency"
)
_PRICE_AHEAD: Final = _gauge(
    "energy_ahead",
    "price_per_kwh",
    "The price of a kWh that the schedule reckons with so many hours from now.",
    "currency",
    "hours",
)
OFFERS: Final = (_POWER, _POWER_AHEAD, _PRICE, _PRICE_AHEAD)


def schedule_samples(document: Mapping[str, object], now: float, zone: ZoneInfo) -> Iterator[Sample]:
    """Yield what an answer of either version says of now and of the hours ahead."""
    powers, prices = _timelines(document, zone)
    for timeline, quantity, ahead, labels, scale in (
        (powers, _POWER, _POWER_AHEAD, (), 1),
        (prices, _PRICE, _PRICE_AHEAD, (_CURRENCY,), _EUR),
    ):
        value = timeline.value(now)
        if value is not None:
            yield Sample(quantity, value / scale, labels, "dynamic schedule", _GROUP)
        for hours in _HOURS_AHEAD:
            value = timeline.value(now + hours * _HOUR_S)
            if value is not None:
                yield Sample(ahead, value / scale, (*labels, str(hours)), "dynamic schedule", _GROUP)


def _timelines(document: Mapping[str, object], zone: ZoneInfo) -> tuple[Timeline, Timeline]:
    if "dynamic_schedule" in document:
        return (
            Timeline.of(_moments(document.get("dynamic_schedule"), "power")),
            Timeline.of(_moments(document.get("energy_prices"), "price")),
        )
    return (
        Timeline.of(_days(document.get("power_strategy"), ("power",), zone)),
        Timeline.of(_days(document.get("energy_prices"), ("price", "energy_prices"), zone)),
    )


def _moments(entries: object, key: str) -> Iterator[Period]:
    for entry in objects(entries):
        start, end = number(entry.get("start_time")), number(entry.get("end_time"))
        value = number(entry.get(key))
        if start is not None and end is not None and value is not None:
            yield Period(start, end, value)


def _days(entries: object, keys: tuple[str, ...], zone: ZoneInfo) -> Iterator[Period]:
    """Yield the hours of days by the local clock; an hour that a change of the clocks skips is empty."""
    for entry in objects(entries):
        hours = next((entry[key] for key in keys if isinstance(entry.get(key), list)), [])
        try:
            day = date.fromisoformat(str(entry.get("date")))
        except ValueError:
            continue
        assert isinstance(hours, list)
        for hour, written in enumerate(hours[:24]):
            if (value := number(written)) is not None:
                start, end = begin(day, hour * 60, zone), begin(day, (hour + 1) * 60, zone)
                yield Period(start, end, value)
