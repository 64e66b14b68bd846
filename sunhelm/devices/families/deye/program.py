"""The six slots of a hybrid as a timetable of the day: pure, no I/O.

A slot lasts until the start of the next one, the last until that of the first; of equal starts the later slot
counts. The timetable knows what is in force when, can have a stretch put into it or taken out again, and
becomes six slots: what is not needed for that repeats what is in force anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from sunhelm.devices.wall_clock import MINUTES_A_DAY

SLOTS: Final = 6
ENABLED: Final = 1
EVERY_DAY: Final = 0xFF
GRID_CHARGE: Final = 1
GENERATOR_CHARGE: Final = 2

_WORDS: Final = 2 + 4 * SLOTS
_DIGITS: Final = 4


class NoRoom(ValueError):
    """The timetable would need more than six slots."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What is in force from a start on: raw power and state of charge, and the flags."""

    power: int
    soc: int
    flags: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes of the day from `first` up to, not including, `last`; over midnight where that is not later."""

    first: int
    last: int

    @property
    def minutes(self) -> int:
        """How long it is; one from a minute to the same is a whole day."""
        return (self.last - self.first) % MINUTES_A_DAY or MINUTES_A_DAY

    def has(self, minute: int) -> bool:
        """Whether it is on at this minute of the day."""
        return (minute - self.first) % MINUTES_A_DAY < self.minutes


@dataclass(frozen=True, slots=True)
class Program:
    """The words of the slots as they stand: the days with the switch, grid charging, and six of each kind."""

    days: int
    grid_charge: int
    starts: tuple[int, ...]
    slots: tuple[Slot, ...]

    @property
    def is_enabled(self) -> bool:
        """Whether the slots are switched on, on any day."""
        return bool(self.days & ENABLED)

    def is_on(self, weekday: int) -> bool:
        """Whether the slots are in force on a day; Monday is 0."""
        return self.is_enabled and bool(self.days >> (weekday + 1) & 1)

    def encoded(self) -> str:
        """Return the words as hexadecimal digits."""
        columns = (
            [slot.power for slot in self.slots],
            [slot.soc for slot in self.slots],
            [slot.flags for slot in self.slots],
        )
        words = [
            self.days,
            self.grid_charge,
            *map(_hhmm, self.starts),
            *(w for column in columns for w in column),
        ]
        return "".join(f"{word:04x}" for word in words)

    @classmethod
    def decoded(cls, text: str) -> Self:
        """Return the program whose words these are. Raises ValueError."""
        if len(text) != _WORDS * _DIGITS:
            raise ValueError(f"{len(text)} digits are no program; {_WORDS * _DIGITS} are")
        days, grid_charge, *rest = (int(text[i : i + _DIGITS], 16) for i in range(0, len(text), _DIGITS))
        starts, powers, socs, flags = (rest[i : i + SLOTS] for i in range(0, 4 * SLOTS, SLOTS))
        return cls.of(days, grid_charge, starts, list(zip(powers, socs, flags, strict=True)))

    @classmethod
    def of(cls, days: int, grid_charge: int, starts: list[int], slots: list[tuple[int, int, int]]) -> Self:
        """Return the program of these raw words. Raises ValueError for a start that is no time of day."""
        return cls(days, grid_charge, tuple(map(_minute, starts)), tuple(Slot(*slot) for slot in slots))

    def raw_starts(self) -> tuple[int, ...]:
        """Return the starts as they are written: 1830 for half past six."""
        return tuple(map(_hhmm, self.starts))

    def everywhere(self, slot: Slot) -> Self:
        """Return the program with every slot like this one."""
        return replace(self, slots=(slot,) * SLOTS)

    def at(self, minute: int) -> Slot:
        """Return what is in force at a minute of the day, when the slots are on."""
        table = self._table()
        begun = [start for start in table if start <= minute]
        return table[max(begun, default=max(table))]

    def stretches(self) -> Iterator[tuple[Stretch, Slot]]:
        """Yield what is in force when, slots that are alike as one."""
        table = self._table()
        starts = sorted(table)
        changes = [
            start
            for before, start in zip([starts[-1], *starts], starts, strict=False)
            if table[before] != table[start]
        ]
        if not changes:
            yield Stretch(0, 0), table[starts[0]]
            return
        for start, end in zip(changes, [*changes[1:], changes[0]], strict=True):
            yield Stretch(start, end), table[start]

    def having(self, stretch: Stretch, slot: Slot) -> Self:
        """Return the program with this slot in force in a stretch of the day. Raises NoRoom."""
        table = self._table()
        if stretch.minutes < MINUTES_A_DAY:
            after = table.get(stretch.last) or self.at(stretch.last)
            kept = {start: each for start, each in table.items() if not stretch.has(start)}
            kept[stretch.last] = after
        else:
            kept = {}
        kept[stretch.first] = slot
        return self._made(kept)

    def without(self, stretch: Stretch) -> Self:
        """Return the program where what is in force before a stretch goes on through it."""
        return self.having(stretch, self.at((stretch.first - 1) % MINUTES_A_DAY))

    def _table(self) -> dict[int, Slot]:
        """Return the slots by their start. Raises ValueError where the starts do not ascend."""
        if any(after < before for before, after in zip(self.starts, self.starts[1:], strict=False)):
            raise ValueError("the starts of the slots do not ascend")
        return dict(zip(self.starts, self.slots, strict=True))

    def _made(self, table: Mapping[int, Slot]) -> Self:
        """Return the program of these starts: fewer where some change nothing, more where there is room."""
        starts = sorted(table)
        own = set(self.starts)
        idle = [s for i, s in enumerate(starts) if table[s] == table[starts[i - 1]] and len(starts) > 1]
        for start in sorted(idle, key=lambda start: start in own):
            if len(starts) <= SLOTS:
                break
            starts.remove(start)
        if len(starts) > SLOTS:
            raise NoRoom(f"{len(starts)} slots would be needed; there are {SLOTS}")
        slots = {start: table[start] for start in starts}
        for start in (*self.starts, *range(0, MINUTES_A_DAY, 30), *range(MINUTES_A_DAY)):
            if len(slots) == SLOTS:
                break
            slots.setdefault(start, _in_force(slots, start))
        ordered = sorted(slots)
        return replace(self, starts=tuple(ordered), slots=tuple(slots[start] for start in ordered))


def _in_force(table: Mapping[int, Slot], minute: int) -> Slot:
    begun = [start for start in table if start <= minute]
    return table[max(begun, default=max(table))]


def _minute(raw: int) -> int:
    hour, minute = divmod(raw, 100)
    if minute > 59 or hour > 23:
        raise ValueError(f"{raw:04} is no time of day")
    return 60 * hour + minute


def _hhmm(minute: int) -> int:
    return 100 * (minute // 60) + minute % 60
