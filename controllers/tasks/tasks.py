"""Tasks: what is done once for each episode of an alert, or for each request of a person.

Like a ledger, nothing here is ever changed: each function returns what is known afterwards, which counts once
it is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple

from controllers.states.budget import DAY_S
from sunhelm.devices.control import Action

PATIENCE_S: Final = 3600.0
"""A task that could not begin for so long is not wanted any more."""

CLOCK_SYNC: Final = "~clock_sync"
"""The policy of the tasks that set a clock every day; no policy of a site file can be called so."""

NAMED: Final = "task:"
"""What the keys of tasks begin with that only their family knows."""

_PATIENCE: Final = {Action.RESET_WATCHDOG: 300.0}


class TaskKey(NamedTuple):
    """What makes a task the same one: an alert that is told again asks for nothing new.

    `policy` is that of claims: empty for a person, whose request is the fingerprint.
    """

    policy: str
    fingerprint: str
    starts_at: float
    device: str


def task_key(action: Action, parameters: Mapping[str, object]) -> str:
    """Return by which key a device knows the task that an action with these parameters asks for."""
    return f"{NAMED}{parameters.get('task')}" if action is Action.RUN else action.value


class TaskOutcome(StrEnum):
    """How a task has ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task. `parameters` are as they were written, `result` is what the device calls what was made."""

    key: TaskKey
    action: Action
    asked_at: float
    parameters: Mapping[str, object] = field(default_factory=dict)
    begun_at: float | None = None
    ended_at: float | None = None
    outcome: TaskOutcome | None = None
    reason: str = ""
    result: str = ""

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.outcome is None

    @property
    def id(self) -> str:
        """What people call it, and the mark of what it makes on a device."""
        policy, fingerprint, starts_at, device = self.key
        return f"{policy or 'person'}.{fingerprint}.{starts_at:.0f}.{device}"


Tasks = Mapping[TaskKey, Task]


def asked(tasks: Tasks, task: Task) -> Tasks:
    """Return the tasks after this one was asked for, maybe again."""
    return tasks if task.key in tasks else {**tasks, task.key: task}


def begun(tasks: Tasks, key: TaskKey, now: float) -> Tasks:
    """Return the tasks after one was begun."""
    return {**tasks, key: replace(tasks[key], begun_at=now)}


def ended(
    tasks: Tasks, key: TaskKey, outcome: TaskOutcome, now: float, *, reason: str = "", result: str = ""
) -> Tasks:
    """Return the tasks after one has ended."""
    task = replace(tasks[key], outcome=outcome, reason=reason, result=result, ended_at=now)
    return {**tasks, key: task}


def called_off(tasks: Tasks, key: TaskKey, reason: str, now: float) -> Tasks:
    """Return the tasks after nobody wants one any more that has not begun."""
    task = tasks.get(key)
    if task is None or not task.open or task.begun_at is not None:
        return tasks
    return ended(tasks, key, TaskOutcome.REFUSED, now, reason=reason)


def after_time(tasks: Tasks, now: float) -> Tasks:
    """Return the tasks as time alone has made them: what could not begin in time is called off."""
    for key, task in tasks.items():
        if task.open and now - task.asked_at >= _PATIENCE.get(task.action, PATIENCE_S):
            tasks = called_off(tasks, key, "too_late", now)
    return tasks


def not_after(tasks: Tasks, now: float) -> Tasks:
    """Return the tasks with none asked for in the future: a clock set back must not lengthen a cooldown."""
    return {key: replace(task, asked_at=min(task.asked_at, now)) for key, task in tasks.items()}


def refusal(
    tasks: Iterable[Task],
    policy: str,
    device: str,
    now: float,
    *,
    cooldown_s: float,
    most_a_day: int | None,
) -> str | None:
    """Return why a policy may not ask for another one on that device now."""
    times = [
        task.asked_at
        for task in tasks
        if task.key.policy == policy and task.key.device == device and task.outcome is not TaskOutcome.REFUSED
    ]
    if any(now - at < cooldown_s for at in times):
        return "cooldown"
    if most_a_day is not None and sum(now - at < DAY_S for at in times) >= most_a_day:
        return "most_a_day"
    return None
