"""The reference page of the exporter says what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exporter.app import add_exporter
from exporter.config import load_configuration
from exporter.instruments import Instruments
from exporter.main import main
from exporter.metrics import Page, Scrape
from exporter.openings import open_targets
from exporter.targets import Targets
from sunhelm.devices.errors import Reason
from sunhelm.devices.reading import Guard, Outcome, Reading
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.reload import Reloader
from sunhelm.service.web import create_application


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "reference" / "exporter.md").read_text(encoding="utf-8")


def first_cells(page: str, heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    table = page.partition(f"# {heading}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


async def test_every_path_and_method_is_told(page: str, exporter: Any) -> None:
    app = create_application(Health("Test"))
    add_exporter(app, exporter)
    Reloader(_nothing, ProcessMetrics("test"), time=lambda: 0.0).add_routes(app)
    served = {(route.resource.canonical, route.method) for route in app.router.routes() if route.resource}
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", page, re.MULTILINE)
    told = {(path, method) for path, methods in rows for method in methods.split(", ")}

    assert told == {(path, method) for path, method in served if method != "HEAD"}
    assert {path for path, method in served if method == "GET"} == {
        path for path, method in served if method == "HEAD"
    }


async def _nothing() -> None: ...


def test_every_flag_is_told(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    flags = set(re.findall(r"^  (?:-h, )?(--[a-z.-]+)", capsys.readouterr().out, re.MULTILINE))
    assert set(first_cells(page, "Flags")) == flags


def test_every_metric_of_the_exporter_is_told(page: str, tmp_path: Path) -> None:
    file = tmp_path / "sunhelm.yml"
    file.write_text(
        "site: {name: home, zone: Europe/Amsterdam}\ndevices: {gx: {family: victron, host: 127.0.0.1}}\n",
        encoding="utf-8",
    )
    targets = Targets(open_targets(load_configuration(file).site))
    instruments = Instruments(ProcessMetrics("sunhelm_exporter"), targets)
    names = {
        f"{metric.name}{ {'counter': '_total', 'info': '_info'}.get(metric.type, '') }"
        for metric in instruments.registry.collect()
    }
    own = {name for name in names if name.startswith("sunhelm_")}
    assert set(first_cells(page, "Metrics of the exporter itself")) == own


def test_what_every_page_has_is_told(page: str) -> None:
    outcomes = {"live": Outcome(taken_at=1.0, requests=1), "energy": Outcome(Reason.TIMEOUT)}
    empty = Page()
    empty.add(Reading("gx", 0.0, (), outcomes), Scrape(0.1, 10.0))
    assert set(first_cells(page, "What every device's page has")) == {
        metric.name for metric in empty.collect()
    }
    for word in (*Reason, *Guard):
        assert f"`{word}`" in page
