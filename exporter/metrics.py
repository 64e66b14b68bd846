"""Samples to metric families, made fresh for every page.

A page never fails for the sake of one sample: what cannot stand on it (twice the same series, a name
with two meanings, a value or label that no format can write) is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from operator import attrgetter
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample as MetricSample

from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Reading, Sample

_SOURCES_IN_HELP: Final = 4
"""A metric of a hundred cells names so many of their registers in its help text, and counts the rest."""


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(name, unit, "gauge", text, labels)


_DEVICE_UP: Final = _gauge("device_up", "", "Whether at least one group of the device could be read.")
_GROUP_SUCCESS: Final = _gauge("group_success", "", "Whether every register of the group was read.", "group")
_GROUP_FAILURE: Final = _gauge(
    "group_failure", "", "Why the group was not read; absent while it is.", "group", "reason"
)
_GROUP_TIMESTAMP: Final = _gauge(
    "group_timestamp", "seconds", "When the group's values were read, as Unix time.", "group"
)
_GROUP_REQUESTS: Final = _gauge(
    "group_requests", "", "Requests sent for the group in this read; 0 when served from memory.", "group"
)
_GROUP_DURATION: Final = _gauge(
    "group_duration", "seconds", "Time until the group was read; 0 when served from memory.", "group"
)
_PROBE_DURATION: Final = _gauge(
    "probe_duration", "seconds", "How long this probe took, waiting for the device included."
)
_PROBE_TIMEOUT: Final = _gauge("probe_timeout", "seconds", "How long this probe was allowed to take.")
_PROBE_SERVED_AGAIN: Final = _gauge(
    "probe_served_again", "", "Whether the reading was made for an earlier or a simultaneous probe."
)
_PROBE_DROPPED: Final = _gauge(
    "probe_dropped_samples", "", "Samples that contradicted others and are not on this page."
)


@dataclass(frozen=True, slots=True)
class Scrape:
    """How a reading came onto a page: the seconds it took and was allowed, whether it was shared."""

    duration_s: float
    timeout_s: float
    served_again: bool = False


@dataclass(slots=True)
class Family:
    """One metric family in the making: its samples by device, and its sources in order of appearance.

    Each device has the labels that are added to its series. What the encoder wants is made as late as
    possible: a hundred thousand more objects that live together would make the garbage collector, which
    stops everything, take twice as long.
    """

    name: str
    quantity: Quantity
    metric: str
    samples: list[tuple[dict[str, str], list[Sample]]] = field(default_factory=list)
    sources: dict[str, None] = field(default_factory=dict)
    taken: set[tuple[object, ...]] = field(default_factory=set)

    def encodable(self) -> Metric:
        """Return the family as the encoders want it."""
        metric = Metric(self.name, _help(self.quantity, tuple(self.sources)), _TYPES[self.quantity.kind])
        metric.unit = self.quantity.unit
        metric.samples = list(_series(self))
        return metric


class Page(Collector):
    """The metric families of one answer, sorted by name.

    `dropped` counts the samples that could not stand on it.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._families: dict[str, Family] = {}
        self._names: set[str] = set()

    def __len__(self) -> int:
        """How many samples the page has."""
        return sum(len(samples) for family in self._families.values() for _, samples in family.samples)

    def add(self, reading: Reading, scrape: Scrape, labels: Mapping[str, str] | None = None) -> int:
        """Put a reading on the page; return how many of its samples were dropped.

        `labels` are added to every series, as on a page that several devices share.
        """
        before = self.dropped
        target = dict(labels or {})
        self._put_all(_about(reading, scrape), target)
        self._put_all(reading.samples, target)
        dropped = self.dropped - before
        self._put_all((_told(_PROBE_DROPPED, dropped),), target)
        return dropped

    def families(self) -> list[Family]:
        """Return the families that have samples, in the order of their names."""
        used = (family for family in self._families.values() if any(each for _, each in family.samples))
        return sorted(used, key=attrgetter("name"))

    def collect(self) -> Iterator[Metric]:
        """Yield the families as the encoders want them."""
        return (family.encodable() for family in self.families())

    def _put_all(self, samples: Iterable[Sample], target: dict[str, str]) -> None:
        place = tuple(target.values())
        # A page has far more samples than quantities: what follows from a quantity is found out once.
        families: dict[int, tuple[Family, list[Sample]] | None] = {}
        for sample in samples:
            quantity = sample.quantity
            known = id(quantity)
            if known not in families:
                families[known] = self._begun(quantity, target)
            key = (quantity.labels, sample.labels, place)
            if (begun := families[known]) is None or key in begun[0].taken or not _writable(sample):
                self.dropped += 1
                continue
            family, samples = begun
            family.taken.add(key)
            samples.append(sample)
            if sample.source:
                family.sources[sample.source] = None

    def _begun(self, quantity: Quantity, target: dict[str, str]) -> tuple[Family, list[Sample]] | None:
        """Return the family of a quantity, and where the samples with these labels go; None for no place."""
        family = self._family(quantity)
        if family is None:
            return None
        if not family.samples or family.samples[-1][0] is not target:
            family.samples.append((target, []))
        return family, family.samples[-1][1]

    def _family(self, quantity: Quantity) -> Family | None:
        """Return where the quantity's samples go; None when its name has another meaning on this page."""
        metric = quantity.metric
        name = metric.removesuffix(_SUFFIXES.get(quantity.kind, ""))
        family = self._families.get(name)
        if family is None:
            if not self._names.isdisjoint({name, metric}):
                return None
            self._names |= {name, metric}
            family = self._families[name] = Family(name, quantity, metric)
        agrees = (family.quantity.kind, family.quantity.unit) == (quantity.kind, quantity.unit)
        return family if agrees else None


def _series(family: Family) -> Iterator[MetricSample]:
    for target, samples in family.samples:
        for sample in samples:
            labels = dict(zip(sample.quantity.labels, sample.labels, strict=True))
            labels.update(target)
            yield MetricSample(family.metric, labels, sample.value)


def _told(quantity: Quantity, value: float, *labels: str) -> Sample:
    return Sample(quantity, float(value), labels)


def _about(reading: Reading, scrape: Scrape) -> Iterator[Sample]:
    """Yield what a page says of the read itself."""
    yield _told(_DEVICE_UP, reading.up)
    for group, outcome in reading.groups.items():
        yield _told(_GROUP_SUCCESS, outcome.ok, group)
        yield _told(_GROUP_REQUESTS, outcome.requests, group)
        yield _told(_GROUP_DURATION, outcome.waited_s, group)
        if outcome.reason is not None:
            yield _told(_GROUP_FAILURE, 1, group, outcome.reason.value)
        if outcome.taken_at is not None:
            yield _told(_GROUP_TIMESTAMP, outcome.taken_at, group)
    yield _told(_PROBE_DURATION, scrape.duration_s)
    yield _told(_PROBE_TIMEOUT, scrape.timeout_s)
    yield _told(_PROBE_SERVED_AGAIN, scrape.served_again)


# A state set of OpenMetrics would force the metric's own name on its label; a gauge says the same.
_TYPES: Final = {"gauge": "gauge", "counter": "counter", "state": "gauge", "info": "info"}
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}


def _writable(sample: Sample) -> bool:
    """Whether every format can write the sample: a finite value, and a label value for each name."""
    if not isfinite(sample.value) or len(sample.labels) != len(sample.quantity.labels):
        return False
    text = "".join(sample.labels)
    return text.isascii() or _encodable(text)


def _encodable(text: str) -> bool:
    """Whether the text is UTF-8 when written: JSON from a cloud may hold half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _help(quantity: Quantity, sources: Sequence[str]) -> str:
    """Return what the metric means, its sign, and where the device keeps it."""
    text = quantity.help.removesuffix(".")
    if quantity.sign:
        text = f"{text}; {quantity.sign}"
    if not sources:
        return f"{text}."
    named = ", ".join(islice(sources, _SOURCES_IN_HELP))
    more = len(sources) - _SOURCES_IN_HELP
    return f"{text}. Read from {named}{f' and {more} more' if more > 0 else ''}."
