"""What may be asked of the API: the bodies of requests, and the parameters in their addresses.

Amounts are texts with their unit, as in the site file: a bare number could be watts or kilowatts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from controllers.people import LONGEST_S, Command, RefusalReason, Refused
from sunhelm.configuration.mistakes import found
from sunhelm.devices.amounts import parse_amount
from sunhelm.devices.control import Action

DURATION: Final = r"^[0-9]{1,6}(\.[0-9]{1,3})? ?(s|m|min|h|d)$"
NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
ID: Final = r"^[A-Za-z0-9._~:-]{1,200}$"
_NUMBER: Final = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"
_WORD: Final = r"^[ -~]{1,100}$"
_MOST_IMPORTED: Final = 256 * 1024

Device = Annotated[str, Field(pattern=NAME, description="The device, as the site file calls it.")]
Id = Annotated[str, Field(pattern=ID, description="What the answer to the request that made it calls it.")]
Duration = Annotated[
    str, Field(pattern=DURATION, description="A number with s, m, h or d; 7 days at most.", examples=["2h"])
]
Word = Annotated[str, Field(pattern=_WORD)]
Amount = Annotated[
    str,
    Field(
        pattern=rf"{_NUMBER} ?[A-Za-z%/]{{1,8}}$",
        description="A number with its unit.",
        examples=["0W", "4.5 kW", "80%"],
    ),
]
Quantity = Annotated[
    str,
    Field(
        pattern=rf"{_NUMBER}( ?[A-Za-z%/]{{1,8}})?$",
        description="A number with its unit, or without one where the setting has none.",
        examples=["52.5V", "3"],
    ),
]
Time = Annotated[
    str,
    Field(
        pattern=_WORD,
        description="ISO 8601 with an offset or in the zone of the site, or HH:MM for the next one.",
        examples=["2026-07-01T13:00:00+02:00", "13:00"],
    ),
]
Parameters = Annotated[
    Mapping[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], Word],
    Field(
        max_length=8,
        description="As under `with` of a policy in the site file.",
        examples=[{"limit": "0W"}],
        json_schema_extra={"additionalProperties": False},
    ),
]


def written(parameters: Mapping[str, str]) -> dict[str, object]:
    """Return parameters as the site file would have them: the value of a setting may be a bare number."""
    value = parameters.get("value", "")
    number = {"value": float(value)} if re.fullmatch(f"{_NUMBER}$", value) else {}
    return {**parameters, **number}


class Ask(BaseModel):
    """Base of all that may be asked: nothing that is not known, and no kind of value for another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Once(Ask):
    """Base of what may be sent again without being done again."""

    id: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._~-]{8,64}$",
            description="Your own word for this request, never used before, such as a UUID. The same request"
            " with the same word is done once, however often it arrives.",
        ),
    ] = None
    confirmed: Annotated[
        bool, Field(description="Whether somebody has seen what a dangerous command does, and wants it.")
    ] = False


class Lasting(Ask):
    """Base of what ends by itself."""

    lasting: Annotated[Duration, Field(alias="for")] = "1h"

    @property
    def lasting_s(self) -> float:
        """For how long, in seconds. Raises Refused."""
        seconds = parse_amount(self.lasting, "seconds")
        if not 0 < seconds <= LONGEST_S:
            text = f"for: {found(self.lasting)} is not a time that is allowed; more than 0s, at most 7d"
            raise Refused(RefusalReason.WRONG, text)
        return seconds


class CommandAsk(Once):
    """One action on one device."""

    device: Device
    action: Action
    parameters: Annotated[Parameters, Field(alias="with")] = {}

    def command(self) -> Command:
        """Return it as the controller takes it."""
        return Command(device=self.device, action=self.action, parameters=written(self.parameters))


class ClaimAsk(CommandAsk, Lasting):
    """A state of a device for some time; at its end the device gets back what it had."""

    action: Literal[
        Action.LIMIT_EXPORT,
        Action.LIMIT_PRODUCTION,
        Action.CHARGE,
        Action.DISCHARGE,
        Action.SET_CURRENT_LIMITS,
        Action.SET_SOC_LIMITS,
        Action.SET_MODE,
        Action.EV_MODE,
    ]


class PlanAsk(CommandAsk, Lasting):
    """Any command, to be told what it would do."""


class SettingAsk(Once):
    """A setting, written for good: its new value is the owner's."""

    device: Device
    setting: Word
    value: Quantity

    def command(self) -> Command:
        """Return it as the controller takes it."""
        parameters = written({"setting": self.setting, "value": self.value})
        return Command(device=self.device, action=Action.SET, parameters=parameters)


class BaselineAsk(Once):
    """What the owner's own value of a state is, which comes back when nobody asks for another one."""

    action: Literal[
        Action.LIMIT_EXPORT,
        Action.LIMIT_PRODUCTION,
        Action.SET_CURRENT_LIMITS,
        Action.SET_SOC_LIMITS,
        Action.SET_MODE,
        Action.SET,
        Action.EV_MODE,
    ]
    parameters: Annotated[Parameters, Field(alias="with")]


class TaskAsk(Once):
    """Something that a device does once; `task` names one that only its family knows, for `run`."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"action": {"const": "run"}}},
            "then": {"required": ["task"], "properties": {"task": {"type": "string"}}},
            "else": {"properties": {"task": {"type": "null"}}},
        }
    )

    device: Device
    action: Literal[Action.SET_CLOCK, Action.RESET_WATCHDOG, Action.RESTART, Action.RUN]
    task: Word | None = None

    @model_validator(mode="after")
    def _names_what_to_run(self) -> Self:
        if (self.action is Action.RUN) != (self.task is not None):
            raise ValueError("task: goes with the action run, and only with that")
        return self


class HoldAsk(Lasting):
    """For how long alerts shall make no claims on a device."""


class Span(Once):
    """Base of what has a beginning and an end: give `end` or `duration`."""

    device: Device
    start: Time
    end: Time | None = None
    duration: Duration | None = None

    def parameters(self) -> dict[str, object]:
        """Return what is given, as under `with` of a policy."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude={"id", "confirmed", "device"})


class ScheduleAsk(Span):
    """What the battery, or the device as a whole, shall do from one moment to another."""

    mode: Annotated[Word, Field(examples=["force_charge", "self_consumption"])]
    power: Amount | None = None
    target_soc: Amount | None = None

    def command(self) -> Command:
        """Return it as the controller takes it."""
        return Command(device=self.device, action=Action.CREATE_SCHEDULE, parameters=self.parameters())


class ImportAsk(Once):
    """Schedules of several days, as a planner writes them: all of them are made, or none."""

    device: Device
    text: Annotated[str, Field(min_length=1, max_length=_MOST_IMPORTED, description="CSV or JSON.")]
    replace: Annotated[bool, Field(description="Delete those of ours that they overlap.")] = False


class EnvelopeAsk(Span):
    """Bounds of power that a device keeps by itself between two moments."""

    import_: Annotated[Amount | None, Field(alias="import")] = None
    export: Amount | None = None
    charge: Amount | None = None
    discharge: Amount | None = None
    generation: Amount | None = None

    def command(self) -> Command:
        """Return it as the controller takes it."""
        return Command(device=self.device, action=Action.CREATE_ENVELOPE, parameters=self.parameters())


class Place(BaseModel):
    """Base of the parameters of an address. They are texts, so numbers are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Anywhere(Place):
    """No parameters."""


class DevicePlace(Place):
    """Of one device."""

    device: Device


class OnDevice(Place):
    """Of one device, or of all."""

    device: Device | None = None


class IdPlace(Place):
    """One thing by its id."""

    id: Id


class EnvelopePlace(DevicePlace):
    """One envelope of a device."""

    id: Id


class EndedPlace(OnDevice):
    """Those that are over too, or not."""

    ended: Annotated[bool, Field(description="Also those that are over.")] = False


class JournalPlace(OnDevice):
    """A part of the journal."""

    before: Annotated[
        float | None,
        Field(ge=0, le=1e11, allow_inf_nan=False, description="Unix time; only what is older."),
    ] = None
    most: Annotated[int, Field(ge=1, le=1000, description="So many at most.")] = 100
