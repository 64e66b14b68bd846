"""The exporter, killed again and again while InfluxDB is away: ten minutes at twenty times the pace."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180), pytest.mark.real_time]

PACE: Final = 20
OUTAGE_S: Final = 600.0 / PACE
SCRAPE_S: Final = 10.0 / PACE
MIDSUMMER_NOON: Final = 1_782_036_000.0
KILLS: Final = 4

FAST_EXPORTER: Final = """
import sys, time
from sunhelm.devices.clock import SystemClock
pace, begun, start = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
sleep = SystemClock.sleep
SystemClock.time = lambda self: start + (time.time() - begun) * pace
SystemClock.monotonic = lambda self: time.monotonic() * pace
SystemClock.sleep = lambda self, seconds: sleep(self, seconds / pace)
from exporter.main import main
sys.exit(main(sys.argv[4:]))
"""

Point = tuple[str, str, int]


@dataclass
class Life:
    """One process from start to kill: the points that its readings make, reading by reading."""

    readings: list[dict[Point, float]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0

    def add(self, reading: Mapping[str, Any]) -> None:
        """Add a reading as JSON; of a group only what has not been written in this second."""
        new: dict[str, int] = {}
        for name, group in reading["groups"].items():
            taken_at = int(group["taken_at"] or reading["taken_at"])
            if group["success"] and self.written.get(name) != taken_at:
                self.written[name] = new[name] = taken_at
        points: dict[Point, float] = {}
        for sample in reading["samples"]:
            if (group := sample["group"]) in new:
                tags = {name: reading[name] for name in ("device", "site", "family")}
                tags |= {"group": group, **sample["labels"]}
                series = ",".join(f"{key}={text}" for key, text in sorted(tags.items()) if text)
                point = series, sample["metric"].removeprefix("solar_"), new[group]
                points.setdefault(point, sample["value"])
        self.readings.append(points)
        self.sizes.append(len({(series, at) for series, _, at in points}))

    def safe(self) -> dict[Point, float]:
        """Return the points that the spool has acknowledged: those of the first so many readings."""
        safe: dict[Point, float] = {}
        count = 0
        for points, size in zip(self.readings, self.sizes, strict=True):
            count += size
            if count <= self.acknowledged:
                safe |= points
        return safe


@contextmanager
def exporter(folder: Path, begun: float) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the exporter at the pace; it is killed at the end of the context."""
    port = int((folder / "port").read_text())
    arguments = [sys.executable, "-c", FAST_EXPORTER, str(PACE), str(begun), str(MIDSUMMER_NOON)]
    arguments += [f"--config.file={folder / 'sunhelm.yml'}", f"--web.listen-address=127.0.0.1:{port}"]
    arguments += [f"--runtime.directory={folder}"]
    with (
        (folder / "exporter.log").open("ab") as log,
        subprocess.Popen(arguments, stdout=log, stderr=log) as process,
    ):
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


async def live(folder: Path, begun: float, until: float, session: ClientSession) -> Life:
    """Scrape an exporter until the time is over and it has kept points; kill it in the middle of its work."""
    life = Life()
    with exporter(folder, begun) as (process, url):
        while True:
            assert process.poll() is None, (folder / "exporter.log").read_text()
            try:
                async with session.get(f"{url}/api/v1/readings/gx") as answer:
                    reading = json.loads(await answer.read())
            except OSError:
                await asyncio.sleep(0.02)
                continue
            life.add(reading)
            async with session.get(f"{url}/metrics") as answer:
                page = await answer.text()
            life.acknowledged = counted(page, "points_spooled_total")
            if time.monotonic() >= until and life.acknowledged:
                return life
            await asyncio.sleep(SCRAPE_S)


def write_site(folder: Path, device: int, influxdb: str, interval: str) -> None:
    (folder / "sunhelm.yml").write_text(
        "site: {name: home, zone: Europe/Amsterdam}\n"
        f"devices: {{gx: {{family: victron, host: 127.0.0.1, port: {device}}}}}\n"
        f"influxdb: {{url: '{influxdb}', org: home, bucket: solar, token_file: token, spool: spool,"
        f" interval: {interval}}}\n"
    )


def counted(page: str, name: str) -> int:
    (value,) = re.findall(rf"^sunhelm_exporter_influxdb_{name} (.+)$", page, re.MULTILINE)
    return int(float(value))


def contradictions(lines: Sequence[str]) -> list[str]:
    """Return the lines that give a point that was sent before another value."""
    seen: dict[str, str] = {}
    wrong: list[str] = []
    for line in lines:
        series, fields, at = re.split(r"(?<!\\) ", line)
        if seen.setdefault(f"{series} {at}", fields) != fields:
            wrong.append(line)
    return wrong


async def test_no_acknowledged_point_is_lost_and_none_has_two_values(
    shim: Any, influxd: Any, tmp_path: Path, free_port: int, eventually: Any
) -> None:
    chance = random.Random(6)
    (tmp_path / "token").write_text(shim.token)
    (tmp_path / "port").write_text(str(free_port))
    async with (
        SimulatedSite(seed=7, faces=["victron"], start=MIDSUMMER_NOON, speed=PACE) as site,
        ClientSession() as session,
    ):
        write_site(tmp_path, site.endpoints["victron"].port, shim.url, "off")
        begun = time.time()
        await shim.stop()
        away_since = time.monotonic()
        lives = []
        for kill in range(KILLS):
            if kill == KILLS // 2:
                await shim.start()
                shim.busy = True
            planned = OUTAGE_S * (kill + 1) / KILLS
            if kill < KILLS - 1:
                planned -= chance.uniform(0.0, OUTAGE_S / KILLS / 3)
            lives.append(await live(tmp_path, begun, away_since + planned, session))
        assert influxd.points() == {}
        assert time.monotonic() - away_since >= OUTAGE_S

        safe = {point: value for life in lives for point, value in life.safe().items()}
        read = {point: value for life in lives for points in life.readings for point, value in points.items()}
        assert len(safe) > 1000

        shim.busy = False
        with exporter(tmp_path, begun):
            await eventually(lambda: safe.keys() <= influxd.points().keys())
        arrived = influxd.points()
        assert {point: arrived.get(point) for point in safe} == safe
        assert {point: value for point, value in arrived.items() if read.get(point) != value} == {}
        assert contradictions(shim.sent) == []


async def test_what_nobody_scrapes_is_read_and_written_and_the_end_leaves_nothing_behind(
    shim: Any, influxd: Any, tmp_path: Path, free_port: int, eventually: Any
) -> None:
    (tmp_path / "token").write_text(shim.token)
    (tmp_path / "port").write_text(str(free_port))
    async with SimulatedSite(seed=7, faces=["victron"], start=MIDSUMMER_NOON, speed=PACE) as site:
        write_site(tmp_path, site.endpoints["victron"].port, shim.url, "10s")
        with exporter(tmp_path, time.time()) as (process, _):
            await eventually(lambda: len(readings(influxd)) >= 5)
            process.terminate()
            assert await asyncio.to_thread(process.wait, 20) == 0
        times = readings(influxd)
        assert min(after - before for before, after in pairwise(times)) >= 9
        assert len(list((tmp_path / "spool").glob("*.points"))) <= 1
        log = (tmp_path / "exporter.log").read_text()
        assert "points_waiting=0" in log.splitlines()[-2]
        assert shim.token not in log


def readings(influxd: Any) -> list[int]:
    return sorted({at for _, name, at in influxd.points() if name == "load_power_watts"})
