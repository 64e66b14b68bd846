"""What the cloud holds for an inverter, and what that does to the house: once a minute it looks.

Schedules and envelopes are kept as the cloud tells them; the inverter takes up what is in force when it next
reports, and says so.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from sunhelm.simulator.faces.redback.telemetry import Json, moment
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode

MODES: Final = (
    *("Auto", "ChargeBattery", "DischargeBattery", "ImportPower", "ExportPower", "Conserve", "Offgrid"),
    *("Hibernate", "BuyPower", "SellPower", "ForceChargeBattery", "ForceDischargeBattery"),
)
MOST_W: Final = 5000
"""A schedule with more power than the hardware has is rejected when it starts, without a word."""

SHOWN_AFTER_S: Final = 3.0
"""A schedule is in the list this long after it was made."""

_LIMITS: Final = (
    *("MaxImportPowerW", "MaxExportPowerW", "MaxDischargePowerW", "MaxChargePowerW"),
    "MaxGenerationPowerVA",
)
_SPAN: Final = re.compile(r"(?:(\d+)\.)?([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,7})?")


class Refused(Exception):
    """The cloud does not take this; the text says why."""


def parse_span(text: object) -> float:
    """Return the seconds of a .NET time span; raises Refused for one that .NET would not take."""
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Refused("Duration is no time span")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def parse_time(text: object) -> float:
    """Return the Unix time of a UTC time with Z; raises Refused."""
    if isinstance(text, str) and text.endswith("Z"):
        try:
            return datetime.fromisoformat(text).astimezone(UTC).timestamp()
        except ValueError:
            pass
    raise Refused("no time that ends in Z")


@dataclass(slots=True)
class _Scheduled:
    told: Json
    start: float
    end: float
    made_at: float


@dataclass(slots=True)
class Inverter:
    """The hybrid inverter `serial` of `site`, and what the cloud holds for both."""

    plant: Plant
    site: str
    serial: str
    lasting: tuple[str, int] = ("Auto", 0)
    daily: list[Json] = field(default_factory=list)
    in_force: tuple[str, int] = ("Auto", 0)
    _schedules: dict[str, _Scheduled] = field(default_factory=dict)
    _envelopes: list[Json] = field(default_factory=list)
    _bounds: dict[str, float | None] = field(default_factory=dict)
    _random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._random.seed(f"{self.plant.seed} {self.serial}")

    def schedules(self, *, stale: bool = False) -> Json:
        """Return the list of schedules, without those that are over."""
        now = self.plant.time
        shown = [
            one.told
            for one in self._schedules.values()
            if (stale or one.end > now) and now - one.made_at >= SHOWN_AFTER_S
        ]
        return {"DailySchedules": list(self.daily), "Schedules": shown}

    def create_schedule(self, body: Json) -> str:
        """Make a schedule and return its id. The power is not looked at. Raises Refused."""
        desired = body.get("DesiredMode")
        if not isinstance(desired, dict) or desired.get("InverterMode") not in MODES:
            raise Refused("DesiredMode.InverterMode is no mode")
        start, lasts = parse_time(body.get("StartTimeUtc")), parse_span(body.get("Duration"))
        key = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        told = {
            "ScheduleId": key,
            "SiteId": self.site,
            "SerialNumber": self.serial,
            "UserNotes": body.get("UserNotes"),
            "StartTimeUtc": moment(start),
            "Duration": body["Duration"].removeprefix("0."),
            "DesiredMode": desired,
        }
        self._schedules[key] = _Scheduled(told, start, start + lasts, self.plant.time)
        return key

    def delete_schedule(self, key: str) -> bool:
        """Delete a schedule; return whether there was one."""
        return self._schedules.pop(key, None) is not None

    def envelopes(self, *, past_hours: float = 0.0) -> list[Json]:
        """Return the envelopes that end in the future, or did so in the last hours."""
        since = self.plant.time - 3600.0 * min(past_hours, 168.0)
        return [one for one in self._envelopes if parse_time(one["EndAtUtc"]) > since]

    def create_envelope(self, body: Json) -> str | None:
        """Make an envelope; return what is wrong with it, None when it was made."""
        try:
            start, end = parse_time(body.get("StartAtUtc")), parse_time(body.get("EndAtUtc"))
        except Refused as error:
            return str(error)
        event = body.get("EventId")
        if not isinstance(event, str) or not event.strip() or len(event) > 128:
            return "EventId must not be blank"
        if end <= start:
            return "end must be after start"
        self._envelopes.append(
            {
                "EventId": event,
                "Nmi": "4103000001",
                "SiteId": self.site,
                "StartAtUtc": moment(start),
                "EndAtUtc": moment(end),
                **{limit: body.get(limit) for limit in _LIMITS},
                "IsNetworkLevel": bool(body.get("IsNetworkLevel")),
                "ReportedStartUtc": None,
                "ReportedFinishUtc": None,
                "Status": "Scheduled",
            }
        )
        return None

    def delete_envelopes(self, event: str | None = None) -> bool:
        """Delete every envelope with this event id, all without one; return whether there was any."""
        kept = [one for one in self._envelopes if event is not None and one["EventId"] != event]
        gone = len(kept) < len(self._envelopes)
        self._envelopes = kept
        return gone

    def report(self) -> None:
        """Be in touch with the cloud, as once a minute: take up what is in force now, and say so."""
        now = self.plant.time
        running = [one for one in self._schedules.values() if one.start <= now < one.end]
        order = self.lasting
        for one in sorted(running, key=lambda one: one.start):
            desired = one.told["DesiredMode"]
            power = desired.get("ArgumentInWatts") or 0
            if 0 <= power <= MOST_W:
                order = (desired["InverterMode"], power)
        if order != self.in_force:
            self.in_force = order
            self._steer(*order)
        bounds: dict[str, float | None] = dict.fromkeys(_LIMITS)
        for envelope in self._envelopes:
            start, end = parse_time(envelope["StartAtUtc"]), parse_time(envelope["EndAtUtc"])
            if start <= now < end and envelope["Status"] in ("Scheduled", "ReportStarted"):
                if envelope["Status"] == "Scheduled":
                    envelope.update(Status="ReportStarted", ReportedStartUtc=moment(now))
                for limit in _LIMITS:
                    values = [value for value in (bounds[limit], envelope[limit]) if value is not None]
                    bounds[limit] = min(values, default=None)
            elif now >= end and envelope["Status"] == "ReportStarted":
                envelope.update(Status="ReportFinished", ReportedFinishUtc=moment(now))
        if bounds != self._bounds:
            self._bounds = bounds
            steering = self.plant.steering
            steering.feed_in_limit_w = bounds["MaxExportPowerW"]
            steering.charge_limit_w = bounds["MaxChargePowerW"]
            steering.discharge_limit_w = bounds["MaxDischargePowerW"]
            steering.pv_limit_w = bounds["MaxGenerationPowerVA"]

    def _steer(self, mode: str, power_w: int) -> None:
        steering = self.plant.steering
        steering.mode, steering.grid_setpoint_w, steering.discharge_allowed = Mode.SELF_CONSUMPTION, 0.0, True
        if mode in ("ChargeBattery", "ForceChargeBattery", "DischargeBattery", "ForceDischargeBattery"):
            steering.mode = Mode.BATTERY
            steering.battery_w = float(power_w if "Discharge" in mode else -power_w)
        elif mode in ("ImportPower", "BuyPower"):
            steering.grid_setpoint_w = float(power_w)
        elif mode in ("ExportPower", "SellPower"):
            steering.grid_setpoint_w = -float(power_w)
        elif mode == "Conserve":
            steering.discharge_allowed = False
        elif mode == "Hibernate":
            steering.mode = Mode.IDLE
