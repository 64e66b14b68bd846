"""Days of a simulated house, as Prometheus would have scraped them: read over the wire, in no time.

The simulator plays the device on its own protocol, the library reads it, and the exporter's own page says
how the series look. Only the clock is ours, and it jumps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Literal, TextIO
from zoneinfo import ZoneInfo

from structlog.testing import capture_logs

from dashboards.preview.batteries import batteries
from dashboards.preview.commands import commands
from dashboards.preview.companions import EXPORT_LIMIT_W, companions
from dashboards.preview.inverters import inverters
from dashboards.preview.schedules import schedules
from exporter.metrics import Page, Scrape
from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.victron import VictronFace
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.site import SimulatedSite

Mode = Literal["discovered", "shared"]
"""How Prometheus came to the series: a target for each device, or one page for all of them."""

STEP_S: Final = 120
"""Seconds between two scrapes."""

SEED: Final = 3
"""Of weather and habits."""

DEVICE: Final = "victron"
"""The one device of the house, named after its family."""

_LABELS: Final[Mapping[str, str]] = {"site": "home", "device": DEVICE, "family": DEVICE}
_EXPORTER: Final[Mapping[str, str]] = {"instance": "127.0.0.1:10480", "job": "sunhelm"}
_SCRAPE: Final = Scrape(duration_s=0.2, timeout_s=9.5)


@dataclass(frozen=True, slots=True)
class Span:
    """The time from `begin` to `end`, in Unix time."""

    begin: int
    end: int

    @classmethod
    def of_days(cls, days: int, *, end: float) -> Span:
        """Return so many days that end at the last whole minute."""
        last = int(end) // 60 * 60
        return cls(last - days * 86_400, last)

    def scrapes(self) -> range:
        """Return when Prometheus scrapes."""
        return range(self.begin, self.end + 1, STEP_S)


class _JumpingClock:
    """A clock that stands still while a device is read."""

    def __init__(self, time: float) -> None:
        self.now = time

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass(slots=True)
class History:
    """Every sample that the span brought, by metric family."""

    span: Span
    kinds: dict[str, str] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, page: Page, time: int) -> None:
        """Add what a scrape found on the page at a time, but for the vendor's own metrics."""
        for metric in page.collect():
            if metric.name.startswith(f"solar_{DEVICE}_"):
                continue
            self.kinds[metric.name] = metric.type
            lines = self.lines.setdefault(metric.name, [])
            for sample in metric.samples:
                labels = {**sample.labels, **_EXPORTER}
                lines.append(f"{_series(sample.name, labels)} {sample.value!r} {time}\n")

    def add_companions(self) -> None:
        """Add what else is known beside the house."""
        times = self.span.scrapes()
        known = chain(
            companions(DEVICE, times),
            schedules(DEVICE, times),
            inverters(DEVICE, times, SEED),
            batteries(DEVICE, times, SEED),
            commands(DEVICE, times),
        )
        for name, labels, value, time in known:
            self.lines.setdefault(name, []).append(f"{_series(name, labels)} {value!r} {time}\n")

    def write(self, file: TextIO, mode: Mode) -> None:
        """Write it as OpenMetrics."""
        target = {**_LABELS, **_EXPORTER} if mode == "discovered" else _EXPORTER
        up = [f"{_series('up', target)} 1 {time}\n" for time in self.span.scrapes()]
        for name, lines in {**self.lines, "up": up}.items():
            file.write(f"# TYPE {name} {self.kinds.get(name, 'gauge')}\n")
            file.writelines(lines)
        file.write("# EOF\n")


async def lived_through(span: Span) -> History:
    """Let the house live through the span, and scrape its device all the while."""
    history = History(span)
    clock = _JumpingClock(float(span.begin))
    # At this speed the plant takes one step from scrape to scrape.
    house = SimulatedSite(seed=SEED, start=span.begin, speed=STEP_S * 1000.0, faces=[DEVICE], live=False)
    async with house:
        _limit_export(house)
        config = DeviceConfig(name=DEVICE, family=DEVICE, host=house.host, port=house.endpoints[DEVICE].port)
        device = Device(config, Site(name="home", zone=ZoneInfo("UTC")), clock=clock)
        try:
            with capture_logs():
                for time in span.scrapes():
                    clock.now = float(time)
                    page = Page()
                    page.add(await device.read(Deadline.after(_SCRAPE.timeout_s, clock)), _SCRAPE, _LABELS)
                    history.add(page, time)
                    await house.advance(STEP_S)
        finally:
            await device.close()
    history.add_companions()
    return history


def _limit_export(house: SimulatedSite) -> None:
    """Have the device tell a limit, as an owner sets it."""
    endpoint = house.endpoints[DEVICE]
    assert isinstance(endpoint, ModbusServer)
    assert isinstance(endpoint.face, VictronFace)
    endpoint.face.controls.values["feed_in_limit"] = EXPORT_LIMIT_W


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"
