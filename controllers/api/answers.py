"""What the API answers. Times are RFC 3339 in UTC, amounts in base units, values of devices are words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sunhelm.devices.control import Action, Hazard, Proof, Rung, Storage


def _moment(value: object) -> object:
    """Make a time of Unix time, to the millisecond."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(round(value, 3), UTC)
    return value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Means = Annotated[
    Literal["native", "kept", "no"],
    Field(description="Who does it: the device by itself, the controller at its time, nobody."),
]
ActionWord = Annotated[Action, Field(description="A word of the vocabulary.")]
Watts = Annotated[float | None, Field(description="In watts.")]


class Answer(BaseModel):
    """Base of all answers; they are made of the records of the controller."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class CapabilityAnswer(Answer):
    """One thing that can be commanded on a device, as its family promises it."""

    device: str
    key: str
    kind: Literal["state", "setting", "task", "schedule", "envelope"]
    actions: tuple[ActionWord, ...]
    means: Means
    hazard: Annotated[Hazard, Field(description="Who may ask for it.")]
    allowed: Annotated[bool, Field(description="Whether a policy may ask for it there.")]
    rung: Annotated[
        Rung, Field(description="When the controller dies: A the device lets go, B volatile, C it stays.")
    ]
    storage: Storage
    proof: Annotated[Proof, Field(description="How it is known that it was done.")]
    low: Annotated[float | None, Field(description="The least, in base units.")]
    high: Annotated[float | None, Field(description="The most, in base units.")]
    doubts: str


class CapabilitiesAnswer(Answer):
    """All that can be commanded."""

    capabilities: tuple[CapabilityAnswer, ...]


class StateAnswer(Answer):
    """One state of a device: what it shall be, what was written last, what was read last."""

    key: str
    desired: Annotated[str, Field(description="What is asked for; empty when nothing is.")]
    written: str
    observed: str
    baseline: Annotated[str, Field(description="The owner's own value, while somebody asks for another.")]
    observed_at: Moment | None
    differs_since: Moment | None
    stands_back: Annotated[str, Field(description="Why nothing is written, as long as that is so.")]
    fail_safe: Annotated[bool, Field(description="Whether nobody can say what is asked for.")]


class ChargingAnswer(Answer):
    """What is regulated of an EV charger; null is what is not known, not set, or the owner's affair."""

    mode: Annotated[str, Field(description="off, grid, solar or hybrid: what is in force.")]
    own_mode: Annotated[str, Field(description="What comes back when nobody claims another one.")]
    reason: Annotated[str, Field(description="Why the vehicle is not charged, or not more.")]
    changes_left: Annotated[int, Field(description="Changes left within 24 h, for what starts or raises.")]
    desired_a: Annotated[float | None, Field(description="What it shall be offered, in amperes.")]
    limit_a: Annotated[float | None, Field(description="What it is offered, in amperes.")]
    power_w: Watts
    excess_w: Watts
    session_j: Annotated[float | None, Field(description="What this vehicle has been given, in joules.")]
    session_cap_j: float | None
    import_cap_a: float | None
    looked_at: Moment | None
    failing: Annotated[str, Field(description="Why the charger cannot be spoken with.")]
    house_failing: Annotated[str, Field(description="Why the house cannot be read.")]
    stands_back: Annotated[str, Field(description="Why nothing is written until a person says how to go on.")]


class DeviceAnswer(Answer):
    """One device that may be commanded."""

    name: str
    family: str
    states: tuple[StateAnswer, ...]
    failing: Annotated[str, Field(description="Why it cannot be spoken with; empty when it can.")]
    held_until: Annotated[Moment | None, Field(description="Until then alerts make no claims.")]
    budget_left: Annotated[int, Field(description="Changes left within 24 h, of what survives a power cut.")]
    limit_lifted_s: Annotated[float, Field(description="How long a watchdog reset has lifted the limit.")]
    charging: Annotated[
        ChargingAnswer | None, Field(description="What is regulated of a charger; null of all else.")
    ]


class DevicesAnswer(Answer):
    """All devices that may be commanded."""

    devices: tuple[DeviceAnswer, ...]


class ClaimAnswer(Answer):
    """One claim: who asks for which state of a device, and until when."""

    id: str
    device: str
    action: ActionWord
    state: str
    value: str
    cause: Annotated[str, Field(description="The policy, person or schedule.")]
    by: Annotated[str, Field(description="Who has asked for it here; empty when nobody has.")] = ""
    fingerprint: str
    made_at: Moment
    renewed_at: Moment
    ends_at: Annotated[Moment, Field(description="When it ends unless it is renewed.")]
    priority: int
    dry_run: bool
    ended: Annotated[
        str, Field(description="Empty while it lives; else resolved, released, silenced or expired.")
    ]
    ended_at: Moment | None


class ClaimsAnswer(Answer):
    """Claims, the newest first."""

    claims: tuple[ClaimAnswer, ...]


class PlanAnswer(Answer):
    """What a command would do. Nothing of it was done."""

    device: str
    action: ActionWord
    state: str
    value: str
    observed: Annotated[str, Field(description="What the device holds now.")]
    desired: Annotated[str, Field(description="What it would be asked for, with all other claims.")]
    writes: Annotated[tuple[str, ...], Field(description="What would be sent to it, in this order.")]
    warnings: tuple[str, ...]
    hazard: Hazard
    rung: Rung
    means: Means
    needs_confirmation: bool
    ends_at: Moment | None


class TaskAnswer(Answer):
    """Something that a device does once."""

    id: str
    device: str
    action: ActionWord
    cause: str
    asked_at: Moment
    begun_at: Moment | None
    ended_at: Moment | None
    outcome: Annotated[str, Field(description="Empty while it waits or runs; else done, failed or refused.")]
    reason: str


class TasksAnswer(Answer):
    """Tasks, the newest first."""

    tasks: tuple[TaskAnswer, ...]


class ScheduleAnswer(Answer):
    """One schedule of ours."""

    id: str
    device: str
    start: Moment
    end: Moment
    mode: str
    watts: Watts
    target_soc: float | None
    means: Means
    state: Annotated[str, Field(description="planned, placed, running, ended, deleted or failed.")]
    cause: str
    key: Annotated[str, Field(description="What the device calls it.")]
    problem: str


class SchedulesAnswer(Answer):
    """Our schedules, by their start."""

    schedules: tuple[ScheduleAnswer, ...]


class EntryAnswer(Answer):
    """A schedule as it stands on the device."""

    key: str
    start: Moment
    end: Moment
    mode: str
    watts: Watts
    target_soc: float | None
    ours: Annotated[bool | None, Field(description="null where the device cannot tell.")]


class EntriesAnswer(Answer):
    """The schedules that stand on a device, those of others too."""

    entries: tuple[EntryAnswer, ...]


class EnvelopeAnswer(Answer):
    """Bounds of power that a device keeps by itself between two moments."""

    id: str
    device: str
    start: Moment
    end: Moment
    grid_import: Watts
    grid_export: Watts
    charge: Watts
    discharge: Watts
    generation: Watts


class EnvelopesAnswer(Answer):
    """The envelopes that stand on a device."""

    envelopes: tuple[EnvelopeAnswer, ...]


class DeletedAnswer(Answer):
    """What is not there any more."""

    device: str
    deleted: str


class HoldAnswer(Answer):
    """Until when alerts make no claims on a device; null when they do."""

    device: str
    held_until: Moment | None


class EventAnswer(Answer):
    """One line of the journal."""

    at: Moment
    kind: Annotated[str, Field(description="write, claim, task, frame, charging or request.")]
    device: str
    what: str
    cause: Annotated[str, Field(description="Who or what asked for it.")]
    outcome: str
    reason: str


class JournalAnswer(Answer):
    """What has happened, the newest first."""

    events: tuple[EventAnswer, ...]
