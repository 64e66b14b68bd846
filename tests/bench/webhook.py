"""How soon the controller is at a device after a webhook, and what a storm costs. Run by `make bench`.

Each of two hundred devices has a policy of its own, and a port that only notes when somebody connects. A
connection comes after the request for the endpoint's lock, so that the time to it is an upper bound of the
time to the request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from bench import HOST, free_ports, line, memory_mib

from sunhelm.cli.processes import Processes
from sunhelm.cli.readiness import answers

DEVICES: Final = 200
APART_S: Final = 0.05
AIM_MS: Final = 50.0
STORM_S: Final = 10.0
STORM_A_SECOND: Final = 200
TOKEN: Final = "token-of-the-bench"


def firing(name: str, fingerprint: str) -> bytes:
    """Return a delivery of one alert."""
    alert = {
        "status": "firing",
        "labels": {"alertname": name},
        "annotations": {},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": fingerprint,
    }
    return json.dumps({"version": "4", "status": "firing", "alerts": [alert]}).encode()


def site(ports: dict[str, int]) -> dict[str, Any]:
    """Return a site file with a policy for each device."""
    terms = {"action": "limit_export", "with": {"limit": "0W"}, "lease": "10m", "max_life": "24h"}
    return {
        "site": {"name": "bench", "zone": "Europe/Amsterdam"},
        "devices": {
            name: {
                "family": "victron",
                "host": HOST,
                "port": port,
                "control": {"enabled": True, "allow": ["limit_export"]},
            }
            for name, port in ports.items()
        },
        "alertmanager": {
            "repeat_interval": "1m",
            "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
        },
        "policies": {name: {"match": {"alertname": name}, "device": name, **terms} for name in ports},
    }


class Doors:
    """The ports of the devices: they note the first connection, and say nothing."""

    def __init__(self) -> None:
        self.came_at: dict[str, asyncio.Future[float]] = {}
        self.servers: list[asyncio.Server] = []

    async def open(self, name: str) -> int:
        """Open the door of a device and return its port."""
        came = self.came_at[name] = asyncio.get_running_loop().create_future()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not came.done():
                came.set_result(time.perf_counter())
            await reader.read()
            writer.close()

        server = await asyncio.start_server(connected, HOST, 0)
        self.servers.append(server)
        return int(server.sockets[0].getsockname()[1])


async def deliver(session: aiohttp.ClientSession, body: bytes) -> tuple[float, float]:
    """Deliver; return when it was sent and when it was answered. An answer other than 200 ends the bench."""
    sent_at = time.perf_counter()
    async with session.post("/api/v1/webhook", data=body) as answer:
        assert answer.status == 200, await answer.text()
    return sent_at, time.perf_counter()


def percentile(values: list[float], share: int) -> float:
    """Return the value below which so many of a hundred lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


async def report_way(session: aiohttp.ClientSession, doors: Doors) -> None:
    """Print how long it takes from an accepted webhook to the device."""
    waits: list[float] = []
    for name, came in doors.came_at.items():
        sent_at, _ = await deliver(session, firing(name, name))
        waits.append((await asyncio.wait_for(came, 30.0) - sent_at) * 1e3)
        await asyncio.sleep(APART_S)
    middle, last = statistics.median(waits), percentile(waits, 99)
    line("webhook to the device, p50", f"{middle:.1f} ms", f"{len(waits)} devices")
    line("webhook to the device, p99", f"{last:.1f} ms", f"aim {AIM_MS:g}, ratio {last / AIM_MS:.2f}")


async def report_storm(session: aiohttp.ClientSession, pid: int) -> None:
    """Print how soon each of many webhooks is answered, and what memory they take."""
    before = memory_mib(pid)
    tasks: list[asyncio.Task[tuple[float, float]]] = []
    began = time.perf_counter()
    for number in range(int(STORM_S * STORM_A_SECOND)):
        await asyncio.sleep(max(0.0, began + number / STORM_A_SECOND - time.perf_counter()))
        tasks.append(asyncio.create_task(deliver(session, firing("device_0", f"storm-{number}"))))
    waits = [(answered - sent) * 1e3 for sent, answered in await asyncio.gather(*tasks)]
    line(
        f"{STORM_A_SECOND} webhooks a second, p99",
        f"{percentile(waits, 99):.1f} ms",
        f"{len(waits)} answered, the slowest after {max(waits):.0f} ms",
    )
    line("memory they took", f"{memory_mib(pid) - before:.0f} MiB", f"from {before:.0f} MiB")


async def run(folder: Path, environment: Path) -> None:
    """Measure everything and print it."""
    doors = Doors()
    ports = {f"device_{number}": await doors.open(f"device_{number}") for number in range(DEVICES)}
    (folder / "sunhelm.yml").write_text(json.dumps(site(ports)))
    (folder / "token").write_text(TOKEN)
    (port,) = free_ports(1)
    command = [
        str(environment / "bin" / "sunhelm-controller"),
        f"--config.file={folder / 'sunhelm.yml'}",
        f"--web.listen-address={HOST}:{port}",
        f"--state.directory={folder / 'state'}",
        f"--runtime.directory={folder / 'run'}",
        f"--web.bearer-token-file={folder / 'token'}",
    ]
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with Processes(folder) as processes:
        await processes.start("controller", command, answers(HOST, port, "/-/ready"), within_s=60.0)
        async with aiohttp.ClientSession(f"http://{HOST}:{port}", headers=headers) as session:
            await deliver(session, firing("Watchdog", "heartbeat"))
            await report_way(session, doors)
            await report_storm(session, processes.pid("controller"))
    for server in doors.servers:
        server.close()


def main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--environment", type=Path, default=Path(sys.prefix), help="where the commands are installed"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sunhelm-bench-") as folder:
        asyncio.run(run(Path(folder), arguments.environment.absolute()))


if __name__ == "__main__":
    main()
