"""What a scrape of the exporter costs, against what is possible. Run by `make bench`.

The device is simulated. One configured device is reached through a proxy that counts and keeps the
requests; the other directly, for the measurement of CPU. A plain asyncio loop then sends the very same
frames: what the exporter needs beyond that is what it adds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Final

import yaml

from sunhelm.cli.processes import Processes
from sunhelm.cli.readiness import answers, takes_connections
from sunhelm.devices.families import RegisterFamily, load_family
from sunhelm.devices.registers.register import Register, RegisterMap

HOST: Final = "127.0.0.1"
HEADER: Final = 6
AIMS: Final = {"cpu_ms": 3.0, "cpu_samples": 300, "ready_s": 1.0, "memory_mib": 60.0}


@dataclass
class Proxy:
    """Passes a connection on, and keeps the requests that went through."""

    target: int
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device_reader, device_writer = await asyncio.open_connection(HOST, self.target)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await frame(reader)
                self.requests.append(request)
                device_writer.write(request)
                writer.write(await frame(device_reader))
        device_writer.close()
        writer.close()


async def frame(reader: asyncio.StreamReader) -> bytes:
    """Return one Modbus TCP frame, its header says how long it is."""
    header = await reader.readexactly(HEADER)
    return header + await reader.readexactly(int.from_bytes(header[4:6], "big"))


def spans(requests: Sequence[bytes]) -> list[tuple[int, int, int]]:
    """Return unit, address and count of each read request."""
    return [
        (request[6], int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big"))
        for request in requests
    ]


def islands(registers: RegisterMap) -> list[tuple[int, int]]:
    """Return the runs of readable registers."""
    runs: list[tuple[int, int]] = []
    for register in sorted(registers.registers, key=lambda each: each.address):
        if register.access == "w":
            continue
        if runs and register.address <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], register.end))
        else:
            runs.append((register.address, register.end))
    return runs


def wanted(registers: RegisterMap, groups: frozenset[str]) -> list[Register]:
    """Return the registers that a steady scrape is after."""
    return [
        each
        for each in registers.registers
        if each.group in groups and each.profile == "core" and each.access != "w" and not each.instead_of
    ]


def fewest(fields: Sequence[Register], runs: Sequence[tuple[int, int]], words: int) -> int:
    """Return the fewest requests that cover the fields: filling each request to the end is the best."""
    requests, start, limit = 0, 0, -1
    for register in sorted(fields, key=lambda each: each.address):
        run = next(run for run in runs if run[0] <= register.address < run[1])
        if register.end > limit or register.address < start:
            requests += 1
            start, limit = register.address, min(register.address + words, run[1])
    return requests


def cpu_s(pid: int) -> float:
    """Return the seconds that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def probe(port: int, device: str) -> str:
    """Return the page of a device."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/probe?target={device}", timeout=30) as answer:
        return str(answer.read().decode())


def samples(page: str) -> int:
    """Return how many samples a page has."""
    return sum(1 for line in page.splitlines() if line and not line.startswith("#"))


async def bare_loop_s(requests: Sequence[bytes], port: int, rounds: int) -> float:
    """Return the CPU seconds that sending these frames takes a plain asyncio loop, once."""
    reader, writer = await asyncio.open_connection(HOST, port)
    began = time.process_time()
    for _ in range(rounds):
        for request in requests:
            writer.write(request)
            await frame(reader)
    spent = time.process_time() - began
    writer.close()
    return spent / rounds


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens at."""
    sockets = [create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def exporter_command(environment: Path, site: Path, port: int) -> list[str]:
    """Return how the exporter is started."""
    return [
        str(environment / "bin" / "sunhelm-exporter"),
        f"--config.file={site}",
        f"--web.listen-address={HOST}:{port}",
        f"--runtime.directory={site.parent / 'run'}",
    ]


async def time_to_ready_s(command: Sequence[str], port: int) -> float:
    """Return the seconds from the start of the exporter until it says that it is ready."""
    ready = answers(HOST, port, "/-/ready")
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    while not await ready():
        assert process.returncode is None, "the exporter ended"
    took = time.perf_counter() - began
    process.terminate()
    await process.wait()
    return took


def line(what: str, value: str, against: str) -> None:
    """Print one result."""
    print(f"{what:<34}{value:>12}   {against}")


def report_requests(proxy: Proxy) -> None:
    """Print the requests of a scrape against the fewest possible and one a register."""
    family = load_family("victron")
    assert isinstance(family, RegisterFamily)
    sent = spans(proxy.requests)
    groups = frozenset(group for group, period in family.spec.tiers.items() if not period)
    least = fields = 0
    for part in family.spec.parts:
        registers = family.map_of(part)
        runs = islands(registers)
        for unit in part.units:
            if any(each[0] == unit and any(start <= each[1] < end for start, end in runs) for each in sent):
                targets = wanted(registers, groups)
                least += fewest(targets, runs, family.spec.read.words)
                fields += len(targets)
    line("requests a scrape", str(len(sent)), f"fewest possible {least}, ratio {len(sent) / least:.2f}")
    line("", "", f"one a register {fields}, ratio {len(sent) / fields:.3f}")
    line("registers a scrape", str(sum(count for _, _, count in sent)), "")


async def report_cpu(pid: int, port: int, proxy: Proxy, rounds: int, refresh_s: float) -> None:
    """Print the CPU of a scrape against a plain loop with the same frames."""
    page = await asyncio.to_thread(probe, port, "direct")
    count = samples(page)
    spent = []
    for _ in range(rounds):
        await asyncio.sleep(refresh_s)
        before = cpu_s(pid)
        await asyncio.to_thread(probe, port, "direct")
        spent.append(cpu_s(pid) - before)
    scrape_ms = statistics.median(spent) * 1e3
    bare_ms = await bare_loop_s(proxy.requests, proxy.target, 200) * 1e3
    added = scrape_ms - bare_ms
    line("CPU of a scrape", f"{scrape_ms:.2f} ms", f"{count} samples; median of {rounds}")
    line("CPU of the same frames, bare", f"{bare_ms:.2f} ms", f"ratio {scrape_ms / bare_ms:.1f}")
    per_300 = added * AIMS["cpu_samples"] / count
    line(
        "CPU added for 300 samples",
        f"{per_300:.2f} ms",
        f"aim {AIMS['cpu_ms']:g}, ratio {per_300 / AIMS['cpu_ms']:.2f}",
    )


async def run(folder: Path, environment: Path, rounds: int) -> None:
    """Measure everything and print it."""
    simulator, exporter, trial = free_ports(3)
    proxy = Proxy(simulator)
    server = await asyncio.start_server(proxy.handle, HOST, 0)
    (folder / "run").mkdir()
    site = folder / "sunhelm.yml"
    device = {"family": "victron", "host": HOST}
    ports = {"counted": server.sockets[0].getsockname()[1], "direct": simulator}
    site.write_text(
        yaml.safe_dump(
            {
                "site": {"name": "bench", "zone": "Europe/Amsterdam"},
                "devices": {name: device | {"port": port} for name, port in ports.items()},
            }
        )
    )
    refresh_s = load_family("victron").spec.refresh
    async with server, Processes(folder) as processes:
        simulate = [
            str(environment / "bin" / "sunhelm"),
            "simulate",
            f"--host={HOST}",
            f"--port={simulator}",
            "--families=victron",
            "--seed=7",
        ]
        await processes.start("simulator", simulate, takes_connections(HOST, simulator))
        starts = [await time_to_ready_s(exporter_command(environment, site, trial), trial) for _ in range(5)]
        await processes.start(
            "exporter", exporter_command(environment, site, exporter), answers(HOST, exporter, "/-/ready")
        )
        pid = processes.pid("exporter")
        idle = memory_mib(pid)
        await asyncio.to_thread(probe, exporter, "counted")
        await asyncio.sleep(refresh_s)
        proxy.requests.clear()
        await asyncio.to_thread(probe, exporter, "counted")
        report_requests(proxy)
        await report_cpu(pid, exporter, proxy, rounds, refresh_s)
        ready = statistics.median(starts)
        line(
            "time to ready", f"{ready:.2f} s", f"aim {AIMS['ready_s']:g}, ratio {ready / AIMS['ready_s']:.2f}"
        )
        aim = AIMS["memory_mib"]
        line("memory, idle", f"{idle:.0f} MiB", f"aim {aim:g}, ratio {idle / aim:.2f}")
        line("memory, after the scrapes", f"{memory_mib(pid):.0f} MiB", "")


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="scrapes to measure CPU on (%(default)s)")
    parser.add_argument(
        "--environment", type=Path, default=Path(sys.prefix), help="where the commands are installed"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sunhelm-bench-") as folder:
        asyncio.run(run(Path(folder), arguments.environment.absolute(), arguments.rounds))


if __name__ == "__main__":
    main()
