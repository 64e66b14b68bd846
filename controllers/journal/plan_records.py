"""What the journal holds of tasks and schedules, as objects."""

from __future__ import annotations

import json

from controllers.journal.journal import Journal, Statement, moment
from controllers.journal.values import decode_value, encode
from controllers.schedules.schedules import Kept, Planned, Stage
from controllers.tasks.tasks import Task, TaskKey, TaskOutcome
from sunhelm.devices.control import Action, Schedule


def put_task(task: Task) -> Statement:
    """Return the statement that keeps a task as it is now."""
    sql = (
        "INSERT OR REPLACE INTO tasks (policy, fingerprint, starts_at, device, action, parameters, asked_at,"
        " begun_at, ended_at, outcome, reason, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    outcome = None if task.outcome is None else task.outcome.value
    return sql, (
        *task.key,
        task.action.value,
        json.dumps(dict(task.parameters)),
        task.asked_at,
        task.begun_at,
        task.ended_at,
        outcome,
        task.reason,
        task.result,
    )


def all_tasks(journal: Journal) -> dict[TaskKey, Task]:
    """Return every task that is kept, the oldest first."""
    rows = journal.read(
        "SELECT policy, fingerprint, starts_at, device, action, parameters, asked_at, begun_at, ended_at,"
        " outcome, reason, result FROM tasks ORDER BY asked_at"
    )
    tasks = (
        Task(
            key=TaskKey(str(policy), str(fingerprint), moment(starts_at), str(device)),
            action=Action(str(action)),
            parameters=json.loads(str(parameters)),
            asked_at=moment(asked_at),
            begun_at=None if begun_at is None else moment(begun_at),
            ended_at=None if ended_at is None else moment(ended_at),
            outcome=None if outcome is None else TaskOutcome(str(outcome)),
            reason=str(reason),
            result=str(result),
        )
        for (
            policy,
            fingerprint,
            starts_at,
            device,
            action,
            parameters,
            asked_at,
            begun_at,
            ended_at,
            outcome,
            reason,
            result,
        ) in rows
    )
    return {task.key: task for task in tasks}


def put_plan(plan: Planned, now: float) -> Statement:
    """Return the statement that keeps a schedule as it is now."""
    schedule, kept = plan.schedule, plan.kept
    document = {
        "start": schedule.start,
        "end": schedule.end,
        "mode": schedule.mode,
        "watts": schedule.watts,
        "target_soc": schedule.target_soc,
        "cause": plan.cause,
        "kept": None
        if kept is None
        else {"action": kept.action.value, "state": kept.state, "value": encode(kept.value)},
        "placed_from": plan.placed_from,
        "tidy": plan.tidy,
        "stage": plan.stage.value,
        "key": plan.key,
        "problem": plan.problem,
        "why": plan.why.value,
    }
    sql = "INSERT OR REPLACE INTO schedules (id, device, document, touched_at, live) VALUES (?, ?, ?, ?, ?)"
    return sql, (plan.id, plan.device, json.dumps(document), now, int(not plan.over))


def all_plans(journal: Journal) -> dict[str, Planned]:
    """Return every schedule that is kept, also those that are over."""
    rows = journal.read("SELECT id, device, document FROM schedules")
    plans = (_plan(str(name), str(device), str(document)) for name, device, document in rows)
    return {plan.id: plan for plan in plans}


def _plan(name: str, device: str, text: str) -> Planned:
    document = json.loads(text)
    kept = document["kept"]
    return Planned(
        id=name,
        device=device,
        schedule=Schedule(**{key: document[key] for key in ("start", "end", "mode", "watts", "target_soc")}),
        cause=document["cause"],
        kept=None
        if kept is None
        else Kept(action=Action(kept["action"]), state=kept["state"], value=decode_value(kept["value"])),
        placed_from=document["placed_from"],
        tidy=document["tidy"],
        stage=Stage(document["stage"]),
        key=document["key"],
        problem=document["problem"],
        why=Stage(document["why"]),
    )
