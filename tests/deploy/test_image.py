"""The image: built on what stands in for its base, looked at, and run read-only and as nobody.

What this does not prove: that the published base of the Dockerfile works as Debian's own Python does here.
"""

from __future__ import annotations

import contextlib
import csv
import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sunhelm

USER = 65532


def test_everything_that_is_copied_reaches_the_build(root: Path) -> None:
    ignored = (root / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    lines = re.findall(r"^COPY (?!--from)(.+)$", (root / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}
    assert copied == kept
    assert all((root / name).exists() for name in copied)


def test_the_wheel_is_built_from_what_is_copied(root: Path) -> None:
    """Each package, and each file that the metadata names."""
    text = (root / "Dockerfile").read_text()
    project = (root / "pyproject.toml").read_text()
    (packages,) = re.findall(r"^packages = \[(.+)\]$", project, re.MULTILINE)
    (licences,) = re.findall(r"^license-files = \[(.+)\]$", project, re.MULTILINE)
    for name in re.findall(r'"([^"]+)"', f"{packages}, {licences}"):
        assert re.search(rf"^COPY .*\b{re.escape(name)}\b", text, re.MULTILINE), name


def test_nothing_has_to_be_compiled_for_a_raspberry_pi(root: Path) -> None:
    """By the table that `tests/deploy/platforms.py` has made of what publishers offer."""
    with (root / "deploy" / "platforms.csv").open(newline="") as file:
        table = {row.pop("package"): row for row in csv.DictReader(file)}
    pinned = re.findall(r"^([a-z0-9-]+)==", (root / "requirements.txt").read_text(), re.MULTILINE)
    assert list(table) == pinned, "requirements have changed: python tests/deploy/platforms.py"
    # Its own build does without the C library, and then without a compiler, when it finds none.
    assert table.pop("pyyaml") == {"x86_64": "wheel", "aarch64": "wheel", "armv7l": "source"}
    assert {kind for row in table.values() for kind in row.values()} == {"pure", "wheel"}


class Image:
    """The built image, in a storage of its own."""

    def __init__(self, folder: Path) -> None:
        storage = ["--storage-driver=vfs", f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"]
        self.buildah = ["buildah", *storage]

    def call(self, *arguments: str) -> str:
        command = [*self.buildah, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def configuration(self) -> Any:
        return json.loads(self.call("inspect", "--type=image", "localhost/sunhelm"))["Docker"]["config"]


@pytest.fixture(scope="module")
def image(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    missing = [name for name in ("buildah", "mmdebstrap") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed (Debian: apt-get install {' '.join(missing)})")
    if os.getuid() != 0:
        pytest.skip("only root can build the image without a registry")
    folder = tmp_path_factory.mktemp("image")
    told = {"VERSION": sunhelm.__version__, "REVISION": "0123abc", "CREATED": "2026-06-21T12:00:00Z"}
    given = [f"--build-arg={name}={value}" for name, value in told.items()]
    subprocess.run(
        [root / "scripts" / "stand-in-image", folder, *given],
        cwd=root,
        env={**os.environ, "PYTHON": sys.executable},
        check=True,
        capture_output=True,
    )
    yield Image(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tree(image: Image) -> Path:
    """The files of the image."""
    return Path(image.call("mount", image.call("from", "--pull-never", "localhost/sunhelm")))


pytestmark = pytest.mark.timeout(600)


@pytest.mark.integration
def test_the_image_says_what_it_is(image: Image) -> None:
    labels = image.configuration()["Labels"]
    prefix = "org.opencontainers.image."
    said = {name.removeprefix(prefix): text for name, text in labels.items() if name.startswith(prefix)}
    assert (said["title"], said["licenses"]) == ("Sunhelm", "Apache-2.0")
    assert said["version"] == sunhelm.__version__
    assert (said["revision"], said["created"]) == ("0123abc", "2026-06-21T12:00:00Z")
    assert said["base.name"] == "docker.io/library/python:3.13-slim"
    assert said["description"]


@pytest.mark.integration
def test_the_image_runs_as_nobody_and_is_checked_by_our_own_command(image: Image) -> None:
    configuration = image.configuration()
    assert configuration["User"] == f"{USER}:{USER}"
    assert configuration["Healthcheck"]["Test"] == ["CMD", "sunhelm", "healthcheck"]
    assert set(configuration["ExposedPorts"]) == {"10480/tcp", "10481/tcp"}
    assert configuration["Cmd"][0] == "sunhelm-exporter"


@pytest.mark.integration
def test_the_image_holds_no_tool_to_install_or_compile_and_nothing_that_its_user_may_write(
    tree: Path,
) -> None:
    ours = tree / "opt" / "sunhelm"
    files = [path for path in ours.rglob("*") if not path.is_symlink()]
    assert len(files) > 1000
    for path in files:
        status = path.stat()
        assert status.st_uid == 0, path
        assert not status.st_mode & 0o022, path
    names = {path.name for path in ours.rglob("*")}
    for pattern in ("pip", "hatchling", "aiocsv", "*.whl", "requirements*.txt"):
        assert not fnmatch.filter(names, pattern)
    assert not (tree / "source").exists()


SITE = "site: {name: home, zone: UTC}\ndevices: {}\n"

RUN = """
set -eu
tree=$1; shift
mount --bind "$tree" "$tree"
for folder in /run/sunhelm /var/lib/sunhelm/controller; do
    mount -t tmpfs -o uid=65532,gid=65532,mode=0700 tmpfs "$tree$folder"
done
mount -o remount,bind,ro "$tree"
if touch "$tree/written" 2>/dev/null; then echo "$tree is not read-only"; exit 1; fi
exec chroot --userspec=65532:65532 --groups= "$tree" "$@"
"""
"""A mount namespace in which the image is read-only but for its two volumes; what runs there is nobody."""


def in_image(tree: Path, command: list[str], **variables: str) -> list[str]:
    settings = [f"{name}={value}" for name, value in variables.items()]
    isolated = ["unshare", "--mount", "sh", "-c", RUN, "sh", str(tree)]
    return [*isolated, "/usr/bin/env", "-i", "PATH=/opt/sunhelm/bin:/usr/bin:/bin", *settings, *command]


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(done: Callable[[], bool], process: subprocess.Popen[str], within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not done():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(process.communicate()[0])
        time.sleep(0.1)


CONTROLLER = ("--web.bearer-token-file=/etc/sunhelm/controller.token",)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("program", "further"), [("sunhelm-exporter", ()), ("sunhelm-controller", CONTROLLER)]
)
def test_a_process_lives_on_a_read_only_file_system_without_any_privilege(
    tree: Path, free_ports: Callable[[int], int], program: str, further: tuple[str, ...]
) -> None:
    folder = tree / "etc" / "sunhelm"
    folder.mkdir(exist_ok=True)
    (folder / "sunhelm.yml").write_text(SITE)
    token = folder / "controller.token"
    token.write_text("a-token-of-the-image-test-0123456789\n")
    token.chmod(0o400)
    os.chown(token, USER, USER)
    port = free_ports(1)
    listening = f"--web.listen-address=127.0.0.1:{port}"
    command = [program, "--config.file=/etc/sunhelm/sunhelm.yml", listening, *further]
    health = in_image(
        tree, ["sunhelm", "healthcheck"], SUNHELM_HEALTH_URL=f"http://127.0.0.1:{port}/-/healthy"
    )

    def healthy() -> bool:
        return subprocess.run(health, capture_output=True, check=False).returncode == 0

    assert not healthy()
    with running(in_image(tree, command)) as process:
        until(healthy, process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(rf"^Uid:\s+{USER}\s+{USER}\s", status, re.MULTILINE)
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
