"""The routes of the exporter."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import SplitResult

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.debug import debug_page
from exporter.discovery import target_groups
from exporter.exposition import Joined, done, json_response, metrics_response, text_response
from exporter.flight import Answer, Grounded
from exporter.instruments import Instruments
from exporter.metrics import Page, Scrape
from exporter.probe import (
    BadRequest,
    Probed,
    UnknownTarget,
    find_target,
    parse_probe,
    parse_reading,
    probe,
    scrape_timeout,
)
from exporter.readings import reading_json
from exporter.targets import Target, Targets
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.links.trace import watched
from sunhelm.devices.reading import Reading
from sunhelm.service.landing import LandingLink, landing_page
from sunhelm.service.logs import heard

_OWN_SAMPLES: Final = 64

_DESCRIPTION: Final = (
    "Reads home-solar equipment when it is asked. Add &debug=true to a probe to see how it went; the same"
    " reading as JSON is at /api/v1/readings/NAME."
)
_PAGES: Final = (
    ("/metrics", "Metrics of this process."),
    ("/sd", "All devices, for http_sd_configs of Prometheus."),
    ("/-/healthy", "Whether this process lives."),
    ("/-/ready", "Whether it can be scraped."),
)

_HOST: Final = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


async def _nothing_to_wait_for() -> None:
    """Every device is named in the site file."""


@dataclass(slots=True)
class Exporter:
    """All that the routes share.

    `external_url` is where others reach this exporter when that is not where it listens. `all_devices`
    puts every device on `/metrics`. `timeout_offset_s` is taken off what Prometheus allows.
    `before_discovery` returns when the devices that no site file names have been looked for.
    """

    targets: Targets
    instruments: Instruments
    external_url: SplitResult | None = None
    all_devices: bool = False
    timeout_offset_s: float = 0.5
    clock: Clock = SYSTEM_CLOCK
    before_discovery: Callable[[], Awaitable[None]] = _nothing_to_wait_for

    async def probe(self, target: Target, timeout_s: float, groups: frozenset[str] | None = None) -> Probed:
        """Ask one target, and count what came of it."""
        probed = await probe(target, timeout_s, self.clock, groups)
        self.instruments.probed(probed.answer)
        return probed

    async def page(self, probes: Sequence[Probed], *, labelled: bool) -> Page:
        """Return the page of these probes, with the labels of their devices or without."""

        def build() -> tuple[Page, list[int]]:
            page = Page()
            return page, [
                page.add(probed.answer.reading, probed.scrape, probed.target.labels if labelled else None)
                for probed in probes
            ]

        samples = sum(len(probed.answer.reading.samples) for probed in probes)
        page, dropped = await done(build, samples=samples)
        for probed, count in zip(probes, dropped, strict=True):
            self.instruments.dropped(probed.target.name, count)
        return page


EXPORTER: Final = web.AppKey("exporter", Exporter)


def add_exporter(app: web.Application, exporter: Exporter) -> None:
    """Add the routes to an application; closing it cancels all reads and closes all devices."""
    app.middlewares.append(_refuse)
    app[EXPORTER] = exporter
    app.add_routes(
        [
            web.get("/", _landing),
            web.get("/probe", _probe),
            web.get("/metrics", _metrics),
            web.get("/sd", _discovery),
            web.get("/api/v1/readings/{name}", _reading),
        ]
    )
    app.on_shutdown.append(_close)


async def _close(app: web.Application) -> None:
    await app[EXPORTER].targets.close()


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what is wrong with a request into its status."""
    try:
        return await handler(request)
    except BadRequest as error:
        return _refusal(400, str(error))
    except UnknownTarget as error:
        return _refusal(404, str(error))
    except Grounded:
        return _refusal(503, "the configuration has just changed, or the exporter ends; ask again")


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")


async def _landing(request: web.Request) -> web.Response:
    exporter = request.app[EXPORTER]
    prefix = "" if exporter.external_url is None else exporter.external_url.path.rstrip("/")
    devices = [
        LandingLink(
            f"{prefix}/probe?target={name}",
            f"/probe?target={name}",
            f"{target.labels['family']}, site {target.labels['site']}",
        )
        for name, target in exporter.targets.items()
    ]
    pages = [LandingLink(f"{prefix}{path}", path, text) for path, text in _PAGES]
    return landing_page("Sunhelm exporter", _DESCRIPTION, devices + pages)


async def _probe(request: web.Request) -> web.Response:
    exporter = request.app[EXPORTER]
    asked = parse_probe(request.query)
    timeout_s = scrape_timeout(request.headers, exporter.timeout_offset_s)
    if asked.target not in exporter.targets:
        timeout_s = await _looked_for(exporter, timeout_s)
    target = find_target(exporter.targets, asked.target)
    with ExitStack() as stack:
        requests = stack.enter_context(watched()) if asked.debug else []
        lines = stack.enter_context(heard()) if asked.debug else []
        probed = await exporter.probe(target, timeout_s, asked.groups)
    page = await exporter.page([probed], labelled=False)
    if asked.debug:
        content = partial(debug_page, probed, page, requests, lines)
        return await text_response(request, content, samples=len(page))
    return await metrics_response(request, partial(target.texts.write, page), samples=len(page))


async def _looked_for(exporter: Exporter, timeout_s: float) -> float:
    """Wait for devices that no site file names, no longer than the time; return what is left of it."""
    began = exporter.clock.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await exporter.before_discovery()
    return max(0.0, timeout_s - (exporter.clock.monotonic() - began))


async def _reading(request: web.Request) -> web.Response:
    exporter = request.app[EXPORTER]
    groups = parse_reading(request.query)
    timeout_s = scrape_timeout(request.headers, exporter.timeout_offset_s)
    target = find_target(exporter.targets, request.match_info["name"])
    probed = await exporter.probe(target, timeout_s, groups)
    samples = len(probed.answer.reading.samples)
    return await json_response(request, partial(reading_json, probed), samples=samples)


async def _metrics(request: web.Request) -> web.Response:
    exporter = request.app[EXPORTER]
    probes: Sequence[Probed] = ()
    if exporter.all_devices:
        probes = await _probe_all(exporter, scrape_timeout(request.headers, exporter.timeout_offset_s))
    page = await exporter.page(probes, labelled=True)
    everything = Joined(exporter.instruments.registry, page)
    samples = len(page) + _OWN_SAMPLES
    return await metrics_response(request, lambda form: form.encode(everything), samples=samples)


async def _probe_all(exporter: Exporter, timeout_s: float) -> list[Probed]:
    """Ask all targets at once; one whose read crashed is down, and costs the others nothing."""
    targets = list(exporter.targets.values())
    began = exporter.clock.monotonic()
    results = await asyncio.gather(
        *(exporter.probe(target, timeout_s) for target in targets), return_exceptions=True
    )
    probed: list[Probed] = []
    for target, result in zip(targets, results, strict=True):
        match result:
            case Probed():
                probed.append(result)
            case Exception():
                nothing = Reading(target.name, exporter.clock.time(), (), {})
                scrape = Scrape(exporter.clock.monotonic() - began, timeout_s)
                probed.append(Probed(target, Answer(nothing), scrape))
            case _:
                raise result
    return probed


async def _discovery(request: web.Request) -> web.Response:
    exporter = request.app[EXPORTER]
    await exporter.before_discovery()
    here = exporter.external_url or _own_address(request)
    return await json_response(request, partial(target_groups, exporter.targets.values(), here))


def _own_address(request: web.Request) -> SplitResult:
    """Return where the client has reached us, which is what its Host header says."""
    host = request.headers.get("Host", "")
    if not _HOST.fullmatch(host):
        raise BadRequest("Host: not the name or address of a host, with or without a port")
    return SplitResult(request.scheme, host, "", "", "")
