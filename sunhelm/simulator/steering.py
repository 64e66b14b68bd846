"""What the house is told to do. Faces write it, the plant obeys within what physics allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

ThreePhase = tuple[float, float, float]
"""One number for each of L1, L2, L3; a one-phase house uses the first."""


class Mode(Enum):
    """Who decides on the power of the battery inverter."""

    SELF_CONSUMPTION = auto()  # hold the grid at its setpoint
    AC_INPUT = auto()  # hold the power at the inverter's AC input
    BATTERY = auto()  # hold the power of the battery
    IDLE = auto()  # pass the grid through, convert nothing


class Switch(Enum):
    """The switch on the battery inverter."""

    ON = auto()
    CHARGER_ONLY = auto()  # never gives power to the AC side
    INVERTER_ONLY = auto()  # supplies its output by itself as far as the battery can
    OFF = auto()  # its output is dead


@dataclass(slots=True)
class Steering:
    """Every handle on the plant; the defaults are self consumption without limits.

    Powers are in watts. `grid_setpoint_w` is positive for import; `ac_input_w` is positive into the
    inverter on each phase; `battery_w` is positive for discharge. Limits are None when there are none,
    else 0 or more: `charge_limit_w` and `discharge_limit_w` at the battery, `feed_in_limit_w` at the grid
    point, `pv_limit_w` at the PV inverter's output. `pv_throttle` is the share of what they could that all
    strings give, 1 unless something makes the inverters hold back. With `phase_compensation` only the sum
    of the phases is held at the setpoint, else each phase. `minimum_soc` holds in self consumption; the house
    draws the battery up again when it falls 5 points below. `keep_charged` charges it full from whatever
    there is. `vehicle_w` is what an EV charger draws on the first phase, beside the battery inverter.
    """

    mode: Mode = Mode.SELF_CONSUMPTION
    switch: Switch = Switch.ON
    phase_compensation: bool = True
    grid_setpoint_w: float = 0.0
    ac_input_w: ThreePhase = (0.0, 0.0, 0.0)
    battery_w: float = 0.0
    charge_allowed: bool = True
    discharge_allowed: bool = True
    charge_limit_w: float | None = None
    discharge_limit_w: float | None = None
    feed_in_limit_w: float | None = None
    ac_pv_feed_in: bool = True
    dc_pv_feed_in: bool = True
    pv_limit_w: float | None = None
    pv_throttle: float = 1.0
    minimum_soc: float = 0.10
    keep_charged: bool = False
    vehicle_w: float = 0.0
