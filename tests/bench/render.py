"""How pages of 300, 10 000 and 100 000 samples are made, and whether others are kept waiting meanwhile.

The exporter's application serves a device that answers at once. The client is a process of its own; a
task in the application's event loop wakes every millisecond and notes how late it was. Run by `make bench`.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from exporter.app import Exporter, add_exporter
from exporter.flight import Flight
from exporter.instruments import Instruments
from exporter.targets import Target, Targets, target_labels
from sunhelm.devices.clock import Deadline
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Outcome, Reading, Sample
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.process import keep_for_good
from sunhelm.service.web import create_application

HOST: Final = "127.0.0.1"
SIZES: Final = (300, 10_000, 100_000)
AIMS_MS: Final = {300: 50.0, 10_000: 50.0, 100_000: 50.0}
"""The worst that another request may be kept waiting for a page: less than anybody notices."""

_SERIES_A_METRIC: Final = 20
_TICK_S: Final = 0.001
_CLIENT: Final = """
import sys, time, urllib.request
url, accept, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip", "Accept": accept})
for _ in range(rounds):
    began = time.perf_counter()
    body = urllib.request.urlopen(request, timeout=120).read()
    print(time.perf_counter() - began, len(body), flush=True)
    time.sleep(0.05)
"""
_OPENMETRICS: Final = "application/openmetrics-text;version=1.0.0"


@dataclass(slots=True)
class Device:
    """A device that answers at once, always the same."""

    name: str
    samples: tuple[Sample, ...]

    async def read(self, deadline: Deadline, groups: Collection[str] | None = None) -> Reading:
        """Return the samples, with the time of now."""
        del deadline, groups
        now = time.time()
        return Reading(self.name, now, self.samples, {"live": Outcome(taken_at=now, requests=1)})

    async def close(self) -> None:
        """Nothing is open."""


def samples(count: int) -> tuple[Sample, ...]:
    """Return so many samples, twenty of each quantity."""
    quantities = [
        Quantity(f"bench_value_{number}", "volts", "gauge", "Voltage of a cell of a battery.", ("cell",))
        for number in range(-(-count // _SERIES_A_METRIC))
    ]
    return tuple(
        Sample(
            quantities[number // _SERIES_A_METRIC],
            3.2 + number / 7,
            (str(number % _SERIES_A_METRIC),),
            f"holding {number} cell_{number}",
            "live",
        )
        for number in range(count)
    )


def exporter_of(count: int) -> Exporter:
    """Return an exporter of one device with so many samples."""
    targets = Targets({})
    instruments = Instruments(ProcessMetrics("sunhelm_exporter"), targets)
    flight = Flight(Device("bench", samples(count)), refresh_s=0.0, deadline_s=30.0)
    labels = target_labels("bench", "bench", "victron")
    targets.replace({"bench": Target("bench", labels, flight, interval_s=15.0, timeout_s=10.0)})
    instruments.follow(targets)
    return Exporter(targets, instruments)


@asynccontextmanager
async def served(exporter: Exporter) -> AsyncIterator[str]:
    """Serve the exporter in this event loop; give its URL."""
    application = create_application(Health("bench"))
    add_exporter(application, exporter)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    yield f"http://{HOST}:{runner.addresses[0][1]}"
    await runner.cleanup()


@dataclass(slots=True)
class Lag:
    """How late the event loop was, at worst, since it was last asked."""

    worst_s: float = 0.0

    async def watch(self) -> None:
        """Notice every lag; never ends."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            self.worst_s = max(self.worst_s, time.perf_counter() - before - _TICK_S)


async def measure(url: str, accept: str, rounds: int, lag: Lag) -> tuple[float, int, float, float]:
    """Return the usual wall time of a page, its bytes, the worst lag of any, and CPU seconds of one."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLIENT, url, accept, str(rounds), stdout=asyncio.subprocess.PIPE
    )
    assert client.stdout is not None
    walls: list[float] = []
    size, worst = 0, 0.0
    await client.stdout.readline()  # the first finds out what is kept afterwards
    lag.worst_s = 0.0
    before = resource.getrusage(resource.RUSAGE_SELF)
    async for told in client.stdout:
        wall, length = told.split()
        walls.append(float(wall))
        size, worst, lag.worst_s = int(length), max(worst, lag.worst_s), 0.0
    after = resource.getrusage(resource.RUSAGE_SELF)
    await client.wait()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return statistics.median(walls), size, worst, cpu / len(walls)


async def run() -> None:
    """Measure every size in every form, and print it."""
    lag = Lag()
    watcher = asyncio.create_task(lag.watch())
    keep_for_good()
    await asyncio.sleep(0.2)
    print(f"{'worst lag of an idle event loop':<34}{lag.worst_s * 1e3:>9.1f} ms")
    for count in SIZES:
        async with served(exporter_of(count)) as url:
            for form, path, accept in (
                ("text", "/probe?target=bench", "*/*"),
                ("OpenMetrics", "/probe?target=bench", _OPENMETRICS),
                ("JSON", "/api/v1/readings/bench", "*/*"),
            ):
                rounds = 21 if count < max(SIZES) else 6
                wall, size, worst, cpu = await measure(f"{url}{path}", accept, rounds, lag)
                what = f"{count} samples, {form}"
                aim = AIMS_MS[count]
                print(
                    f"{what:<34}{wall * 1e3:>9.1f} ms   {size / 1024:.0f} KiB gzip, {cpu * 1e3:.1f} ms CPU,"
                    f" {wall / count * 1e6:.2f} us a sample; worst lag {worst * 1e3:.1f} ms,"
                    f" aim {aim:g}, ratio {worst * 1e3 / aim:.2f}"
                )
        gc.collect()
    watcher.cancel()


if __name__ == "__main__":
    asyncio.run(run())
