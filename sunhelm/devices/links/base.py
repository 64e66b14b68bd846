"""All that the rest of the house sees of a wire.

What is here can only read. Writing is `sunhelm.devices.links.control`, which the exporter may not import.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sunhelm.devices.clock import Clock, Deadline


class Table(StrEnum):
    """The two register tables of Modbus that home-solar devices use, and one of GivEnergy's own."""

    HOLDING = "holding"  # function 3
    INPUT = "input"  # function 4
    METER = "meter"  # function 0x16 of GivEnergy's data adapters: what a meter is


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Registers that are read by one request: `count` words from `address` of a unit's table."""

    unit: int
    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address after the span."""
        return self.address + self.count

    def __str__(self) -> str:
        return f"unit {self.unit} {self.table} {self.address}+{self.count}"


@dataclass(slots=True)
class LinkStatistics:
    """What a link has done since it was made; only ever grows."""

    requests: int = 0
    connects: int = 0
    retries: int = 0
    stale_answers: int = 0
    waited_for_turn_s: float = 0.0

    @contextmanager
    def waiting(self, clock: Clock) -> Iterator[None]:
        """Count what goes by inside the `with` as waiting for a turn."""
        started = clock.monotonic()
        try:
            yield
        finally:
            self.waited_for_turn_s += clock.monotonic() - started


class RegisterLink(Protocol):
    """One endpoint of registers: connects, paces, retries, takes turns. Knows no register's meaning.

    Several readers may share one link; it has one request in flight.
    """

    @property
    def statistics(self) -> LinkStatistics:
        """What this link has done so far."""

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the endpoint for the reads inside the `with`; every `read` happens in a turn.

        Entering waits until no one else, here or in another process, uses the endpoint, and raises Busy
        when that takes past the deadline. Between two reads a waiting control sequence goes first: the
        connection is closed, the turn handed over and taken back, which may raise Busy from `read`.
        """

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        """Return exactly `span.count` words, each 0 to 65535, in the order of the wire.

        Raises Unreachable, TimedOut, Busy, Rejected (with the exception `code`) or Malformed. After a
        time-out or a cancellation the connection is closed, so a late answer is never taken for the
        next one.
        """

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
