"""What has happened in the controller since it was started, counted for `/metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

from controllers.states.writing import Outcome
from sunhelm.service.metrics import ProcessMetrics

PREFIX: Final = "sunhelm_controller"
_STATE: Final = ("device", "state")


class Counts:
    """What happens, counted from the start of the process on."""

    def __init__(self, process: ProcessMetrics) -> None:
        registry = process.registry
        self._writes = Counter(
            f"{PREFIX}_writes",
            "Commands to devices that have ended, by what became of them and why.",
            (*_STATE, "outcome", "reason"),
            registry=registry,
        )
        self._foreign = Counter(
            f"{PREFIX}_foreign_writes",
            "Values that somebody else has changed while they were ours to keep.",
            _STATE,
            registry=registry,
        )
        self._deliveries = Counter(
            f"{PREFIX}_deliveries", "Webhooks, by how they were answered.", ("answer",), registry=registry
        )
        self._alerts = Counter(
            f"{PREFIX}_alerts", "Alerts delivered that mean something here.", registry=registry
        )
        for answer in ("accepted", "refused", "failed"):
            self._deliveries.labels(answer)

    def ended(self, device: str, state: str, outcome: Outcome) -> None:
        """Count a command that has ended."""
        self._writes.labels(device, state, outcome.result.value, outcome.reason).inc()

    def foreign(self, device: str, state: str) -> None:
        """Count a change by somebody else."""
        self._foreign.labels(device, state).inc()

    def delivered(self, answer: str, alerts: int = 0) -> None:
        """Count a webhook and its alerts."""
        self._deliveries.labels(answer).inc()
        self._alerts.inc(alerts)
