"""What a controller beside the house tells: it limits the export while the price is negative."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

_BEGINS, _ENDS = 11, 15
"""The hours, in UTC, between which the price of the previews is below zero."""

_STEP_S: Final = 240
"""For so long after a turn of the price the device is not what it shall be yet."""

_PREFIX: Final = "sunhelm_controller"
_POLICY: Final[Mapping[str, str]] = {"policy": "negative_price"}


def commands(device: str, times: range) -> Iterator[tuple[str, Mapping[str, str], float, int]]:
    """Yield metric, labels, value and time of what the controller tells besides its limits."""
    state = {"device": device, "state": "export_limit"}
    done = {**state, "outcome": "verified", "reason": ""}
    for time in times:
        moment = datetime.fromtimestamp(time, UTC)
        negative = _BEGINS <= moment.hour < _ENDS
        turns = 2 * (time // 86_400) + (moment.hour >= _BEGINS) + (moment.hour >= _ENDS)
        since_turn = time % 86_400 - (_ENDS if moment.hour >= _ENDS else _BEGINS) * 3600
        told: tuple[tuple[str, Mapping[str, str], float], ...] = (
            ("claims", _POLICY, negative),
            ("lease_age_seconds", _POLICY, time % 200 if negative else 0),
            ("fail_safe", state, 0),
            ("differs_seconds", state, since_turn if 0 <= since_turn < _STEP_S else 0),
            ("writes_total", done, turns),
            ("budget_left", {"device": device}, 18 if moment.hour >= _BEGINS else 20),
            ("heartbeat_late", {}, 0),
            ("heartbeat_age_seconds", {}, time % 60),
            ("alertmanager_age_seconds", {}, time % 200),
            ("inbox_age_seconds", {}, 0),
            ("deliveries_total", {"answer": "accepted"}, time // 60),
        )
        for name, labels, value in told:
            yield f"{_PREFIX}_{name}", labels, float(value), time
