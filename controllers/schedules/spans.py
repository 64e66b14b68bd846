"""What stands under `with` of tasks that have parameters: schedules and envelopes, and their deletion."""

from __future__ import annotations

from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from controllers.people import LONGEST_S
from controllers.policy.parameters import MODES, NATIVE
from controllers.schedules.moments import Moment, moment
from controllers.states.budget import DAY_S
from sunhelm.configuration.mistakes import found
from sunhelm.configuration.validation import Section
from sunhelm.devices.amounts import Ratio, Seconds, Watts
from sunhelm.devices.control import Action, Envelope, Schedule

FORCED: Final = ("force_charge", "force_discharge")


def _mode(value: object) -> object:
    known = (*MODES, *FORCED)
    if isinstance(value, str) and value not in known and not NATIVE.fullmatch(value):
        raise ValueError(f"{found(value)} is not a mode; there are {', '.join(known)} and native:NAME")
    return value


Time = Annotated[Moment, BeforeValidator(moment)]
Power = Annotated[Watts, Field(ge=0)]


class SpanParameters(Section):
    """Base of what has a beginning and an end; `duration` is elapsed time."""

    start: Time
    end: Time | None = None
    duration: Annotated[Seconds, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.end is None) == (self.duration is None):
            raise ValueError("give either end or duration")
        return self

    def span(self, now: float, zone: ZoneInfo) -> tuple[float, float]:
        """Return when it starts and ends, Unix time. Raises ValueError when that is over or too long."""
        start = self.start.starts(now, zone)
        if self.duration is not None:
            end = start + self.duration
        else:
            assert self.end is not None
            end = self.end.ends(start, zone)
        if end <= now:
            raise ValueError("it would be over already")
        if end - start > LONGEST_S:
            raise ValueError(f"it lasts {(end - start) / DAY_S:.1f} days; {LONGEST_S / DAY_S:g} are the most")
        return start, end


class ScheduleParameters(SpanParameters):
    """For `create_schedule`."""

    mode: Annotated[str, BeforeValidator(_mode)]
    power: Power | None = None
    target_soc: Annotated[Ratio, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _forced(self) -> Self:
        if self.mode not in FORCED and (self.power is not None or self.target_soc is not None):
            raise ValueError(f"power and target_soc are for {' and '.join(FORCED)}")
        return self

    def schedule(self, now: float, zone: ZoneInfo) -> Schedule:
        """Return the schedule. Raises ValueError as `span` does."""
        start, end = self.span(now, zone)
        return Schedule(start=start, end=end, mode=self.mode, watts=self.power, target_soc=self.target_soc)


class EnvelopeParameters(SpanParameters):
    """For `create_envelope`; at least one bound."""

    grid_import: Power | None = Field(default=None, alias="import")
    export: Power | None = None
    charge: Power | None = None
    discharge: Power | None = None
    generation: Power | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bounds = (self.grid_import, self.export, self.charge, self.discharge, self.generation)
        if all(bound is None for bound in bounds):
            raise ValueError("an envelope bounds something: import, export, charge, discharge or generation")
        return self

    def envelope(self, now: float, zone: ZoneInfo) -> Envelope:
        """Return the envelope. Raises ValueError as `span` does."""
        start, end = self.span(now, zone)
        return Envelope(
            start=start,
            end=end,
            grid_import=self.grid_import,
            grid_export=self.export,
            charge=self.charge,
            discharge=self.discharge,
            generation=self.generation,
        )


class DeletionParameters(Section):
    """For `delete_schedule` and `delete_envelope`: those that a policy has made, or all of ours.

    `key` is the one that the device calls so, whoever made it.
    """

    made_by: str | None = None
    key: str | None = None


class NamedTask(Section):
    """For `run`: a task that only the family of the device knows, by its name."""

    task: str = Field(min_length=1, max_length=100)


class NoParameters(Section):
    """For tasks that need no more words."""


TASK_PARAMETERS: Final[dict[Action, type[Section]]] = {
    Action.CREATE_SCHEDULE: ScheduleParameters,
    Action.DELETE_SCHEDULE: DeletionParameters,
    Action.CREATE_ENVELOPE: EnvelopeParameters,
    Action.DELETE_ENVELOPE: DeletionParameters,
    Action.SET_CLOCK: NoParameters,
    Action.RESET_WATCHDOG: NoParameters,
    Action.RESTART: NoParameters,
    Action.RUN: NamedTask,
}
"""The actions that are done once."""
