"""The settings of a station as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sunhelm.devices.families.shapes import mapping, objects
from sunhelm.devices.families.source import Setting

_LISTS: Final[Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]] = {
    "batteries": (
        ("battery_minimum_state_of_charge", ("command", "min_soc")),
        ("battery_mode", ("command", "mode", "ctr_mode")),
        ("battery_manual_mode", ("command", "manual", "mode")),
        ("battery_manual_power", ("command", "manual", "power")),
        ("battery_charge_power", ("command", "power", "max_in_power")),
        ("battery_discharge_power", ("command", "discharge_limit")),
        ("backup_outlet", ("command", "offGrid", "open")),
        ("backup_outlet_mode", ("command", "offGrid", "value")),
        ("calibration", ("command", "fullCharge", "open")),
        ("calibration_days", ("command", "fullCharge", "days")),
        ("calibration_time", ("command", "fullCharge", "time")),
    ),
    "chargers": (
        ("ev_charging", ("command", "open")),
        ("ev_mode", ("command", "controlMode")),
        ("ev_power", ("command", "power")),
        ("ev_grid", ("intelligent", "enableGrid")),
        ("ev_battery", ("intelligent", "enableBattery")),
        ("ev_derate", ("derate", "value")),
    ),
    "meters": (
        ("injection_blocking", ("base", "meter_extra", "isControl")),
        ("injection_threshold", ("base", "meter_extra", "feedThreshold")),
    ),
}


def shown(document: Mapping[str, object]) -> dict[str, Setting]:
    """Return every setting in the document of the group, by its name and the serial number it is of."""
    found = dict(_of_units(document))
    if isinstance(document.get("priority"), bool):
        text = str(document["priority"]).lower()
        found["ev_priority"] = Setting("station", text, text)
    return found


def _of_units(document: Mapping[str, object]) -> Iterator[tuple[str, Setting]]:
    for kind, rows in _LISTS.items():
        for unit in objects(document.get(kind)):
            for name, path in rows:
                value: object = unit
                for key in path:
                    value = mapping(value).get(key)
                if isinstance(value, bool | int | float | str):
                    text = str(value).lower() if isinstance(value, bool) else str(value)
                    yield f"{unit['sn']}.{name}", Setting(".".join(path), text, text)
