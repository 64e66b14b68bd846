"""A reading as JSON, for programs that are no Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.probe import Probed
from sunhelm.devices.reading import Outcome, Sample

Json = Mapping[str, object]


def reading_json(probed: Probed) -> Json:
    """Return what a probe brought: the same values as on its page, with the metric's name beside each.

    Times are Unix time in seconds. `served_again` tells that the device was read for somebody else.
    """
    reading = probed.answer.reading
    return {
        **probed.target.labels,
        "up": reading.up,
        "taken_at": reading.taken_at,
        "served_again": probed.answer.again,
        "groups": {name: _outcome(outcome) for name, outcome in reading.groups.items()},
        "samples": [_sample(sample) for sample in reading.samples],
        "held": [
            {"guard": held.guard.value, "group": held.group, "source": held.source, "detail": held.detail}
            for held in reading.held
        ],
    }


def _outcome(outcome: Outcome) -> Json:
    return {
        "success": outcome.ok,
        "reason": None if outcome.reason is None else outcome.reason.value,
        "detail": outcome.detail,
        "taken_at": outcome.taken_at,
        "requests": outcome.requests,
        "duration_s": outcome.waited_s,
    }


def _sample(sample: Sample) -> Json:
    quantity = sample.quantity
    return {
        "metric": quantity.metric,
        "quantity": quantity.name,
        "unit": quantity.unit,
        "kind": quantity.kind,
        "labels": dict(zip(quantity.labels, sample.labels, strict=False)),
        "value": sample.value,
        "group": sample.group,
        "source": sample.source,
    }
