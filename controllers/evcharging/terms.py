"""The words of the regulation: its modes, and the terms that the owner sets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sunhelm.devices.charging import LEAST_A

PERIOD_S: Final = 30.0
"""How often a charger is looked at, and changed at most."""

CHANGES_A_DAY: Final = 300


class EvMode(StrEnum):
    """Where the energy of a vehicle comes from."""

    OFF = "off"  # the charger is its owner's: nothing is regulated, and nothing is capped
    GRID = "grid"  # the owner's own limit; only the caps are kept
    SOLAR = "solar"  # the excess and nothing else, from the least current on
    HYBRID = "hybrid"  # the least current from wherever, and the excess


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingTerms:
    """What the owner of a charger sets, in base units; None is no bound.

    `mode` is what holds until somebody asks for another one. Excess has to last for `start_s` before it
    starts a vehicle or raises its limit, and to be missing for `stop_s` before it stops one. `phases` is on
    how many phases the vehicle charges, where that is not all to which its charger is connected.
    """

    mode: EvMode = EvMode.OFF
    period_s: float = PERIOD_S
    session_j: float | None = None
    import_cap_a: float | None = None
    most_a: float | None = None
    least_a: float = LEAST_A
    start_s: float = 60.0
    stop_s: float = 180.0
    phases: int | None = None
    changes_a_day: int = CHANGES_A_DAY
