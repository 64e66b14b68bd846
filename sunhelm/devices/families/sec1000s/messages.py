"""What the SEC1000 says of itself: the values inside its replies, as they stand on the wire.

All numbers are signed 32-bit, high byte first. Offsets are from the start of the reply's data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from sunhelm.devices.errors import Malformed

_TELEMETRY: Final = struct.Struct(">11i")
_LIMIT: Final = struct.Struct(">Biii")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The grid point and the inverters behind the box, as 0x0B tells them.

    `voltages` in tenths of a volt and `currents` in hundredths of an ampere, phase 1 to 3; currents have
    no direction. `powers` and `grid_power` in watts, positive when exporting; the box rounds them apart.
    `inverter_power` in watts is the sum of the inverters, batteries included.
    """

    voltages: tuple[int, int, int]
    currents: tuple[int, int, int]
    powers: tuple[int, int, int]
    grid_power: int
    inverter_power: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return what the data of a reply to 0x0B says. Raises Malformed."""
        numbers = _unpack(_TELEMETRY, data)
        v1, v2, v3, i1, i2, i3, p1, p2, p3, grid, inverters = numbers
        return cls((v1, v2, v3), (i1, i2, i3), (p1, p2, p3), grid, inverters)


class Mode(IntEnum):
    """What limits the export."""

    DEACTIVATED = 0
    DRED = 1
    RCR = 2
    VALUE = 3


def mode_name(mode: Mode | int) -> str:
    """Return the name of a mode as it is shown; the number of one that has none."""
    return mode.name.lower() if isinstance(mode, Mode) else str(mode)


@dataclass(frozen=True, slots=True)
class LimitState:
    """The export limit as 0x43 tells it; watts. `mode` is a plain number when it is none of `Mode`."""

    mode: Mode | int
    total_capacity: int
    ct_ratio: int
    export_limit: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return what the data of a reply to 0x43 says. Raises Malformed."""
        mode, capacity, ratio, limit = _unpack(_LIMIT, data)
        return cls(Mode(mode) if mode in list(Mode) else mode, capacity, ratio, limit)


def _unpack(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) != layout.size:
        raise Malformed(f"{len(data)} bytes of data; {layout.size} are right")
    return layout.unpack(data)
