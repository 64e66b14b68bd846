"""The routes of the controller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from controllers.api.bodies import read_json
from controllers.api.openapi import WEBHOOK
from controllers.api.problems import Refusal, answer_refusals, refuse, shape_problems
from controllers.api.requests import Requests
from controllers.api.routes import add_api
from controllers.controller import Controller
from controllers.counts import Counts
from controllers.intake.alerts import BadAlerts, parse_delivery
from controllers.journal.journal import JournalError
from controllers.page.routes import Page
from controllers.people import People

MOST_BODY_BYTES: Final = 8 * 1024 * 1024
"""An alert has about a kilobyte, and a thousand of them may come at once."""

MOST_LEVELS: Final = 16
"""A delivery has four levels; what a later version adds is ignored, but not without end."""

_WAITING_S: Final = 30.0
_POLLS: Final = 3


@dataclass(slots=True)
class Desk:
    """All that the routes share, and what the API and the page need of the controller."""

    controller: Controller
    counts: Counts
    registry: CollectorRegistry
    requests: Requests = field(init=False)

    def __post_init__(self) -> None:
        self.requests = Requests(self.controller.journal, self.now)

    @property
    def people(self) -> People:
        """What people may do now."""
        return self.controller.people

    @property
    def zone(self) -> ZoneInfo:
        """The local time of the house."""
        return self.controller.site.zone

    @property
    def site(self) -> str:
        """The name of the house."""
        return self.controller.site.name

    def now(self) -> float:
        """Return the time."""
        return self.controller.time.now()

    def concerns(self) -> tuple[str, ...]:
        """Return what is wrong around the devices: a sentence each."""
        return tuple(self._concerns())

    def _concerns(self) -> Iterator[str]:
        controller, now = self.controller, self.now()
        heartbeat, oldest = controller.ledger.heartbeat, controller.inbox.oldest
        every_s, listed_at = controller.policies.poll_s, controller.listed_at
        if heartbeat is not None and not heartbeat.armed:
            yield "The heartbeat was never seen: whether the alerts still come, nobody knows."
        elif heartbeat is not None and heartbeat.late(now):
            yield "The heartbeat is late: fail-safes hold, for nobody knows which alerts still fire."
        if oldest is not None and now - oldest > _WAITING_S:
            yield "Alerts wait to be judged; the log says why."
        if every_s is not None and listed_at is not None and now - listed_at > _POLLS * every_s:
            yield "Alertmanager does not list its alerts; the log says why."


DESK: Final = web.AppKey("desk", Desk)


def add_controller(app: web.Application, desk: Desk) -> None:
    """Add the routes to an application."""
    app[DESK] = desk
    app.middlewares.insert(0, shape_problems)
    app.middlewares.append(answer_refusals)
    app.add_routes([web.get("/metrics", _metrics), web.post(WEBHOOK, _webhook)])
    add_api(app, desk)
    Page(desk).add_routes(app)


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
