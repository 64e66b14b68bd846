"""Faults that come and go by themselves: a seeded timetable for soak tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sunhelm.simulator.faults import kinds
from sunhelm.simulator.faults.kinds import Fault
from sunhelm.simulator.faults.switchboard import Faults

_EXCEPTIONS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11)

_DRAWN: Final[Sequence[Callable[[random.Random], Fault]]] = (
    lambda draw: kinds.Drop(share=draw.choice((0.2, 1.0))),
    lambda draw: kinds.Delay(seconds=draw.uniform(0.2, 8.0), share=draw.choice((0.3, 1.0))),
    lambda draw: kinds.Late(share=draw.choice((0.3, 1.0))),
    lambda draw: kinds.Truncate(keep=draw.randrange(1, 12), close=draw.random() < 0.5),
    lambda _: kinds.WrongTransaction(),
    lambda draw: kinds.Duplicate(share=draw.choice((0.5, 1.0))),
    lambda draw: kinds.Trickle(seconds=draw.uniform(0.01, 1.0), size=draw.randrange(1, 6)),
    lambda draw: kinds.ExceptionReply(code=draw.choice(_EXCEPTIONS), share=draw.choice((0.5, 1.0))),
    lambda draw: kinds.CorruptWord(value=draw.choice((0, 0x7FFF, 0x8000, 0xFFFF)), share=0.5),
    lambda draw: kinds.WakingZeros(reads=draw.randrange(1, 6)),
    lambda _: kinds.HalfOpen(),
    lambda _: kinds.Refuse(),
    lambda draw: kinds.OneClient(how=draw.choice(("closed", "silent"))),
)


@dataclass(frozen=True, slots=True)
class Episode:
    """One fault from `begin_s` to `end_s`, in seconds since the timetable began."""

    begin_s: float
    end_s: float
    fault: Fault


def random_episodes(
    seed: int, duration_s: float, *, mean_gap_s: float = 900.0, mean_length_s: float = 60.0
) -> tuple[Episode, ...]:
    """Return episodes of random faults, one after another, all over before `duration_s`."""
    draw = random.Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
    episodes: list[Episode] = []
    at = draw.expovariate(1.0 / mean_gap_s)
    while True:
        end = at + draw.expovariate(1.0 / mean_length_s)
        if end >= duration_s:
            return tuple(episodes)
        episodes.append(Episode(at, end, draw.choice(_DRAWN)(draw)))
        at = end + draw.expovariate(1.0 / mean_gap_s)


class Timetable:
    """Switches the faults of a device on and off as its episodes begin and end."""

    def __init__(self, episodes: Sequence[Episode], faults: Faults) -> None:
        self._episodes = episodes
        self._faults = faults
        self._running: Episode | None = None

    def follow(self, at_s: float) -> Episode | None:
        """Make the faults those of this moment; return the episode that is on."""
        due = next((one for one in self._episodes if one.begin_s <= at_s < one.end_s), None)
        if due is not self._running:
            if self._running is not None:
                self._faults.stop(type(self._running.fault))
            if due is not None:
                self._faults.start(due.fault)
            self._running = due
        return due
