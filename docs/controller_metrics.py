"""The generated page of the controller's endpoints and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

from layout import page, table
from prometheus_client import Counter
from prometheus_client.core import Metric

from controllers.config import Configuration
from controllers.controller import Controller
from controllers.counts import PREFIX, Counts
from controllers.journal.journal import Journal
from controllers.metrics import ControllerCollector
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.site import Site
from sunhelm.service.metrics import ProcessMetrics

HEARTBEAT: Final = HeartbeatSection(match={"alertname": "Watchdog"})
SUFFIX: Final = {"counter": "_total", "info": "_info"}


def controller_page() -> str:
    """Return the page."""
    return page(
        "The controller's endpoints and metrics",
        "[The controller](../control/controller.md) tells what it does, [Commands](../control/commands.md) "
        "how people use it; its flags are on the page of the [command line](command-line.md).",
        "## Endpoints",
        table(
            ("Path", "Method", "Answer"),
            (
                ("`/`", "GET", "The page for people: what each device shall hold, and what it holds."),
                ("`/api/v1/...`", "", "[The API](api.md); it describes itself at `/api/v1/openapi.json`."),
                (
                    "`/api/v1/webhook`",
                    "POST",
                    "Takes alerts from Alertmanager, and answers when they are kept.",
                ),
                ("`/metrics`", "GET", "Metrics of this process."),
                ("`/-/healthy`", "GET", "200 while the process lives; nobody has to sign in."),
                ("`/-/ready`", "GET", "200 when it takes alerts; 503 while it starts and ends."),
                (
                    "`/-/reload`",
                    "POST, PUT",
                    "Loads the site file again: whole, or not at all. `SIGHUP` does the same.",
                ),
            ),
        ),
        "## Metrics",
        "Besides these, `sunhelm_controller_ev_*` where a charger is regulated, and `process_*` and "
        "`python_*` as all have that use the Prometheus client for Python.",
        table(
            ("Metric", "Labels", "Meaning"),
            (
                (f"`{name}`", " ".join(f"`{label}`" for label in labels), text)
                for name, labels, text in sorted(_metrics())
            ),
        ),
    )


def _metrics() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield name, labels and meaning of each metric, as a controller without devices shows them."""
    process = ProcessMetrics(PREFIX)
    counts = Counts(process)
    counted = {
        next(iter(each.describe())).name: _labels(each)
        for each in vars(counts).values()
        if isinstance(each, Counter)
    }
    site = Site(name="home", zone=ZoneInfo("UTC"), devices={})
    policies = Policies(policies={}, alertmanager=AlertmanagerSection(heartbeat=HEARTBEAT))
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        try:
            controller = Controller(Configuration(site, policies), journal, _no_device, observer=counts)
            heartbeat = controller.ledger.heartbeat
            assert heartbeat is not None
            controller.listed_at = 0.0
            controller.ledger = replace(controller.ledger, heartbeat=replace(heartbeat, seen_at=0.0))
            process.registry.register(ControllerCollector(controller))
            for metric in process.registry.collect():
                if metric.name.startswith(PREFIX):
                    yield _told(metric, counted)
        finally:
            journal.close()


def _told(metric: Metric, counted: Mapping[str, tuple[str, ...]]) -> tuple[str, tuple[str, ...], str]:
    shown = tuple(metric.samples[0].labels) if metric.samples else ()
    labels = counted.get(metric.name) or _labels(metric) or shown
    return metric.name + SUFFIX.get(metric.type, ""), labels, metric.documentation


def _labels(metric: Counter | Metric) -> tuple[str, ...]:
    """Return the names of the labels; the Prometheus client has no public name for them."""
    return tuple(getattr(metric, "_labelnames", ()))


def _no_device(config: DeviceConfig, site: Site) -> ControlledDevice:
    raise LookupError(f"{site.name} has no {config.name}")
