"""Where the registers stand that force the battery: one way for one phase, another for three."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.families.givenergy.models import Model
from sunhelm.devices.families.givenergy.times import length

WINDOW: Final = 121
"""Minutes of a slot that is ours, and nobody else's: it ends by itself when nobody renews it."""

FOLLOWS_DEMAND, DISCHARGES, PAUSE = 27, 59, 318
_RATE_FULL: Final = 50
_PERCENT_FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """A register that bounds the power of the battery: in shares of its capacity, or of the rated power."""

    address: int
    of_rated: bool

    @property
    def full(self) -> int:
        """The word that bounds nothing."""
        return _PERCENT_FULL if self.of_rated else _RATE_FULL


@dataclass(frozen=True, slots=True)
class Layout:
    """Registers of one direction each: the slot, what switches it on, its end and its rate.

    `charge_on` and `discharge_on` are switched to 1, in this order. `undo` is the order of giving back.
    """

    charge_target: int
    charge_slot: tuple[int, int]
    charge_on: tuple[int, ...]
    charge_rate: Rate
    reserve: int
    least_reserve: int
    discharge_slot: tuple[int, int]
    discharge_on: tuple[int, ...]
    discharge_rate: Rate
    undo: tuple[int, ...]

    def charging(self, rate: int, slot: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Yield what forces charging, in the order of writing."""
        yield self.charge_target, 100
        yield from zip(self.charge_slot, slot, strict=True)
        if self.charge_rate.of_rated:
            yield self.charge_rate.address, rate
            yield from ((address, 1) for address in self.charge_on)
        else:
            yield from ((address, 1) for address in self.charge_on)
            yield self.charge_rate.address, rate

    def discharging(self, rate: int, slot: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Yield what forces discharging into the grid, in the order of writing."""
        yield self.reserve, self.least_reserve
        yield from ((address, 1) for address in self.discharge_on)
        yield from ((address, 0) for address in self.charge_on[:1] if self.discharge_on)
        yield self.discharge_rate.address, rate
        yield FOLLOWS_DEMAND, 0
        yield DISCHARGES, 1
        yield from zip(self.discharge_slot, slot, strict=True)

    def is_charging(self, words: Mapping[int, int]) -> bool:
        """Whether a slot of ours forces charging, or will again tomorrow."""
        on = all(words[address] == 1 for address in self.charge_on)
        return on and words[self.charge_target] == 100 and self._is_ours(words, self.charge_slot)

    def is_discharging(self, words: Mapping[int, int]) -> bool:
        """Whether a slot of ours forces discharging, or will again tomorrow."""
        on = all(words[address] == 1 for address in (*self.discharge_on, DISCHARGES))
        return on and words[FOLLOWS_DEMAND] == 0 and self._is_ours(words, self.discharge_slot)

    @staticmethod
    def _is_ours(words: Mapping[int, int], slot: tuple[int, int]) -> bool:
        start, end = slot
        return length(words[start], words[end]) == WINDOW


ONE_PHASE: Final = Layout(
    charge_target=116,
    charge_slot=(94, 95),
    charge_on=(96,),
    charge_rate=Rate(111, of_rated=False),
    reserve=110,
    least_reserve=4,
    discharge_slot=(56, 57),
    discharge_on=(),
    discharge_rate=Rate(112, of_rated=False),
    undo=(111, 96, 94, 95, 116, 27, 110, 56, 57, 59, 112),
)
GATEWAY: Final = Layout(
    charge_target=116,
    charge_slot=(94, 95),
    charge_on=(96,),
    charge_rate=Rate(313, of_rated=True),
    reserve=110,
    least_reserve=4,
    discharge_slot=(56, 57),
    discharge_on=(),
    discharge_rate=Rate(314, of_rated=True),
    undo=(313, 96, 94, 95, 116, 27, 110, 56, 57, 59, 314),
)
THREE_PHASE: Final = Layout(
    charge_target=1111,
    charge_slot=(1113, 1114),
    charge_on=(1123, 1112),
    charge_rate=Rate(1110, of_rated=True),
    reserve=1109,
    least_reserve=5,
    discharge_slot=(1118, 1119),
    discharge_on=(1122,),
    discharge_rate=Rate(1108, of_rated=True),
    undo=(1110, 1123, 1112, 1113, 1114, 1111, 27, 1109, 1118, 1119, 59, 1122, 1108),
)


def layout_of(model: Model) -> Layout | None:
    """Return where a model has these registers; None for one that has none of its own."""
    if model.is_ems:
        return None
    if model.three_phases:
        return THREE_PHASE
    return GATEWAY if model.is_gateway else ONE_PHASE
