"""What a device is told to do once: each task is in the journal before, and how it ended after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog

from controllers.claims.claims import PERSON
from controllers.claims.ledger import Ledger
from controllers.journal.journal import Statement
from controllers.schedules import schedules
from controllers.schedules.means import planned
from controllers.schedules.spans import DeletionParameters, EnvelopeParameters, ScheduleParameters
from controllers.states.reconcile import Reconciler
from controllers.states.writing import EXCHANGE_S
from controllers.steady import SteadyTime
from controllers.tasks import tasks
from controllers.tasks.tasks import CLOCK_SYNC, Task, TaskKey, TaskOutcome, task_key
from controllers.tasks.watchdog import NotNow, WatchdogReset
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Action, ControlledDevice
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.site import Site

RETRY_S: Final = 5.0

Work = Callable[[Task, Deadline], Awaitable[str]]

_AGAIN: Final = frozenset(
    {
        Action.SET_CLOCK,
        Action.CREATE_SCHEDULE,
        Action.DELETE_SCHEDULE,
        Action.CREATE_ENVELOPE,
        Action.DELETE_ENVELOPE,
    }
)
"""What may be told again after a crash: done twice, it is as if it were done once."""

_log = structlog.get_logger(__name__)


class Book(Protocol):
    """Where it is written what is to be done: the controller."""

    ledger: Ledger
    site: Site
    time: SteadyTime
    clock: Clock

    async def change(self, change: Callable[[Ledger], Ledger], *statements: Statement) -> None:
        """Bring the ledger forward, first in the journal. Raises JournalError."""


class Ended(Exception):
    """A task ends without being done; the text is the reason, a word or a sentence."""

    def __init__(self, reason: str, outcome: TaskOutcome = TaskOutcome.REFUSED) -> None:
        super().__init__(reason)
        self.outcome = outcome


class CalledOff(Exception):
    """Nobody wants a task any more that has not begun; that is in the journal already."""


class TaskErrand:
    """The tasks of one device, in the order in which they were asked for."""

    def __init__(self, book: Book, reconciler: Reconciler, watchdog: WatchdogReset | None) -> None:
        self._book = book
        self._device: ControlledDevice = reconciler.device
        self._hands = reconciler.hands
        self._watchdog = watchdog
        self._not_before = float("-inf")
        self._begun: set[TaskKey] = set()

    @property
    def is_due(self) -> bool:
        """Whether a task waits, and the device need not be left alone."""
        return self._book.time.now() >= self._not_before and bool(self._waiting())

    @property
    def blocks(self) -> bool:
        """Whether it goes before everything else; tasks do not."""
        return False

    async def run(self) -> float | None:
        """Do what waits; return after how many seconds to try again what could not begin."""
        for task in self._waiting():
            try:
                await self._do(task)
            except DeviceError as error:
                _log.info("task_waits", task=task.id, reason=error.reason.value, detail=str(error))
                self._not_before = self._book.time.now() + RETRY_S
                return RETRY_S
        return None

    def _waiting(self) -> list[Task]:
        name = self._device.name
        return [task for task in self._book.ledger.tasks.values() if task.open and task.key.device == name]

    async def _do(self, task: Task) -> None:
        """Do one task. Raises DeviceError only when it could not begin."""
        try:
            result = await self._done(task)
        except CalledOff:
            return
        except Ended as error:
            await self._end(task, error.outcome, str(error))
        else:
            await self._end(task, TaskOutcome.DONE, result=result)

    async def _done(self, task: Task) -> str:
        _check_wanted(self._book.ledger, task, self._book.time.now())
        match task.action:
            case Action.CREATE_SCHEDULE:
                return await self._create_schedule(task)
            case Action.DELETE_SCHEDULE:
                return await self._delete_schedules(task)
            case Action.RESET_WATCHDOG:
                if self._watchdog is None:
                    raise Ended("not_possible")
                return await self._reset(task, self._watchdog)
            case Action.CREATE_ENVELOPE:
                return await self._in_turn(task, self._create_envelope)
            case Action.DELETE_ENVELOPE:
                return await self._in_turn(task, self._delete_envelopes)
            case _:
                return await self._in_turn(task, self._run)

    async def _in_turn(self, task: Task, work: Work) -> str:
        """Do it in a turn on the device that answers, once it is in the journal that it begins."""
        self._refuse_interrupted(task)
        clock = self._book.clock
        async with self._hands, self._device.turn(Deadline.after(EXCHANGE_S, clock)):
            await self._device.identify(Deadline.after(EXCHANGE_S, clock))
            await self._begin(task)
            try:
                return await work(task, Deadline.after(EXCHANGE_S, clock))
            except DeviceError as error:
                _log.warning("task_failed", task=task.id, detail=str(error))
                raise Ended(error.reason.value, TaskOutcome.FAILED) from error
            except ValueError as error:
                raise Ended(str(error)) from error

    async def _reset(self, task: Task, watchdog: WatchdogReset) -> str:
        self._refuse_interrupted(task)
        await self._begin(task)
        try:
            await watchdog.reset(task)
        except NotNow as error:
            raise Ended(str(error)) from error
        return "" if watchdog.lift is None else "the limit is still lifted"

    def _refuse_interrupted(self, task: Task) -> None:
        """Raise Ended for a task that a process before this one has begun, and that is not to be repeated."""
        if task.begun_at is not None and task.key not in self._begun and task.action not in _AGAIN:
            raise Ended("interrupted", TaskOutcome.FAILED)

    async def _run(self, task: Task, deadline: Deadline) -> str:
        target = self._device.tasks.get(task_key(task.action, task.parameters))
        if target is None:
            raise Ended("not_possible")
        await target.run(deadline)
        return ""

    async def _create_envelope(self, task: Task, deadline: Deadline) -> str:
        envelopes = self._device.envelopes
        if envelopes is None:
            raise Ended("not_possible")
        parameters = EnvelopeParameters.model_validate(dict(task.parameters))
        envelope = parameters.envelope(self._said_at(task), self._book.site.zone)
        envelopes.check(envelope)
        return await envelopes.create(envelope, task.id, deadline)

    async def _delete_envelopes(self, task: Task, deadline: Deadline) -> str:
        envelopes = self._device.envelopes
        if envelopes is None:
            raise Ended("not_possible")
        parameters = DeletionParameters.model_validate(dict(task.parameters))
        ours = [
            each.result
            for each in self._book.ledger.tasks.values()
            if each.action is Action.CREATE_ENVELOPE
            and each.key.device == self._device.name
            and each.outcome is TaskOutcome.DONE
            and parameters.made_by in (None, each.key.policy)
        ]
        there = {entry.key for entry in await envelopes.entries(deadline)}
        wanted = ours if parameters.key is None else [parameters.key]
        gone = [key for key in wanted if key in there]
        for key in gone:
            await envelopes.delete(key, deadline)
        return f"{len(gone)} deleted"

    async def _create_schedule(self, task: Task) -> str:
        parameters = ScheduleParameters.model_validate(dict(task.parameters))
        try:
            schedule = parameters.schedule(self._said_at(task), self._book.site.zone)
            plan = planned(self._device, schedule, task.id, task.key.policy)
        except ValueError as error:
            raise Ended(str(error)) from error

        def add(plans: schedules.Plans) -> schedules.Plans:
            others = schedules.overlapping(plans, self._device.name, schedule)
            if others:
                raise Ended(f"it overlaps with {', '.join(other.id for other in others)}")
            return schedules.added(plans, [plan])

        if plan.id not in self._book.ledger.plans:
            await self._change_plans(add)
        return plan.id

    async def _delete_schedules(self, task: Task) -> str:
        made_by = DeletionParameters.model_validate(dict(task.parameters)).made_by
        gone = [
            plan.id
            for plan in self._book.ledger.plans.values()
            if plan.device == self._device.name and not plan.over and made_by in (None, plan.cause)
        ]
        await self._change_plans(lambda plans: schedules.deleted(plans, gone))
        return f"{len(gone)} deleted"

    def _said_at(self, task: Task) -> float:
        """Return the time on the wall at which it was asked for: tried again, it means the same."""
        return task.asked_at + self._book.clock.time() - self._book.time.now()

    async def _change_plans(self, change: Callable[[schedules.Plans], schedules.Plans]) -> None:
        await self._book.change(lambda ledger: replace(ledger, plans=change(ledger.plans)))

    async def _begin(self, task: Task) -> None:
        """Note that a task begins. Raises as `_check_wanted`: the turn may have been long in coming."""
        now = self._book.time.now()

        def begin(ledger: Ledger) -> Ledger:
            _check_wanted(ledger, task, now)
            return replace(ledger, tasks=tasks.begun(ledger.tasks, task.key, now))

        self._begun.add(task.key)
        await self._book.change(begin)

    async def _end(self, task: Task, outcome: TaskOutcome, reason: str = "", *, result: str = "") -> None:
        now = self._book.time.now()
        await self._book.change(
            lambda ledger: replace(
                ledger,
                tasks=tasks.ended(ledger.tasks, task.key, outcome, now, reason=reason, result=result),
            )
        )
        log = _log.info if outcome is TaskOutcome.DONE else _log.warning
        log(
            "task_ended",
            device=self._device.name,
            task=task.id,
            action=task.action.value,
            outcome=outcome.value,
            reason=reason,
        )


def _check_wanted(ledger: Ledger, task: Task, now: float) -> None:
    """Raise CalledOff, or Ended while alerts shall do nothing on the device, unless a task may be done."""
    if not ledger.tasks[task.key].open:
        raise CalledOff
    by_alert = task.key.policy not in (PERSON, CLOCK_SYNC)
    if by_alert and task.begun_at is None and ledger.held(task.key.device, now):
        raise Ended("held")
