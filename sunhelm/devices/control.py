"""What can be commanded on a device: the words of a command, and what a device promises of each.

A device that can be controlled has handles. A handle is one thing that can be put into a state and, where
the device allows, read back: its export limit, what its battery does, its mode. Who decides which state
that should be is not here.

The values of commands are never bare numbers: a limit is `Unknown`, `Unlimited` or `Limit`, and a limit of
0 W is a limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, Protocol, runtime_checkable

from sunhelm.devices.charging import EvCharger
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
    RUN = "run"  # a task that only one family knows, by its name
    EV_MODE = "ev_mode"  # where the energy of a vehicle comes from, regulated by the controller


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
    site file: a limit switched off and on again goes to these. `meters_grid` is whether a limiter of the
    export measures at the grid point itself, and so counts what other devices export. `limits` is whether a
    number that is `set` there is a limit in watts: the strictest of several is the one to keep.
    What is `blind` cannot be read at all, only seen to work once it was told: nothing of it is the owner's to
    restore, and what ends it hands the device back to itself.
    `in_steps` is whether a command is a sequence that may be cut short, so that the device shows neither what
    was there before nor what was asked.
    `unit` is the base unit of a number that is `set`, empty where it has none; None where nobody can say.
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
    blind: bool = False
    meters_grid: bool = True
    in_steps: bool = False
    limits: bool = False
    unit: str | None = None
    doubts: str = ""

    def meant(self, value: Value) -> Value:
        """Return what a number means here: a limit, where that is what can be set."""
        return Limit(value.value) if self.limits and isinstance(value, Number) else value

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
    """One thing that a device does once when it is told to: it has no state to return to.

    The keys are those of the actions: "set_clock" (a `ClockTask`), "restart"; one that only the family knows
    is "task:NAME", and its action is RUN.
    """

    promise: Promise

    async def run(self, deadline: Deadline) -> None:
        """Do it; return when the device has acknowledged it. Raises DeviceError. Happens in a turn."""


@runtime_checkable
class ClockTask(Task, Protocol):
    """Sets the device's clock, and tells how far it is off. `run` sets it to the time of the site."""

    async def offset(self, deadline: Deadline) -> float:
        """Return by how many seconds the device's clock is ahead. Raises DeviceError."""


Note = Callable[[str], Awaitable[None]]
"""Told of each frame, in hexadecimal, before it is sent; it is not sent when this raises."""


class Watchdog(Protocol):
    """Lifts the export limit for some seconds and gives it back: throttled inverters take full power again.

    Between `lift` and a proven `restore` nothing limits the export. So whoever uses it keeps what `found`
    returned where a power cut does not reach it, before `lift`, and restores until it is proven, whatever
    happens meanwhile. Every call happens in a turn on the device.
    """

    promise: Promise
    lasting_s: float  # from the first frame of `lift` to the first of `restore`

    async def found(self, deadline: Deadline) -> str:
        """Read what limits the export now, as a text for `restore`.

        Raises DeviceError when anything cannot be read, Rejected when nothing limits it or what does is not
        known.
        """

    async def lift(self, note: Note, deadline: Deadline) -> None:
        """Take the limit away; frames that the device refuses or does not answer are left at that."""

    async def restore(self, found: str, note: Note, deadline: Deadline) -> bool:
        """Put back what was found, and return whether that is read back. Raises DeviceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What the battery, or the device as a whole, shall do from one moment to another.

    `start` and `end` are Unix time. `mode` is one of `Mode`, or force_charge or force_discharge. `watts` is
    the power of a forced mode, None for all that the device can do. `target_soc`, 0 to 1, ends charging
    or discharging early; None is as far as it goes.
    """

    start: float
    end: float
    mode: str
    watts: float | None = None
    target_soc: float | None = None

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError("a schedule ends after it starts")
        if self.watts is not None and not 0 <= self.watts < float("inf"):
            raise ValueError(f"{self.watts:g} W; 0 or more is")
        if self.target_soc is not None and not 0 <= self.target_soc <= 1:
            raise ValueError(f"a state of charge of {self.target_soc:.0%}; 0 to 100 % is")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A schedule as the device holds it. `key` is what the device calls it.

    `ours` is whether it was made by `Schedules.create`; None where the device cannot tell. A device that
    repeats daily shows the occurrence that is running or comes next.
    """

    key: str
    schedule: Schedule
    ours: bool | None = None


class Schedules(Protocol):
    """The schedules that a device carries out by itself. Every call happens in a turn on the device.

    Some devices know hours of the day only and repeat them: `daily`. Whoever made such a schedule deletes
    it after its end, and makes it no earlier than `ahead_s` before its start.
    """

    promise: Promise
    daily: bool
    ahead_s: float
    capacity: int | None  # how many it holds; None is more than anybody needs

    def check(self, schedule: Schedule) -> None:
        """Raise ValueError, with what is allowed, for a schedule that this device cannot carry out."""

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        """Return those that are there, those of others too. Raises DeviceError."""

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        """Make it, and return its key once it is proven to be there.

        `mark` is our own word for it, the same when it is tried again: one that is there already, by its
        mark or its content, is not made twice. Raises DeviceError, and Rejected when no place is free;
        ValueError as `check`.
        """

    async def delete(self, key: str, deadline: Deadline) -> None:
        """Delete it; return once it is proven to be gone, also when it was. Raises DeviceError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Bounds of power between two moments, Unix time, in watts; None leaves one as it is."""

    start: float
    end: float
    grid_import: float | None = None
    grid_export: float | None = None
    charge: float | None = None
    discharge: float | None = None
    generation: float | None = None

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError("an envelope ends after it starts")
        bounds = (self.grid_import, self.grid_export, self.charge, self.discharge, self.generation)
        if all(bound is None for bound in bounds):
            raise ValueError("an envelope bounds something")
        for bound in bounds:
            if bound is not None and not 0 <= bound < float("inf"):
                raise ValueError(f"a bound of {bound:g} W; 0 or more is")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeEntry:
    """An envelope as the device holds it; `key` is what the device calls it."""

    key: str
    envelope: Envelope


class Envelopes(Protocol):
    """The envelopes that a device carries out by itself. Every call happens in a turn on the device."""

    promise: Promise

    def check(self, envelope: Envelope) -> None:
        """Raise ValueError, with what is allowed, for an envelope that this device cannot carry out."""

    async def entries(self, deadline: Deadline) -> tuple[EnvelopeEntry, ...]:
        """Return those that are there. Raises DeviceError."""

    async def create(self, envelope: Envelope, mark: str, deadline: Deadline) -> str:
        """Make it, and return its key. The same `mark` again makes no second one. Raises DeviceError."""

    async def delete(self, key: str, deadline: Deadline) -> None:
        """Delete it; harmless when it is gone. Raises DeviceError."""


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
    def schedules(self) -> Schedules | None:
        """What it carries out by itself at its time; None where the controller has to keep the time."""

    @property
    def envelopes(self) -> Envelopes | None:
        """Bounds that it keeps by itself; None where it has none."""

    @property
    def watchdog(self) -> Watchdog | None:
        """What resets its watchdog; None where there is nothing to reset."""

    @property
    def state_of_charge(self) -> Callable[[Deadline], Awaitable[float]] | None:
        """Reads the state of charge of its battery, 0 to 1, in a turn; None where it tells none."""

    @property
    def charger(self) -> EvCharger | None:
        """The EV charger that it is; None where it is none that can be regulated."""

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
