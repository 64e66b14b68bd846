"""The kinds of inverters that can be played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One model: the code and firmware it tells, its packs and meters, and what it is rated for, in watts.

    `capacity_ah` is what it says of the battery, at `voltage`. With `high_voltage`, the packs are modules of
    one stack.
    """

    code: int
    firmware: int
    rated_w: float
    battery_w: float
    capacity_ah: int
    voltage: float
    packs: int = 2
    meters: int = 1
    high_voltage: bool = False
    three_phases: bool = False
    ten_slots: bool = False
    has_extended: bool = False


HYBRID: Final = Kind(0x2001, 912, 5000.0, 3600.0, 200, 51.2, has_extended=True)
ALL_IN_ONE: Final = Kind(
    0x8001, 612, 6000.0, 6000.0, 52, 307.0, packs=4, high_voltage=True, ten_slots=True, has_extended=True
)
THREE_PHASE: Final = Kind(
    0x4003, 1121, 10_000.0, 10_000.0, 52, 307.2, packs=4, meters=2, high_voltage=True, three_phases=True
)
