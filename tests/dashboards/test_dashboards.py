"""The dashboards are made by code, fit every Grafana, and say what they show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.generate import FOLDER, files

UIDS = [
    "sunhelm-battery",
    "sunhelm-clouds",
    "sunhelm-control",
    "sunhelm-devices",
    "sunhelm-ev-charger",
    "sunhelm-grid",
    "sunhelm-inverter",
    "sunhelm-site",
    "sunhelm-site-influxql",
    "sunhelm-tariff",
    "sunhelm-together",
]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("place", sorted(files()), ids=str)
def test_the_file_is_what_the_code_makes(place: Path, golden: Any) -> None:
    golden.check(FOLDER.parent / place, files()[place])


def test_every_file_is_made_by_the_code() -> None:
    there = {path.relative_to(FOLDER.parent) for folder in ("json", "import") for path in _json_below(folder)}
    assert there == set(files())


def _json_below(folder: str) -> Iterator[Path]:
    return (FOLDER.parent / folder).rglob("*.json")


def test_identifiers_are_stable_and_unique() -> None:
    """An identifier is in the links that people keep: a new one is a new dashboard."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in _json_below("json")]
    assert sorted(board["uid"] for board in boards) == UIDS


@pytest.mark.parametrize("path", sorted(_json_below("import")), ids=lambda path: path.stem)
def test_the_variant_to_import_asks_for_its_data_source(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    (asked,) = board["__inputs"]
    wanted = {"type": asked["pluginId"], "uid": f"${{{asked['name']}}}"}
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    variables = [one for one in board["templating"]["list"] if one["type"] == "query"]
    annotations = [one for one in board.get("annotations", {}).get("list", []) if not one.get("builtIn")]
    targets = [target for panel in panels for target in panel["targets"]]
    assert [one["datasource"] for one in (*panels, *targets, *variables, *annotations)] == [wanted] * (
        len(panels) + len(targets) + len(variables) + len(annotations)
    )
    assert "${datasource}" not in path.read_text(encoding="utf-8")
    assert {panel["type"] for panel in panels} <= {one["id"] for one in board["__requires"]}
    assert board["id"] is None


def test_it_can_be_provisioned_in_any_grafana(board: dict[str, Any]) -> None:
    assert board["id"] is None
    assert board["uid"].startswith("sunhelm-")
    assert "__inputs" not in board
    for panel in board["panels"]:
        assert "libraryPanel" not in panel
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert {"site", "device"} <= set(variables)
    asked = [variable for variable in variables.values() if variable["type"] == "query"]
    assert [variable["datasource"] for variable in asked] == [DATASOURCE] * len(asked)


def test_every_panel_asks_the_chosen_data_source(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        assert panel["datasource"] == DATASOURCE, panel["title"]
        assert all(target["datasource"] == DATASOURCE for target in panel["targets"]), panel["title"]


def test_every_panel_says_what_it_shows_and_why_it_may_be_empty(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["fieldConfig"]["defaults"]["noValue"]) > len("No data"), panel["title"]


def test_charts_have_a_unit_and_their_legend_is_on(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"] is True, panel["title"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap(board: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in board["panels"]]
    assert sorted(set(numbers)) == sorted(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


def test_overrides_meet_a_series_of_their_panel(panels: list[dict[str, Any]]) -> None:
    """Series whose legend holds labels have names of their own, so that only their query tells them."""
    for panel in panels:
        fixed = {target["legendFormat"] for target in panel["targets"]}
        if panel["type"] == "table":
            fixed |= _columns(panel)
        else:
            fixed = {name for name in fixed if "{{" not in name}
        letters = {target["refId"] for target in panel["targets"]}
        for override in panel["fieldConfig"]["overrides"]:
            matcher = override["matcher"]
            assert matcher["options"] in {"byName": fixed, "byFrameRefID": letters}[matcher["id"]], panel[
                "title"
            ]


def _columns(panel: dict[str, Any]) -> set[str]:
    """Return the names of a table's columns of labels and values."""
    transformations = {each["id"]: each["options"] for each in panel.get("transformations", [])}
    return set(transformations["organize"]["renameByName"].values())


def test_columns_of_a_table_are_renamed_as_grafana_calls_them(panels: list[dict[str, Any]]) -> None:
    for panel in panels:
        if panel["type"] == "table":
            letters = [f"Value #{target['refId']}" for target in panel["targets"]]
            (organize,) = (one["options"] for one in panel["transformations"] if one["id"] == "organize")
            renamed = {name for name in organize["renameByName"] if name.startswith("Value")}
            assert renamed == (set(letters) if len(letters) > 1 else {"Value"}), panel["title"]


def test_a_panel_of_days_asks_once_a_day_from_midnight_on(
    board: dict[str, Any], panels: list[dict[str, Any]]
) -> None:
    by_day = [panel for panel in panels if "offset -1d" in json.dumps(panel)]
    assert by_day or board["uid"] != "sunhelm-site"
    for panel in by_day:
        assert panel["interval"] == "1d", panel["title"]
        assert panel["timeFrom"].endswith("/d"), panel["title"]
        assert all(target["range"] and not target["instant"] for target in panel["targets"]), panel["title"]


def test_the_generator_writes_only_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dashboards.generate.FOLDER", tmp_path / "dashboards" / "json")
    (tmp_path / "dashboards").mkdir()
    generate = __import__("dashboards.generate", fromlist=["main"])
    generate.main()
    assert capsys.readouterr().out.count("wrote") == len(files())
    generate.main()
    assert capsys.readouterr().out == ""
