"""What can be commanded on a device: the words of a command, and what a device promises of each.

A device that can be controlled has handles. A handle is one thing that can be put into a state and, where
the device allows, read back: its export limit, what its battery does, its mode. Who decides which state
that should be is not here.

The values of commands are never bare numbers: a limit is `Unknown`, `Unlimited` or `Limit`, and a limit of
0 W is a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Protocol

from sunhelm.devices.clock import Deadline


class Action(StrEnum):
    """The vocabulary of commands, the same for every family."""

    LIMIT_EXPORT = "limit_export"
    LIMIT_PRODUCTION = "limit_production"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    SET_CURRENT_LIMITS = "set_current_limits"
    SET_SOC_LIMITS = "set_soc_limits"
    SET_MODE = "set_mode"
    SET = "set"
    CREATE_SCHEDULE = "create_schedule"
    DELETE_SCHEDULE = "delete_schedule"
    CREATE_ENVELOPE = "create_envelope"
    DELETE_ENVELOPE = "delete_envelope"
    SET_CLOCK = "set_clock"
    RESET_WATCHDOG = "reset_watchdog"
    RESTART = "restart"


class Hazard(StrEnum):
    """Who may ask for it."""

    AUTOMATIC = "automatic"  # a policy
    OPT_IN = "opt-in"  # a policy, where the site file allows that action on that device
    PERSON = "person"  # somebody at the command line or the API, who confirms it
    NEVER = "never"


class Rung(StrEnum):
    """What is left of it when the controller dies."""

    TIMER = "A"  # the device lets go by itself after a time
    VOLATILE = "B"  # it stays until it is changed or the device restarts
    PERSISTENT = "C"  # it stays for good: a dead controller leaves the last value


class Storage(StrEnum):
    """Where the device keeps it; unknown counts as persistent."""

    VOLATILE = "volatile"
    PERSISTENT = "persistent"
    UNKNOWN = "unknown"


class Proof(StrEnum):
    """How it is known that it was done."""

    READ_BACK = "read_back"
    EFFECT = "effect"  # it cannot be read, but power moves as told
    NONE = "none"  # the device says that it took it, and nothing more can be known


class Unknown(Enum):
    """A state that could not be read, or that nobody has told."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class Unlimited(Enum):
    """No limit: something else than a very large one, and something else than not knowing."""

    UNLIMITED = "unlimited"


UNLIMITED: Final = Unlimited.UNLIMITED


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """At most so many watts; 0 is a limit. Negative ones mean nothing that all devices agree on."""

    watts: float

    def __post_init__(self) -> None:
        if not 0 <= self.watts < float("inf"):
            raise ValueError(f"a limit of {self.watts} W; 0 or more is")


PowerLimit = Unlimited | Limit


@dataclass(frozen=True, slots=True)
class SelfConsumption:
    """The battery follows the house: what the device does when nobody commands it.

    `native` is how it does that, in the family's words, where there are several ways; it is kept so that
    exactly that one comes back. Empty is whichever the device was found in.
    """

    native: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """Charge the battery with so many watts, from whatever there is."""

    watts: float


@dataclass(frozen=True, slots=True)
class Discharge:
    """Discharge the battery with so many watts, also into the grid."""

    watts: float


BatteryOrder = SelfConsumption | Charge | Discharge


@dataclass(frozen=True, slots=True)
class CurrentLimits:
    """The most that the battery is charged and discharged with, in amperes; None is no limit."""

    charge: float | None = None
    discharge: float | None = None


@dataclass(frozen=True, slots=True)
class SocLimits:
    """Between which states of charge the battery is used, 0 to 1; None leaves an end as it is."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode: self_consumption, backup, time_of_use, feed_in_first, idle, or native:NAME."""

    name: str


@dataclass(frozen=True, slots=True)
class Number:
    """The value of one named setting, in its base unit."""

    value: float


Value = PowerLimit | BatteryOrder | CurrentLimits | SocLimits | Mode | Number
"""What a handle can be put to."""


def name_of_value(value: Value) -> str:
    """Return the word for a value in tables of hazards: "unlimited", "limit", the name of a mode."""
    return value.name if isinstance(value, Mode) else type(value).__name__.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a device promises of one handle; printed in the docs and checked before every write.

    `key` names the state, one of each on a device: "export_limit", "battery", "mode", "setting:NAME".
    `actions` put it there. `low`, `high` and `resolution` are in watts (amperes, ratio, the base unit of
    the setting); None is no bound. `settle_s` passes before a read back can be believed, `prove_s` until
    it must be equal, `tolerance` apart at most. A handle of rung A lets go after `reverts_s` unless it is
    renewed. `renew_s` is how often it has to be written again to hold what was asked; None is once.
    `hazards` are those of single values that are other ones, by `name_of_value`; putting back what was found
    needs nobody's leave. `owner_low` and `owner_high` are the ends of what the owner ever wants, from the
    site file: a limit switched off and on again goes to these.
    `doubts` says what the family's docs page has to say of sources that contradict each other.
    """

    key: str
    actions: tuple[Action, ...]
    hazard: Hazard
    rung: Rung
    storage: Storage
    proof: Proof
    low: float | None = None
    high: float | None = None
    resolution: float = 0.0
    settle_s: float = 0.0
    prove_s: float = 30.0
    reverts_s: float | None = None
    tolerance: float = 0.0
    renew_s: float | None = None
    hazards: Mapping[str, Hazard] = field(default_factory=dict)
    owner_low: float | None = None
    owner_high: float | None = None
    doubts: str = ""

    def hazard_of(self, value: Value) -> Hazard:
        """Return who may ask for this value."""
        return self.hazards.get(name_of_value(value), self.hazard)


class Handle(Protocol):
    """One thing of a device that can be commanded. Every call happens in a turn on the device."""

    promise: Promise

    def check(self, value: Value) -> None:
        """Raise ValueError, with what is allowed, for a value that this device cannot take."""

    def equal(self, wanted: Value, observed: Value) -> bool:
        """Whether the device cannot tell the two apart: within its resolution and tolerance."""

    async def observe(self, deadline: Deadline) -> Value | Unknown:
        """Read the present state; UNKNOWN where it cannot be read at all. Raises DeviceError."""

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Put the device into this state with one sequence; return when it has acknowledged all of it.

        Nothing is proven by returning. After a DeviceError the sequence may have been carried out in part:
        observe. Raises ValueError as `check` does, before anything is sent.
        """


class Task(Protocol):
    """One thing that a device does once when it is told to: it has no state to return to."""

    promise: Promise

    async def run(self, deadline: Deadline) -> None:
        """Do it; return when the device has acknowledged it. Raises DeviceError. Happens in a turn."""


class ControlledDevice(Protocol):
    """One device opened for control, by a process whose turns have the role "control"."""

    name: str

    @property
    def handles(self) -> Mapping[str, Handle]:
        """What can be commanded, by the key of its promise; of two for one action the first is preferred."""

    @property
    def tasks(self) -> Mapping[str, Task]:
        """What can be done once, by the key of its promise."""

    @property
    def feedback(self) -> Mapping[str, int]:
        """How the last operation of each kind ended, in the numbers that owners of such a device know.

        Empty where a family has none.
        """

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the device for a sequence and its proof; it is not asked to give way. May raise Busy."""

    async def identify(self, deadline: Deadline) -> str:
        """Return the serial number, or what stands for one: what is kept of a device is kept by this."""

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""
