"""Answers without what tells who owns a station: no real one is public, so all that is not known is hidden.

Ids and serial numbers become others, the same ones everywhere. Of a member that no source knows, only the
kind of its value is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.families.izypower.bodies import Json

_SERIALS: Final = frozenset(("sn", "serialNumber", "deviceSn", "deviceSN"))
_IDS: Final = frozenset(("stationsId", "deviceId", "powerId"))
_KEPT: Final = frozenset(
    (
        *("data", "records", "extraData", "production", "consumption", "grid", "battery", "extra", "items"),
        *("dataDtos", "deviceTypes", "connectInfoJson", "chargeData", "dischargeData", "pvData", "pvList"),
        *("mode", "manual", "power", "offGrid", "fullCharge", "allBatteries", "meter_extra", "code", "total"),
        *("installedCapacity", "deviceCount", "status", "grid_power", "battery_power", "battery_pv_power"),
        *("battery_soc", "ev_power", "lastUpdate", "value", "key", "deviceType", "onlineState"),
        *("softwareVersion", "clusterMode", "energy", "total_consumption", "meter_energy_p", "ev", "kwh"),
        *("meter_energy_n", "storage_in", "storage_out", "cover_rate", "consumption_rate", "temp", "val"),
        *("energy_self_rate", "meter_energy_p_rate", "meter_energy_n_rate", "storage_in_rate", "open"),
        *("storage_out_rate", "ev_rate", "pv", "pvPower", "dataVal", "rssi", "needUpgrade", "soc", "socKwh"),
        *("socTemp", "avgSoc", "avgSocKwh", "batteryPower", "power1", "power2", "remainingTime", "days"),
        *("consumptionPower", "solarPower", "pvPower", "offGridPower", "min_soc", "ctr_mode", "time"),
        *("max_in_power", "max_out_power", "cluster_max_out_power", "hasMeter", "controlMode", "min_power"),
        *("max_power", "interval", "isControl", "feedThreshold", "apparent_power", "current", "voltage"),
        *("ac_power", "enableGrid", "enableBattery"),
    )
)
"""Members whose values tell of the devices alone."""

_OF_PERIODS: Final = re.compile(r"(day|month|year|all)(1|2|_in|_out)?")
_HARMLESS: Final = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)? ?([A-Za-z]{0,4}|%|\u00b0C)|-|[0-9]{1,2}:[0-9]{2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]{5,8}( ?UTC)?([+-][0-9]{2}:?[0-9]{2})?"
)
"""Numbers with a unit, times, and the sign for nothing."""

_MEMBER: Final = re.compile(r"[A-Za-z_]{1,30}[0-9]{0,2}")
"""What can be the name of a member; a serial number, an id, an address or a date cannot."""

_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "deviceType": re.compile(r"[a-z_]{1,15}"),
    "value": re.compile(r"vm|meter|battery|evse"),
    "key": re.compile(r"[a-z0-9_]{1,20}"),
    "pv": re.compile(r"[A-Za-z]{2}[0-9]"),
    "status": re.compile(r"[a-z0-9]{1,10}"),
    "softwareVersion": re.compile(r"[vV]?[0-9]+(\.[0-9A-Za-z-]{1,8})+"),
}
"""Texts of some members that are harmless beyond that."""


@dataclass(slots=True)
class _Names:
    """Other names for serial numbers and ids, each always the same."""

    serials: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def serial(self, told: str) -> str:
        return self.serials.setdefault(told, f"SN{len(self.serials) + 1:011}")

    def id(self, told: str) -> int:
        return self.ids.setdefault(told, len(self.ids) + 1)

    def member(self, told: str) -> str:
        """Return the name of a member, or another one for what may be a serial number or the owner's."""
        return told if _MEMBER.fullmatch(told) else self.serial(told)

    def request(self, text: str) -> str:
        """Return a request with the serial numbers and ids in it exchanged."""
        parts = re.split(r"([/=&?])", text)
        return "".join(
            self.serials.get(part) or str(self.ids.get(part, part)) for part in parts if part is not None
        )


def redacted(answers: Json, failed: Mapping[str, str]) -> dict[str, object]:
    """Return answers by their requests, and the reasons of those that failed, with nothing of the owner."""
    names = _Names()
    told = {request: _redacted(body, "", names) for request, body in answers.items()}
    for request in failed:
        for part in re.split(r"[/=&?]", request):
            if re.fullmatch(r"(?=.*[A-Za-z])(?=.*[0-9])[A-Za-z0-9]{8,}", part):
                names.serial(part)
    return {
        "answers": {names.request(request): body for request, body in told.items()},
        "failed": {names.request(request): reason for request, reason in failed.items()},
    }


def _redacted(value: object, key: str, names: _Names) -> object:
    if isinstance(value, dict):
        return {names.member(name): _redacted(member, name, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_redacted(member, key, names) for member in value]
    if key in _SERIALS | _IDS and value:
        return names.serial(str(value)) if key in _SERIALS else names.id(str(value))
    return value if _is_harmless(key, value) else f"<{type(value).__name__}>"


def _is_harmless(key: str, value: object) -> bool:
    """Whether a value tells nothing of the owner: one of a known member, and no text that could be a name."""
    if not value or isinstance(value, bool):
        return True
    if key not in _KEPT and not _OF_PERIODS.fullmatch(key):
        return False
    words = _WORDS.get(key)
    return not isinstance(value, str) or bool(
        _HARMLESS.fullmatch(value) or (words is not None and words.fullmatch(value))
    )
