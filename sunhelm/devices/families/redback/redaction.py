"""Answers without what tells who owns a device."""

from __future__ import annotations

from typing import Final

_PERSONAL: Final = frozenset(
    ("Location", "SolarRetailer", "NMI", "Nmi", "UserNotes", "CommissioningDate", "EventId", "AddressLineOne")
)


def redacted(value: object) -> object:
    """Return an answer without what tells who owns the device; ids keep their form."""
    if isinstance(value, list):
        return [redacted(member) for member in value]
    if isinstance(value, dict):
        return {
            key: None if key in _PERSONAL else _masked(key, redacted(member)) for key, member in value.items()
        }
    return value


def _masked(key: str, value: object) -> object:
    if key in ("Id", "SerialNumber", "SiteId") and isinstance(value, str) and len(value) > 10:
        return value[:4] + "0" * (len(value) - 4)
    return value
