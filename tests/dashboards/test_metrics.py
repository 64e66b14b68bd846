"""Every metric that a dashboard or a rule asks for exists, with the labels that it is asked by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import promql_parser
import pytest
from prometheus_client.core import GaugeMetricFamily

from controllers.config import Configuration
from controllers.controller import Controller
from controllers.counts import Counts
from controllers.intake.heartbeat import Heartbeat
from controllers.journal.journal import Journal
from controllers.metrics import ControllerCollector
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies
from controllers.states.writing import Outcome as WriteOutcome
from controllers.states.writing import Result
from exporter.metrics import Page, Scrape
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.errors import Reason
from sunhelm.devices.families import FAMILIES, load_family
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Outcome, Reading
from sunhelm.devices.site import Site
from sunhelm.service.metrics import ProcessMetrics

TARGET_LABELS = frozenset({"site", "device", "family", "instance", "job"})
COUNTED = {
    **{
        f"sunhelm_exporter_link_{what}_total": frozenset({"device"})
        for what in ("retries", "stale_answers", "connects")
    },
    "sunhelm_exporter_held_values_total": frozenset({"device", "guard"}),
}
"""What the exporter counts of each device; a test of its own page has their names."""

ANY_ALARM = "solar_.+"
"""Every metric of a family with bits by name: their label is `alarm`, and some have a `state`."""

VARIABLES = {"site": "home", "device": "gx", "grid_meter": "gx"}

Labels = frozenset[str]


def _page_about_a_read() -> Iterator[tuple[str, Labels]]:
    """Yield what the exporter's pages say of a read, besides its values."""
    groups = {"live": Outcome(taken_at=1.0), "energy": Outcome(reason=Reason.TIMEOUT)}
    page = Page()
    page.add(Reading("gx", 1.0, (), groups), Scrape(duration_s=0.1, timeout_s=9.5))
    for metric in page.collect():
        for sample in metric.samples:
            yield sample.name, frozenset(sample.labels)


def _process_metrics() -> Iterator[tuple[str, Labels]]:
    """Yield what the exporter tells of its own process."""
    for metric in ProcessMetrics("sunhelm_exporter").registry.collect():
        for sample in metric.samples:
            yield sample.name, frozenset(sample.labels)


def _selected(expression: str) -> Iterator[tuple[str, Labels]]:
    """Yield each metric that the PromQL selects, with the labels that it is filtered by."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    for selector in found:
        labels = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        name = selector.name or labels.pop("__name__", None)
        assert name is not None, f"a selector without a metric: {expression}"
        yield name, frozenset(labels)


def _page_of_the_controller(folder: Path) -> Iterator[tuple[str, Labels]]:
    """Yield what the controller tells of itself, after everything has happened once."""
    process = ProcessMetrics("sunhelm_controller")
    counts = Counts(process)
    counts.ended("gx", "export_limit", WriteOutcome(Result.VERIFIED))
    counts.foreign("gx", "export_limit")
    heartbeat = HeartbeatSection(match={"alertname": "Watchdog"})
    policies = Policies(alertmanager=AlertmanagerSection(heartbeat=heartbeat))
    site = Site(name="home", zone=ZoneInfo("UTC"))
    journal = Journal(folder)
    controller = Controller(Configuration(site, policies), journal, open_controlled, observer=counts)
    controller.ledger = replace(controller.ledger, heartbeat=Heartbeat(300.0).seen(1.0, 1.0))
    controller.listed_at = 1.0
    journal.close()
    for metric in process.registry.collect():
        for sample in metric.samples:
            yield sample.name, frozenset(sample.labels)
    for metric in ControllerCollector(controller).collect():
        assert isinstance(metric, GaugeMetricFamily)
        yield metric.name, frozenset(metric._labelnames)


@pytest.fixture(scope="module")
def commanding(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Labels]:
    """Every metric of the controller, with its labels."""
    return dict(_page_of_the_controller(tmp_path_factory.mktemp("controller")))


@pytest.fixture(scope="module")
def exported(rules: list[dict[str, Any]], commanding: dict[str, Labels]) -> dict[str, Labels]:
    """Every metric there is, with its own labels: of devices, of reads, recorded, of Prometheus."""
    metrics = {quantity.metric: frozenset(quantity.labels) for quantity in CATALOGUE.values()}
    metrics |= dict(_page_about_a_read())
    metrics |= {rule["record"]: frozenset() for rule in rules if "record" in rule}
    metrics |= dict(_process_metrics())
    metrics |= {"up": frozenset(), "ALERTS": frozenset({"alertname", "alertstate", "control"})}
    metrics |= commanding
    metrics |= {
        quantity.metric: frozenset(quantity.labels)
        for family in FAMILIES
        for group in load_family(family).offers.values()
        for quantity in group
    }
    metrics |= COUNTED | {ANY_ALARM: frozenset({"alarm", "state"})}
    return metrics


def _unknown(expression: str, exported: dict[str, Labels]) -> list[str]:
    return [
        f"{metric} {sorted(labels)}"
        for metric, labels in _selected(expression)
        if metric not in exported or not labels <= exported[metric] | TARGET_LABELS
    ]


def test_dashboards_ask_for_metrics_that_exist(targets: list[Any], exported: dict[str, Labels]) -> None:
    assert targets
    for target in targets:
        assert _unknown(target.expression(**VARIABLES), exported) == [], str(target)


def test_every_panel_is_filtered_by_the_dashboards_variables(
    targets: list[Any], commanding: dict[str, Labels]
) -> None:
    """What a process tells of itself knows of no site, and not all of it is about a device."""
    for target in targets:
        for metric, labels in _selected(target.expression(**VARIABLES)):
            wanted = {"device"} if metric in COUNTED else {"site", "device"}
            wanted = {"device"} & commanding[metric] if metric in commanding else wanted
            assert wanted <= labels, f"{target}: {metric}"


def test_variables_ask_for_metrics_that_exist(board: dict[str, Any], exported: dict[str, Labels]) -> None:
    asked = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    for variable in asked:
        selector, label = variable["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        assert _unknown(selector.replace("$site", "home"), exported) == []
        assert label in TARGET_LABELS


def test_rules_ask_for_metrics_that_exist(rules: list[dict[str, Any]], exported: dict[str, Labels]) -> None:
    for rule in rules:
        assert _unknown(rule["expr"], exported) == [], rule.get("alert") or rule["record"]


def test_an_unknown_metric_would_be_found(exported: dict[str, Labels]) -> None:
    assert _unknown("sum(rate(solar_pv_powr_watts[5m]))", exported) == ["solar_pv_powr_watts []"]
    assert _unknown('solar_pv_power_watts{string="1"}', exported) == ["solar_pv_power_watts ['string']"]
