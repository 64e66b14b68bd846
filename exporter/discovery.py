"""What Prometheus asks `/sd` for (http_sd): every configured device as a target of this exporter.

Each target brings the scrape interval and time-out of its family, so that one scrape job without any
relabelling serves all devices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict
from urllib.parse import SplitResult

from exporter.targets import Target


class TargetGroup(TypedDict):
    """One element of the answer: addresses to scrape, and the labels they get."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(targets: Iterable[Target], here: SplitResult) -> list[TargetGroup]:
    """Return the answer for these targets. `here` is the root of this exporter as Prometheus reaches it."""
    return [
        {
            "targets": [here.netloc],
            "labels": {
                "__scheme__": here.scheme,
                "__metrics_path__": f"{here.path.rstrip('/')}/probe",
                "__param_target": target.name,
                "__scrape_interval__": duration(target.interval_s),
                "__scrape_timeout__": duration(min(target.timeout_s, target.interval_s)),
                "instance": target.name,
                **target.labels,
            },
        }
        for target in targets
    ]


def duration(seconds: float) -> str:
    """Return the seconds as Prometheus writes a duration, to the millisecond: "15s", "1500ms"."""
    whole_ms = max(1, round(seconds * 1000))
    return f"{whole_ms // 1000}s" if whole_ms % 1000 == 0 else f"{whole_ms}ms"
