"""The energy of one vehicle, from its plug to its plug, finer than the charger counts it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sunhelm.devices.charging import ChargerState

_LONGEST_S: Final = 300.0
"""Over a longer time than that nobody knows what was drawn: only the charger's own count is believed."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a vehicle has been given.

    A charger counts anew whenever it starts: `before_j` is what its former counts came to, `part_j` the
    present one as we know it, and `told_j` as the charger last told it. `power_w` was drawn at `at`.
    """

    before_j: float = 0.0
    part_j: float = 0.0
    told_j: float = 0.0
    power_w: float = 0.0
    at: float | None = None
    vehicle: bool = False

    @property
    def energy_j(self) -> float:
        """What the vehicle has been given, in joules."""
        return self.before_j + self.part_j


def counted(session: Session, charger: ChargerState, now: float) -> Session:
    """Return the session after another look at the charger.

    Between looks the power is summed up; the sum never leaves the step in which the charger's own count is.
    The energy of a vehicle that has gone is kept until the next one comes.
    """
    if charger.vehicle and not session.vehicle:
        session = Session(told_j=charger.session_j, part_j=charger.session_j if charger.charging else 0.0)
    passed = 0.0 if session.at is None else now - session.at
    known = 0.0 <= passed <= _LONGEST_S
    part = session.part_j + (passed * (session.power_w + charger.power_w) / 2 if known else 0.0)
    told, before = charger.session_j, session.before_j
    if told < session.told_j:
        before, part = before + part, 0.0
    if charger.charging:
        part = min(max(part, told - charger.step_j), told + charger.step_j)
    return replace(
        session,
        before_j=before,
        part_j=part,
        told_j=told,
        power_w=charger.power_w,
        at=now,
        vehicle=charger.vehicle,
    )
