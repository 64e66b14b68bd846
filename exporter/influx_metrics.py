"""What the output to InfluxDB tells about itself on `/metrics`, while it is on."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.delivery import Failure
from exporter.influx import DROP_REASONS, Statistics


class InfluxMetrics(Collector):
    """The statistics of the output as metrics; `prefix` is like "sunhelm_exporter"."""

    def __init__(self, prefix: str, statistics: Statistics) -> None:
        self._prefix = f"{prefix}_influxdb"
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        statistics = self._statistics
        yield self._counter("points_spooled", "Points that were put on the disk.", statistics.spooled)
        yield self._counter("points_written", "Points that InfluxDB has taken.", statistics.written)
        dropped = CounterMetricFamily(
            f"{self._prefix}_points_dropped", "Points that were given up.", labels=["reason"]
        )
        for reason in DROP_REASONS:
            dropped.add_metric([reason], statistics.dropped[reason])
        yield dropped
        errors = CounterMetricFamily(
            f"{self._prefix}_write_errors", "Writes that failed and are repeated.", labels=["reason"]
        )
        for failure in Failure:
            if failure not in (Failure.REJECTED, Failure.TOO_LARGE):
                errors.add_metric([failure.value], statistics.errors[failure])
        yield errors
        yield self._counter("polls", "Reads of devices that nobody had asked for a while.", statistics.polls)
        waiting = statistics.waiting
        yield self._gauge("spool_points", "Points that wait for InfluxDB.", waiting.points)
        yield self._gauge("spool_size_bytes", "Room that the waiting points take on the disk.", waiting.size)
        yield self._gauge("spool_limit_bytes", "Room that they may take.", statistics.limit)
        if waiting.oldest is not None:
            yield self._gauge(
                "spool_oldest_timestamp_seconds",
                "When the oldest waiting point was put on the disk.",
                waiting.oldest,
            )
        if statistics.last_success is not None:
            yield self._gauge(
                "last_success_timestamp_seconds",
                "When InfluxDB last took points.",
                statistics.last_success,
            )

    def _counter(self, name: str, text: str, value: float) -> Metric:
        return CounterMetricFamily(f"{self._prefix}_{name}", text, value=value)

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        return GaugeMetricFamily(f"{self._prefix}_{name}", text, value=value)
