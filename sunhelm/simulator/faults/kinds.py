"""The kinds of faults, each with its name and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong while it is switched on.

    `share` is how many of the requests it strikes, 0 to 1; faults of a whole connection ignore it.
    """

    name: ClassVar[str]
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share of fault {self.name}: {self.share} is not from 0 to 1")


# On the wire: what happens to a reply.


@dataclass(frozen=True, kw_only=True)
class Drop(Fault):
    """The reply never comes; the connection stays."""

    name = "drop"


@dataclass(frozen=True, kw_only=True)
class Delay(Fault):
    """The reply comes after `seconds`, and whatever was asked behind it waits."""

    name = "delay"
    seconds: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Late(Fault):
    """The reply comes only when the next request is there, in front of that one's own."""

    name = "late"


@dataclass(frozen=True, kw_only=True)
class Truncate(Fault):
    """Only the first `keep` bytes of the reply come; with `close` the connection then ends."""

    name = "truncate"
    keep: int = 6
    close: bool = False


@dataclass(frozen=True, kw_only=True)
class WrongTransaction(Fault):
    """The reply bears another request's transaction id; where a wire has none, another unit's id."""

    name = "wrong_transaction"


@dataclass(frozen=True, kw_only=True)
class Duplicate(Fault):
    """The reply comes twice."""

    name = "duplicate"


@dataclass(frozen=True, kw_only=True)
class Trickle(Fault):
    """The reply comes in pieces of `size` bytes, `seconds` apart."""

    name = "trickle"
    seconds: float = 0.2
    size: int = 1


# In the device: what it answers.


@dataclass(frozen=True, kw_only=True)
class ExceptionReply(Fault):
    """The device answers reads, writes or both with exception `code`."""

    name = "exception"
    code: int = 6
    on: Literal["read", "write", "any"] = "any"


@dataclass(frozen=True, kw_only=True)
class Holes(Fault):
    """These addresses are not in the device's map: a read that touches one gets exception 2."""

    name = "holes"
    addresses: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class CorruptWord(Fault):
    """One word of the answer is `value` instead; `index` counts in the answer, None takes any."""

    name = "corrupt_word"
    index: int | None = None
    value: int = 0xFFFF


@dataclass(frozen=True, kw_only=True)
class WakingZeros(Fault):
    """Lifetime counters read 0 in the first `reads` reads of them, from now and after each night."""

    name = "waking_zeros"
    reads: int = 3


# Of the whole connection.


@dataclass(frozen=True, kw_only=True)
class HalfOpen(Fault):
    """Connections are made and stay, but nothing is heard on them any more, even afterwards."""

    name = "half_open"


@dataclass(frozen=True, kw_only=True)
class Refuse(Fault):
    """Connections are refused, and those that stand are reset."""

    name = "refuse"


@dataclass(frozen=True, kw_only=True)
class NightSleep(Fault):
    """The device is gone while the sun stands below `elevation` degrees: refused, or silent."""

    name = "night_sleep"
    elevation: float = 0.0
    how: Literal["refused", "silent"] = "refused"


@dataclass(frozen=True, kw_only=True)
class OneClient(Fault):
    """A second client finds no place: its connection is closed, or kept without an answer."""

    name = "one_client"
    how: Literal["closed", "silent"] = "closed"


@dataclass(frozen=True, kw_only=True)
class CloudFault(Fault):
    """Something that goes wrong at a cloud only; the kinds are in `sunhelm.simulator.faults.cloud`."""


FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {kind.name: kind for kind in Fault.__subclasses__() if kind is not CloudFault}
)
"""Every kind of fault that any device can have, by its name."""
