"""Nothing fires on a site of all families on which all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controllers.config import Configuration
from controllers.controller import Controller
from controllers.counts import Counts
from controllers.intake.heartbeat import Heartbeat
from controllers.journal.journal import Journal
from controllers.metrics import ControllerCollector
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies
from dashboards.preview.history import History
from dashboards.preview.houses import BEGIN, QUIET_UNTIL
from dashboards.preview.server import Server, remembering
from sunhelm.devices.amounts import parse_amount
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.site import Site
from sunhelm.service.metrics import ProcessMetrics

Rule = dict[str, Any]

STEP_S = 30
ALWAYS = {"Watchdog"}


def _add_idle_controller(history: History, folder: Path) -> None:
    """Put a controller beside the devices that hears the heartbeat, and of which nobody asks anything."""
    process = ProcessMetrics("sunhelm_controller")
    heartbeat = HeartbeatSection(match={"alertname": "Watchdog"})
    policies = Policies(alertmanager=AlertmanagerSection(heartbeat=heartbeat))
    journal = Journal(folder)
    configuration = Configuration(Site(name="home", zone=ZoneInfo("UTC")), policies)
    controller = Controller(configuration, journal, open_controlled, observer=Counts(process))
    now = controller.clock.time()
    controller.ledger = replace(controller.ledger, heartbeat=Heartbeat(300.0).seen(now, now))
    controller.listed_at = now
    journal.close()
    for time in history.span.scrapes():
        own = (metric for metric in process.registry.collect() if metric.name.startswith("sunhelm_"))
        history.add_page(own, time)  # how any process is, the exporter has told already
        history.add_page(ControllerCollector(controller).collect(), time)


@pytest.fixture(scope="module")
def quiet(
    whole_site: History,
    tmp_path_factory: pytest.TempPathFactory,
    promtool: str,
    prometheus_program: str,
) -> Iterator[Server]:
    """A Prometheus that has watched the site and an idle controller."""
    history = History(whole_site.span, list(whole_site.targets), dict(whole_site.kinds))
    history.lines = {
        name: lines
        for name, lines in whole_site.lines.items()
        if name != "ALERTS" and not name.startswith("sunhelm_controller")
    }
    _add_idle_controller(history, tmp_path_factory.mktemp("journal"))
    with remembering(history, tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def _fires(server: Server, rule: Rule, until: int) -> list[str]:
    """Return the series for which the rule holds as long as it must before it fires."""
    for_s = parse_amount(rule["for"], "seconds")
    answer = server.ask("query_range", query=rule["expr"], start=BEGIN, end=until, step=STEP_S)
    fired = []
    for series in answer["result"]:
        since = previous = series["values"][0][0]
        held_s = 0.0
        for earlier, later in pairwise([previous, *(time for time, _ in series["values"])]):
            since = since if later - earlier <= STEP_S else later
            held_s = max(held_s, later - since)
        if held_s >= for_s:
            fired.append(f"{rule['alert']} {series['metric']}")
    return fired


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_nothing_fires_while_all_is_well(quiet: Server, alerts: list[Rule]) -> None:
    fired = [found for rule in alerts for found in _fires(quiet, rule, QUIET_UNTIL)]
    assert {found.split()[0] for found in fired} == ALWAYS, fired


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_trouble_on_the_same_site_would_be_seen(quiet: Server, alerts: list[Rule]) -> None:
    """Later a device is cut off and the price is negative: the same look at the same rules finds both."""
    fired = [found for rule in alerts for found in _fires(quiet, rule, quiet_end(quiet))]
    assert {found.split()[0] for found in fired} >= {"SolarDeviceDown", "FeedInPriceNegative"}


def quiet_end(server: Server) -> int:
    """Return when the last sample was taken."""
    found = server.ask("query", query="max(timestamp(up))", time=QUIET_UNTIL + 1800)["result"]
    return int(float(found[0]["value"][1]))
