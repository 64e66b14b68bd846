"""The operations of the API that change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from controllers.api.answers import (
    CapabilitiesAnswer,
    CapabilityAnswer,
    ClaimAnswer,
    ClaimsAnswer,
    DeviceAnswer,
    DevicesAnswer,
    EntriesAnswer,
    EnvelopesAnswer,
    JournalAnswer,
    PlanAnswer,
    ScheduleAnswer,
    SchedulesAnswer,
    TaskAnswer,
    TasksAnswer,
)
from controllers.api.asks import (
    Anywhere,
    DevicePlace,
    EndedPlace,
    IdPlace,
    JournalPlace,
    OnDevice,
    PlanAsk,
    ScheduleAsk,
)
from controllers.api.operations import Call, NoBody
from controllers.people import (
    ClaimRecord,
    DeviceRecord,
    People,
    RefusalReason,
    Refused,
    ScheduleRecord,
    TaskRecord,
)
from sunhelm.configuration.mistakes import found, listed, with_guess

_MOST_TASKS: Final = 1000
_Named = TypeVar("_Named", ClaimRecord, TaskRecord, ScheduleRecord)


def device_named(people: People, name: str) -> DeviceRecord:
    """Return a device that may be commanded. Raises Refused."""
    devices = {device.name: device for device in people.devices()}
    if name not in devices:
        text = "No device may be commanded."
        if devices:
            what = f"device: {found(name)} is not one that may be commanded: {listed(devices)}"
            text = with_guess(what, name, devices)
        raise Refused(RefusalReason.UNKNOWN_DEVICE, text)
    return devices[name]


def _by_id(records: Sequence[_Named], id_: str, what: str) -> _Named:
    for record in records:
        if record.id == id_:
            return record
    raise Refused(RefusalReason.NOT_FOUND, f"There is no {what} {id_}.")


def _capabilities(devices: Sequence[DeviceRecord]) -> Iterator[CapabilityAnswer]:
    for device in devices:
        for capability in device.capabilities:
            fields = {name: getattr(capability, name) for name in capability.__slots__}
            yield CapabilityAnswer(device=device.name, **fields)


def _claim(claim: ClaimRecord, askers: Mapping[str, str]) -> ClaimAnswer:
    return ClaimAnswer.model_validate(claim).model_copy(update={"by": askers.get(claim.id, "")})


def _only(records: Sequence[_Named], device: str | None) -> list[_Named]:
    return [record for record in records if device in (None, record.device)]


def _on(people: People, place: OnDevice) -> str | None:
    """Return the device that is asked about, after looking whether there is one."""
    if place.device is not None:
        device_named(people, place.device)
    return place.device


async def devices(call: Call[Anywhere, NoBody]) -> DevicesAnswer:
    """Tell all devices."""
    return DevicesAnswer.model_validate({"devices": call.people.devices()})


async def device(call: Call[DevicePlace, NoBody]) -> DeviceAnswer:
    """Tell one device."""
    return DeviceAnswer.model_validate(device_named(call.people, call.place.device))


async def capabilities(call: Call[OnDevice, NoBody]) -> CapabilitiesAnswer:
    """Tell what can be commanded."""
    named = _on(call.people, call.place)
    known = [each for each in call.people.devices() if named in (None, each.name)]
    return CapabilitiesAnswer(capabilities=tuple(_capabilities(known)))


async def claims(call: Call[EndedPlace, NoBody]) -> ClaimsAnswer:
    """Tell the claims."""
    named = _on(call.people, call.place)
    found, askers = call.people.claims(ended=call.place.ended), call.requests.askers()
    return ClaimsAnswer(claims=tuple(_claim(each, askers) for each in _only(found, named)))


async def claim(call: Call[IdPlace, NoBody]) -> ClaimAnswer:
    """Tell one claim."""
    found = _by_id(call.people.claims(ended=True), call.place.id, "claim")
    return _claim(found, call.requests.askers())


async def tasks(call: Call[OnDevice, NoBody]) -> TasksAnswer:
    """Tell the tasks."""
    named = _on(call.people, call.place)
    found = call.people.tasks()
    return TasksAnswer.model_validate({"tasks": _only(found, named)})


async def task(call: Call[IdPlace, NoBody]) -> TaskAnswer:
    """Tell one task."""
    return TaskAnswer.model_validate(_by_id(call.people.tasks(most=_MOST_TASKS), call.place.id, "task"))


async def schedules(call: Call[EndedPlace, NoBody]) -> SchedulesAnswer:
    """Tell our schedules."""
    named = _on(call.people, call.place)
    found = call.people.schedules(ended=call.place.ended)
    return SchedulesAnswer.model_validate({"schedules": _only(found, named)})


async def schedule(call: Call[IdPlace, NoBody]) -> ScheduleAnswer:
    """Tell one schedule."""
    found = call.people.schedules(ended=True)
    return ScheduleAnswer.model_validate(_by_id(found, call.place.id, "schedule"))


async def device_schedules(call: Call[DevicePlace, NoBody]) -> EntriesAnswer:
    """Tell what stands on a device itself."""
    device_named(call.people, call.place.device)
    entries = await call.people.device_schedules(call.place.device)
    return EntriesAnswer.model_validate({"entries": entries})


async def envelopes(call: Call[DevicePlace, NoBody]) -> EnvelopesAnswer:
    """Tell the envelopes of a device."""
    device_named(call.people, call.place.device)
    found = await call.people.envelopes(call.place.device)
    return EnvelopesAnswer.model_validate({"envelopes": found})


async def journal(call: Call[JournalPlace, NoBody]) -> JournalAnswer:
    """Tell what has happened: what was asked, and what was done."""
    place = call.place
    named = _on(call.people, place)
    done = await call.people.history(device=named, before=place.before, most=place.most)
    asked = call.requests.history(device=named, before=place.before, most=place.most)
    events = sorted([*done, *asked], key=lambda event: event.at, reverse=True)[: place.most]
    return JournalAnswer.model_validate({"events": events})


async def plan(call: Call[Anywhere, PlanAsk]) -> PlanAnswer:
    """Tell what a command would do."""
    ask = call.ask
    device_named(call.people, ask.device)
    return PlanAnswer.model_validate(await call.people.plan(ask.command(), lasting_s=ask.lasting_s))


async def plan_schedule(call: Call[Anywhere, ScheduleAsk]) -> ScheduleAnswer:
    """Tell what schedule would be made."""
    device_named(call.people, call.ask.device)
    return ScheduleAnswer.model_validate(await call.people.plan_schedule(call.ask.command()))
