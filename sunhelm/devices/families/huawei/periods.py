"""Periods as Huawei packs them into registers: two of its formats, each with how many first.

    LUNA2000, EMMA  47255, 40004  43 words  14 of start, end, order over weekdays
    capacity        47956         64 words  14 of start, end, watts (32 bits), weekdays (8 bits), unaligned

Times are minutes since midnight, the end after the start and at most 1440. Bit 0 of the weekdays is Sunday.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

DAY: Final = 1440
EVERY_DAY: Final = 0x7F

Order = Literal["charge", "discharge"]
_ORDERS: Final[tuple[Order, Order]] = ("charge", "discharge")
_LUNA, _LUNA_WORDS = 14, 43
_CAPACITY, _CAPACITY_WORDS = 14, 64
_CAPACITY_SLOT: Final = struct.Struct(">HHIB")


@dataclass(frozen=True, slots=True)
class Period:
    """From minute `start` to minute `end` of the days whose bits are in `weekdays`. Raises ValueError."""

    start: int
    end: int
    weekdays: int = EVERY_DAY

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= DAY:
            raise ValueError(f"a period from minute {self.start} to {self.end}; 0 to {DAY} is, in this order")
        if not 0 <= self.weekdays <= EVERY_DAY:
            raise ValueError(f"weekdays {self.weekdays:#x}; seven bits are")

    def overlaps(self, other: Period) -> bool:
        """Whether both hold at some minute of some day."""
        return bool(self.weekdays & other.weekdays) and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class OrderPeriod(Period):
    """A period of a LUNA2000: charge or discharge."""

    order: Order = "charge"


@dataclass(frozen=True, slots=True)
class PowerPeriod(Period):
    """A period of capacity control: how many watts may be drawn."""

    watts: int = 0


def all_week(watts: int) -> PowerPeriod:
    """Return the period that covers every minute of the week."""
    return PowerPeriod(0, DAY, EVERY_DAY, watts)


def unpack_luna(words: Sequence[int]) -> tuple[OrderPeriod, ...]:
    """Return the periods in use. Raises ValueError for words that are none."""
    _check_length(words, _LUNA, _LUNA_WORDS)
    slots = (words[1 + 3 * number : 4 + 3 * number] for number in range(words[0]))
    return tuple(
        OrderPeriod(start, end, what & EVERY_DAY, _ORDERS[what >> 8 & 1]) for start, end, what in slots
    )


def pack_luna(periods: Sequence[OrderPeriod]) -> tuple[int, ...]:
    """Return 43 words. Raises ValueError when they are too many, or overlap."""
    _check(periods, _LUNA)
    words = [len(periods)]
    for each in periods:
        words += each.start, each.end, _ORDERS.index(each.order) << 8 | each.weekdays
    return (*words, *[0] * (_LUNA_WORDS - len(words)))


def unpack_capacity(words: Sequence[int]) -> tuple[PowerPeriod, ...]:
    """Return the periods of capacity control in use. Raises ValueError for words that are none."""
    _check_length(words, _CAPACITY, _CAPACITY_WORDS)
    content = struct.pack(f">{len(words)}H", *words)
    slots = (
        _CAPACITY_SLOT.unpack_from(content, 2 + number * _CAPACITY_SLOT.size) for number in range(words[0])
    )
    return tuple(PowerPeriod(start, end, days, watts) for start, end, watts, days in slots)


def pack_capacity(periods: Sequence[PowerPeriod]) -> tuple[int, ...]:
    """Return 64 words. Raises ValueError unless they cover every minute of the week once."""
    _check(periods, _CAPACITY)
    for day in range(7):
        covered = sum(each.end - each.start for each in periods if each.weekdays >> day & 1)
        if covered != DAY:
            raise ValueError(f"day {day} of the week is covered for {covered} minutes; all {DAY} have to be")
    content = struct.pack(">H", len(periods)) + b"".join(
        _CAPACITY_SLOT.pack(each.start, each.end, each.watts, each.weekdays) for each in periods
    )
    return struct.unpack(f">{_CAPACITY_WORDS}H", content.ljust(2 * _CAPACITY_WORDS, b"\0"))


def _check_length(words: Sequence[int], most: int, length: int) -> None:
    if len(words) != length:
        raise ValueError(f"{len(words)} words of periods; {length} are")
    if words[0] > most:
        raise ValueError(f"{words[0]} periods; {most} are the most")


def _check(periods: Sequence[Period], most: int) -> None:
    if len(periods) > most:
        raise ValueError(f"{len(periods)} periods; {most} are the most")
    for one, other in combinations(periods, 2):
        if one.overlaps(other):
            raise ValueError(f"periods overlap: {one.start} to {one.end} and {other.start} to {other.end}")
