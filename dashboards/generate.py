"""Write every dashboard as classic Grafana JSON: `python dashboards/generate.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import battery, clouds, control, devices, ev_charger, grid, inverter, site, tariff, together

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

_NOT_OF_QUERY_VARIABLES: Final = ("auto", "auto_count", "auto_min")


def text(board: Dashboard) -> str:
    """Return the dashboard as JSON that every Grafana imports and provisions."""
    data: dict[str, Any] = json.loads(JSONEncoder().encode(board))
    data["id"] = None  # the number is given by the Grafana that takes it; `uid` is what stays
    for number, panel in enumerate(data["panels"], start=1):
        panel["id"] = number
        panel.get("options", {}).pop("footer", None)  # of tables: gone from Grafana's types
    for variable in data["templating"]["list"]:
        for key in _NOT_OF_QUERY_VARIABLES:  # the builders write them, Grafana's types do not know them
            variable.pop(key, None)
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all files, and nothing that has not changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, build in DASHBOARDS.items():
        path = FOLDER / f"{name}.json"
        new = text(build())
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
