"""What a scrape of a SunSpec device costs, against prometheus-pysunspec2-exporter. Run by `make bench`.

Both read the same simulated device, one after the other. It reads every model at every scrape; we read at
every scrape what moves, and have the rest in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

import yaml
from bench import HOST, exporter_command, free_ports, line, probe, samples

from sunhelm.cli.processes import Processes
from sunhelm.cli.readiness import answers, takes_connections
from sunhelm.devices.families import load_family

PEER: Final = "pysunspec2_exporter"
_SCHEDULED: Final = 2  # Linux: the low bits of the number of a process' CPU clock


def page(port: int) -> str:
    """Return the page of the other exporter."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def cpu_s(pid: int) -> float:
    """Return the seconds that a process has run, those of threads that have ended among them."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED)


async def cpu_ms(pid: int, scrape: Callable[[], str], rounds: int, refresh_s: float) -> float:
    """Return the CPU milliseconds of a scrape, the median of many."""
    spent = []
    for _ in range(rounds):
        await asyncio.sleep(refresh_s)
        before = cpu_s(pid)
        await asyncio.to_thread(scrape)
        spent.append(cpu_s(pid) - before)
    return statistics.median(spent) * 1e3


async def run(folder: Path, environment: Path, peers: Path, rounds: int) -> None:
    """Measure both and print it."""
    simulator, ours, theirs = free_ports(3)
    (folder / "run").mkdir()
    site, config = folder / "sunhelm.yml", folder / "peer.yml"
    device = {"family": "sunspec", "host": HOST, "port": simulator, "profile": "full"}
    site.write_text(
        yaml.safe_dump({"site": {"name": "bench", "zone": "Europe/Amsterdam"}, "devices": {"roof": device}})
    )
    tcp = {"ipaddr": HOST, "ipport": simulator, "slave_id": 1}
    config.write_text(yaml.safe_dump({"devices": [{"tcp": tcp}]}))
    refresh_s = load_family("sunspec").spec.refresh
    simulate = [str(environment / "bin" / "sunhelm"), "simulate", f"--host={HOST}", f"--port={simulator - 2}"]
    peer = [str(peers / PEER / "bin" / "prometheus_pysunspec2_exporter"), str(config)]
    async with Processes(folder) as processes:
        await processes.start(
            "simulator", [*simulate, "--families=sunspec", "--seed=7"], takes_connections(HOST, simulator)
        )
        await processes.start(
            "ours", exporter_command(environment, site, ours), answers(HOST, ours, "/-/ready")
        )
        await processes.start(
            "theirs", [*peer, "--address", HOST, "--port", str(theirs)], answers(HOST, theirs, "/metrics")
        )
        counts = [samples(probe(ours, "roof")), samples(page(theirs))]
        mine = await cpu_ms(processes.pid("ours"), lambda: probe(ours, "roof"), rounds, refresh_s)
        other = await cpu_ms(processes.pid("theirs"), lambda: page(theirs), rounds, refresh_s)
    line("CPU of a SunSpec scrape", f"{mine:.2f} ms", f"{counts[0]} samples; median of {rounds}")
    line("CPU of prometheus-pysunspec2-exporter", f"{other:.2f} ms", f"{counts[1]} samples")
    line("ratio a scrape", f"{mine / other:.2f}", f"a sample {mine / counts[0] / (other / counts[1]):.2f}")


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="scrapes to measure CPU on (%(default)s)")
    parser.add_argument(
        "--environment", type=Path, default=Path(sys.prefix), help="where the commands are installed"
    )
    parser.add_argument("--peers", type=Path, required=True, help="where scripts/peers made environments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sunhelm-bench-") as folder:
        asyncio.run(
            run(
                Path(folder),
                arguments.environment.absolute(),
                arguments.peers.absolute(),
                arguments.rounds,
            )
        )


if __name__ == "__main__":
    main()
