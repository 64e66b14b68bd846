"""What one read of one device brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sunhelm.devices.errors import Reason
from sunhelm.devices.quantities import Quantity


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one quantity, in its base unit and with our sign.

    `value` is finite: what a device does not have is no sample, never NaN or 0.
    `labels` are values for `quantity.labels`, in that order.
    `source` is the vendor's own name and place, shown in HELP: "holding 590 battery_1_power".
    `group` names the group of registers, or the endpoint of a cloud, that brought it.
    """

    quantity: Quantity
    value: float
    labels: tuple[str, ...] = ()
    source: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the read of one group went.

    `reason` is None when every register of the group was read, else why not.
    `detail` is one sentence for a person, free of secrets.
    `taken_at` is the Unix time in seconds of the group's data; None when it has none.
    `requests` were sent for it and `waited_s` seconds went by until it was done; both 0 when it was
    served from memory.
    """

    reason: Reason | None = None
    detail: str = ""
    taken_at: float | None = None
    requests: int = 0
    waited_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every register of the group was read."""
        return self.reason is None


class Guard(StrEnum):
    """Why a value was held back; the closed set of values of the `guard` label."""

    SENTINEL = "sentinel"  # the device's own mark for "not available"
    BOUNDS = "bounds"  # outside what is physically possible
    COUNTER = "counter"  # a lifetime counter went down, starts at 0, or grew by what nobody uses
    ZERO = "zero"  # a total that reads 0 for a moment while nothing else changed
    IDENTITY = "identity"  # the identity words of the block changed: nothing in it is believed
    SPLICE = "splice"  # moved further than it can: the block may be put together of two
    UNKNOWN_CODE = "unknown_code"  # an enumeration has a value that its map does not name
    UNSUPPORTED = "unsupported"  # the device refuses this register


@dataclass(frozen=True, slots=True)
class Held:
    """One value that a guard held back, so that it can be counted and shown."""

    guard: Guard
    group: str
    source: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of one device brought. Reading never raises: failure is an `Outcome`.

    `taken_at` is Unix time in seconds of the first answer, by our clock; of the attempt when none came.
    `groups` has an outcome for every group asked for; a failed group has no samples.
    `held` are the values that a guard kept back in this read.
    """

    device: str
    taken_at: float
    samples: tuple[Sample, ...]
    groups: Mapping[str, Outcome]
    held: tuple[Held, ...] = field(default=())

    @property
    def up(self) -> bool:
        """Whether at least one group was read from the device itself just now or within its tier."""
        return any(outcome.ok for outcome in self.groups.values())
