"""Write every dashboard as classic Grafana JSON: `python dashboards/generate.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import (
    battery,
    clouds,
    control,
    devices,
    ev_charger,
    grid,
    inverter,
    site,
    site_influxql,
    tariff,
    together,
)

FOLDER: Final = Path(__file__).parent / "json"
DASHBOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = MappingProxyType(
    {
        "battery": battery.build,
        "clouds": clouds.build,
        "control": control.build,
        "devices": devices.build,
        "ev_charger": ev_charger.build,
        "grid": grid.build,
        "inverter": inverter.build,
        "site": site.build,
        "tariff": tariff.build,
        "together": together.build,
    }
)
"""What each file of the folder is made by."""

FOR_INFLUXDB: Final[Mapping[str, Callable[[], Dashboard]]] = MappingProxyType({"site": site_influxql.build})
"""The same for the folder of those that ask an InfluxDB."""

_NOT_OF_QUERY_VARIABLES: Final = ("auto", "auto_count", "auto_min")
_SOURCES: Final[Mapping[str, str]] = MappingProxyType({"prometheus": "Prometheus", "influxdb": "InfluxDB"})
_OLDEST_GRAFANA: Final = "10.0.0"


def _data(board: Dashboard) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(JSONEncoder().encode(board))
    data["id"] = None  # the number is given by the Grafana that takes it; `uid` is what stays
    for number, panel in enumerate(data["panels"], start=1):
        panel["id"] = number
        panel.get("options", {}).pop("footer", None)  # of tables: gone from Grafana's types
    for variable in data["templating"]["list"]:
        for key in _NOT_OF_QUERY_VARIABLES:  # the builders write them, Grafana's types do not know them
            variable.pop(key, None)
    return data


def _written(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def text(board: Dashboard) -> str:
    """Return the dashboard as JSON that every Grafana provisions."""
    return _written(_data(board))


def text_to_import(board: Dashboard) -> str:
    """Return the dashboard as JSON that asks for its data source when it is imported, as from grafana.com."""
    data = _data(board)
    listed = data["templating"]["list"]
    (kind,) = (variable["query"] for variable in listed if variable["type"] == "datasource")
    name = f"DS_{kind.upper()}"
    data["templating"]["list"] = [variable for variable in listed if variable["type"] != "datasource"]
    kinds = sorted({panel["type"] for panel in data["panels"] if panel["type"] != "row"})
    asked = {"name": name, "label": _SOURCES[kind], "description": "", "type": "datasource"}
    data["__inputs"] = [{**asked, "pluginId": kind, "pluginName": _SOURCES[kind]}]
    data["__elements"] = {}
    data["__requires"] = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": _OLDEST_GRAFANA},
        {"type": "datasource", "id": kind, "name": _SOURCES[kind], "version": "1.0.0"},
        *({"type": "panel", "id": each, "name": each.capitalize(), "version": ""} for each in kinds),
    ]
    return _written(data).replace("${datasource}", f"${{{name}}}")


def files() -> Mapping[Path, str]:
    """Return all files that this makes, below the folder of the dashboards."""
    made: dict[Path, str] = {}
    for name, build in DASHBOARDS.items():
        made[Path("json") / f"{name}.json"] = text(build())
        made[Path("import") / f"{name}.json"] = text_to_import(build())
    for name, build in FOR_INFLUXDB.items():
        made[Path("json") / "influxdb" / f"{name}.json"] = text(build())
        made[Path("import") / f"{name}_influxdb.json"] = text_to_import(build())
    return made


def main() -> None:
    """Write all files, and nothing that has not changed."""
    for place, new in files().items():
        path = FOLDER.parent / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
