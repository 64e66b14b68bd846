"""Draw each dashboard as a picture: `python dashboards/preview/picture.py VIEWER FOLDER`.

VIEWER is the built viewer (tests/dashboards/viewer, see `make pictures`), FOLDER takes the pictures. Needs
Prometheus, promtool, influxd, node and Chromium.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from dashboards.generate import FOLDER
from dashboards.preview.history import Span
from dashboards.preview.houses import METER, street
from dashboards.preview.influx import DATABASE, keeping
from dashboards.preview.server import remembering

SPAN: Final = Span.of_days(8, end=datetime(2026, 9, 20, 14, 30, tzinfo=UTC).timestamp(), step=240)
"""A week in which it is sometimes cloudy, and a day before it; until an afternoon with a limited export."""

_WIDTH: Final = 1400
_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {"site": "home", "device": ".*", "grid_meter": METER, "zone": "UTC"}
)
_DEVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "battery": "victron|givenergy|huawei",
        "ev_charger": "givenergy_evc",
        "clouds": "redback|sessy|izypower",
        "devices": "victron|huawei|sma|redback",
        "grid": f"{METER}|tariff",
        "inverter": "huawei|sma|deye",
        "site": METER,
        "tariff": f"{METER}|tariff",
        "together": "huawei|sma|deye|sunspec",
    }
)
"""Which devices are chosen, where all of them would be too many, or more than one house."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that it overrides
        """Log nothing."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve the folder's files, and yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _draw(viewer: Path, source: Path, sources: Mapping[str, str], out: Path) -> bool:
    """Draw one dashboard from these data sources; return whether every panel could be drawn."""
    board = source.read_text(encoding="utf-8")
    (viewer / "dist" / out.with_suffix(".json").name).write_text(board, encoding="utf-8")
    panels = sum(panel["type"] != "row" for panel in json.loads(board)["panels"])
    with _served(viewer / "dist") as address:
        variables = {**_VARIABLES, "device": _DEVICES.get(source.stem, ".*")}
        wanted = {"dashboard": f"{out.stem}.json", "now": SPAN.end, "width": _WIDTH, **sources}
        query = urlencode(wanted | {f"var-{variable}": value for variable, value in variables.items()})
        command = ["node", "picture.mjs", f"{address}/?{query}", str(out), str(_WIDTH), str(panels)]
        return subprocess.run(command, cwd=viewer, check=False).returncode == 0  # noqa: S603  # our own words


def main() -> int:
    """Draw every dashboard; return 1 when something could not be drawn."""
    parser = argparse.ArgumentParser(description="Draw each dashboard from days of a simulated house.")
    parser.add_argument("viewer", type=Path, help="folder of the built viewer")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    history, folder = street(SPAN), arguments.folder.resolve()
    boards = {path.stem: path for path in FOLDER.glob("*.json")}
    boards |= {f"{path.stem}_influxdb": path for path in (FOLDER / "influxdb").glob("*.json")}
    with (
        tempfile.TemporaryDirectory() as scratch,
        remembering(history, Path(scratch)) as prometheus,
        keeping(history.points, Path(scratch)) as influx,
    ):
        sources = {"prometheus": prometheus.url, "influx": influx.url, "database": DATABASE}
        drawn = [
            _draw(arguments.viewer, path, sources, folder / f"{name}.png")
            for name, path in sorted(boards.items())
        ]
    return 0 if all(drawn) else 1


if __name__ == "__main__":
    sys.exit(main())
