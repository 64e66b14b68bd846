"""Rules and alerts: promtool runs their unit tests; here stands what promtool cannot know."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunhelm.devices.amounts import parse_amount
from sunhelm.devices.families import FAMILIES, RegisterFamily, load_family

Rule = dict[str, Any]

RECORDED_NAME = re.compile(r"[a-z]+:solar_[a-z_]+:[a-z0-9]+")
HEARTBEAT = "Watchdog"


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.integration
def test_promtool_accepts_every_rule(promtool: str, root: Path, rules: list[Rule]) -> None:
    files = sorted(str(path.relative_to(root)) for path in (root / "alerts").glob("*.yml"))
    said = _run([promtool, "check", "rules", "--lint=all", "--lint-fatal", *files], root)
    assert sum(int(number) for number in re.findall(r"(\d+) rules found", said)) == len(rules)


@pytest.mark.integration
def test_the_unit_tests_of_the_rules_pass(promtool: str, root: Path) -> None:
    files = sorted(str(path.relative_to(root)) for path in (root / "alerts" / "tests").glob("*.yml"))
    said = _run([promtool, "test", "rules", *files], root)
    assert said.count("SUCCESS") == len(files)


def test_every_alert_is_seen_to_fire_and_to_stay_silent(
    alerts: list[Rule], unit_tests: list[dict[str, Any]]
) -> None:
    seen: defaultdict[str, set[bool]] = defaultdict(set)
    for test in unit_tests:
        for case in test.get("alert_rule_test", []):
            seen[case["alertname"]].add(bool(case["exp_alerts"]))
    wanted = {rule["alert"]: {True, False} for rule in alerts}
    assert seen == wanted


def test_every_recording_rule_is_evaluated_in_a_test(
    recordings: list[Rule], unit_tests: list[dict[str, Any]]
) -> None:
    evaluated = " ".join(case["expr"] for test in unit_tests for case in test.get("promql_expr_test", []))
    assert [rule["record"] for rule in recordings if rule["record"] not in evaluated] == []


def test_recorded_names_are_level_metric_operation(recordings: list[Rule]) -> None:
    assert [rule["record"] for rule in recordings if not RECORDED_NAME.fullmatch(rule["record"])] == []


def test_names_of_rules_are_unique(rules: list[Rule]) -> None:
    names = [rule.get("alert") or rule["record"] for rule in rules]
    assert sorted(set(names)) == sorted(names)


def test_an_alert_says_how_bad_what_where_and_what_to_do(alerts: list[Rule]) -> None:
    for rule in alerts:
        name, notes = rule["alert"], rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}, name
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}, name
        assert "{{" not in notes["summary"], f"{name}: the summary groups alerts, so it has no variable parts"
        assert "$value" in notes["description"], name
        assert notes["runbook_url"] == f"docs/runbooks/{name}.md"


def test_a_description_names_the_device_and_its_site(alerts: list[Rule]) -> None:
    """The controller knows of one site; its own alerts and the exporter's are about an instance."""
    for rule in alerts:
        text, name = rule["annotations"]["description"], rule["alert"]
        if name.startswith("Sunhelm") or name in {"SolarExporterDown", "SolarDevicesAbsent", HEARTBEAT}:
            continue
        assert "$labels.device" in text, name
        assert "$labels.site" in text, name


def test_devices_of_two_sites_are_kept_apart(alerts: list[Rule]) -> None:
    """A match on the device alone is for what the controller tells, which has no site."""
    for rule in alerts:
        for labels in re.findall(r"\bon \(([^)]*\bdevice\b[^)]*)\)", rule["expr"]):
            assert "site" in labels or "sunhelm_controller" in rule["expr"], rule["alert"]


def test_an_alert_is_called_by_what_it_is_about(alert_files: dict[str, list[Rule]]) -> None:
    """Those of a family bear its name, but for what any device of its kind could do."""
    prefixes = {
        "controller": "Sunhelm",
        "devices": "Solar",
        "sec1000s": "Solar",
        "evcharging": "SunhelmEv",
        "givenergy_evc": "GivEnergyEvc",
    }
    for stem, alerts in alert_files.items():
        if stem != "control":
            prefix = prefixes.get(stem, stem.replace("_", ""))
            names = [rule["alert"] for rule in alerts if rule["alert"] != HEARTBEAT]
            assert [name for name in names if not name.lower().startswith(prefix.lower())] == [], stem


def test_the_readme_names_every_file(alert_files: dict[str, list[Rule]], root: Path) -> None:
    readme = (root / "alerts" / "README.md").read_text()
    assert [stem for stem in alert_files if f"| `{stem}.yml` |" not in readme] == []


def test_only_the_heartbeat_has_no_severity(alerts: list[Rule]) -> None:
    assert [rule["alert"] for rule in alerts if rule["labels"]["severity"] == "none"] == [HEARTBEAT]


def test_no_alert_fires_without_delay(alerts: list[Rule]) -> None:
    assert [rule["alert"] for rule in alerts if "for" not in rule] == []


def test_the_heartbeat_waits_for_every_rule_that_it_vouches_for(alerts: list[Rule], root: Path) -> None:
    """After a start of Prometheus, silence means nothing before each of them could have fired."""
    (group,) = yaml.safe_load((root / "alerts" / "control.yml").read_text())["groups"]
    (heartbeat,) = (rule for rule in alerts if rule["alert"] == HEARTBEAT)
    interval_s = parse_amount(group["interval"], "seconds")
    to_act_on = [rule for rule in alerts if "control" in rule["labels"]]
    slowest_s = max(parse_amount(rule["for"], "seconds") for rule in to_act_on)
    assert parse_amount(heartbeat["for"], "seconds") >= slowest_s + 2 * interval_s


@pytest.mark.parametrize("family", FAMILIES)
def test_staleness_knows_which_groups_are_read_with_every_scrape(alerts: list[Rule], family: str) -> None:
    """A tier that is new to the rule is either named there, or fast enough for the patience of its group."""
    (rule,) = (rule for rule in alerts if rule["alert"] == "SolarDataStale")
    (fast,) = re.findall(r'{group=~"([^"]+)"', rule["expr"])
    fast_of_one = dict(re.findall(r'{family="([^"]+)", group=~"([^"]+)"', rule["expr"]))
    fast = "|".join(filter(None, (fast, fast_of_one.get(family))))
    (rare,) = re.findall(r'group!~"([^"]+)"', rule["expr"])
    for tier, period_s in load_family(family).spec.tiers.items():
        for group in (tier, f"battery_225_{tier}"):
            patience_s = 24 * 3600 if re.fullmatch(rare, group) else 3 * 3600
            if re.fullmatch(fast, group):
                patience_s = 15 * 60
            assert 2 * period_s < patience_s, group
            assert period_s > 0 or patience_s == 15 * 60, group


def test_what_an_alert_asks_of_registers_is_read_in_the_usual_profile(alerts: list[Rule]) -> None:
    asked = {metric for rule in alerts for metric in re.findall(r"solar_[a-z0-9_]+", rule["expr"])}
    core, full = set(), set()
    for family in map(load_family, FAMILIES):
        for part in family.spec.parts if isinstance(family, RegisterFamily) else ():
            for register in family.map_of(part).registers:
                metrics = {quantity.metric for quantity in (register.quantity, register.code) if quantity}
                (core if register.profile == "core" else full).update(metrics)
    assert asked & core
    assert not asked & (full - core)
