"""Fault injection: what real devices, gateways and networks do to those who ask."""

from __future__ import annotations

from sunhelm.simulator.faults.kinds import (
    FAULTS,
    CorruptWord,
    Delay,
    Drop,
    Duplicate,
    ExceptionReply,
    Fault,
    HalfOpen,
    Holes,
    Late,
    NightSleep,
    OneClient,
    Refuse,
    Trickle,
    Truncate,
    WakingZeros,
    WrongTransaction,
)
from sunhelm.simulator.faults.schedule import Episode, Timetable, random_episodes
from sunhelm.simulator.faults.switchboard import Faults

__all__ = [
    "FAULTS",
    "CorruptWord",
    "Delay",
    "Drop",
    "Duplicate",
    "Episode",
    "ExceptionReply",
    "Fault",
    "Faults",
    "HalfOpen",
    "Holes",
    "Late",
    "NightSleep",
    "OneClient",
    "Refuse",
    "Timetable",
    "Trickle",
    "Truncate",
    "WakingZeros",
    "WrongTransaction",
    "random_episodes",
]
