"""The periods of a LUNA2000 as the device itself understands them; typed from the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Order = Literal["charge", "discharge"]


@dataclass(frozen=True, slots=True)
class Slot:
    """Minutes of the day, and the days of the week as bits, bit 0 being Sunday."""

    start: int
    end: int
    order: Order
    days: int


@dataclass(frozen=True, slots=True)
class Periods:
    """All slots in use; `sound` is whether the device takes them."""

    slots: tuple[Slot, ...]
    sound: bool

    def at(self, weekday: int, minute: int) -> Order | None:
        """Return what the battery is told to do on this day (0 is Sunday) at this minute."""
        for slot in self.slots:
            if slot.days >> weekday & 1 and slot.start <= minute < slot.end:
                return slot.order
        return None


def luna_periods(words: Sequence[int]) -> Periods:
    """Return what 43 words say: how many, then start, end, and order over days for each of 14."""
    count = words[0]
    slots = tuple(
        Slot(start, end, "discharge" if what >> 8 else "charge", what & 0x7F)
        for start, end, what in zip(words[1::3], words[2::3], words[3::3], strict=True)
    )
    used = slots[:count]
    overlap = any(
        one.days & other.days and one.start < other.end and other.start < one.end
        for number, one in enumerate(used)
        for other in used[:number]
    )
    sound = count <= 14 and not overlap and all(slot.start < slot.end <= 1440 for slot in used)
    return Periods(used, sound)
