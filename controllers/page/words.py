"""How the page says things: states, values, times, and for how long."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

_POWER: Final = re.compile(r"(limit|charge|discharge) ([0-9.e+]+)W")
_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0

_NONE: Final = "\N{EN DASH}"
_STEADY: Final = {"": _NONE, "nothing": _NONE, "unlimited": "no limit", "unknown": "not known"}
_REASONS: Final = {
    "changed_by_someone_else": "somebody else changed it twice; release the claim, or set the baseline",
    "keeps_forgetting": "the device keeps forgetting what was written; look at it",
    "unreadable": "it cannot be read",
    "budget": "enough was written today to what survives a power cut",
    "out_of_range": "the device does not take that value",
    "too_little_sun": "too little sun",
    "waiting": "enough sun, once it has lasted",
    "readings_stale": "the readings of the house are too old",
    "readings_awaited": "waits for the first reading of the house",
    "session_cap": "this vehicle has been given what it may",
    "import_cap": "the house takes as much from the grid as it may",
    "stopped_by_someone": "somebody stopped it; it waits for the next vehicle, or for a mode to be chosen",
    "vehicle_waits": "offered, and not taken by the vehicle",
    "claimed": "something is claimed of the charger itself, which goes first",
    "does_not_obey": "the charger does not do what it is told",
    "owner": "as the charger is set",
    "off": "not regulated",
}


def state_words(key: str) -> str:
    """Return what a state is called."""
    kind, colon, name = key.partition(":")
    words = f"{kind} {name}" if colon else key
    return words.replace("_", " ").capitalize()


def value_words(value: str) -> str:
    """Return a value as people say it: "limit 0W" is "at most 0 W"."""
    match = _POWER.fullmatch(value)
    if match is not None:
        word = "at most" if match[1] == "limit" else match[1]
        return f"{word} {power_words(float(match[2]))}"
    return _STEADY.get(value, value.replace("_", " "))


def power_words(watts: float) -> str:
    """Return a power, its thousands set apart."""
    return f"{watts:,.10g} W".replace(",", "\N{NARROW NO-BREAK SPACE}")


def reason_words(reason: str) -> str:
    """Return why something stands back, or failed."""
    return _REASONS.get(reason, reason.replace("_", " "))


def clock_words(at: float, zone: ZoneInfo, now: float) -> str:
    """Return a time by the clock on the wall: with its day when that is another one."""
    there, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if there.date() == today.date():
        return there.strftime("%H:%M:%S" if abs(at - now) < _HOUR_S else "%H:%M")
    return f"{there:%a} {there.day} {there:%b %H:%M}"


def span_words(seconds: float) -> str:
    """Return a time that passes, in the largest units that matter: "2 h 5 min"."""
    seconds = max(0.0, seconds)
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if seconds < _DAY_S:
        hours, minutes = divmod(round(seconds / _MINUTE_S), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / _HOUR_S), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
