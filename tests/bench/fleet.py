"""A thousand devices that take from 0.1 to 2 s to answer, all scraped at the same moment, against a hundred.

The devices are SunSpec inverters of fixed words, each on a port of its own, in a process of their own. What
counts is how much longer all together take than the slowest of them alone. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import yaml
from bench import HOST, cpu_s, exporter_command, free_ports, memory_mib

from sunhelm.cli.processes import Processes
from sunhelm.cli.readiness import answers

DEVICES: Final = (100, 1000)
FASTEST_S: Final = 0.1
SLOWEST_S: Final = 2.0
ROUNDS: Final = 5
AIMS: Final = {"wall": 1.5, "cpu": 1.2, "mib_a_device": 0.1}
"""Of all together against the slowest alone; of a scrape among a thousand against one among a hundred."""

_BASE: Final = 40_000
_REFRESH_S: Final = 1.1
_COMMON_WORDS: Final = 66
_INVERTER_WORDS: Final = 50
_TIMEOUT: Final = {"X-Prometheus-Scrape-Timeout-Seconds": "30"}


def words() -> bytes:
    """Return the models of an inverter: common, three phases, end."""
    texts = (("Bench", 32), ("Fleet", 32), ("", 16), ("1.0", 16), ("SN0001", 32))
    common = b"".join(text.encode().ljust(length, b"\0") for text, length in texts) + b"\x00\x01\x80\x00"
    inverter = b"".join(number.to_bytes(2) for number in range(1, _INVERTER_WORDS + 1))
    scales = {
        5,
        12,
        14,
        16,
        18,
        20,
        22,
        25,
        27,
        29,
        32,
        37,
    }  # words that hold an exponent, counted from the first
    values = bytearray(inverter)
    for place in scales:
        values[2 * (place - 1) : 2 * place] = b"\0\0"
    values[2 * 36 : 2 * 37] = b"\0\x04"  # the state: running
    return b"".join(
        (
            b"SunS",
            (1).to_bytes(2) + _COMMON_WORDS.to_bytes(2) + common,
            (103).to_bytes(2) + _INVERTER_WORDS.to_bytes(2) + bytes(values),
            b"\xff\xff\x00\x00",
        )
    )


class Inverter(asyncio.Protocol):
    """One connection to a device that answers each request after the same time."""

    def __init__(self, latency_s: float, memory: bytes) -> None:
        self._latency_s = latency_s
        self._memory = memory
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer one read of registers; the client sends whole requests, one at a time."""
        address, count = int.from_bytes(data[8:10]), int.from_bytes(data[10:12])
        start = 2 * (address - _BASE)
        found = self._memory[start : start + 2 * count] if start >= 0 else b""
        body = (
            bytes((data[6], 3, 2 * count)) + found if len(found) == 2 * count else bytes((data[6], 0x83, 2))
        )
        answer = data[:4] + len(body).to_bytes(2) + body
        asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, answer)


async def serve(count: int) -> None:
    """Be so many devices, tell their ports, and go on until killed."""
    loop = asyncio.get_running_loop()
    memory = words()

    latencies = [FASTEST_S + (SLOWEST_S - FASTEST_S) * number / (count - 1) for number in range(count)]
    servers = [
        await loop.create_server(partial(Inverter, latency, memory), HOST, 0, backlog=8)
        for latency in latencies
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def devices(count: int) -> AsyncIterator[list[int]]:
    """Run so many devices; give their ports, those of the slowest last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, f"--serve={count}", stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Fleet:
    """What so many devices cost: seconds of a round, CPU seconds of a scrape, memory."""

    devices: int
    alone_s: float
    wall_s: float
    cpu_s: float
    idle_mib: float
    memory_mib: float
    samples: int
    down: int


async def scrape(session: aiohttp.ClientSession, url: str, name: str) -> str:
    """Return the page of a device."""
    async with session.get(f"{url}/probe?target={name}", headers=_TIMEOUT) as answer:
        return await answer.text()


async def measure(folder: Path, environment: Path, ports: Sequence[int]) -> Fleet:
    """Scrape all devices at the same moment, several times."""
    (folder / "run").mkdir(parents=True)
    names = [f"roof{number}" for number in range(len(ports))]
    site = folder / "sunhelm.yml"
    section = {
        name: {"family": "sunspec", "host": HOST, "port": port}
        for name, port in zip(names, ports, strict=True)
    }
    site.write_text(
        yaml.safe_dump({"site": {"name": "bench", "zone": "Europe/Amsterdam"}, "devices": section})
    )
    (port,) = free_ports(1)
    url = f"http://{HOST}:{port}"
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        Processes(folder) as processes,
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(120)) as session,
    ):
        command = exporter_command(environment, site, port)
        await processes.start("exporter", command, answers(HOST, port, "/-/ready"), within_s=60.0)
        pid = processes.pid("exporter")
        idle = memory_mib(pid)
        await asyncio.gather(*(scrape(session, url, name) for name in names))  # they find out what is there
        await asyncio.sleep(_REFRESH_S)
        began = time.perf_counter()
        await scrape(session, url, names[-1])
        alone = time.perf_counter() - began
        walls, cpus, pages = list[float](), list[float](), list[str]()
        for _ in range(ROUNDS):
            await asyncio.sleep(_REFRESH_S)
            before, began = cpu_s(pid), time.perf_counter()
            pages = await asyncio.gather(*(scrape(session, url, name) for name in names))
            walls.append(time.perf_counter() - began)
            cpus.append((cpu_s(pid) - before) / len(names))
        return Fleet(
            devices=len(names),
            alone_s=alone,
            wall_s=statistics.median(walls),
            cpu_s=statistics.median(cpus),
            idle_mib=idle,
            memory_mib=memory_mib(pid),
            samples=sum(line.startswith("solar_") for line in pages[0].splitlines()),
            down=sum("\nsolar_device_up 1.0\n" not in page for page in pages),
        )


def report(few: Fleet, many: Fleet) -> None:
    """Print what a thousand devices cost beside a hundred."""
    for fleet in (few, many):
        ratio = fleet.wall_s / fleet.alone_s
        print(
            f"{f'{fleet.devices} devices at once':<34}{fleet.wall_s:>9.2f} s    slowest alone"
            f" {fleet.alone_s:.2f} s, ratio {ratio:.2f}, aim {AIMS['wall']:g}; {fleet.down} down,"
            f" {fleet.samples} samples each"
        )
        print(
            f"{'  CPU of a scrape':<34}{fleet.cpu_s * 1e3:>9.2f} ms   memory {fleet.memory_mib:.0f} MiB,"
            f" idle {fleet.idle_mib:.0f}"
        )
    share = (many.memory_mib - few.memory_mib) / (many.devices - few.devices)
    print(
        f"{'a scrape among many, among few':<34}{many.cpu_s / few.cpu_s:>9.2f}      times the CPU, aim"
        f" {AIMS['cpu']:g}"
    )
    print(f"{'memory of one more device':<34}{share * 1024:>9.0f} KiB  aim {AIMS['mib_a_device'] * 1024:.0f}")


async def run(environment: Path) -> None:
    """Measure few and many devices, and print both."""
    fleets: list[Fleet] = []
    for count in DEVICES:
        with tempfile.TemporaryDirectory(prefix="sunhelm-bench-") as folder:
            async with devices(count) as ports:
                fleets.append(await measure(Path(folder), environment, ports))
    report(*fleets)


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--environment", type=Path, default=Path(sys.prefix), help="where the commands are installed"
    )
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.serve) if arguments.serve else run(arguments.environment.absolute()))


if __name__ == "__main__":
    main()
