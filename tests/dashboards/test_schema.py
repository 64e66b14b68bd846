"""The dashboards against Grafana's own types, as JSON Schema (grafana.schema.json says where from)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from dashboards.generate import files

Board = dict[str, Any]

OF_PROMETHEUS = {"expr", "step", "titleFormat", "textFormat", "tagKeys"}
"""Keys of an annotation that are its data source's."""


@pytest.fixture(scope="module")
def schemas() -> dict[str, Draft7Validator]:
    """A validator for each type, by its name."""
    types = json.loads((Path(__file__).parent / "grafana.schema.json").read_text(encoding="utf-8"))
    return {
        name: Draft7Validator(schema if name == "ClassicDashboard" else _partial(schema))
        for name, schema in types.items()
        if name != "$comment"
    }


def _partial(schema: Any) -> Any:
    """Return the schema with nothing required: Grafana fills a panel's options up with its defaults."""
    if isinstance(schema, dict):
        return {
            key: _partial(value)
            for key, value in schema.items()
            if not (key == "required" and isinstance(value, list))
        }
    return [_partial(item) for item in schema] if isinstance(schema, list) else schema


def _without_queries(board: Board) -> Board:
    """Return it without the queries of its annotations: their keys are the data source's."""
    annotations = {
        key: [{name: value for name, value in each.items() if name not in OF_PROMETHEUS} for each in listed]
        for key, listed in board["annotations"].items()
    }
    return {**board, "annotations": annotations}


def _mistakes(board: Board, schemas: dict[str, Draft7Validator]) -> Iterator[str]:
    """Yield what Grafana's types do not allow, also of the parts that are left to each kind of panel."""
    checked: list[tuple[str, Any, str]] = [("ClassicDashboard", _without_queries(board), "dashboard")]
    for panel in board["panels"]:
        if panel["type"] == "row":
            continue
        kind, title = str(panel["type"]).capitalize(), str(panel["title"])
        checked.append((f"{kind}Options", panel["options"], title))
        if f"{kind}Custom" in schemas:
            checked.append((f"{kind}Custom", panel["fieldConfig"]["defaults"].get("custom", {}), title))
    for type_name, data, place in checked:
        if type_name not in schemas:
            yield f"{place}: no schema {type_name}"
            continue
        for error in schemas[type_name].iter_errors(data):
            yield f"{place}: {'/'.join(map(str, error.path))}: {error.message[:200]}"


def _panel(board: Board, kind: str) -> dict[str, Any]:
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def test_a_dashboard_is_what_grafana_allows(board: Board, schemas: dict[str, Draft7Validator]) -> None:
    assert list(_mistakes(board, schemas)) == []


@pytest.mark.parametrize(
    "place", [place for place in sorted(files()) if place.parts[:2] != ("json", place.name)], ids=str
)
def test_every_other_variant_is_what_grafana_allows(place: Path, schemas: dict[str, Draft7Validator]) -> None:
    """Keys that begin with two underscores are for the import, which takes them away."""
    board = {key: value for key, value in json.loads(files()[place]).items() if not key.startswith("__")}
    assert list(_mistakes(board, schemas)) == []


def test_properties_of_overrides_are_options_of_the_panel(
    board: Board, schemas: dict[str, Draft7Validator]
) -> None:
    """`custom.lineWidth` and the like are held against the type of the panel's kind."""
    for panel in board["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            custom = {
                item["id"].removeprefix("custom."): item["value"]
                for item in override["properties"]
                if item["id"].startswith("custom.")
            }
            if not custom:
                continue
            validator = schemas[f"{str(panel['type']).capitalize()}Custom"]
            assert [error.message for error in validator.iter_errors(custom)] == [], panel["title"]


MISTAKES: dict[str, Callable[[Board], object]] = {
    "a word for a number": lambda board: board["panels"][1]["gridPos"].update(h="8"),
    "an unknown key": lambda board: board["panels"][1].update(bogus=1),
    "a number for a unit": lambda board: board["panels"][1]["fieldConfig"]["defaults"].update(unit=3),
    "an unknown mode": lambda board: board.update(graphTooltip=9),
    "an unknown kind of panel": lambda board: board["panels"][1].update(type="timeserie"),
    "an unknown way to show a legend": lambda board: _panel(board, "timeseries")["options"]["legend"].update(
        displayMode="loud"
    ),
    "an unknown option of lines": lambda board: _panel(board, "timeseries")["fieldConfig"]["defaults"][
        "custom"
    ].update(lineWdth=1),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_schema_would_find(name: str, board: Board, schemas: dict[str, Draft7Validator]) -> None:
    broken = copy.deepcopy(board)
    MISTAKES[name](broken)
    assert list(_mistakes(broken, schemas)) != []
