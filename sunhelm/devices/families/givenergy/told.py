"""What a GivEnergy device told last, by what it means and not by where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.families.givenergy.models import Model
from sunhelm.devices.families.register_source import Values

_MODULE_VOLTAGE: Final = 76.8
_USABLE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Told:
    """What was last read of a device, with its model."""

    values: Values
    model: Model

    def number(self, part: str, register: str) -> float | None:
        """Return a number in its base unit; None where it was not read or is none."""
        value = self.values.get(part, {}).get(register)
        return value if isinstance(value, float) else None

    @property
    def pv_passes_the_output(self) -> bool:
        """Whether what PV gives is part of what the inverter puts out: on hybrids."""
        return "pv_generation" in self.values

    def output(self, period: str) -> float | None:
        """Return the energy that the inverter put out; `period` is "" or "_today"."""
        if self.pv_passes_the_output:
            return self.number("pv_generation", f"pv_generation{period}")
        return self.number("ac_output", f"inverter_output{period}")

    def pv(self, period: str) -> float | None:
        """Return the PV energy; `period` is "" or "_today"."""
        if self.pv_passes_the_output:
            return self.number("pv_generation", f"pv_generation{period}")
        if not period:
            return self.number("one_phase", "pv_energy")
        first, second = self.number("one_phase", "pv1_today"), self.number("one_phase", "pv2_today")
        return None if first is None or second is None else first + second

    @property
    def nominal_capacity(self) -> float | None:
        """The capacity of the batteries in joules, as their charge and nominal voltage say."""
        charge, voltage = self.number("inverter", "battery_capacity"), self.model.battery_voltage
        return charge * voltage if charge and voltage else None

    @property
    def capacity(self) -> float | None:
        """The usable capacity in joules."""
        stacks = [
            (self.number(name, "capacity"), self.number(name, "modules"))
            for name in self.values
            if name.startswith("stack_")
        ]
        if stacks:
            return (
                sum((charge or 0.0) * (modules or 0.0) for charge, modules in stacks)
                * _MODULE_VOLTAGE
                * _USABLE
            )
        return self.nominal_capacity

    @property
    def powers(self) -> Mapping[str, float] | None:
        """Power of pv, grid (+ import), battery (+ discharge) and load; None unless all were read."""
        if self.model.three_phases:
            part, signed = (
                "three_phase",
                {
                    "grid": ("meter_import_power", "meter_export_power"),
                    "battery": ("battery_discharge_power", "battery_charge_power"),
                },
            )
        else:
            part, signed = "one_phase", {"grid": ("grid_power", ""), "battery": ("battery_power", "")}
        sums = {
            "pv": (self.number(part, "pv1_power"), self.number(part, "pv2_power")),
            "load": (self.number(part, "load_power"), 0.0),
        }
        for name, (plus, minus) in signed.items():
            back = self.number(part, minus) if minus else 0.0
            sums[name] = (self.number(part, plus), None if back is None else -back)
        found: dict[str, float] = {}
        for name, (one, other) in sums.items():
            if one is None or other is None:
                return None
            found[name] = one + other
        return found

    @property
    def state_of_charge(self) -> float | None:
        """The state of charge, 0 to 1."""
        part = "three_phase" if self.model.three_phases else "one_phase"
        return self.number(part, "battery_state_of_charge")

    def setting(self, name: str) -> float | None:
        """Return a setting that stands in other places on three-phase inverters."""
        part = "three_phase_settings" if self.model.three_phases else "slots"
        return self.number(part, name)
