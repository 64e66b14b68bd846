"""What the controller asks, writes and observes now, on `/metrics`; what has happened is in `counts`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controllers.claims.claims import End
from controllers.claims.limits import looseness
from controllers.controller import Controller
from controllers.counts import PREFIX
from controllers.evcharging.metrics import charging_metrics
from controllers.tasks.watchdog import WatchdogReset
from sunhelm.devices.control import (
    Charge,
    Discharge,
    Limit,
    Number,
    SelfConsumption,
    Unknown,
    Unlimited,
    Value,
)

_STATE: Final = ("device", "state")


def amount(value: Value | Unknown | None) -> float | None:
    """Return a value as a number: watts, charging negative, no limit infinite; None when it is none."""
    match value:
        case Unlimited() | Limit():
            return looseness(value)
        case Charge():
            return -value.watts
        case Discharge():
            return value.watts
        case Number():
            return value.value
        case SelfConsumption():
            return 0.0
        case _:
            return None


class ControllerCollector(Collector):
    """What is asked, written and observed now, read when somebody looks."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def collect(self) -> Iterator[Metric]:
        yield from self._states()
        yield from self._devices()
        yield from self._lifted()
        yield from self._orphans()
        yield from self._tasks()
        yield from self._claims()
        yield from self._surroundings()
        loops = self._controller.fleet.loops.values()
        regulators = [loop.regulator for loop in loops if loop.regulator is not None]
        yield from charging_metrics([each for each in regulators if each.configured], PREFIX)

    def _states(self) -> Iterator[Metric]:
        now = self._controller.time.now()
        named = [
            ([name, state], status)
            for name, reconciler in self._controller.reconcilers.items()
            for state, status in reconciler.statuses.items()
        ]
        sides = {
            "desired": "What a device shall hold: watts, +Inf without a limit, charging negative.",
            "written": "What was last written to it.",
            "observed": "What was last read from it.",
        }
        for side, text in sides.items():
            family = GaugeMetricFamily(f"{PREFIX}_{side}", text, labels=_STATE)
            for labels, status in named:
                number = amount(getattr(status, side))
                if number is not None:
                    family.add_metric(labels, number)
            yield family
        yield _family(
            "differs_seconds",
            "How long the device has not held what it shall; 0 when it does.",
            [(labels, _since(status.differs_since, now)) for labels, status in named],
            _STATE,
        )
        yield _family(
            "fail_safe",
            "Whether the fail-safe is in force, because nobody can say what is asked.",
            [(labels, float(status.fail_safe)) for labels, status in named],
            _STATE,
        )
        yield _family(
            "stands_back",
            "Whether a person is needed, or something forbids to write, by the reason.",
            [([*labels, status.stands_back], 1.0) for labels, status in named if status.stands_back],
            (*_STATE, "reason"),
        )
        yield from _feedback(self._controller)

    def _devices(self) -> Iterator[Metric]:
        reconcilers = self._controller.reconcilers
        yield _family(
            "budget_left",
            "Changes of settings that survive a power cut left for new claims within 24 hours.",
            [([name], float(reconciler.budget.left)) for name, reconciler in reconcilers.items()],
            ("device",),
        )
        yield _family(
            "device_failure",
            "Whether the device could not be spoken with, by the reason.",
            [([name, each.failing], 1.0) for name, each in reconcilers.items() if each.failing],
            ("device", "reason"),
        )

    def _lifted(self) -> Iterator[Metric]:
        lifted = [
            ([name], errand.lifted_s)
            for name, loop in self._controller.fleet.loops.items()
            for errand in loop.errands
            if isinstance(errand, WatchdogReset)
        ]
        yield _family(
            "limit_lifted_seconds",
            "For how long a watchdog reset has lifted the export limit; 0 while it is in force.",
            lifted,
            ("device",),
        )

    def _claims(self) -> Iterator[Metric]:
        now, ledger = self._controller.time.now(), self._controller.ledger
        counts = dict.fromkeys(self._controller.policies.policies, 0.0)
        expired, ages = dict(counts), dict(counts)
        for claim in ledger.claims.values():
            policy = claim.key.policy
            if claim.live:
                counts[policy] = counts.get(policy, 0.0) + 1
                ages[policy] = max(ages.get(policy, 0.0), now - claim.renewed_at)
            elif claim.ended is End.EXPIRED:
                expired[policy] = expired.get(policy, 0.0) + 1
        yield _by_policy("claims", "Claims that live.", counts)
        yield _by_policy(
            "claims_expired", "Claims whose end nobody has told, so that a fail-safe holds.", expired
        )
        yield _by_policy("lease_age_seconds", "How long ago the oldest lease was renewed.", ages)
        yield _family(
            "claims_refused",
            "Claims that were not made because the policy had begun too many.",
            [(list(key), float(count)) for key, count in ledger.refused.items()],
            ("policy", "reason"),
        )

    def _orphans(self) -> Iterator[Metric]:
        yield _family(
            "orphaned",
            "Devices that hold what we wrote, and that the site file does not let us command any more.",
            [([name], 1.0) for name in sorted(self._controller.orphans)],
            ("device",),
        )

    def _tasks(self) -> Iterator[Metric]:
        ledger = self._controller.ledger
        ended: dict[tuple[str, str, str], float] = {}
        for task in ledger.tasks.values():
            if task.outcome is not None:
                key = (task.key.device, task.action.value, task.outcome.value)
                ended[key] = ended.get(key, 0.0) + 1
        yield _family(
            "tasks",
            "Tasks that the journal holds, by what became of them.",
            [(list(key), count) for key, count in ended.items()],
            ("device", "action", "outcome"),
        )
        troubled = dict.fromkeys(self._controller.fleet.loops, 0.0)
        for plan in ledger.plans.values():
            if plan.problem and not plan.over and plan.device in troubled:
                troubled[plan.device] += 1
        yield _family(
            "schedules_troubled",
            "Schedules that are not where they should be.",
            [([device], count) for device, count in troubled.items()],
            ("device",),
        )

    def _surroundings(self) -> Iterator[Metric]:
        controller = self._controller
        now, heartbeat = controller.time.now(), controller.ledger.heartbeat
        yield _single(
            "journal_failing",
            "Whether the last thing to keep in the journal could not be kept.",
            float(controller.journal.failing),
        )
        yield _single(
            "inbox_alerts", "Alerts that are kept and not judged yet.", float(len(controller.inbox))
        )
        yield _single(
            "inbox_age_seconds", "How long the oldest of them waits.", _since(controller.inbox.oldest, now)
        )
        if heartbeat is not None:
            yield _single("heartbeat_late", "Whether the heartbeat is late.", float(heartbeat.late(now)))
            if heartbeat.seen_at is not None:
                text = "How long ago the heartbeat was seen; absent until it was."
                yield _single("heartbeat_age_seconds", text, now - heartbeat.seen_at)
        if controller.listed_at is not None:
            text = "How long ago Alertmanager listed its alerts."
            yield _single("alertmanager_age_seconds", text, now - controller.listed_at)


def _feedback(controller: Controller) -> Iterator[Metric]:
    yield _family(
        "device_feedback",
        "How the last operation of each kind ended, in the device's own numbers.",
        [
            ([name, operation], float(number))
            for name, reconciler in controller.reconcilers.items()
            for operation, number in reconciler.device.feedback.items()
        ],
        ("device", "operation"),
    )


def _since(moment: float | None, now: float) -> float:
    return 0.0 if moment is None else max(0.0, now - moment)


def _single(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _by_policy(name: str, text: str, values: dict[str, float]) -> Metric:
    return _family(name, text, [([policy], value) for policy, value in values.items()], ("policy",))


def _family(name: str, text: str, values: list[tuple[list[str], float]], labels: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for own, value in values:
        family.add_metric(own, value)
    return family
