"""What Huawei's files and device list bring, beyond the registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sunhelm.devices.quantities import Quantity

_LABEL: Final = ("optimizer",)


def _gauge(name: str, unit: str, text: str) -> Quantity:
    return Quantity(f"huawei_optimizer_{name}", unit, "gauge", text, _LABEL)


POWER: Final = _gauge("power", "watts", "Power that an optimizer gives.")
GROUND_VOLTAGE: Final = _gauge("ground_voltage", "volts", "Voltage of an optimizer to ground.")
OUTPUT_VOLTAGE: Final = _gauge("output_voltage", "volts", "Voltage at the output of an optimizer.")
OUTPUT_CURRENT: Final = _gauge("output_current", "amperes", "Current at the output of an optimizer.")
INPUT_VOLTAGE: Final = _gauge("input_voltage", "volts", "Voltage of the module at an optimizer.")
INPUT_CURRENT: Final = _gauge("input_current", "amperes", "Current of the module at an optimizer.")
TEMPERATURE: Final = _gauge("temperature", "celsius", "Temperature of an optimizer.")
PRODUCTION: Final = Quantity(
    "huawei_optimizer_production", "joules", "counter", "Energy that an optimizer gave.", _LABEL
)
STATUS: Final = Quantity(
    "huawei_optimizer_status", "", "state", "What an optimizer does.", (*_LABEL, "state")
)
STATUS_CODE: Final = _gauge("status_code", "", "What an optimizer does, as a number.")
ALARM: Final = Quantity("huawei_optimizer_alarm", "", "state", "Alarms of an optimizer.", (*_LABEL, "alarm"))
ALARM_CODE: Final = _gauge("alarm_code", "", "Alarms of an optimizer, as bits; bit 31 is none.")
READ_AT: Final = Quantity(
    "huawei_optimizer_read_at",
    "timestamp_seconds",
    "gauge",
    "When the inverter last asked an optimizer, by its own clock.",
    _LABEL,
)
FEATURES: Final = Quantity(
    "huawei_optimizer",
    "",
    "info",
    "Where an optimizer stands, and what it is.",
    (*_LABEL, "string", "position", "serial", "model", "software", "alias"),
)
CONNECTED: Final = Quantity(
    "huawei_optimizer_connection", "", "state", "Whether an optimizer is heard.", (*_LABEL, "state")
)
RATED_POWER: Final = _gauge("rated_power", "watts", "Rated power of an optimizer.")
LINE_VOLTAGE: Final = Quantity(
    "huawei_line_voltage", "volts", "gauge", "Voltage between two phases of the inverter.", ("line",)
)
LISTED: Final = Quantity(
    "huawei_listed_device",
    "",
    "info",
    "A device that stands behind this address.",
    ("unit", "model", "software", "serial"),
)

CORE: Final = frozenset({POWER, PRODUCTION, TEMPERATURE, STATUS, ALARM_CODE, FEATURES, LISTED, CONNECTED})
"""What is exported in the profile core, too."""

OFFERS: Final[Mapping[str, Sequence[Quantity]]] = {
    "live": (LINE_VOLTAGE,),
    "optimizers": (
        *(POWER, GROUND_VOLTAGE, OUTPUT_VOLTAGE, OUTPUT_CURRENT, INPUT_VOLTAGE, INPUT_CURRENT),
        *(TEMPERATURE, PRODUCTION, STATUS, STATUS_CODE, ALARM, ALARM_CODE, READ_AT),
    ),
    "identity": (FEATURES, CONNECTED, RATED_POWER, LISTED),
}
"""All of them, by the tier they are read in."""
