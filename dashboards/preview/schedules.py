"""What a vendor's cloud keeps beside the house of the previews: a schedule and an envelope each day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
_CHARGE: Final = ("3f1c2a90", 2 * _HOUR_S, 5 * _HOUR_S)
_CURTAIL: Final = ("sunhelm-negative", 11 * _HOUR_S, 14 * _HOUR_S)

Point = tuple[str, dict[str, str], float, int]


def schedules(device: str, times: range) -> Iterator[Point]:
    """Yield metric, labels, value and time of the schedule by night and of the envelope around noon."""
    target = {"site": "home", "device": device, "family": device}
    for time in times:
        midnight = time // _DAY_S * _DAY_S
        charging = _is_on(_CHARGE, time)
        for (key, begin, end), label, name in (
            (_CHARGE, "schedule", "schedule"),
            (_CURTAIL, "event", "envelope"),
        ):
            metric = f"solar_redback_{name}"
            labels = {**target, label: key}
            yield f"{metric}_start_timestamp_seconds", labels, float(midnight + begin), time
            yield f"{metric}_end_timestamp_seconds", labels, float(midnight + end), time
            on = float(begin <= time - midnight < end)
            yield f"{metric}_active", labels, on, time
            yield f"solar_redback_any_{name}_active", target, on, time
        told = {"mode": "ChargeBattery", "notes": "sunhelm night", "repeats": ""}
        yield "solar_redback_schedule_info", {**target, "schedule": _CHARGE[0], **told}, 1.0, time
        yield "solar_redback_schedule_power_watts", {**target, "schedule": _CHARGE[0]}, 2500.0, time
        word = {"event": _CURTAIL[0], "status": "Scheduled", "nmi": ""}
        yield "solar_redback_envelope_info", {**target, **word}, 1.0, time
        for limit, watts in (("export", 0.0), ("import", 10_000.0)):
            metric = f"solar_redback_envelope_{limit}_limit_watts"
            yield metric, {**target, "event": _CURTAIL[0]}, watts, time
        for state in ("auto", "charge_battery"):
            on = float((state == "charge_battery") == charging)
            yield "solar_redback_mode", {**target, "state": state}, on, time
        if charging:
            yield "solar_redback_schedule_obeyed", target, 1.0, time
        if datetime.fromtimestamp(time, UTC).hour == 7:
            failure = {**target, "group": "panels", "reason": "auth_failed"}
            yield "solar_group_failure", failure, 1.0, time


def _is_on(entry: tuple[str, int, int], time: int) -> bool:
    _, begin, end = entry
    return begin <= time % _DAY_S < end
