"""All operations of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiohttp import hdrs
from pydantic import BaseModel

from controllers.api import answers, asks, commanding, reading
from controllers.api.operations import AskT, Call, NoBody, Operation, PlaceT

AnswerT = TypeVar("AnswerT", bound=BaseModel)


def _get(
    path: str,
    handle: Callable[[Call[PlaceT, NoBody]], Awaitable[AnswerT]],
    place: type[PlaceT],
    answer: type[AnswerT],
    title: str,
) -> Operation[PlaceT, NoBody]:
    return Operation(hdrs.METH_GET, path, title, handle, place, NoBody, answer)


def _delete(
    path: str,
    handle: Callable[[Call[PlaceT, NoBody]], Awaitable[AnswerT]],
    place: type[PlaceT],
    answer: type[AnswerT],
    title: str,
) -> Operation[PlaceT, NoBody]:
    return Operation(hdrs.METH_DELETE, path, title, handle, place, NoBody, answer, writes=True)


def _put(
    path: str,
    handle: Callable[[Call[asks.DevicePlace, AskT]], Awaitable[AnswerT]],
    ask: type[AskT],
    answer: type[AnswerT],
    title: str,
) -> Operation[asks.DevicePlace, AskT]:
    return Operation(hdrs.METH_PUT, path, title, handle, asks.DevicePlace, ask, answer, writes=True)


def _post(
    path: str,
    handle: Callable[[Call[asks.Anywhere, AskT]], Awaitable[AnswerT]],
    ask: type[AskT],
    answer: type[AnswerT],
    title: str,
    *,
    plans: bool = False,
) -> Operation[asks.Anywhere, AskT]:
    status = 200 if plans else 201
    return Operation(
        hdrs.METH_POST, path, title, handle, asks.Anywhere, ask, answer, status=status, writes=not plans
    )


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    _get(
        "/devices",
        reading.devices,
        asks.Anywhere,
        answers.DevicesAnswer,
        "Tell the devices: what each shall hold, what was written to it and what was read from it",
    ),
    _get("/devices/{device}", reading.device, asks.DevicePlace, answers.DeviceAnswer, "Tell one device"),
    _get(
        "/capabilities",
        reading.capabilities,
        asks.OnDevice,
        answers.CapabilitiesAnswer,
        "Tell what can be commanded, by whom, and what is left of it when the controller dies",
    ),
    _get("/claims", reading.claims, asks.EndedPlace, answers.ClaimsAnswer, "Tell the claims"),
    _get("/claims/{id}", reading.claim, asks.IdPlace, answers.ClaimAnswer, "Tell one claim"),
    _post(
        "/claims",
        commanding.make_claim,
        asks.ClaimAsk,
        answers.ClaimAnswer,
        "Ask for a state of a device for some time",
    ),
    _delete(
        "/claims/{id}",
        commanding.release,
        asks.IdPlace,
        answers.ClaimAnswer,
        "Release a claim, or the fail-safe that it left; while its alert fires it is not made again",
    ),
    _delete(
        "/devices/{device}/claims",
        commanding.release_device,
        asks.DevicePlace,
        answers.ClaimsAnswer,
        "Release every claim on a device",
    ),
    _put(
        "/devices/{device}/hold",
        commanding.hold,
        asks.HoldAsk,
        answers.HoldAnswer,
        "Hold a device: alerts make no claims on it for some time",
    ),
    _delete(
        "/devices/{device}/hold",
        commanding.end_hold,
        asks.DevicePlace,
        answers.HoldAnswer,
        "End a hold",
    ),
    _put(
        "/devices/{device}/baseline",
        commanding.set_baseline,
        asks.BaselineAsk,
        answers.StateAnswer,
        "Say what the owner's own value of a state is; a limit may be unlimited",
    ),
    _post(
        "/settings",
        commanding.write_setting,
        asks.SettingAsk,
        answers.StateAnswer,
        "Write a setting for good",
    ),
    _get("/tasks", reading.tasks, asks.OnDevice, answers.TasksAnswer, "Tell the tasks"),
    _get("/tasks/{id}", reading.task, asks.IdPlace, answers.TaskAnswer, "Tell one task"),
    _post(
        "/tasks",
        commanding.run_task,
        asks.TaskAsk,
        answers.TaskAnswer,
        "Have a device do something once",
    ),
    _get("/schedules", reading.schedules, asks.EndedPlace, answers.SchedulesAnswer, "Tell our schedules"),
    _get("/schedules/{id}", reading.schedule, asks.IdPlace, answers.ScheduleAnswer, "Tell one schedule"),
    _post(
        "/schedules",
        commanding.create_schedule,
        asks.ScheduleAsk,
        answers.ScheduleAnswer,
        "Make a schedule",
    ),
    _post(
        "/schedules/plan",
        reading.plan_schedule,
        asks.ScheduleAsk,
        answers.ScheduleAnswer,
        "Tell what schedule would be made; makes none",
        plans=True,
    ),
    _post(
        "/schedules/import",
        commanding.import_schedules,
        asks.ImportAsk,
        answers.SchedulesAnswer,
        "Make all schedules of a text, or none",
    ),
    _delete(
        "/schedules/{id}",
        commanding.delete_schedule,
        asks.IdPlace,
        answers.ScheduleAnswer,
        "Delete a schedule of ours",
    ),
    _get(
        "/devices/{device}/schedules",
        reading.device_schedules,
        asks.DevicePlace,
        answers.EntriesAnswer,
        "Read the schedules that stand on a device, those of others too",
    ),
    _delete(
        "/devices/{device}/schedules",
        commanding.delete_schedules,
        asks.DevicePlace,
        answers.SchedulesAnswer,
        "Delete all our schedules of a device",
    ),
    _get(
        "/devices/{device}/envelopes",
        reading.envelopes,
        asks.DevicePlace,
        answers.EnvelopesAnswer,
        "Read the envelopes that stand on a device",
    ),
    _post(
        "/envelopes",
        commanding.create_envelope,
        asks.EnvelopeAsk,
        answers.EnvelopeAnswer,
        "Make an envelope: bounds that a device keeps by itself",
    ),
    _delete(
        "/devices/{device}/envelopes/{id}",
        commanding.delete_envelope,
        asks.EnvelopePlace,
        answers.DeletedAnswer,
        "Delete an envelope on a device",
    ),
    _get(
        "/journal",
        reading.journal,
        asks.JournalPlace,
        answers.JournalAnswer,
        "Tell what was asked and what was done, the newest first",
    ),
    _post(
        "/plans",
        reading.plan,
        asks.PlanAsk,
        answers.PlanAnswer,
        "Tell what a command would do and write; does nothing",
        plans=True,
    ),
)
