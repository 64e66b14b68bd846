"""The catalogue: every canonical quantity, the same whatever device tells it.

Signs are those of a source into the house: PV and battery discharge positive, grid import positive, so
that pv + grid + battery = load. Totals and parts are different quantities: `pv_power` is one series a
device, `pv_string_power` one a string.

What a device offers beyond the catalogue becomes a quantity of its family, made by its register map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from types import MappingProxyType
from typing import Literal

Kind = Literal["gauge", "counter", "state", "info"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that can be measured, the same whatever device tells it.

    `unit` is the base unit of every value: watts, joules, celsius, ratio (0 to 1), ...; empty for none.
    `kind` "counter" promises that the value only grows while the device is the same; "state" is one
    0/1 series for each value of the last label; "info" is always 1 and its labels are the text.
    `sign` says what a positive value means; empty where a negative one makes no sense.

    `field` is the name in InfluxDB: name, unit, and `_total` for a counter; `metric` that in Prometheus.
    """

    name: str
    unit: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    sign: str = ""

    field: str = dataclass_field(init=False, repr=False, compare=False)
    metric: str = dataclass_field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ending = {"counter": "total", "info": "info"}.get(self.kind, "")
        name = "_".join(filter(None, (self.name, self.unit, ending)))
        object.__setattr__(self, "field", name)
        object.__setattr__(self, "metric", f"solar_{name}")


def _gauge(name: str, unit: str, text: str, *labels: str, sign: str = "") -> Quantity:
    return Quantity(name, unit, "gauge", text, labels, sign)


def _energy(name: str, text: str, *labels: str) -> Quantity:
    return Quantity(name, "joules", "counter", text, labels)


def _energy_of_period(name: str, text: str, *labels: str) -> Iterable[Quantity]:
    for period, words in (
        ("today", "since local midnight"),
        ("month", "this month"),
        ("year", "this year"),
    ):
        yield _gauge(f"{name}_{period}", "joules", f"{text} {words}, by the device's own clock.", *labels)


_SOURCE = "positive into the house"
_BATTERY_SIGN = "positive when discharging"

_QUANTITIES: tuple[Quantity, ...] = (
    # Totals of a device: one unlabelled series each.
    _gauge("pv_power", "watts", "Power of all PV of this device.", sign=_SOURCE),
    _gauge("grid_power", "watts", "Power at the grid connection.", sign="positive when importing"),
    _gauge("battery_power", "watts", "Power of all batteries.", sign=_BATTERY_SIGN),
    _gauge("load_power", "watts", "Power of the loads of the house."),
    _energy("pv_production", "Energy that all PV of this device produced."),
    _energy("grid_import", "Energy taken from the grid."),
    _energy("grid_export", "Energy sent to the grid."),
    _energy("battery_charge", "Energy put into the batteries."),
    _energy("battery_discharge", "Energy taken from the batteries."),
    _energy("load_consumption", "Energy that the loads of the house consumed."),
    *_energy_of_period("pv_production", "Energy that all PV of this device produced"),
    *_energy_of_period("grid_import", "Energy taken from the grid"),
    *_energy_of_period("grid_export", "Energy sent to the grid"),
    *_energy_of_period("battery_charge", "Energy put into the batteries"),
    *_energy_of_period("battery_discharge", "Energy taken from the batteries"),
    *_energy_of_period("load_consumption", "Energy that the loads of the house consumed"),
    # PV strings and trackers.
    _gauge("pv_string_power", "watts", "Power of a PV string or tracker.", "string", sign=_SOURCE),
    _gauge("pv_string_voltage", "volts", "Voltage of a PV string or tracker.", "string"),
    _gauge("pv_string_current", "amperes", "Current of a PV string or tracker.", "string"),
    _energy("pv_string_production", "Energy that a PV string or tracker produced.", "string"),
    _gauge("pv_string_production_today", "joules", "Energy that a PV string produced today.", "string"),
    # The grid point.
    _gauge(
        "grid_phase_power",
        "watts",
        "Power of a phase at the grid connection.",
        "phase",
        sign="positive when importing",
    ),
    _gauge("grid_phase_voltage", "volts", "Voltage of a phase of the grid.", "phase"),
    _gauge(
        "grid_phase_current",
        "amperes",
        "Current of a phase at the grid connection.",
        "phase",
        sign="positive when importing, where the device tells the direction",
    ),
    _gauge("grid_phase_reactive_power", "vars", "Reactive power of a phase at the grid connection.", "phase"),
    _gauge("grid_phase_apparent_power", "volt_amperes", "Apparent power of a phase at the grid.", "phase"),
    _gauge("grid_phase_power_factor", "ratio", "Power factor of a phase at the grid connection.", "phase"),
    _gauge("grid_reactive_power", "vars", "Reactive power at the grid connection."),
    _gauge("grid_apparent_power", "volt_amperes", "Apparent power at the grid connection."),
    _gauge("grid_power_factor", "ratio", "Power factor at the grid connection."),
    _gauge("grid_frequency", "hertz", "Frequency of the grid."),
    _energy("grid_phase_import", "Energy taken from the grid by a phase.", "phase"),
    _energy("grid_phase_export", "Energy sent to the grid by a phase.", "phase"),
    # The inverter's own AC side.
    _gauge(
        "inverter_power", "watts", "Power of the inverter's AC output.", sign="positive out of the inverter"
    ),
    _gauge("inverter_reactive_power", "vars", "Reactive power of the inverter's AC output."),
    _gauge("inverter_apparent_power", "volt_amperes", "Apparent power of the inverter's AC output."),
    _gauge("inverter_power_factor", "ratio", "Power factor of the inverter's AC output."),
    _gauge("inverter_frequency", "hertz", "Frequency of the inverter's AC output."),
    _gauge("inverter_efficiency", "ratio", "Efficiency of the inverter, as it says itself."),
    _gauge(
        "inverter_phase_power",
        "watts",
        "Power of a phase of the inverter.",
        "phase",
        sign="positive out of the inverter",
    ),
    _gauge("inverter_phase_voltage", "volts", "Voltage of a phase of the inverter.", "phase"),
    _gauge("inverter_phase_current", "amperes", "Current of a phase of the inverter.", "phase"),
    _gauge("inverter_temperature", "celsius", "Temperature inside the inverter.", "sensor"),
    _gauge("inverter_dc_bus_voltage", "volts", "Voltage of the inverter's DC bus."),
    _gauge("inverter_insulation_resistance", "ohms", "Insulation resistance of the PV side to earth."),
    _energy("inverter_output", "Energy that left the inverter's AC output."),
    # Loads and backup output.
    _gauge("load_phase_power", "watts", "Power of the loads on a phase.", "phase"),
    _gauge("load_phase_voltage", "volts", "Voltage of the loads on a phase.", "phase"),
    _gauge("load_phase_current", "amperes", "Current of the loads on a phase.", "phase"),
    _gauge("backup_power", "watts", "Power of the backup (EPS) output."),
    _gauge("backup_phase_power", "watts", "Power of a phase of the backup output.", "phase"),
    _gauge("backup_phase_voltage", "volts", "Voltage of a phase of the backup output.", "phase"),
    _gauge("backup_phase_current", "amperes", "Current of a phase of the backup output.", "phase"),
    _gauge("backup_frequency", "hertz", "Frequency of the backup output."),
    _gauge("generator_power", "watts", "Power of the generator input.", sign=_SOURCE),
    _gauge("generator_phase_power", "watts", "Power of a phase of the generator.", "phase", sign=_SOURCE),
    _gauge("generator_phase_voltage", "volts", "Voltage of a phase of the generator.", "phase"),
    _energy("generator_production", "Energy taken from the generator."),
    # Batteries together.
    _gauge("battery_voltage", "volts", "Voltage of the batteries."),
    _gauge("battery_current", "amperes", "Current of the batteries.", sign=_BATTERY_SIGN),
    _gauge("battery_state_of_charge", "ratio", "State of charge of all batteries."),
    _gauge("battery_state_of_health", "ratio", "State of health of all batteries."),
    _gauge("battery_temperature", "celsius", "Temperature of the batteries."),
    _gauge("battery_capacity", "joules", "Usable energy of the batteries when full."),
    _gauge("battery_charge_capacity", "coulombs", "Charge that the batteries hold when full."),
    _gauge("battery_time_to_go", "seconds", "Time until the batteries are empty at the present power."),
    # One battery of several.
    _gauge("battery_unit_power", "watts", "Power of a battery.", "battery", sign=_BATTERY_SIGN),
    _gauge("battery_unit_voltage", "volts", "Voltage of a battery.", "battery"),
    _gauge("battery_unit_current", "amperes", "Current of a battery.", "battery", sign=_BATTERY_SIGN),
    _gauge("battery_unit_state_of_charge", "ratio", "State of charge of a battery.", "battery"),
    _gauge("battery_unit_state_of_health", "ratio", "State of health of a battery.", "battery"),
    _gauge("battery_unit_temperature", "celsius", "Temperature of a battery.", "battery"),
    _gauge("battery_unit_charge_capacity", "coulombs", "Charge that a battery holds when full.", "battery"),
    _gauge("battery_unit_capacity", "joules", "Energy that a battery holds when full.", "battery"),
    _energy("battery_unit_charge", "Energy put into a battery.", "battery"),
    _energy("battery_unit_discharge", "Energy taken from a battery.", "battery"),
    _gauge("battery_unit_minimum_cell_voltage", "volts", "Lowest cell voltage of a battery.", "battery"),
    _gauge("battery_unit_maximum_cell_voltage", "volts", "Highest cell voltage of a battery.", "battery"),
    _gauge(
        "battery_unit_minimum_cell_temperature", "celsius", "Lowest cell temperature of a battery.", "battery"
    ),
    _gauge(
        "battery_unit_maximum_cell_temperature",
        "celsius",
        "Highest cell temperature of a battery.",
        "battery",
    ),
    _gauge("battery_unit_cycles", "", "Charge cycles that a battery has seen.", "battery"),
    _gauge(
        "battery_unit_charge_current_limit",
        "amperes",
        "Highest charge current that a battery allows now.",
        "battery",
    ),
    _gauge(
        "battery_unit_discharge_current_limit",
        "amperes",
        "Highest discharge current that a battery allows now.",
        "battery",
    ),
    _gauge("battery_cell_voltage", "volts", "Voltage of a cell.", "battery", "cell"),
    _gauge(
        "battery_cell_temperature", "celsius", "Temperature of a cell or group of cells.", "battery", "cell"
    ),
    # Further meters.
    _gauge(
        "meter_power", "watts", "Power at a further meter.", "meter", sign="as the meter's docs page says"
    ),
    _gauge("meter_phase_power", "watts", "Power of a phase at a further meter.", "meter", "phase"),
    _gauge("meter_phase_voltage", "volts", "Voltage of a phase at a further meter.", "meter", "phase"),
    _gauge("meter_phase_current", "amperes", "Current of a phase at a further meter.", "meter", "phase"),
    _gauge("meter_frequency", "hertz", "Frequency at a further meter.", "meter"),
    _energy("meter_import", "Energy that a further meter counted forward.", "meter"),
    _energy(
        "meter_phase_import", "Energy that a further meter counted forward on a phase.", "meter", "phase"
    ),
    _energy("meter_export", "Energy that a further meter counted backward.", "meter"),
    # Settings that every family with them means alike.
    _gauge(
        "grid_export_limit", "watts", "Highest power that may be sent to the grid; absent when unlimited."
    ),
    _gauge(
        "grid_import_limit", "watts", "Highest power that may be taken from the grid; absent when unlimited."
    ),
    _gauge(
        "production_limit", "watts", "Highest power that the inverter may produce; absent when unlimited."
    ),
    _gauge(
        "relative_production_limit", "ratio", "Highest power of the inverter as a share of its rated power."
    ),
    _gauge("battery_charge_power_limit", "watts", "Highest power that may charge the batteries."),
    _gauge("battery_discharge_power_limit", "watts", "Highest power that may discharge the batteries."),
    _gauge("battery_charge_current_limit", "amperes", "Highest current that may charge the batteries."),
    _gauge("battery_discharge_current_limit", "amperes", "Highest current that may discharge the batteries."),
    _gauge("battery_minimum_state_of_charge", "ratio", "State of charge below which nothing is discharged."),
    _gauge("battery_maximum_state_of_charge", "ratio", "State of charge above which nothing is charged."),
    _gauge(
        "grid_setpoint",
        "watts",
        "Power that the device is told to hold at the grid point.",
        sign="positive when importing",
    ),
    _gauge("rated_power", "watts", "Rated power of the inverter, as it says itself."),
    # The device itself.
    Quantity("device", "", "info", "What the device says it is.", ("vendor", "model", "serial", "firmware")),
    _gauge("device_clock", "timestamp_seconds", "The device's own clock, as Unix time."),
    _gauge("device_uptime", "seconds", "Time since the device started."),
    # Electric vehicle chargers.
    _gauge("ev_charger_power", "watts", "Power into the vehicle."),
    _gauge("ev_charger_current_limit", "amperes", "Charge current that the charger offers to the vehicle."),
    _gauge("ev_charger_phase_current", "amperes", "Current of a phase into the vehicle.", "phase"),
    _gauge("ev_charger_phase_voltage", "volts", "Voltage of a phase at the charger.", "phase"),
    _gauge("ev_charger_phase_power", "watts", "Power of a phase into the vehicle.", "phase"),
    _gauge("ev_charger_session", "joules", "Energy of this charging session."),
    _energy("ev_charger_delivered", "Energy that the charger has delivered."),
    # Prices.
    _gauge("tariff_feed_in", "price_per_kwh", "Price paid for a kWh sent to the grid now.", "currency"),
    _gauge("tariff_import", "price_per_kwh", "Price of a kWh taken from the grid now.", "currency"),
    _gauge(
        "tariff_feed_in_ahead",
        "price_per_kwh",
        "Price paid for a kWh sent to the grid so many hours from now, as far as it is told.",
        "currency",
        "hours",
    ),
    _gauge(
        "tariff_import_ahead",
        "price_per_kwh",
        "Price of a kWh taken from the grid so many hours from now, as far as it is told.",
        "currency",
        "hours",
    ),
)

CATALOGUE: Mapping[str, Quantity] = MappingProxyType({quantity.name: quantity for quantity in _QUANTITIES})
"""Every canonical quantity by its name."""

assert len(CATALOGUE) == len(_QUANTITIES), "a quantity stands twice in the catalogue"
