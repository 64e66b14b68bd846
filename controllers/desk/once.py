"""Tasks and envelopes that people ask for: done once, by the loop of the device."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from controllers.claims.claims import PERSON
from controllers.desk.office import PATIENCE_S, POLL_S, Office
from controllers.orders import check_hazard, needs_confirmation, not_possible, read
from controllers.people import (
    Command,
    EnvelopeRecord,
    Means,
    PlanRecord,
    RefusalReason,
    Refused,
    TaskRecord,
)
from controllers.schedules.means import planned
from controllers.schedules.spans import (
    TASK_PARAMETERS,
    DeletionParameters,
    EnvelopeParameters,
    NamedTask,
    ScheduleParameters,
)
from controllers.tasks import tasks
from controllers.tasks.tasks import NAMED, Task, TaskKey, TaskOutcome, task_key
from controllers.tasks.watchdog import NotNow, WatchdogReset
from controllers.views import task_record
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Action, ControlledDevice, Envelope, Envelopes, Promise
from sunhelm.devices.device_config import DeviceConfig

_DOES: Final = {
    Action.SET_CLOCK: "its clock is set to the local time of the site",
    Action.RESET_WATCHDOG: "the limiter is switched off, for 5 s nothing limits the export, then limiter and"
    " limit are put back until they are read back",
    Action.RESTART: "it restarts",
}

_WHY_NOT: Final = {
    "not_allowed_unlimited": "the site file has to say control: {allow_unlimited: 10s}",
    "limit_is_lifted": "its limit is lifted already, and is being put back",
    "no_heartbeat": "no heartbeat was ever seen, so that nobody would notice",
    "heartbeat_late": "the heartbeat is late, so that nobody would notice",
    "fail_safe": "a fail-safe is in force",
    "export_is_limited": "something asks that the export be limited",
}


class Once(Office):
    """The part of the desk that is about what is done once."""

    def tasks(self, *, most: int = 100) -> tuple[TaskRecord, ...]:
        """Return the tasks, the newest first."""
        found = sorted(self._books.ledger.tasks.values(), key=lambda task: -task.asked_at)
        return tuple(map(task_record, found[:most]))

    async def run_task(self, command: Command, *, confirmed: bool = False) -> TaskRecord:
        """Have a device do something once: set_clock, reset_watchdog, restart, or `run` with a task."""
        config, loop = self._config(command.device), self._loop(command.device)
        promise = _promise(command, loop.reconciler.device)
        check_hazard(promise, promise.hazard, command.action, config=config, confirmed=confirmed)
        for errand in loop.errands:
            if command.action is Action.RESET_WATCHDOG and isinstance(errand, WatchdogReset):
                try:
                    errand.check()
                except NotNow as error:
                    text = f"{command.device}: {_WHY_NOT.get(str(error), str(error))}"
                    raise Refused(RefusalReason.NOT_NOW, text) from error
        key = await self._ask(command)
        return task_record(self._books.ledger.tasks[key])

    async def envelopes(self, device: str) -> tuple[EnvelopeRecord, ...]:
        """Return the envelopes that stand on the device."""
        envelopes = self._envelopes(device)
        async with self._turn(self._loop(device)) as deadline:
            entries = await envelopes.entries(deadline)
        return tuple(_envelope_record(entry.key, device, entry.envelope) for entry in entries)

    async def create_envelope(self, command: Command, *, confirmed: bool = False) -> EnvelopeRecord:
        """Make an envelope on the device, and return it once it is there."""
        config, envelopes = self._config(command.device), self._envelopes(command.device)
        parameters = read(EnvelopeParameters, command.parameters)
        try:
            envelope = parameters.envelope(self._wall, self._books.site.zone)
            envelopes.check(envelope)
        except ValueError as error:
            raise Refused(RefusalReason.WRONG, str(error)) from error
        promise = envelopes.promise
        check_hazard(promise, promise.hazard, command.action, config=config, confirmed=confirmed)
        task = await self._finished(await self._ask(command))
        return _envelope_record(task.result, command.device, envelope)

    async def delete_envelope(self, device: str, envelope: str) -> None:
        """Delete an envelope on the device; harmless when it is gone."""
        self._envelopes(device)
        parameters = {"key": envelope}
        read(DeletionParameters, parameters)
        command = Command(device=device, action=Action.DELETE_ENVELOPE, parameters=parameters)
        await self._finished(await self._ask(command))

    def _plan_once(self, command: Command, config: DeviceConfig, device: ControlledDevice) -> PlanRecord:
        """Return what a task would do."""
        parameters = read(TASK_PARAMETERS[command.action], command.parameters)
        does = _DOES.get(command.action, "")
        if isinstance(parameters, NamedTask):
            does = f"its {parameters.task.replace('_', ' ')} is begun"
        means: Means = "native"
        promise: Promise | None = None
        try:
            if isinstance(parameters, ScheduleParameters):
                schedule = parameters.schedule(self._wall, self._books.site.zone)
                plan = planned(device, schedule, "")
                does = f"{schedule.mode} from {schedule.start:.0f} to {schedule.end:.0f} (Unix time)"
                if plan.kept is not None:
                    means, promise = "kept", device.handles[plan.kept.state].promise
            elif isinstance(parameters, EnvelopeParameters):
                envelope = parameters.envelope(self._wall, self._books.site.zone)
                self._envelopes(command.device).check(envelope)
                does = f"bounds from {envelope.start:.0f} to {envelope.end:.0f} (Unix time)"
        except ValueError as error:
            raise Refused(RefusalReason.WRONG, str(error)) from error
        promise = promise or _promise(command, device)
        return PlanRecord(
            device=command.device,
            action=command.action,
            state="",
            value="",
            observed="",
            desired="",
            writes=(does,) if does else (),
            warnings=(promise.doubts,) if promise.doubts else (),
            hazard=promise.hazard,
            rung=promise.rung,
            means=means,
            needs_confirmation=needs_confirmation(promise.hazard, command.action, config.control.allow),
        )

    async def _ask(self, command: Command) -> TaskKey:
        """Put a task into the journal; the loop of the device does it."""
        now = self._now
        key = TaskKey(PERSON, secrets.token_hex(8), now, command.device)
        task = Task(key=key, action=command.action, parameters=command.parameters, asked_at=now)
        await self._books.change(lambda ledger: replace(ledger, tasks=tasks.asked(ledger.tasks, task)))
        return key

    async def _finished(self, key: TaskKey) -> Task:
        """Return a task once it is done. Raises Refused when it is not, or not within a while."""
        patience = Deadline.after(PATIENCE_S, self._books.clock)
        while (task := self._books.ledger.tasks[key]).open and not patience.passed:
            await self._books.clock.sleep(POLL_S)
        if task.outcome is TaskOutcome.DONE:
            return task
        reason = task.reason or "it is not done yet"
        raise Refused(RefusalReason.DEVICE, f"{key.device}: {task.action.value}: {reason}")

    def _envelopes(self, device: str) -> Envelopes:
        envelopes = self._loop(device).reconciler.device.envelopes
        if envelopes is None:
            raise Refused(RefusalReason.NOT_POSSIBLE, f"{device} keeps no envelopes")
        return envelopes


def _promise(command: Command, device: ControlledDevice) -> Promise:
    action = command.action
    read(TASK_PARAMETERS[action], command.parameters)
    if action is Action.RUN:
        task = device.tasks.get(task_key(action, command.parameters))
        if task is None:
            known = [key.removeprefix(NAMED) for key in device.tasks if key.startswith(NAMED)]
            text = f"{device.name} knows {', '.join(known) or 'no tasks of its own'}"
            raise Refused(RefusalReason.NOT_POSSIBLE, text)
        return task.promise
    promises = [task.promise for task in device.tasks.values()]
    promises += [each.promise for each in (device.watchdog, device.schedules, device.envelopes) if each]
    for promise in promises:
        if action in promise.actions:
            return promise
    raise Refused(RefusalReason.NOT_POSSIBLE, not_possible(action, device))


def _envelope_record(key: str, device: str, envelope: Envelope) -> EnvelopeRecord:
    return EnvelopeRecord(
        id=key,
        device=device,
        start=envelope.start,
        end=envelope.end,
        grid_import=envelope.grid_import,
        grid_export=envelope.grid_export,
        charge=envelope.charge,
        discharge=envelope.discharge,
        generation=envelope.generation,
    )
