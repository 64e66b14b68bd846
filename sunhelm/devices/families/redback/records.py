"""Schedules and envelopes as the cloud tells them: read leniently, one bad entry spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices.families.shapes import number, text
from sunhelm.devices.links.answers import utc
from sunhelm.devices.wall_clock import begin

MODES: Final = (
    *("Auto", "ChargeBattery", "DischargeBattery", "ImportPower", "ExportPower", "Conserve", "Offgrid"),
    *("Hibernate", "BuyPower", "SellPower", "ForceChargeBattery", "ForceDischargeBattery"),
)
"""What a schedule can ask for, spelt exactly as the cloud does."""

PORTAL_MODES: Final = MODES[:6]
"""What the portal can set for good."""

IN_FORCE: Final = frozenset({"Scheduled", "ReportStarted"})
"""States of an envelope that binds between its start and its end."""

_SPAN: Final = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d{1,7})?")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BITS: Final[Mapping[str, int]] = {
    "Sunday": 1,
    "Monday": 2,
    "Tuesday": 4,
    "Wednesday": 8,
    "Thursday": 16,
    "Friday": 32,
    "Saturday": 64,
}
_GROUPS: Final = {"Never": 0, "Weekdays": 62, "Weekends": 65, "Everyday": 127}


def time_span(seconds: float) -> str:
    """Return a duration as .NET writes it: `d.hh:mm:ss`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}.{hour:02}:{minute:02}:{second:02}"


def seconds_of(span: object) -> float | None:
    """Return the seconds of `[d.]hh:mm:ss[.fffffff]`, without the fraction; None for anything else."""
    match = _SPAN.fullmatch(span) if isinstance(span, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 86_400.0 * days + 3600.0 * hours + 60.0 * minutes + seconds


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A schedule of one inverter. A daily one has no id of the cloud's, and shows its next occurrence.

    `start` and `end` are Unix time.
    """

    key: str
    serial: str
    notes: str
    start: float
    end: float
    mode: str
    watts: float | None
    daily: bool = False

    def active(self, now: float) -> bool:
        """Whether it is running."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class EnvelopeRecord:
    """An envelope of one site; a limit that is None bounds nothing. Times are Unix time."""

    event: str
    site: str
    nmi: str
    start: float
    end: float
    limits: Mapping[str, float | None]
    network: bool
    reported_start: float | None
    reported_finish: float | None
    status: str

    def active(self, now: float) -> bool:
        """Whether it binds now, as far as the cloud knows."""
        return self.status in IN_FORCE and self.start <= now < self.end


LIMITS: Final = {
    "import": "MaxImportPowerW",
    "export": "MaxExportPowerW",
    "discharge": "MaxDischargePowerW",
    "charge": "MaxChargePowerW",
    "generation": "MaxGenerationPowerVA",
}
"""The five limits of an envelope by our word."""


def schedules(data: object, serial: str, now: float) -> tuple[ScheduleRecord, ...]:
    """Return the schedules of an inverter by their start; those of others are left out."""
    found = [*_once(data, serial), *_daily(data, serial, now)]
    return tuple(sorted(found, key=lambda record: (record.start, record.key)))


def _members(data: object, key: str) -> Iterator[Mapping[str, object]]:
    members = data.get(key) if isinstance(data, dict) else None
    for member in members if isinstance(members, list) else ():
        if isinstance(member, dict):
            yield member


def _once(data: object, serial: str) -> Iterator[ScheduleRecord]:
    for member in _members(data, "Schedules"):
        start, lasts = utc(member.get("StartTimeUtc")), seconds_of(member.get("Duration"))
        key, owner = member.get("ScheduleId"), member.get("SerialNumber")
        if start is None or lasts is None or not isinstance(key, str) or owner not in (serial, None):
            continue
        mode, watts = _mode(member)
        yield ScheduleRecord(key, serial, text(member.get("UserNotes")), start, start + lasts, mode, watts)


def _daily(data: object, serial: str, now: float) -> Iterator[ScheduleRecord]:
    for place, member in enumerate(_members(data, "DailySchedules"), 1):
        at, lasts, days = (
            seconds_of(member.get("StartTime")),
            seconds_of(member.get("Duration")),
            days_of(member.get("DaysActive")),
        )
        zone = _zone(member.get("TimezoneIANA"))
        if at is None or lasts is None or not days or zone is None:
            continue
        if member.get("SerialNumber") not in (serial, None):
            continue
        mode, watts = _mode(member)
        start = next(
            (start for start in _starts(at, days, zone, now) if start + lasts > now),
            None,
        )
        if start is not None:
            yield ScheduleRecord(f"daily-{place}", serial, "", start, start + lasts, mode, watts, daily=True)


def _starts(at_s: float, days: frozenset[int], zone: ZoneInfo, now: float) -> Iterator[float]:
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    for offset in range(-8, 9):
        day: date = today + timedelta(offset)
        if day.weekday() in days:
            yield begin(day, int(at_s) // 60, zone)


def days_of(told: object) -> frozenset[int]:
    """Return the days of the week, Monday 0, of a flag set told as text or as a number from Sunday 1 on."""
    if isinstance(told, bool):
        return frozenset()
    bits = told if isinstance(told, int) else 0
    if isinstance(told, str):
        for word in map(str.strip, told.split(",")):
            bits |= int(word) if word.isdigit() else _BITS.get(word, _GROUPS.get(word, 0))
    return frozenset(number for number, name in enumerate(_DAYS) if bits & _BITS[name])


def envelopes(data: object, site: str) -> tuple[EnvelopeRecord, ...]:
    """Return the envelopes of a site by their start."""
    found: list[EnvelopeRecord] = []
    for member in _members({"all": data}, "all"):
        start, end = utc(member.get("StartAtUtc")), utc(member.get("EndAtUtc"))
        event = member.get("EventId")
        if start is None or end is None or not isinstance(event, str):
            continue
        if member.get("SiteId") not in (site, None):
            continue
        found.append(
            EnvelopeRecord(
                event,
                site,
                text(member.get("Nmi")),
                start,
                end,
                {name: number(member.get(key)) for name, key in LIMITS.items()},
                member.get("IsNetworkLevel") is True,
                utc(member.get("ReportedStartUtc")),
                utc(member.get("ReportedFinishUtc")),
                text(member.get("Status")),
            )
        )
    return tuple(sorted(found, key=lambda record: (record.start, record.event)))


def strictest(records: Iterable[EnvelopeRecord], limit: str, now: float) -> float | None:
    """Return the lowest limit of those that bind now; None when none does."""
    bounds = [record.limits[limit] for record in records if record.active(now)]
    return min((bound for bound in bounds if bound is not None), default=None)


def _mode(member: Mapping[str, object]) -> tuple[str, float | None]:
    desired = member.get("DesiredMode")
    if not isinstance(desired, dict):
        return "", None
    return text(desired.get("InverterMode")), number(desired.get("ArgumentInWatts"))


def _zone(name: object) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (KeyError, ValueError, OSError):
        return None
