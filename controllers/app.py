"""The routes of the controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from controllers.alerts import BadAlerts, parse_delivery
from controllers.api.bodies import read_json
from controllers.api.problems import Refusal, answer_refusals, refuse, shape_problems
from controllers.controller import Controller
from controllers.journal import JournalError
from controllers.metrics import Counts
from sunhelm.service.landing import LandingLink, landing_page

WEBHOOK: Final = "/api/v1/webhook"
MOST_BODY_BYTES: Final = 8 * 1024 * 1024
"""An alert has about a kilobyte, and a thousand of them may come at once."""

MOST_LEVELS: Final = 16
"""A delivery has four levels; what a later version adds is ignored, but not without end."""

_DESCRIPTION: Final = (
    "Keeps home-solar equipment in the state that firing alerts ask for. Alertmanager delivers them to"
    f" {WEBHOOK}."
)
_LINKS: Final = (
    LandingLink("/metrics", "/metrics", "What is asked, written and observed, and metrics of this process."),
    LandingLink("/-/healthy", "/-/healthy", "Whether this process lives."),
    LandingLink("/-/ready", "/-/ready", "Whether it takes alerts."),
)


@dataclass(slots=True)
class Desk:
    """All that the routes share."""

    controller: Controller
    counts: Counts
    registry: CollectorRegistry


DESK: Final = web.AppKey("desk", Desk)


def add_controller(app: web.Application, desk: Desk) -> None:
    """Add the routes to an application."""
    app[DESK] = desk
    app.middlewares.insert(0, shape_problems)
    app.middlewares.append(answer_refusals)
    app.add_routes([web.get("/", _landing), web.get("/metrics", _metrics), web.post(WEBHOOK, _webhook)])


async def _landing(request: web.Request) -> web.Response:
    del request
    return landing_page("Sunhelm controller", _DESCRIPTION, _LINKS)


async def _metrics(request: web.Request) -> web.Response:
    encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
    page = encode(request.app[DESK].registry)
    return web.Response(body=page, headers={hdrs.CONTENT_TYPE: content_type})


async def _webhook(request: web.Request) -> web.Response:
    """Answer as soon as the alerts are kept; acting on them is another matter."""
    desk = request.app[DESK]
    controller = desk.controller
    try:
        body = await read_json(request, most_bytes=MOST_BODY_BYTES, most_levels=MOST_LEVELS)
        alerts = parse_delivery(body, stamp=controller.clock.time(), seen_at=controller.time.now())
    except Refusal:
        desk.counts.delivered("refused")
        raise
    except BadAlerts as error:
        desk.counts.delivered("refused")
        refuse(400, "malformed", "body", str(error))
    try:
        meant = await controller.inbox.accept(alerts)
    except JournalError:
        desk.counts.delivered("failed")
        raise
    desk.counts.delivered("accepted", meant)
    return web.Response(text=f"{meant} of {len(alerts)} alerts are kept.\n")
