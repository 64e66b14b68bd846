"""Every query of the dashboard for InfluxDB, asked of a real influxd that has what our exporter writes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.generate import FOLDER
from dashboards.preview.history import History
from dashboards.preview.houses import BEGIN, METER
from dashboards.preview.influx import InfluxD, keeping

pytestmark = pytest.mark.real_time

BOARD = FOLDER / "influxdb" / "site.json"
DATASOURCE = {"type": "influxdb", "uid": "${datasource}"}
DAY_S = 86_400

Panel = dict[str, Any]


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory, whole_site: History) -> Iterator[InfluxD]:
    if shutil.which("influxd") is None:
        pytest.skip("influxd is not installed (Debian: apt-get install influxdb)")
    with keeping(whole_site.points, tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture(scope="module")
def board() -> dict[str, Any]:
    return {**json.loads(BOARD.read_text(encoding="utf-8"))}


def _panels(board: dict[str, Any]) -> list[Panel]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def _filled(query: str, begin: int, end: int, *, zone: str) -> str:
    """Return the query as Grafana would send it."""
    values = {
        "timeFilter": f"time >= {begin}s AND time <= {end}s",
        "__interval": "1m",
        "site": "home",
        "device": ".*",
        "grid_meter": METER,
        "zone": zone,
    }
    for name, value in values.items():
        query = re.sub(rf"\${name}\b", value, query)
    assert not re.search(r"\$[a-z_]", query), query
    return query


def _begin(panel: Panel, end: int) -> int:
    since = panel.get("timeFrom")
    if since is None:
        return BEGIN
    return end - 600 if since == "10m" else end // DAY_S * DAY_S


@pytest.mark.integration
@pytest.mark.timeout(180)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam"])
def test_every_query_brings_numbers(
    influxd: InfluxD, board: dict[str, Any], whole_site: History, zone: str
) -> None:
    end = whole_site.span.end
    for panel in _panels(board):
        for target in panel["targets"]:
            found = influxd.ask(_filled(target["query"], _begin(panel, end), end, zone=zone))
            values = [row[1] for series in found for row in series["values"]]
            assert values, (panel["title"], target["alias"])
            assert all(value is not None for value in values), (panel["title"], target["alias"])
            tags = {tag for series in found for tag in series.get("tags", ())}
            assert set(re.findall(r"\$tag_(\w+)", target["alias"])) == tags, panel["title"]


@pytest.mark.integration
def test_every_variable_has_choices(influxd: InfluxD, board: dict[str, Any]) -> None:
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            (found,) = influxd.ask(_filled(variable["query"], 0, 0, zone="UTC"))
            assert [METER] in [row[1:] for row in found["values"]] or variable["name"] == "site"


@pytest.mark.integration
def test_energy_is_what_the_power_has_brought(
    influxd: InfluxD, board: dict[str, Any], whole_site: History
) -> None:
    """The sum over a day of the queries by day is near the mean power of the meter, times its hours."""
    end = whole_site.span.end
    (panel,) = (panel for panel in _panels(board) if panel["title"] == "Energy by day")
    (target,) = (target for target in panel["targets"] if target["alias"] == "Consumption")
    (found,) = influxd.ask(_filled(target["query"], end // DAY_S * DAY_S, end, zone="UTC"))
    (mean,) = influxd.ask(f"SELECT mean(load_power_watts) FROM solar WHERE device = '{METER}'")
    hours = (end - BEGIN) / 3600
    assert found["values"][0][1] == pytest.approx(mean["values"][0][1] / 1000 * hours, rel=0.05)


def test_panels_ask_the_chosen_data_source_and_say_why_they_are_empty(board: dict[str, Any]) -> None:
    for panel in _panels(board):
        assert panel["datasource"] == DATASOURCE
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"])
        assert len(panel["fieldConfig"]["defaults"]["noValue"]) > len("No data"), panel["title"]
        assert panel["description"].endswith("."), panel["title"]
    sources = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    assert [source["query"] for source in sources] == ["influxdb"]
