"""The whole chain on real servers: simulated device, wire, exporter, `/sd`, Prometheus, PromQL."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from sunhelm.simulator.families import FAMILIES
from sunhelm.simulator.house import House

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

PATIENCE_S: Final = 100.0
"""Devices are found within ten seconds and asked each fifteen, the first time as a whole."""

ROUNDING_W: Final = 15.0
"""Each of the dozen registers is rounded to a watt."""


def eventually(look: Callable[[], Any], enough: Callable[[Any], object]) -> Any:
    """Look until it is enough; what Prometheus has found and scraped shows after some seconds."""
    end = time.monotonic() + PATIENCE_S
    while not enough(seen := look()):
        assert time.monotonic() < end, f"still {seen!r} after {PATIENCE_S:g} s"
        time.sleep(0.1)
    return seen


@pytest.fixture(scope="module")
def demo(start_demo: Callable[..., Any], prometheus_program: str) -> Iterator[Any]:
    return start_demo("--seed=7", "--start=2026-06-21T09:00:00+02:00", "--speed=60")


@pytest.fixture(scope="module")
def query(demo: Any) -> Callable[[str], list[dict[str, Any]]]:
    def ask(promql: str) -> list[dict[str, Any]]:
        parameters = urllib.parse.urlencode({"query": promql})
        answer = json.loads(demo.page(f"{demo.prometheus}/api/v1/query?{parameters}"))
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    return ask


def test_the_page_of_a_device_is_clean_and_moves_with_the_sun(demo: Any, promtool: str) -> None:
    url = f"{demo.exporter}/probe?target=victron"
    first = demo.page(url)
    lint = subprocess.run(
        [promtool, "check", "metrics"], input=first, capture_output=True, text=True, check=False
    )
    assert lint.returncode == 0, lint.stderr

    def pv_power(text: str) -> str:
        (value,) = re.findall(r"^solar_pv_power_watts (.+)$", text, re.MULTILINE)
        return str(value)

    assert float(pv_power(first)) > 0
    eventually(lambda: pv_power(demo.page(url)), lambda power: power != pv_power(first))


def test_every_device_is_found_and_up(query: Any) -> None:
    devices = set(FAMILIES)
    for metric in ('up{job="sunhelm"}', "solar_device_up"):
        series = eventually(lambda metric=metric: query(metric), lambda found: len(found) == len(devices))
        assert {each["value"][1] for each in series} == {"1"}
        labels = {tuple(each["metric"][name] for name in ("device", "site", "family")) for each in series}
        assert labels == {(name, "demo", FAMILIES[name].family or name) for name in devices}


def test_power_is_balanced_within_the_losses_of_the_plant(query: Any) -> None:
    pv, grid, battery, load = (
        f'solar_{part}_power_watts{{device="victron"}}' for part in ("pv", "grid", "battery", "load")
    )
    (lost,) = eventually(lambda: query(f"{pv} + {grid} + {battery} - {load}"), bool)
    house = House()
    most = house.phases * house.inverter.loss(house.inverter_rating_w)
    assert -ROUNDING_W <= float(lost["value"][1]) <= most + ROUNDING_W


def test_the_prices_of_now_are_there(query: Any) -> None:
    (feed_in,) = eventually(lambda: query("solar_tariff_feed_in_price_per_kwh"), bool)
    assert feed_in["metric"]["currency"] == "EUR"
    assert -0.5 < float(feed_in["value"][1]) < 0.5
    (until_change,) = eventually(
        lambda: query("solar_tariff_import_next_change_timestamp_seconds - time()"), bool
    )
    assert -15 < float(until_change["value"][1]) <= 3600 / 60
    # At this speed the market tells the next 36 minutes: no price of an hour from now is known.
    assert query("solar_tariff_import_ahead_price_per_kwh") == []


def test_the_rules_are_loaded_and_no_rule_fails(demo: Any, query: Any) -> None:
    eventually(lambda: query('up{job="sunhelm"}'), bool)
    groups = json.loads(demo.page(f"{demo.prometheus}/api/v1/rules"))["data"]["groups"]
    assert groups
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


def test_the_controller_listens_to_alertmanager_and_commands_nothing_yet(demo: Any, query: Any) -> None:
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)")
    eventually(lambda: query("sunhelm_controller_alertmanager_age_seconds"), bool)
    claims = query("sunhelm_controller_claims")
    assert {series["value"][1] for series in claims} == {"0"}
    assert json.loads(demo.page(f"{demo.alertmanager}/api/v2/status"))["cluster"]["status"] == "disabled"


def test_the_exporter_tells_about_itself(query: Any) -> None:
    (up,) = eventually(lambda: query('up{job="sunhelm-exporter"}'), bool)
    assert up["value"][1] == "1"
    assert eventually(lambda: query("sunhelm_exporter_build_info"), bool)
