"""What people can ask of the controller, and what they are told: records without anything behind them.

The API, the command line and the page speak with the controller through `People` only; `Controller.people`
is one. Times are Unix time, amounts are in base units, and values of devices are words such as "limit 0W".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, Protocol

from sunhelm.devices.control import Action, Hazard, Proof, Rung, Storage

LASTING_S: Final = 3600.0
"""How long a person's claim lives unless it is said."""

LONGEST_S: Final = 7 * 86_400.0
"""How long a person's claim, or a hold, may live."""

Kind = Literal["state", "setting", "task", "schedule", "envelope"]
"""What a capability is: a state to keep, a setting, something done once, something with its own time."""

Means = Literal["native", "kept", "no"]
"""Who does it: the device by itself, the controller at its time, nobody."""


class RefusalReason(StrEnum):
    """Why something that a person asks for is not done."""

    UNKNOWN_DEVICE = "unknown_device"
    NOT_FOUND = "not_found"  # a claim, task or schedule that there is not
    NOT_CONTROLLED = "not_controlled"  # the site file lets the device be read only
    NOT_POSSIBLE = "not_possible"  # on this device
    WRONG = "wrong"  # parameters that mean nothing, or are out of range
    CONFLICT = "conflict"  # with something that is asked already
    NEEDS_CONFIRMATION = "needs_confirmation"  # ask again with `confirmed`
    FORBIDDEN = "forbidden"  # nobody may
    DEVICE = "device"  # it did not answer, or refused
    NOT_NOW = "not_now"  # a condition is not met


class Refused(Exception):
    """What was asked for is not done; the text is a sentence for whoever asked.

    `mistakes` holds one sentence for each thing that is wrong, where there are several.
    """

    def __init__(self, reason: RefusalReason, text: str, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.reason = reason
        self.mistakes = mistakes or (text,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One action on one device. `parameters` are written as under `with` of a policy: {"limit": "0W"}."""

    device: str
    action: Action
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRecord:
    """One thing that can be commanded on a device, as its family promises it.

    `kind` says by which call of `People`: `claim` and `set_baseline` for a state, `set` for a setting,
    `run_task`, `create_schedule`, `create_envelope`. `allowed` is whether a policy may ask for it there.
    """

    key: str
    kind: Kind
    actions: tuple[Action, ...]
    means: Means
    hazard: Hazard
    allowed: bool
    rung: Rung
    storage: Storage
    proof: Proof
    low: float | None = None
    high: float | None = None
    doubts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRecord:
    """One state of a device: what it shall be, what was written last, what was read last.

    `baseline` is the owner's own value, which comes back when nobody asks for another one; "nothing" while
    it is not needed.
    """

    key: str
    desired: str
    written: str
    observed: str
    baseline: str = "nothing"
    observed_at: float | None = None
    differs_since: float | None = None
    stands_back: str = ""
    fail_safe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingRecord:
    """What is regulated of an EV charger, as it was at `looked_at`.

    `mode` is in force, `own_mode` comes back when nobody claims another one. `reason` is a word for why the
    vehicle is not charged, or not more; empty when it is. `desired_a` is None where that is the owner's
    affair, everything else where it is not known or not set.
    """

    mode: str
    own_mode: str
    reason: str
    changes_left: int
    desired_a: float | None = None
    limit_a: float | None = None
    power_w: float | None = None
    excess_w: float | None = None
    session_j: float | None = None
    session_cap_j: float | None = None
    import_cap_a: float | None = None
    looked_at: float | None = None
    failing: str = ""
    house_failing: str = ""
    stands_back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device that may be commanded. `failing` is why it could not be spoken with, empty when it can.

    `charging` is what is regulated of it; None where nothing is.
    """

    name: str
    family: str
    states: tuple[StateRecord, ...]
    capabilities: tuple[CapabilityRecord, ...]
    failing: str = ""
    held_until: float | None = None
    budget_left: int = 0
    limit_lifted_s: float = 0.0
    charging: ChargingRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRecord:
    """One claim. `cause` is the policy, "person" or "schedule"; `ends_at` when it ends unless renewed.

    `ended` is "" while it lives, else resolved, released, silenced or expired; an expired one may still
    hold its device by a fail-safe, which a release ends. `id` names it in `release`.
    """

    id: str
    device: str
    action: Action
    state: str
    value: str
    cause: str
    fingerprint: str
    made_at: float
    renewed_at: float
    ends_at: float
    priority: int = 0
    dry_run: bool = False
    ended: str = ""
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """What a command would do, without doing it.

    `writes` says in words, one after the other, what would be sent to the device now, and is empty when it
    holds that already or something stricter; `observed` is what it holds now. `warnings` are what its owner
    must know before: what stays when the controller dies, doubts of the sources. `needs_confirmation` is
    whether the same command needs `confirmed`.
    """

    device: str
    action: Action
    state: str
    value: str
    observed: str
    desired: str
    writes: tuple[str, ...]
    warnings: tuple[str, ...]
    hazard: Hazard
    rung: Rung
    means: Means
    needs_confirmation: bool
    ends_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """One task: done once. `outcome` is "" while it waits or runs, else done, failed or refused."""

    id: str
    device: str
    action: Action
    cause: str
    asked_at: float
    begun_at: float | None = None
    ended_at: float | None = None
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRecord:
    """One schedule of ours. `means` says whether the device carries it out by itself or we keep the time.

    `state` is planned (not on the device yet), placed, running, ended, deleted or failed, `problem` why it
    is not where it should be. `key` is what the device calls it.
    """

    id: str
    device: str
    start: float
    end: float
    mode: str
    watts: float | None
    target_soc: float | None
    means: Means
    state: str
    cause: str
    key: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """A schedule as it stands on the device; `ours` is None where the device cannot tell."""

    key: str
    start: float
    end: float
    mode: str
    watts: float | None
    target_soc: float | None
    ours: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeRecord:
    """Bounds of power, in watts, that a device keeps by itself between two moments."""

    id: str
    device: str
    start: float
    end: float
    grid_import: float | None = None
    grid_export: float | None = None
    charge: float | None = None
    discharge: float | None = None
    generation: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One line of the journal: `kind` is write, claim, task, frame or charging, `what` is in words."""

    at: float
    kind: str
    device: str
    what: str
    cause: str = ""
    outcome: str = ""
    reason: str = ""


class People(Protocol):
    """What a person may do. Every call that changes something returns once it is in the journal.

    Devices hear of it afterwards; what becomes of it is in the records. All raise Refused, and JournalError
    when the journal takes nothing. `confirmed` says that the person has seen what a dangerous command does.
    """

    def devices(self) -> tuple[DeviceRecord, ...]:
        """Return every device that may be commanded."""

    def claims(self, *, ended: bool = False) -> tuple[ClaimRecord, ...]:
        """Return the claims that live or hold a fail-safe, the newest first; `ended`: the others too."""

    def tasks(self, *, most: int = 100) -> tuple[TaskRecord, ...]:
        """Return the tasks, the newest first."""

    def schedules(self, *, ended: bool = False) -> tuple[ScheduleRecord, ...]:
        """Return our schedules by their start; `ended`: also those that are over or deleted."""

    async def history(
        self, *, device: str | None = None, before: float | None = None, most: int = 100
    ) -> tuple[EventRecord, ...]:
        """Return what the journal holds, the newest first, from before that time."""

    async def plan(self, command: Command, *, lasting_s: float = LASTING_S) -> PlanRecord:
        """Return what the command would do. Reads from the device, writes nothing."""

    async def claim(
        self, command: Command, *, lasting_s: float = LASTING_S, confirmed: bool = False
    ) -> ClaimRecord:
        """Ask for a state of a device for so long; at its end the device gets back what it had."""

    async def release(self, claim: str) -> ClaimRecord:
        """End a claim, or the fail-safe that it left; while its alert still fires it is not made again."""

    async def release_device(self, device: str) -> tuple[ClaimRecord, ...]:
        """End every claim on a device."""

    async def hold(self, device: str, *, lasting_s: float = LASTING_S) -> float:
        """Let alerts make no claims on a device for so long; return until when."""

    async def end_hold(self, device: str) -> None:
        """Let alerts make claims again; harmless without a hold."""

    async def set_baseline(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        """Say what the owner's own value is; here a limit may be "unlimited". Ends standing back.

        With action `ev_mode`, the mode that a charger is regulated by when nobody claims another one.
        """

    async def set(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        """Write a setting for good (action `set`): written, proven, and the new baseline."""

    async def run_task(self, command: Command, *, confirmed: bool = False) -> TaskRecord:
        """Have a device do something once: set_clock, reset_watchdog, restart."""

    async def create_schedule(self, command: Command, *, confirmed: bool = False) -> ScheduleRecord:
        """Make a schedule (action `create_schedule`).

        Parameters: start, and end or duration, mode, power, target_soc. Times are ISO 8601 with an offset
        or in the zone of the site, or HH:MM for the next one.
        """

    async def import_schedules(
        self, device: str, text: str, *, replace: bool = False, confirmed: bool = False
    ) -> tuple[ScheduleRecord, ...]:
        """Make all schedules of a CSV or JSON text, or none; `replace` deletes ours that they overlap."""

    async def plan_schedule(self, command: Command) -> ScheduleRecord:
        """Return the schedule that would be made, without making it; its id is empty."""

    async def delete_schedule(self, schedule: str) -> ScheduleRecord:
        """Delete a schedule of ours, on the device too."""

    async def delete_schedules(self, device: str) -> tuple[ScheduleRecord, ...]:
        """Delete all our schedules of a device that are not over."""

    async def device_schedules(self, device: str) -> tuple[EntryRecord, ...]:
        """Return what stands on the device itself, that of others too."""

    async def create_envelope(self, command: Command, *, confirmed: bool = False) -> EnvelopeRecord:
        """Make an envelope (action `create_envelope`).

        Parameters: start, and end or duration, import, export, charge, discharge, generation.
        """

    async def envelopes(self, device: str) -> tuple[EnvelopeRecord, ...]:
        """Return the envelopes that stand on the device."""

    async def delete_envelope(self, device: str, envelope: str) -> None:
        """Delete an envelope on the device; harmless when it is gone."""
