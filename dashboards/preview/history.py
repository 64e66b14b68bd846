"""What a Prometheus and an InfluxDB beside the simulated devices know: every sample, with its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TextIO

from prometheus_client.core import Metric

Mode = Literal["discovered", "shared"]
"""How Prometheus came to the series: a target for each device, or one page for all of them."""

Sampled = tuple[str, Mapping[str, str], float, int]
"""Metric, labels, value and time of one sample."""

_EXPORTER: Final[Mapping[str, str]] = {"instance": "127.0.0.1:10480", "job": "sunhelm"}


@dataclass(frozen=True, slots=True)
class Span:
    """The time from `begin` to `end`, in Unix time, with a scrape every `step` seconds."""

    begin: int
    end: int
    step: int = 120

    @classmethod
    def of_days(cls, days: float, *, end: float, step: int = 120) -> Span:
        """Return so many days that end at the last whole minute."""
        last = int(end) // 60 * 60
        return cls(last - round(days * 86_400), last, step)

    def scrapes(self) -> range:
        """Return when Prometheus scrapes."""
        return range(self.begin, self.end + 1, self.step)


@dataclass(slots=True)
class History:
    """Every sample that a span brought, by metric family, and the points that InfluxDB got."""

    span: Span
    targets: list[Mapping[str, str]] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)

    def add_page(self, metrics: Iterable[Metric], time: int) -> None:
        """Add what a scrape found on a page at a time."""
        for metric in metrics:
            self.kinds[metric.name] = metric.type
            lines = self.lines.setdefault(metric.name, [])
            for sample in metric.samples:
                labels = {**sample.labels, **_EXPORTER}
                lines.append(f"{_series(sample.name, labels)} {sample.value!r} {time}\n")

    def add(self, samples: Iterable[Sampled]) -> None:
        """Add samples that stand on no page of the exporter."""
        for name, labels, value, time in samples:
            self.lines.setdefault(name, []).append(f"{_series(name, labels)} {value!r} {time}\n")

    def merge(self, other: History) -> None:
        """Take in what other devices have told, without what their exporter is itself."""
        self.targets.extend(other.targets)
        self.kinds |= other.kinds
        for name, lines in other.lines.items():
            mine = self.lines.setdefault(name, [])
            mine.extend(line for line in lines if 'device="' in line)
        self.points.extend(other.points)

    def write(self, file: TextIO, mode: Mode) -> None:
        """Write it as OpenMetrics, with what Prometheus tells of its own scrapes."""
        targets = (
            [{**labels, **_EXPORTER} for labels in self.targets] if mode == "discovered" else [_EXPORTER]
        )
        up = [f"{_series('up', labels)} 1 {time}\n" for time in self.span.scrapes() for labels in targets]
        for name, lines in {**self.lines, "up": up}.items():
            file.write(f"# TYPE {name} {self.kinds.get(name, 'gauge')}\n")
            file.writelines(lines)
        file.write("# EOF\n")


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
