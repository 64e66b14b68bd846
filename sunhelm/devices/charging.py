"""An EV charger as whoever regulates it sees it: what it does, and what is drawn through it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from sunhelm.devices.clock import Deadline

LEAST_A: Final = 6.0
"""The least that a charger can offer to a vehicle, by the norm that all of them follow."""


class Stage(StrEnum):
    """What a charger does."""

    FREE = "free"  # no vehicle
    CONNECTED = "connected"  # a vehicle, that is not charged now
    CHARGING = "charging"
    ENDED = "ended"  # the vehicle wants no more
    FAULTY = "faulty"  # a fault, or an update: nothing can be asked of it now
    UNKNOWN = "unknown"


class Order(StrEnum):
    """What a charger was told last, by whomever."""

    READY = "ready"  # its own rules decide whether a vehicle is charged
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerState:
    """What a charger shows at one moment, in base units.

    `order` is None where the charger shows none that is known. `limit_a` is the current in force, `least_a`
    and `most_a` are the bounds of the hardware. `volts` are those of the phases that it is connected to,
    empty when it tells none; `amperes` is what the strongest of them carries. `session_j` counts in steps of
    `step_j`, and may begin anew whenever charging does.
    """

    stage: Stage
    order: Order | None
    limit_a: float
    power_w: float
    session_j: float
    least_a: float = LEAST_A
    most_a: float = 32.0
    volts: tuple[float, ...] = ()
    amperes: float = 0.0
    step_j: float = 360_000.0

    @property
    def charging(self) -> bool:
        """Whether the vehicle is charged."""
        return self.stage is Stage.CHARGING

    @property
    def tells_limit(self) -> bool:
        """Whether the limit is one: less than the least is what a charger shows that offers nothing now."""
        return self.limit_a >= self.least_a - 0.25

    @property
    def vehicle(self) -> bool:
        """Whether a vehicle is there that can be charged or not."""
        return self.stage in (Stage.CONNECTED, Stage.CHARGING, Stage.ENDED)


class EvCharger(Protocol):
    """A charger that can be regulated. Every call happens in a turn on the device.

    What is asked of it goes through its handles `current_limits` and `mode`, whose modes are
    `native:ready`, `native:start` and `native:stop`.
    """

    async def look(self, deadline: Deadline) -> ChargerState:
        """Return what it shows now. Raises DeviceError, Malformed for what cannot be."""
