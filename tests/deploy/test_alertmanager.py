"""The shipped configurations of Alertmanager and Prometheus, as their own tools read them, and as data."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from controllers.app import WEBHOOK
from controllers.policy.policies import AlertmanagerSection
from sunhelm.devices.amounts import parse_amount

CONTROLLER = "sunhelm-controller"


@pytest.fixture(scope="module")
def amtool() -> str:
    path = shutil.which("amtool")
    if path is None:
        pytest.skip("amtool is not installed (Debian: apt-get install prometheus-alertmanager)")
    return path


@pytest.fixture(scope="module")
def file(root: Path) -> Path:
    return root / "deploy" / "alertmanager.yml"


@pytest.fixture(scope="module")
def routes(file: Path) -> list[dict[str, Any]]:
    """The routes to the controller."""
    configuration = yaml.safe_load(file.read_text())
    return [route for route in configuration["route"]["routes"] if route["receiver"] == CONTROLLER]


@pytest.fixture(scope="module")
def rules(root: Path) -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted((root / "alerts").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.integration
def test_amtool_accepts_the_configuration(amtool: str, file: Path) -> None:
    assert "SUCCESS" in run([amtool, "check-config", file])


@pytest.mark.integration
def test_each_alert_goes_where_it_is_of_use(amtool: str, file: Path, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        labels = {"alertname": rule["alert"], "site": "home", "device": "roof", **rule["labels"]}
        pairs = [f"{name}={value}" for name, value in labels.items()]
        said = run([amtool, "config", "routes", "test", f"--config.file={file}", *pairs]).strip()
        if rule["alert"] == "Watchdog":
            assert said == f"{CONTROLLER},dead-mans-switch"
        elif "control" in rule["labels"]:
            assert said == f"{CONTROLLER},people"
        else:
            assert said == "people"


def test_every_rule_to_act_on_is_routed_to_the_controller(root: Path, rules: list[dict[str, Any]]) -> None:
    groups = yaml.safe_load((root / "alerts" / "control.yml").read_text())["groups"]
    to_act_on = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {rule["alert"] for rule in rules if rule["labels"].get("control") == "sunhelm"} >= to_act_on


def test_an_alert_reaches_the_controller_alone_at_once_and_whole(
    file: Path, routes: list[dict[str, Any]]
) -> None:
    assert len(routes) == 2
    for route in routes:
        assert (route["group_by"], route["continue"]) == (["..."], True)
        assert parse_amount(route["group_wait"], "seconds") == 0
        assert parse_amount(route["group_interval"], "seconds") <= 30
        assert "mute_time_intervals" not in route
    receivers = {each["name"]: each for each in yaml.safe_load(file.read_text())["receivers"]}
    (webhook,) = receivers[CONTROLLER]["webhook_configs"]
    assert webhook["url"] == f"http://127.0.0.1:10481{WEBHOOK}"
    assert (webhook["send_resolved"], webhook["max_alerts"]) == (True, 0)
    assert set(webhook["http_config"]["authorization"]) == {"type", "credentials_file"}


def test_the_heartbeat_comes_well_before_it_is_late(routes: list[dict[str, Any]]) -> None:
    heartbeat = routes[0]
    assert heartbeat["matchers"] == ['alertname="Watchdog"']
    section = AlertmanagerSection.model_validate({"heartbeat": {"match": {"alertname": "Watchdog"}}})
    assert section.heartbeat is not None
    assert 3 * parse_amount(heartbeat["repeat_interval"], "seconds") < section.heartbeat.late


def test_nothing_inhibits_what_the_controller_acts_on(file: Path, rules: list[dict[str, Any]]) -> None:
    inhibited = str([rule["target_matchers"] for rule in yaml.safe_load(file.read_text())["inhibit_rules"]])
    heard = [rule for rule in rules if "control" in rule["labels"] or rule["alert"] == "Watchdog"]
    assert len(heard) >= 3
    assert not any(rule["alert"] in inhibited for rule in heard)


@pytest.mark.integration
def test_promtool_accepts_the_configuration_of_prometheus(promtool: str, root: Path, tmp_path: Path) -> None:
    """With the rules and the token where it says they are."""
    (tmp_path / "sunhelm").mkdir()
    for path in (root / "alerts").glob("*.yml"):
        shutil.copy(path, tmp_path / "sunhelm")
    (tmp_path / "controller.token").write_text("token\n")
    text = (root / "deploy" / "prometheus.yml").read_text()
    for folder in ("/etc/prometheus/", "/etc/sunhelm/"):
        assert folder in text
        text = text.replace(folder, f"{tmp_path}/")
    copy = tmp_path / "prometheus.yml"
    copy.write_text(text)
    said = run([promtool, "check", "config", copy])
    assert "SUCCESS" in said
    assert said.count("rules found") == len(list((root / "alerts").glob("*.yml")))


def test_prometheus_knows_both_processes_and_alertmanager(root: Path) -> None:
    configuration = yaml.safe_load((root / "deploy" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    assert set(jobs) == {"sunhelm", "sunhelm-exporter", "sunhelm-controller"}
    assert jobs["sunhelm-controller"]["static_configs"] == [{"targets": ["127.0.0.1:10481"]}]
    assert "credentials_file" in jobs["sunhelm-controller"]["authorization"]
    assert configuration["alerting"]["alertmanagers"]
