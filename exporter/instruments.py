"""What the exporter counts about itself, for its own `/metrics`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.flight import Answer
from exporter.targets import Linked, Target
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.reading import Reading
from sunhelm.service.metrics import ProcessMetrics

_OUTCOMES: Final = ("complete", "partial", "down", "late")

_LINKS: Final[Mapping[str, tuple[str, Callable[[LinkStatistics], float]]]] = {
    "requests": ("Requests sent to the device.", lambda link: link.requests),
    "connects": ("Connections made to the device.", lambda link: link.connects),
    "retries": ("Requests sent again after a failure.", lambda link: link.retries),
    "stale_answers": ("Answers to earlier requests that were thrown away.", lambda link: link.stale_answers),
    "turn_wait_seconds": (
        "Time spent waiting for other users of the device.",
        lambda link: link.waited_for_turn_s,
    ),
}


class Instruments:
    """Counters beside those that every process has."""

    def __init__(self, process: ProcessMetrics, targets: Mapping[str, Target]) -> None:
        """`targets` are asked about their links whenever somebody looks."""
        self._process = process
        self._known: frozenset[str] = frozenset()
        self._probes = self._counter(
            "probes",
            "Probes of a device: every group read, some, none, or not in time.",
            "device",
            "outcome",
        )
        self._reads = self._counter("reads", "Readings made from the device, not served again.", "device")
        self._held = self._counter(
            "held_values", "Values that a guard held back because they cannot be true.", "device", "guard"
        )
        self._dropped = self._counter(
            "dropped_samples", "Samples left out of a page because they contradicted others.", "device"
        )
        self.registry.register(_Links(process.prefix, targets))

    @property
    def registry(self) -> CollectorRegistry:
        """All metrics of this process."""
        return self._process.registry

    def follow(self, targets: Collection[str]) -> None:
        """Count for these targets from now on: new ones from 0, so that their first rise is seen."""
        for gone in self._known.difference(targets):
            for counter in (self._probes, self._reads, self._held, self._dropped):
                counter.remove_by_labels({"device": gone})
        for name in targets:
            for outcome in _OUTCOMES:
                self._probes.labels(name, outcome)
            self._reads.labels(name)
            self._dropped.labels(name)
        self._known = frozenset(targets)

    def read(self, labels: Mapping[str, str], reading: Reading) -> None:
        """Count a fresh reading of the device that the labels tell."""
        self._reads.labels(labels["device"]).inc()
        for held in reading.held:
            self._held.labels(labels["device"], held.guard.value).inc()

    def probed(self, answer: Answer) -> None:
        """Count what a probe of a device brought."""
        reading = answer.reading
        if answer.late:
            outcome = "late"
        elif not reading.up:
            outcome = "down"
        elif all(group.ok for group in reading.groups.values()):
            outcome = "complete"
        else:
            outcome = "partial"
        self._probes.labels(reading.device, outcome).inc()

    def dropped(self, device: str, samples: int) -> None:
        """Count samples that could not stand on a page."""
        self._dropped.labels(device).inc(samples)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{self._process.prefix}_{name}", text, labels, registry=self.registry)


class _Links(Collector):
    """What the links of all targets have done, read from them when somebody looks."""

    def __init__(self, prefix: str, targets: Mapping[str, Target]) -> None:
        self._prefix = prefix
        self._targets = targets

    def collect(self) -> Iterator[Metric]:
        linked = [
            (target.name, target.source.link.statistics)
            for target in self._targets.values()
            if isinstance(target.source, Linked)
        ]
        for name, (text, value) in _LINKS.items():
            family = CounterMetricFamily(f"{self._prefix}_link_{name}", text, labels=["device"])
            for device, statistics in linked:
                family.add_metric([device], value(statistics))
            yield family
