"""Registers that a device refuses, and for how long each of them is not asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.links.base import Table
from sunhelm.devices.registers.register import Register

_REMEMBER_S: Final = (60.0, 480.0, 3840.0, 30_720.0, 86_400.0)
"""So long a refusal is believed, and longer each time that it comes again: a device in trouble refuses what
it has, and what it really lacks it may have after an update of its firmware."""

_SETTLED: Final = 4
"""So many refusals, in more than an hour, and the device no longer has what it once told."""

Place = tuple[int, str, Table, int]
"""Where a register stands: unit id, map, table and address."""


def place_of(part: FoundPart, register: Register) -> Place:
    """Return where a register of a part stands."""
    return (part.unit, part.map.name, register.table, register.address)


@dataclass(slots=True)
class Unsupported:
    """Registers that a device refuses: left out for a minute, then for longer and longer, up to a day."""

    _until: dict[Place, float] = field(default_factory=dict)
    _times: dict[Place, int] = field(default_factory=dict)

    def add(self, place: Place, now: float) -> None:
        """Remember that the device refuses this register."""
        times = self._times.get(place, 0)
        self._until[place] = now + _REMEMBER_S[min(times, len(_REMEMBER_S) - 1)]
        self._times[place] = times + 1

    def answered(self, places: Iterable[Place]) -> None:
        """Forget that the device ever refused these registers."""
        if self._until:
            for place in places:
                self._until.pop(place, None)
                self._times.pop(place, None)

    def current(self, now: float) -> frozenset[Place]:
        """Return the registers that are left out now."""
        return frozenset(place for place, until in self._until.items() if until > now)

    def is_settled(self, place: Place) -> bool:
        """Whether a register was refused so often that the device will not have it any more."""
        return self._times.get(place, 0) >= _SETTLED
