"""Hours and days of simulated devices behind a real exporter, lived through in virtual time.

The simulator plays the devices on their own protocols, the exporter's own parts read them and say how the
series look. Only the clock is ours, and it jumps.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from structlog.testing import capture_logs

from dashboards.preview.history import History, Span
from exporter.flight import Answer, Flight
from exporter.instruments import Instruments
from exporter.metrics import Page, Scrape
from exporter.points import Points
from exporter.targets import Target, target_labels
from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device, open_site
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import load_site
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.simulator.faces.prices import PriceServer
from sunhelm.simulator.families import FAMILIES, secret_files, site_file
from sunhelm.simulator.site import SimulatedSite
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

SITE: Final = "home"
_HOST: Final = "127.0.0.1"
_TIMEOUT_S: Final = 20.0
"""What Prometheus allows a scrape (deploy/prometheus.yml)."""

Event = Callable[[SimulatedSite], None]
"""What happens to the devices at a time: an owner sets something, or something breaks."""


def lived_through(
    span: Span,
    faces: Collection[str] = tuple(FAMILIES),
    *,
    seed: int,
    plant_step_s: float = 1.0,
    events: Mapping[int, Event] | None = None,
) -> History:
    """Let devices that look at one plant live through the span, and scrape them all the while.

    `faces` are names of the simulator's families, `plant_step_s` is how coarsely the plant moves, `events`
    happen just before the first scrape that is not earlier than their Unix time.
    """
    life = _Life(span, tuple(faces), seed, plant_step_s, dict(events or {}))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, capture_logs():
        return runner.run(life.history())


class _Life:
    """One run through a span."""

    def __init__(
        self, span: Span, faces: Collection[str], seed: int, plant_step_s: float, events: dict[int, Event]
    ) -> None:
        self.span, self.faces, self.seed, self.plant_step_s, self.events = (
            span,
            faces,
            seed,
            plant_step_s,
            events,
        )
        self.result = History(span)
        self.process = ProcessMetrics("sunhelm_exporter")
        self.points = Points()
        self.targets: dict[str, Target] = {}

    async def history(self) -> History:
        """Return all that was scraped."""
        clock = VirtualClock(float(self.span.begin))
        async with self._house(clock) as house, self._devices(house, clock) as devices:
            self.instruments = Instruments(self.process, self.targets)
            self.targets.update({name: self._target(device, clock) for name, device in devices.items()})
            self.instruments.follow(self.targets)
            self.result.targets.extend(dict(target.labels) for target in self.targets.values())
            for time in self.span.scrapes():
                await clock.sleep(time - clock.time())
                for moment in [moment for moment in self.events if moment <= time]:
                    self.events.pop(moment)(house)
                await house.advance(time - house.plant.time)
                await self._scrape(clock, time)
        return self.result

    @asynccontextmanager
    async def _house(self, clock: VirtualClock) -> AsyncIterator[SimulatedSite]:
        house = SimulatedSite(
            seed=self.seed, start=self.span.begin, faces=self.faces, clock=clock, live=False
        )
        house.plant.step_s = self.plant_step_s
        for endpoint in house.endpoints.values():
            if isinstance(endpoint, PriceServer):
                endpoint.market.unix_time = clock.time
        async with house:
            yield house

    @asynccontextmanager
    async def _devices(
        self, house: SimulatedSite, clock: VirtualClock
    ) -> AsyncIterator[Mapping[str, Device]]:
        ports = {name: endpoint.port for name, endpoint in house.endpoints.items()}
        content = site_file(self.faces, _HOST, ports)
        content["site"]["name"] = SITE
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for name, secret in secret_files(self.faces).items():
                (folder / name).write_text(secret, encoding="utf-8")
            file = folder / "sunhelm.yml"
            file.write_text(json.dumps(content), encoding="utf-8")
            yield await stack.enter_async_context(open_site(load_site(file).site, clock=clock))

    def _target(self, device: Device, clock: VirtualClock) -> Target:
        labels = target_labels(device.name, SITE, device.config.family)

        def listen(reading: Reading) -> None:
            self.instruments.read(labels, reading)
            self.result.points.extend(self.points.lines(labels, reading))

        scrape = device.family.spec.scrape
        flight = Flight(
            device, refresh_s=device.refresh_s, deadline_s=scrape.timeout, listeners=[listen], clock=clock
        )
        return Target(device.name, labels, flight, scrape.interval, scrape.timeout, device.source)

    async def _scrape(self, clock: VirtualClock, time: int) -> None:
        page = Page()
        for name, answer, took_s in await asyncio.gather(
            *(self._probe(target, clock) for target in self.targets.values())
        ):
            self.instruments.probed(answer)
            scrape = Scrape(took_s, _TIMEOUT_S - 0.5, served_again=answer.again)
            page.add(answer.reading, scrape, self.targets[name].labels)
        self.result.add_page(page.collect(), time)
        self.result.add_page(self.instruments.registry.collect(), time)

    async def _probe(self, target: Target, clock: VirtualClock) -> tuple[str, Answer, float]:
        began = clock.monotonic()
        answer = await target.flight.reading(Deadline.after(_TIMEOUT_S - 0.5, clock))
        return target.name, answer, clock.monotonic() - began
