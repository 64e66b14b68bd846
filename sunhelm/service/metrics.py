"""Metrics of the process itself: its build, its configuration, its memory, CPU and open files."""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from sunhelm import __version__


class ProcessMetrics:
    """The registry of one process, with what every process tells. `prefix` is like "sunhelm_exporter"."""

    def __init__(self, prefix: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self.prefix = prefix
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Info(
            f"{prefix}_build", "Version of Sunhelm and of the Python it runs on.", registry=self.registry
        )
        build.info({"version": __version__, "pythonversion": platform.python_version()})
        self._reload_successful = Gauge(
            f"{prefix}_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
            registry=self.registry,
        )
        self._reload_time = Gauge(
            f"{prefix}_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded with success.",
            registry=self.registry,
        )

    def loaded(self, unix_time: float) -> None:
        """Note that the configuration was loaded with success."""
        self._reload_successful.set(1)
        self._reload_time.set(unix_time)

    def not_loaded(self) -> None:
        """Note that the configuration could not be loaded, so that the one before is still in force."""
        self._reload_successful.set(0)
