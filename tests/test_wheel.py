"""What people install: the wheel, in a clean environment."""

from __future__ import annotations

import configparser
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import sunhelm

PACKAGES = ("controllers", "exporter", "sunhelm")
COMMANDS = ("sunhelm", "sunhelm-controller", "sunhelm-exporter")
DATA = (".yaml", ".csv", ".typed", ".html", ".css")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=root, check=True
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True, symlinks=True)
    subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], check=True
    )
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is added as it is: the editable install of this project is not followed.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_has_no_other_top_level_names(wheel: Path) -> None:
    top = {name.split("/")[0] for name in names(wheel)}
    assert top == {*PACKAGES, f"sunhelm-{sunhelm.__version__}.dist-info"}


def test_the_wheel_holds_every_data_file(wheel: Path, root: Path) -> None:
    files = (path for package in PACKAGES for path in (root / package).rglob("*"))
    data = {path.relative_to(root).as_posix() for path in files if path.suffix in DATA}
    assert "sunhelm/py.typed" in data
    assert data <= set(names(wheel))


def test_the_wheel_holds_the_licence_and_only_known_commands(wheel: Path) -> None:
    information = f"sunhelm-{sunhelm.__version__}.dist-info"
    assert f"{information}/licenses/LICENSE" in names(wheel)
    scripts = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        scripts.read_string(archive.read(f"{information}/entry_points.txt").decode())
    assert tuple(sorted(scripts["console_scripts"])) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_starts_from_a_clean_environment(environment: Path, tmp_path: Path, command: str) -> None:
    run = subprocess.run(
        [environment / "bin" / command, "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert sunhelm.__version__ in run.stdout


def test_the_installed_package_is_the_one_that_runs(environment: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            environment / "bin" / "python",
            "-I",
            "-c",
            "import sunhelm, exporter; print(sunhelm.__file__, exporter.__file__)",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(path.startswith(str(environment)) for path in run.stdout.split())
