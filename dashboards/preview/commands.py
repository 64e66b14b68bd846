"""What a controller beside the devices tells: it limits the export while the price is negative."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from dashboards.preview.companions import BEGINS, ENDS, is_negative
from dashboards.preview.history import Sampled

_LATE_S: Final = 240
"""For so long after a turn of the price the device is not what it shall be yet."""

_LIMIT_W: Final = 2_000.0
UNLIMITED_W: Final = 9_000.0
"""What the owner lets into the grid: more than the house ever has."""

_PREFIX: Final = "sunhelm_controller"
_POLICY: Final[Mapping[str, str]] = {"policy": "negative_price"}


def limit_held(time: int) -> float:
    """Return the watts that the device lets into the grid at a time."""
    return _LIMIT_W if is_negative(time - _LATE_S) else UNLIMITED_W


def commands(device: str, times: Iterable[int]) -> Iterator[Sampled]:
    """Yield what the controller tells of itself, and of one device that it limits."""
    for time in times:
        for name, labels, value in _told(device, time):
            yield f"{_PREFIX}_{name}", labels, float(value), time


def _told(device: str, time: int) -> Iterator[tuple[str, Mapping[str, str], float]]:
    state = {"device": device, "state": "export_limit"}
    hour = datetime.fromtimestamp(time, UTC).hour
    negative = is_negative(time)
    limit = _LIMIT_W if negative else UNLIMITED_W
    turned_at = (ENDS + 1 if hour > ENDS else BEGINS) * 3600
    since_turn = time % 86_400 - turned_at
    late = 0 <= since_turn < _LATE_S
    turns = 2 * (time // 86_400) + (hour >= BEGINS) + (hour > ENDS)
    yield "desired", state, limit
    yield "written", state, limit
    yield "observed", state, limit_held(time)
    yield "claims", _POLICY, negative
    yield "lease_age_seconds", _POLICY, time % 200 if negative else 0
    yield "fail_safe", state, 0
    yield "differs_seconds", state, since_turn if late else 0
    yield "writes_total", {**state, "outcome": "verified", "reason": ""}, turns
    yield "budget_left", {"device": device}, 18  # the two changes of any 24 hours are gone from it
    yield "heartbeat_late", {}, 0
    yield "heartbeat_age_seconds", {}, time % 60
    yield "alertmanager_age_seconds", {}, time % 200
    yield "inbox_age_seconds", {}, 0
    yield "deliveries_total", {"answer": "accepted"}, time // 60
