"""The operations of the API that change something."""

from __future__ import annotations

from typing import Final

from controllers.api.answers import (
    ClaimAnswer,
    ClaimsAnswer,
    DeletedAnswer,
    EnvelopeAnswer,
    HoldAnswer,
    ScheduleAnswer,
    SchedulesAnswer,
    StateAnswer,
    TaskAnswer,
)
from controllers.api.asks import (
    Anywhere,
    BaselineAsk,
    ClaimAsk,
    DevicePlace,
    EnvelopeAsk,
    EnvelopePlace,
    HoldAsk,
    IdPlace,
    ImportAsk,
    ScheduleAsk,
    SettingAsk,
    TaskAsk,
    written,
)
from controllers.api.operations import Call, NoBody
from controllers.api.reading import device_named
from controllers.people import Command, RefusalReason, Refused

MOST_CLAIMS: Final = 100
"""So many claims of people at a time: whoever makes more has a loop that went wrong."""

PERSON: Final = "person"


async def make_claim(call: Call[Anywhere, ClaimAsk]) -> ClaimAnswer:
    """Ask for a state of a device."""
    ask, people = call.ask, call.people
    device_named(people, ask.device)
    if sum(not claim.ended and claim.cause == PERSON for claim in people.claims()) >= MOST_CLAIMS:
        text = f"There are {MOST_CLAIMS} claims of people already; release some."
        raise Refused(RefusalReason.CONFLICT, text)
    made = await people.claim(ask.command(), lasting_s=ask.lasting_s, confirmed=ask.confirmed)
    return ClaimAnswer.model_validate(made).model_copy(update={"by": call.visitor})


async def release(call: Call[IdPlace, NoBody]) -> ClaimAnswer:
    """End a claim."""
    return ClaimAnswer.model_validate(await call.people.release(call.place.id))


async def release_device(call: Call[DevicePlace, NoBody]) -> ClaimsAnswer:
    """End every claim on a device, be it one that the site file does not name any more."""
    return ClaimsAnswer.model_validate({"claims": await call.people.release_device(call.place.device)})


async def hold(call: Call[DevicePlace, HoldAsk]) -> HoldAnswer:
    """Let alerts make no claims on a device."""
    name = call.place.device
    device_named(call.people, name)
    until = await call.people.hold(name, lasting_s=call.ask.lasting_s)
    return HoldAnswer.model_validate({"device": name, "held_until": until})


async def end_hold(call: Call[DevicePlace, NoBody]) -> HoldAnswer:
    """Let alerts make claims again."""
    name = call.place.device
    device_named(call.people, name)
    await call.people.end_hold(name)
    return HoldAnswer(device=name, held_until=None)


async def set_baseline(call: Call[DevicePlace, BaselineAsk]) -> StateAnswer:
    """Say what the owner's own value is."""
    ask, name = call.ask, call.place.device
    device_named(call.people, name)
    command = Command(device=name, action=ask.action, parameters=written(ask.parameters))
    return StateAnswer.model_validate(await call.people.set_baseline(command, confirmed=ask.confirmed))


async def write_setting(call: Call[Anywhere, SettingAsk]) -> StateAnswer:
    """Write a setting for good."""
    device_named(call.people, call.ask.device)
    return StateAnswer.model_validate(await call.people.set(call.ask.command(), confirmed=call.ask.confirmed))


async def run_task(call: Call[Anywhere, TaskAsk]) -> TaskAnswer:
    """Have a device do something once."""
    ask = call.ask
    device_named(call.people, ask.device)
    for task in call.people.tasks():
        if task.device == ask.device and task.action is ask.action and not task.outcome:
            text = f"{ask.action.value} on {ask.device} is under way already: {task.id}."
            raise Refused(RefusalReason.CONFLICT, text)
    parameters = {} if ask.task is None else {"task": ask.task}
    command = Command(device=ask.device, action=ask.action, parameters=parameters)
    return TaskAnswer.model_validate(await call.people.run_task(command, confirmed=ask.confirmed))


async def create_schedule(call: Call[Anywhere, ScheduleAsk]) -> ScheduleAnswer:
    """Make a schedule."""
    device_named(call.people, call.ask.device)
    return ScheduleAnswer.model_validate(
        await call.people.create_schedule(call.ask.command(), confirmed=call.ask.confirmed)
    )


async def import_schedules(call: Call[Anywhere, ImportAsk]) -> SchedulesAnswer:
    """Make all schedules of a text."""
    ask = call.ask
    device_named(call.people, ask.device)
    made = await call.people.import_schedules(
        ask.device, ask.text, replace=ask.replace, confirmed=ask.confirmed
    )
    return SchedulesAnswer.model_validate({"schedules": made})


async def delete_schedule(call: Call[IdPlace, NoBody]) -> ScheduleAnswer:
    """Delete a schedule of ours."""
    return ScheduleAnswer.model_validate(await call.people.delete_schedule(call.place.id))


async def delete_schedules(call: Call[DevicePlace, NoBody]) -> SchedulesAnswer:
    """Delete all our schedules of a device."""
    device_named(call.people, call.place.device)
    deleted = await call.people.delete_schedules(call.place.device)
    return SchedulesAnswer.model_validate({"schedules": deleted})


async def create_envelope(call: Call[Anywhere, EnvelopeAsk]) -> EnvelopeAnswer:
    """Make an envelope."""
    device_named(call.people, call.ask.device)
    return EnvelopeAnswer.model_validate(
        await call.people.create_envelope(call.ask.command(), confirmed=call.ask.confirmed)
    )


async def delete_envelope(call: Call[EnvelopePlace, NoBody]) -> DeletedAnswer:
    """Delete an envelope."""
    name = call.place.device
    device_named(call.people, name)
    await call.people.delete_envelope(name, call.place.id)
    return DeletedAnswer(device=name, deleted=call.place.id)
