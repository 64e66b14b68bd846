"""Quantities that no register of a GivEnergy device tells, and that are worked out."""

from __future__ import annotations

from typing import Final

from sunhelm.devices.families.givenergy.meters import QUANTITIES as METER_QUANTITIES
from sunhelm.devices.quantities import Quantity

_NAME: Final = "givenergy_"


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(_NAME + name, unit, "gauge", text, labels)


SELF_CONSUMPTION_POWER: Final = _gauge(
    "self_consumption_power", "watts", "Load power that does not come from the grid."
)
SELF_CONSUMPTION_TODAY: Final = _gauge(
    "self_consumption_today", "joules", "PV energy of today that was not sent to the grid."
)
SELF_CONSUMPTION: Final = _gauge("self_consumption", "joules", "PV energy that was not sent to the grid.")
PV_DIRECT_TODAY: Final = _gauge(
    "pv_direct_today", "joules", "PV energy of today that was used at once, neither sent nor stored."
)
FLOW: Final = _gauge(
    "flow_power",
    "watts",
    "Power from a source to where it goes, worked out from the totals.",
    "source",
    "sink",
)
NOMINAL_CAPACITY: Final = _gauge(
    "battery_nominal_capacity", "joules", "Capacity of the batteries at their nominal voltage."
)
STORED: Final = _gauge(
    "battery_stored", "joules", "Usable energy in the batteries, by their state of charge."
)
UNIT_STORED: Final = _gauge(
    "battery_unit_stored", "joules", "Energy in a battery, by its charge and nominal voltage.", "battery"
)
UNIT_STORED_MEASURED: Final = _gauge(
    "battery_unit_stored_measured", "joules", "Energy in a battery, by its charge and voltage now.", "battery"
)
RATED_BATTERY_POWER: Final = _gauge(
    "rated_battery_power", "watts", "Most power that may charge or discharge the batteries, by the model."
)
CHARGE_TIME: Final = _gauge(
    "charge_time_remaining", "seconds", "Time until the batteries reach their target at the present power."
)
DISCHARGE_TIME: Final = _gauge(
    "discharge_time_remaining",
    "seconds",
    "Time until the batteries reach their reserve at this power.",
)
THROUGHPUT: Final = Quantity(
    f"{_NAME}battery_throughput", "joules", "counter", "Battery throughput (energy in and out of it)."
)
MODE: Final = Quantity(
    f"{_NAME}mode",
    "",
    "state",
    "Mode as the maker's programs call it: 1 for what holds now, 0 for all else.",
    ("state",),
)

QUANTITIES: Final = (
    *(SELF_CONSUMPTION_POWER, SELF_CONSUMPTION_TODAY, SELF_CONSUMPTION, PV_DIRECT_TODAY, FLOW),
    *(NOMINAL_CAPACITY, STORED, UNIT_STORED, UNIT_STORED_MEASURED, RATED_BATTERY_POWER),
    *(CHARGE_TIME, DISCHARGE_TIME, THROUGHPUT, MODE, *METER_QUANTITIES),
)
