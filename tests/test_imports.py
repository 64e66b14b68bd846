"""The contracts of imports hold, and each of them would notice a breach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BREACHES = {
    "Imports run downward: applications and commands, simulator, service and devices": [
        ("sunhelm/devices/breach.py", "import sunhelm.service"),
        ("sunhelm/service/breach.py", "import sunhelm.devices.errors"),
        ("sunhelm/devices/breach.py", "import sunhelm.simulator"),
        ("sunhelm/cli/breach.py", "import exporter"),
        ("exporter/breach.py", "import sunhelm.cli"),
        ("exporter/breach.py", "import controllers"),
        ("controllers/breach.py", "import exporter"),
        ("sunhelm/configuration/breach.py", "import sunhelm.devices.errors"),
    ],
    "A device knows its family, a family its registers, and these the links": [
        ("sunhelm/devices/families/breach.py", "import sunhelm.devices.reader"),
        ("sunhelm/devices/links/breach.py", "import sunhelm.devices.registers.register"),
        ("sunhelm/devices/registers/breach.py", "import sunhelm.devices.families.spec"),
    ],
    "Registers do no I/O": [("sunhelm/devices/registers/breach.py", "import asyncio")],
    "The exporter and the controller know no simulator": [
        ("exporter/breach.py", "import sunhelm.simulator"),
        ("controllers/breach.py", "import sunhelm.simulator"),
    ],
    "The exporter cannot reach what writes to a device": [
        ("sunhelm/devices/breach.py", "import sunhelm.devices.links.control"),
        ("sunhelm/devices/breach.py", "import sunhelm.devices.families.victron.control"),
        ("sunhelm/devices/breach.py", "import sunhelm.devices.control"),
    ],
    "The simulator knows nothing of the devices but their register maps": [
        ("sunhelm/simulator/breach.py", "import sunhelm.devices.reading"),
        ("sunhelm/simulator/breach.py", "import sunhelm.devices.links.base"),
    ],
    "Modbus and Solarman clients stay in the links": [
        ("sunhelm/devices/families/breach.py", "import pymodbus.client"),
        ("sunhelm/simulator/breach.py", "import pysolarmanv5"),
    ],
    "The Prometheus client stays in the applications and the service": [
        ("sunhelm/devices/breach.py", "import prometheus_client")
    ],
    "The InfluxDB client stays in the exporter": [
        ("sunhelm/service/breach.py", "import influxdb_client"),
        ("controllers/breach.py", "import influxdb_client"),
    ],
    "Devices speak HTTP only through the links": [("sunhelm/devices/breach.py", "import aiohttp.web")],
    "In the controller, doors know the desk, the desk knows devices, and nobody looks up": [
        ("controllers/desk/breach.py", "import controllers.app"),
        ("controllers/people.py", "import controllers.views"),
    ],
    "API and page ask the desk, by what people may ask for, and nothing behind it": [
        ("controllers/api/breach.py", "import controllers.states.reconcile"),
        ("controllers/page/breach.py", "import controllers.desk.office"),
    ],
    "The journal keeps values, and knows nobody who acts on them": [
        ("controllers/journal/breach.py", "import controllers.states.reconcile"),
    ],
    "What decides does no I/O, and reads no journal": [
        ("controllers/claims/limits.py", "import controllers.journal.journal"),
        ("controllers/states/curtailment.py", "import asyncio"),
    ],
}


def lint_imports(folder: Path) -> str:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of the sources, to break contracts in."""
    without = shutil.ignore_patterns("__pycache__")
    for package in ("controllers", "exporter", "sunhelm"):
        shutil.copytree(root / package, tmp_path / package, ignore=without)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(root: Path) -> None:
    output = lint_imports(root)
    assert f"{len(BREACHES)} kept, 0 broken" in output, output


@pytest.mark.parametrize(
    ("contract", "place", "statement"),
    [(contract, *breach) for contract, breaches in BREACHES.items() for breach in breaches],
)
def test_a_breach_is_noticed(copy: Path, contract: str, place: str, statement: str) -> None:
    imported = copy / (statement.removeprefix("import ").replace(".", "/") + ".py")
    if imported.name == "control.py" and not imported.exists():
        imported.parent.mkdir(parents=True, exist_ok=True)
        (imported.parent / "__init__.py").touch()
        imported.touch()
    (copy / place).write_text(f"{statement}\n")
    if "devices" in place and imported.name == "control.py":
        (copy / "exporter" / "breach.py").write_text("import sunhelm.devices.breach\n")
    output = lint_imports(copy)
    assert f"{contract} BROKEN" in output, output
