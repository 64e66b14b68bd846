"""The page about one real inverter, followed word by word; a simulated GX stands in for the inverter."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

PAGE: Final = "get-started/one-inverter.md"
PATIENCE_S: Final = 60.0
INSTALLATION: Final = "python3 -m venv"
"""Begins the block that installs; tests of the wheel do that."""

AS_ROOT: Final = "sudo "


class Reader:
    """Somebody who types what the page says, with an address, a network and ports of their own."""

    def __init__(self, home: Path, inverter: int, exporter: int) -> None:
        self.home = home
        self.folder = home
        self.exporter = exporter
        self.inverter = inverter
        self.running: list[subprocess.Popen[bytes]] = []

    def own(self, text: str) -> str:
        """Return what the reader writes in place of what the page says."""
        return (
            text.replace("host: 192.0.2.8", f"host: 127.0.0.1, port: {self.inverter}")
            .replace("192.0.2.0/24", f"127.0.0.1/32 --port victron={self.inverter} --logger-port 0")
            .replace(":10480", f":{self.exporter}")
            .replace("/etc/prometheus/", f"{self.home}/")
        )

    def write(self, name: str, text: str) -> None:
        folder = self.home if name == "prometheus.yml" else self.folder
        (folder / name).write_text(self.own(text))

    def type(self, command: str) -> str:
        """Run a line and return what it prints; the exporter goes on in a terminal of its own."""
        line = self.own(command)
        if line.startswith("sunhelm"):
            line += ' --runtime.directory="$HOME/sunhelm/run"'
        if line.startswith("sunhelm-exporter"):
            line += f" --web.listen-address=127.0.0.1:{self.exporter}"
            self._start(line)
            return ""
        script = f"{line}\npwd > $HOME/.where"
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        self.folder = Path((self.home / ".where").read_text().strip())
        return done.stdout

    def _start(self, line: str) -> None:
        with (self.home / "exporter.log").open("wb") as log:
            self.running.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {line}"],
                    cwd=self.folder,
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                )
            )
        end = time.monotonic() + PATIENCE_S
        while "event=started" not in (said := (self.home / "exporter.log").read_text()):
            assert self.running[0].poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {**os.environ, "HOME": str(self.home), "PATH": f"{programs}:{os.environ['PATH']}"}

    def leave(self) -> None:
        for each in self.running:
            each.terminate()
            each.wait(timeout=PATIENCE_S)


@pytest.fixture
def reader(tmp_path: Path, free_ports: Callable[[int], int]) -> Iterator[Reader]:
    for program in ("promtool", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    reader = Reader(tmp_path, *(free_ports(1) for _ in range(2)))
    yield reader
    reader.leave()


async def test_every_command_of_the_page_does_what_the_page_says(
    blocks: Callable[[str], list[Any]], reader: Reader
) -> None:
    answers: dict[str, str] = {}
    said = ""
    async with SimulatedSite(faces=["victron"], ports={"victron": reader.inverter}):
        for block in blocks(PAGE):
            if block.file:
                reader.write(block.file, block.text)
            elif block.language == "text":
                for line in block.text.splitlines():
                    assert line in said, f"the page shows {line!r}, and the command says\n{said}"
            elif not block.text.startswith((INSTALLATION, AS_ROOT)):
                said = ""
                for line in block.text.splitlines():
                    answers[line] = await asyncio.to_thread(reader.type, line)
                    said += answers[line]
    first_words = [" ".join(line.split()[:2]) for line in answers]
    assert first_words == [
        "mkdir -p",
        "cd ~/sunhelm",
        "sunhelm scan",
        "sunhelm check",
        "sunhelm check",
        "sunhelm read",
        "sunhelm-exporter --config.file=sunhelm.yml",
        "curl --silent",
        "promtool check",
    ]
    scan, reading, page = (
        next(answer for line, answer in answers.items() if line.startswith(command))
        for command in ("sunhelm scan", "sunhelm read", "curl")
    )
    assert "family: victron" in scan
    assert "battery_state_of_charge" in reading
    assert "solar_pv_power_watts " in page
