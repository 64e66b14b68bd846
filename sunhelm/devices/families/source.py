"""What a family knows of one device: its groups, and how to fetch them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from sunhelm.devices.clock import Deadline
from sunhelm.devices.reading import Held, Outcome, Sample


@dataclass(frozen=True, slots=True)
class Group:
    """Values that are read together. `period_s` 0 means at every read, else how long they stay valid."""

    name: str
    period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands: where, the raw value in hexadecimal, and what it means to a person."""

    place: str
    raw: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """One group as it came: a failed one has no samples."""

    outcome: Outcome
    samples: tuple[Sample, ...] = ()
    held: tuple[Held, ...] = ()

    @classmethod
    def of(cls, outcome: Outcome, said: Collection[Sample | Held]) -> Fetched:
        """Return a group of what was said, samples and what was held back mixed."""
        samples = tuple(item for item in said if isinstance(item, Sample))
        return cls(outcome, samples, tuple(item for item in said if isinstance(item, Held)))


class Source(Protocol):
    """One device as its family sees it. `sunhelm.devices.reader` decides what is due and guards it."""

    def groups(self) -> Sequence[Group]:
        """Return what this device has; empty until `prepare` has found out."""

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the device for one read; `prepare` and `fetch` happen inside. May raise Busy."""

    async def prepare(self, deadline: Deadline) -> None:
        """Find out what the device is made of; cheap when that is known. Raises DeviceError."""

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        """Read these groups with as few requests as possible. Never raises DeviceError.

        A group of which the device turned out to have nothing is left out, and gone from `groups`.
        """

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterable[Sample]:
        """Yield what follows from the samples, and the device does not tell, of the groups that came."""

    def remarks(self) -> Iterable[Sample]:
        """Yield what is known of the device whether it answers or not."""

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        """Return all that the device says, raw, as JSON, without what tells who owns it. Raises DeviceError.

        What is returned makes a fixture that the family's tests can read.
        """

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        """Return every setting that can be written, by its name. Raises DeviceError."""

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
