"""Guards: hold back what cannot be true, and say so.

`Bounds` knows what is physically possible, `CounterGuard` that a lifetime counter only grows, `Witness`
that a device does not change its serial number between two reads, `StepGuard` how far values move meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

CONSISTENT_READS: Final = 3
"""So many reads in a row make a value believable that a guard first held back."""

CONSISTENT_ZEROS: Final = 10
"""So many reads in a row make it believable that a lifetime counter fell to 0: while a device wakes it shows
that for a while, and one that was really reset soon shows more."""

MOST_JOULES: Final = 100 * 3.6e6
"""No home makes or uses 100 kWh between two reads."""

FORGOTTEN_S: Final = 300.0
"""What was read so long ago says nothing any more of how far a value can have moved since."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value may be, in its base unit; None is no bound."""

    low: float | None = None
    high: float | None = None

    def allow(self, value: float) -> bool:
        """Whether the value lies within, both ends included."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        low = "" if self.low is None else f"{self.low:g}"
        high = "" if self.high is None else f"{self.high:g}"
        return f"{low}..{high}"


@dataclass(slots=True)
class _Counter:
    accepted: float | None = None
    candidate: float = 0.0
    seen: int = 0


@dataclass(slots=True)
class CounterGuard:
    """Hold out a lifetime counter that reads 0 after a start, less than before, or far more.

    Prometheus takes any drop for a reset and adds the next value whole: one 0 read while a device wakes
    would add its lifetime to today, and so would the fall behind one value that is far too high. A value that
    is seen three times in a row without falling again is believed: the device was replaced or has really been
    reset, or was out of reach for weeks. A fall to 0 takes longer to be believed.
    """

    _counters: dict[Hashable, _Counter] = field(default_factory=dict)

    def allow(self, key: Hashable, value: float, *, again: bool = False, most: float = math.inf) -> bool:
        """Whether the value of this counter may be shown; remembers it.

        A value that is shown `again`, without having been read again, is no further sign that it is true.
        `most` is how much is counted between two reads at most.
        """
        counter = self._counters.setdefault(key, _Counter())
        if again and (counter.seen or counter.accepted is not None):
            return value == counter.accepted
        before = counter.accepted
        expected = value != 0 if before is None else before <= value <= before + most
        if not expected:
            counter.seen = counter.seen + 1 if counter.seen and value >= counter.candidate else 1
            counter.candidate = value
            to_zero = value == 0 and counter.accepted is not None
            if counter.seen < (CONSISTENT_ZEROS if to_zero else CONSISTENT_READS):
                return False
        counter.accepted = value
        counter.seen = 0
        return True

    def clear(self) -> None:
        """Forget everything: the device is another one."""
        self._counters.clear()


@dataclass(slots=True)
class Witness:
    """Refuse a block whose identity words differ from those seen before.

    Some dongles mix the answers of two devices or garble a whole page; a serial number that changed for
    one read is the sign of it. Three reads in a row with the same new identity are a new device.
    """

    _known: dict[Hashable, tuple[int, ...]] = field(default_factory=dict)
    _candidate: dict[Hashable, tuple[tuple[int, ...], int]] = field(default_factory=dict)

    def allow(self, key: Hashable, words: tuple[int, ...]) -> bool:
        """Whether the block that carries these identity words may be believed; remembers them."""
        known = self._known.setdefault(key, words)
        if words == known:
            self._candidate.pop(key, None)
            return True
        candidate, seen = self._candidate.get(key, (words, 0))
        seen = seen + 1 if candidate == words else 1
        if seen < CONSISTENT_READS:
            self._candidate[key] = (words, seen)
            return False
        self._known[key] = words
        self._candidate.pop(key, None)
        return True


@dataclass(slots=True)
class _Stood:
    value: float
    at: float
    doubted: float | None = None


@dataclass(slots=True)
class StepGuard:
    """Find blocks that are put together of two, by values that moved further than they can.

    Some buffers answer with the first half of one battery or moment and the second half of another: every
    word can be, and the checksum is right. One value alone that jumped may be true: it is doubted for one
    read, and believed when the next one confirms it. Where two or more did, nothing of the block counts.
    """

    _stood: dict[Hashable, dict[str, _Stood]] = field(default_factory=dict)

    def jumps(
        self, key: Hashable, values: Mapping[str, float], limits: Mapping[str, float], now: float
    ) -> Mapping[str, float]:
        """Return the values that moved by more than their limit, each with what it was before.

        `key` says whose block it is, `now` is in monotonic seconds. Remembers the other values; of a block in
        which two jumped, nothing.
        """
        stood = self._stood.setdefault(key, {})
        jumped = {
            name: stood[name].value
            for name, value in values.items()
            if name in stood and not _follows(value, stood[name], limits[name], now)
        }
        if len(jumped) > 1:
            return jumped
        for name, value in values.items():
            if name in jumped:
                stood[name].doubted = value
            else:
                stood[name] = _Stood(value, now)
        return jumped


def _follows(value: float, stood: _Stood, limit: float, now: float) -> bool:
    """Whether a value can come after this one, or confirms what was doubted."""
    if now - stood.at >= FORGOTTEN_S:
        return True
    known = (stood.value,) if stood.doubted is None else (stood.value, stood.doubted)
    return any(abs(value - one) <= limit or math.isclose(abs(value - one), limit) for one in known)
