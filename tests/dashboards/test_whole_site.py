"""Every query of every dashboard, asked of a Prometheus that has watched a site of all families at once.

The exporter's own parts have read the simulated devices on their own protocols. A query brings numbers, or
the dashboard's module says in `SILENT` why it brings none. One that is said to be silent, and is not, is a
mistake.
"""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dashboards.generate import DASHBOARDS, FOLDER
from dashboards.preview.history import History, Span
from dashboards.preview.houses import BEGIN, METER
from dashboards.preview.server import Server, remembering
from sunhelm.simulator.families import FAMILIES

CHOSEN = {"site": "home", "device": ".*", "grid_meter": METER}
DAY_S = 86_400


@pytest.fixture(scope="module", params=["discovered", "shared"])
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    promtool: str,
    prometheus_program: str,
    whole_site: History,
) -> Iterator[Server]:
    """A Prometheus that has scraped all this, either way."""
    with remembering(whole_site, tmp_path_factory.mktemp("prometheus"), mode=request.param) as running:
        yield running


def _board(name: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return board


def _filled(text: str) -> str:
    for name, value in {**CHOSEN, "__rate_interval": "4m"}.items():
        text = re.sub(rf"\${name}\b", value, text)
    return text


def _silent(name: str) -> Mapping[tuple[str, str], str]:
    """Return what a dashboard says of its queries that bring nothing: title, legend, and why."""
    module = importlib.import_module(DASHBOARDS[name].__module__)
    silent: Mapping[tuple[str, str], str] = getattr(module, "SILENT", {})
    return silent


def _values(server: Server, span: Span, panel: Mapping[str, Any], query: Mapping[str, Any]) -> list[float]:
    """Return all that Grafana would get for the query."""
    expression = _filled(query["expr"])
    if query["instant"]:
        found = server.ask("query", query=expression, time=span.end)["result"]
        return [float(series["value"][1]) for series in found]
    begin, step = (BEGIN // DAY_S * DAY_S, DAY_S) if panel.get("interval") == "1d" else (BEGIN, 60)
    found = server.ask("query_range", query=expression, start=begin, end=span.end, step=step)["result"]
    return [float(value) for series in found for _, value in series["values"]]


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_every_query_brings_numbers_or_is_said_to_bring_none(
    name: str, server: Server, whole_site: History
) -> None:
    silent = _silent(name)
    asked = set()
    for panel in _board(name)["panels"]:
        for query in panel.get("targets", []):
            key = (panel["title"], query["legendFormat"])
            asked.add(key)
            values = _values(server, whole_site.span, panel, query)
            assert all(map(math.isfinite, values)), key
            assert bool(values) != (key in silent), (
                f"{key}: {silent.get(key, 'nothing, and nobody says why')}"
            )
    assert set(silent) <= asked, "a query that is no more"


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_every_annotation_and_every_variable_has_something(
    name: str, server: Server, whole_site: History
) -> None:
    board, span = _board(name), whole_site.span
    for annotation in board["annotations"].get("list", []):
        query = {"expr": annotation["expr"], "instant": False}
        assert _values(server, span, {}, query), annotation["name"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked = _filled(variable["query"].removeprefix("label_values(").removesuffix(")"))
            selector, label = asked.rsplit(", ", 1)
            found = server.ask("series", start=span.begin, end=span.end, **{"match[]": selector})
            choices = {series[label] for series in found}
            assert choices, variable["name"]
            if variable["name"] == "site":
                assert choices == {"home"}
            if variable["name"] == "device":
                assert choices == set(FAMILIES)


@pytest.mark.integration
def test_every_family_is_there(server: Server, whole_site: History) -> None:
    query = "count by (device) (avg_over_time(solar_device_up[1h]) > 0)"
    found = server.ask("query", query=query, time=BEGIN + 3600)["result"]
    assert {series["metric"]["device"] for series in found} == set(FAMILIES)
