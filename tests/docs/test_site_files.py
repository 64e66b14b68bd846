"""Whatever the pages show of a site file with devices in it is one that both applications take."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from controllers.config import load_configuration as load_for_controller
from exporter.config import load_configuration as load_for_exporter
from sunhelm.configuration.mistakes import ConfigurationError

ROOT: Final = Path(__file__).parents[2]
YAML: Final = re.compile(r"^( *)```yaml\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
HOME: Final = {"site": {"name": "home", "zone": "Europe/Amsterdam"}}


def _shown() -> Iterator[Any]:
    """Yield every example that has devices, by the page and its number there."""
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for number, (_, text) in enumerate(YAML.findall(page.read_text(encoding="utf-8")), 1):
            content = yaml.safe_load(textwrap.dedent(text))
            if isinstance(content, dict) and "devices" in content:
                yield pytest.param(content, id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize("content", [*_shown()])
def test_a_site_file_of_a_page_is_sound(content: dict[str, Any], tmp_path: Path) -> None:
    for device in content["devices"].values():
        if "map" in device:
            (tmp_path / device["map"]).write_text("address,type,name\n1,u16,trial\n")
    file = tmp_path / "sunhelm.yml"
    file.write_text(yaml.safe_dump(HOME | content, sort_keys=False))
    for load in (load_for_exporter, load_for_controller):
        try:
            load(file)
        except ConfigurationError as error:
            pytest.fail(str(error))
