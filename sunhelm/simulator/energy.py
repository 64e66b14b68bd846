"""Energy counters of the plant, in joules: they only ever grow, and balance as the powers do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

_KWH: Final = 3_600_000.0


@dataclass(slots=True)
class EnergyCounters:
    """Joules since the house was built.

    pv + grid_import + battery_discharge = load + grid_export + battery_charge + losses.
    `grid_import` and `grid_export` count the sum of the phases, `phase_import` and `phase_export` each
    phase alone. `pv_inverter` is at that inverter's AC side. The four of the battery inverter are the
    flows between its AC input, its AC output and its DC side.
    """

    pv: float
    strings: list[float]
    pv_inverter: float
    grid_import: float
    grid_export: float
    battery_charge: float
    battery_discharge: float
    load: float
    losses: float
    phase_import: list[float]
    phase_export: list[float]
    input_to_output: float = 0.0
    input_to_inverter: float = 0.0
    inverter_to_input: float = 0.0
    inverter_to_output: float = 0.0

    @classmethod
    def of_years(cls, string_shares: tuple[float, ...], ac_share: float) -> EnergyCounters:
        """Return the counters of a house that has run for a little over two years."""
        pv, grid_import, grid_export = 16_200.0 * _KWH, 4_900.0 * _KWH, 6_350.0 * _KWH
        charge, discharge, losses = 5_480.0 * _KWH, 5_150.0 * _KWH, 1_250.0 * _KWH
        return cls(
            pv=pv,
            strings=[pv * share for share in string_shares],
            pv_inverter=pv * ac_share * 0.965,
            grid_import=grid_import,
            grid_export=grid_export,
            battery_charge=charge,
            battery_discharge=discharge,
            load=pv + grid_import + discharge - grid_export - charge - losses,
            losses=losses,
            phase_import=[grid_import * share for share in (0.33, 0.45, 0.36)],
            phase_export=[grid_export * share for share in (0.38, 0.34, 0.38)],
        )

    def copy(self) -> EnergyCounters:
        """Return these counters as they are now."""
        return replace(
            self,
            strings=list(self.strings),
            phase_import=list(self.phase_import),
            phase_export=list(self.phase_export),
        )


@dataclass(slots=True)
class Day:
    """One local day: its counters at the start, and its highest powers so far, in watts."""

    begin: EnergyCounters
    peak_pv_w: float = 0.0
    peak_strings_w: list[float] = field(default_factory=list)
