"""What GivEnergy's users look for and no register tells: loads, self-consumption, flows, stored energy.

The rules are those of the programs that they know. Energies of the day count by the inverter's own clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.families.givenergy.meters import meter_samples
from sunhelm.devices.families.givenergy.models import model_told
from sunhelm.devices.families.givenergy.quantities import (
    CHARGE_TIME,
    DISCHARGE_TIME,
    FLOW,
    MODE,
    NOMINAL_CAPACITY,
    PV_DIRECT_TODAY,
    RATED_BATTERY_POWER,
    SELF_CONSUMPTION,
    SELF_CONSUMPTION_POWER,
    SELF_CONSUMPTION_TODAY,
    STORED,
    THROUGHPUT,
    UNIT_STORED,
    UNIT_STORED_MEASURED,
)
from sunhelm.devices.families.givenergy.told import Told
from sunhelm.devices.families.register_source import Values
from sunhelm.devices.guards import MOST_JOULES, CounterGuard
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample

_LOW_VOLTAGE: Final = 51.2
_KWH: Final = 3_600_000.0
_FELL_BY_ROUNDING: Final = 1.0 * _KWH
"""The sum of counters that are told in steps of 0.1 kWh may seem to fall when one of them steps first."""

_COUNTERS: Final = {
    "one_phase": ("pv_energy", "ac_charge", "grid_export", "grid_import"),
    "pv_generation": ("pv_generation",),
    "ac_output": ("inverter_output",),
}

_FREQUENCY_TOLD_TENFOLD: Final = 100.0


MODES: Final = ("eco", "eco_paused", "timed_demand", "timed_export", "export_paused")


def mode_name(*, follows_demand: bool, discharges: bool, reserve: float) -> str:
    """Return what the maker's programs call a mode; `reserve` is 0 to 1."""
    if follows_demand and not discharges:
        return "eco_paused" if reserve >= 1.0 else "eco"
    if follows_demand:
        return "timed_demand"
    return "timed_export" if discharges else "export_paused"


@dataclass(slots=True)
class Figures:
    """Works out the figures of one device; remembers the sums that may not fall."""

    _highest: dict[str, float] = field(default_factory=dict)
    _counters: CounterGuard = field(default_factory=CounterGuard)

    def derive(self, values: Values, groups: Collection[str]) -> Iterator[Sample]:
        """Yield what follows from `values`, by part and register, of the groups that came."""
        model = model_told(values)
        if model is None:
            return
        live = "one_phase_live" in groups
        device = Told(self._without_doubtful(values) if live else values, model)
        if "one_phase_live" in groups:
            yield from self._one_phase(device)
        if "three_phase_energy" in groups:
            yield from _throughput(device)
        if "inverter_identity" in groups:
            yield from _ratings(device)
        group = next((g for g in ("one_phase_live", "three_phase_live") if g in groups), "")
        if group:
            yield from _battery(device, group)
            yield from _flows(device, group)
        if "controls_settings" in groups:
            yield from _settings(device)
        for name in values:
            if name.startswith("battery_") and f"{name}_live" in groups:
                yield from _unit_energy(values[name], name)
            if name.startswith("meter_") and f"{name}_slow" in groups and "product" not in name:
                yield from meter_samples(values[name], name, ems=model.is_ems)

    def _without_doubtful(self, values: Values) -> Values:
        """Return the values without lifetime counters that cannot be true: nor could their sums be."""
        kept = {name: dict(registers) for name, registers in values.items()}
        for part, names in _COUNTERS.items():
            for name in names:
                value = kept.get(part, {}).get(name)
                if isinstance(value, float) and not self._counters.allow(
                    (part, name), value, most=MOST_JOULES
                ):
                    del kept[part][name]
        return kept

    def _one_phase(self, device: Told) -> Iterator[Sample]:
        group = "one_phase_live"
        frequency = device.number("one_phase", "grid_frequency")
        if frequency is not None and frequency > _FREQUENCY_TOLD_TENFOLD:
            frequency /= 10.0
        if frequency:
            yield Sample(CATALOGUE["grid_frequency"], frequency, (), "input 13 grid_frequency", group)
        if device.number("one_phase", "battery_state_of_charge") is None and device.number(
            "controls", "calibration_stage"
        ):
            # Empty is what 0 usually is not, but while the battery is calibrated it is.
            yield Sample(CATALOGUE["battery_state_of_charge"], 0.0, (), "calibrating", group)
        yield from self._load(device, group)
        yield from self._battery_totals(device)
        yield from _self_consumption(device, group)

    def _load(self, device: Told, group: str) -> Iterator[Sample]:
        for period, name in (("", "load_consumption"), ("_today", "load_consumption_today")):
            terms = (
                device.output(period),
                device.number("one_phase", f"ac_charge{period}"),
                device.number("one_phase", f"grid_export{period}"),
                device.number("one_phase", f"grid_import{period}"),
            )
            if any(term is None for term in terms):
                continue
            output, charge, export, imported = (term or 0.0 for term in terms)
            load = output - charge - export + imported
            if not device.pv_passes_the_output:
                load += device.number("one_phase", "pv1_today" if period else "pv_energy") or 0.0
                load += (device.number("one_phase", "pv2_today") or 0.0) if period else 0.0
            source = "output - ac_charge - export + import"
            if not period:
                load, source = self._never_falling(name, load, source)
            yield Sample(CATALOGUE[name], max(0.0, load), (), source, group)

    def _battery_totals(self, device: Told) -> Iterator[Sample]:
        """Yield the counters of the first battery, which are those of all; what the inverter counted else."""
        first = min((name for name in device.values if name.startswith("battery_5")), default="")
        stack = min((name for name in device.values if name.startswith("stack_")), default="")
        for what in ("charge", "discharge"):
            total = device.number(first, f"stack_{what}") or device.number(
                "first_generation", f"battery_{what}_inverter"
            )
            group = f"{first}_live" if first else "first_generation_live"
            if not total and stack:
                total, group = device.number(stack, what), f"{stack}_live"
            if total:
                yield Sample(CATALOGUE[f"battery_{what}"], total, (), f"the batteries' {what}", group)

    def _never_falling(self, name: str, value: float, source: str) -> tuple[float, str]:
        """Return the sum and where it is from, or what it was when it has only seemed to fall."""
        before = self._highest.get(name, value)
        if before - _FELL_BY_ROUNDING <= value < before:
            return before, f"{source}, as before"
        self._highest[name] = value
        return value, source


def _self_consumption(device: Told, group: str) -> Iterator[Sample]:
    load, grid = device.number("one_phase", "load_power"), device.number("one_phase", "grid_power")
    if load is not None and grid is not None:
        yield Sample(SELF_CONSUMPTION_POWER, max(0.0, load - max(0.0, grid)), (), "load - import", group)
    for period, quantity in (("_today", SELF_CONSUMPTION_TODAY), ("", SELF_CONSUMPTION)):
        pv, export = device.pv(period), device.number("one_phase", f"grid_export{period}")
        if pv is None or export is None:
            continue
        yield Sample(quantity, max(0.0, pv - export), (), "pv - export", group)
        charge = device.number("stored_energy", "battery_charge_today") or device.number(
            "first_generation", "battery_charge_today"
        )
        from_grid = device.number("one_phase", "ac_charge_today")
        if period and charge is not None and from_grid is not None:
            direct = max(0.0, pv - export - max(0.0, charge - from_grid))
            yield Sample(PV_DIRECT_TODAY, direct, (), "pv - export - battery charge", group)


def _throughput(device: Told) -> Iterator[Sample]:
    charge = device.number("three_phase", "battery_charge")
    discharge = device.number("three_phase", "battery_discharge")
    if charge is not None and discharge is not None:
        yield Sample(THROUGHPUT, charge + discharge, (), "charge + discharge", "three_phase_energy")


def _ratings(device: Told) -> Iterator[Sample]:
    group, model = "inverter_identity", device.model
    if model.rated_power:
        yield Sample(CATALOGUE["rated_power"], model.rated_power, (), f"model {model.code:04x}", group)
    if model.battery_power:
        yield Sample(RATED_BATTERY_POWER, model.battery_power, (), f"model {model.code:04x}", group)
    if device.nominal_capacity:
        yield Sample(NOMINAL_CAPACITY, device.nominal_capacity, (), "holding 55 battery_capacity", group)


def _battery(device: Told, group: str) -> Iterator[Sample]:
    capacity, charge = device.capacity, device.state_of_charge
    if not capacity:
        return
    yield Sample(CATALOGUE["battery_capacity"], capacity, (), "capacity", group)
    if charge is None:
        return
    yield Sample(STORED, capacity * charge, (), "capacity x state of charge", group)
    powers = device.powers
    if powers is None:
        return
    power = powers["battery"]
    target, reserve = device.setting("charge_target"), device.setting("battery_reserve")
    if target is not None:
        seconds = max(0.0, capacity * (target - charge)) / -power if power < 0.0 else 0.0
        yield Sample(CHARGE_TIME, seconds, (), "target - state of charge", group)
    if reserve is not None:
        seconds = max(0.0, capacity * (charge - reserve)) / power if power > 0.0 else 0.0
        yield Sample(DISCHARGE_TIME, seconds, (), "state of charge - reserve", group)


def _flows(device: Told, group: str) -> Iterator[Sample]:
    """Yield who feeds whom: PV the house first, then the battery, then the grid; the grid what is left."""
    powers = device.powers
    if powers is None:
        return
    pv, load = max(0.0, powers["pv"]), max(0.0, powers["load"])
    imported, export = max(0.0, powers["grid"]), max(0.0, -powers["grid"])
    discharge, charge = max(0.0, powers["battery"]), max(0.0, -powers["battery"])
    pv_to_house = min(pv, load)
    pv_to_battery = max(pv - pv_to_house - export, 0.0)
    battery_to_house = max(discharge - export, 0.0)
    flows = {
        ("pv", "house"): pv_to_house,
        ("pv", "battery"): pv_to_battery,
        ("pv", "grid"): max(pv - pv_to_house - pv_to_battery, 0.0),
        ("battery", "house"): battery_to_house,
        ("battery", "grid"): max(discharge - battery_to_house, 0.0) if export else 0.0,
        ("grid", "house"): max(imported - charge, 0.0),
        ("grid", "battery"): max(charge - max(pv - load, 0.0), 0.0) if imported else 0.0,
    }
    for labels, power in flows.items():
        yield Sample(FLOW, power, labels, "pv, load, grid and battery power", group)


def _settings(device: Told) -> Iterator[Sample]:
    group = "controls_settings"
    capacity, most = device.nominal_capacity, device.model.battery_power
    for what, register, ac_limit in (
        ("charge", "battery_charge_rate", "battery_charge_limit_ac"),
        ("discharge", "battery_discharge_rate", "battery_discharge_limit_ac"),
    ):
        watts: float | None = None
        rated = device.model.rated_power
        if device.model.three_phases or device.model.is_gateway:
            part = "three_phase_settings" if device.model.three_phases else "ac_controls"
            share = device.number(part, ac_limit)
            watts = rated * share if rated and share is not None else None
        elif capacity and most and (rate := device.number("controls", register)) is not None:
            watts = min(rate * capacity / 3600.0, most)
        if watts is not None:
            yield Sample(CATALOGUE[f"battery_{what}_power_limit"], watts, (), register, group)
    follows, discharges = (
        device.number("controls", "battery_power_mode"),
        device.number("controls", "discharge_enabled"),
    )
    reserve = device.setting("battery_reserve")
    if None not in (follows, discharges) and not device.model.three_phases:
        name = mode_name(follows_demand=bool(follows), discharges=bool(discharges), reserve=reserve or 0.0)
        for mode in MODES:
            yield Sample(MODE, float(mode == name), (mode,), "battery_power_mode discharge_enabled", group)


def _unit_energy(values: Mapping[str, float | str], name: str) -> Iterator[Sample]:
    charge, voltage = values.get("remaining_charge"), values.get("voltage")
    number = str(int(name.rpartition("_")[2]) - 0x31)
    if isinstance(charge, float):
        yield Sample(UNIT_STORED, charge * _LOW_VOLTAGE, (number,), "remaining_charge", f"{name}_live")
        if isinstance(voltage, float):
            yield Sample(
                UNIT_STORED_MEASURED,
                charge * voltage,
                (number,),
                "remaining_charge x voltage",
                f"{name}_live",
            )
