"""The routes of the page. Showing changes nothing; what changes something is a form, asked for twice."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from controllers.api.problems import STATUS, Refusal
from controllers.api.requests import Requests, Said
from controllers.journal.journal import JournalError
from controllers.page.deeds import Deed, DeedOf, end_hold, ev_mode, hold, release
from controllers.page.forms import fields_of, not_our_form
from controllers.page.tokens import BadToken, Tokens, UsedToken
from controllers.page.view import EV_MODES, MOST_EVENTS, View
from controllers.people import People, Refused
from sunhelm import __version__
from sunhelm.service.access import VISITOR

REFRESH_S: Final = 10

_DURATIONS: Final = {
    "30min": ("30 minutes", 1800.0),
    "1h": ("1 hour", 3600.0),
    "2h": ("2 hours", 7200.0),
    "6h": ("6 hours", 21_600.0),
    "24h": ("1 day", 86_400.0),
    "7d": ("7 days", 604_800.0),
}
_TOLD: Final = {
    "released": "The claim is released.",
    "held": "Alerts make no claims there for now.",
    "hold-ended": "Alerts make claims there again.",
    "ev-mode": "The mode is chosen.",
}


class Backstage(Protocol):
    """What the page needs: the controller as people see it, and the house."""

    @property
    def people(self) -> People:
        """What people may do now."""

    @property
    def requests(self) -> Requests:
        """What they have asked."""

    @property
    def zone(self) -> ZoneInfo:
        """The local time of the house."""

    @property
    def site(self) -> str:
        """The name of the house."""

    def now(self) -> float:
        """Return the time."""

    def concerns(self) -> Sequence[str]:
        """Return what is wrong around the devices: a sentence each."""


class Page:
    """The page and its forms."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage
        self._tokens = Tokens(backstage.now)
        self._templates = Environment(
            loader=PackageLoader("controllers.page"), autoescape=True, undefined=StrictUndefined
        )
        style = self._templates.get_template("style.css").render()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._style = Markup(style)  # noqa: S704 - it is our own file
        self._headers = {
            hdrs.CACHE_CONTROL: "no-store",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none';"
                " frame-ancestors 'none'"
            ),
            "Referrer-Policy": "same-origin",  # else browsers would not say where a form comes from
        }

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get("/", self._status)
        forms = {
            "/claims/{name}/release": release,
            "/devices/{name}/hold": hold,
            "/devices/{name}/end-hold": end_hold,
            **{f"/devices/{{name}}/ev-mode-{mode}": ev_mode(mode) for mode in EV_MODES},
        }
        for path, deed in forms.items():
            app.router.add_get(path, self._ask(deed))
            app.router.add_post(path, self._do(deed))

    async def _status(self, request: web.Request) -> web.Response:
        people, view = self._backstage.people, self._view()
        devices, claims = people.devices(), people.claims()
        try:
            view = replace(view, askers=self._backstage.requests.askers())
            done = await people.history(most=MOST_EVENTS)
            asked = self._backstage.requests.history(device=None, before=None, most=MOST_EVENTS)
            unread = []
        except JournalError as error:
            done, asked, unread = (), [], [f"The journal cannot be read: {error}."]
        told = _TOLD.get(request.query.get("told", ""), "")
        events = sorted([*done, *asked], key=lambda event: event.at, reverse=True)[:MOST_EVENTS]
        return self._page(
            request,
            "status.html",
            title=f"Sunhelm {self._backstage.site}",
            refresh=f"{REFRESH_S}; url=/" if told else str(REFRESH_S),
            told=told,
            notes=[*unread, *self._backstage.concerns(), *view.notes(devices, claims)],
            devices=[view.device(device) for device in devices],
            claims=[view.claim(claim) for claim in claims],
            schedules=[view.schedule(schedule) for schedule in people.schedules()],
            events=[view.event(event) for event in events],
        )

    def _ask(self, deed_of: DeedOf) -> Handler:
        async def ask(request: web.Request) -> web.StreamResponse:
            try:
                deed = deed_of(self._backstage.people, self._view(), request.match_info["name"])
            except Refused as refused:
                return self._refused(request, STATUS[refused.reason], refused.mistakes)
            return self._page(
                request,
                "confirm.html",
                title=deed.question,
                question=deed.question,
                lines=deed.lines,
                button=deed.button,
                action=request.rel_url.raw_path,
                token=self._tokens.make(request[VISITOR], f"{request.path} {deed.about}"),
                durations=[(key, words) for key, (words, _) in _DURATIONS.items()] if deed.lasting else [],
            )

        return ask

    def _do(self, deed_of: DeedOf) -> Handler:
        async def do(request: web.Request) -> web.StreamResponse:
            problem = not_our_form(request)
            if problem is not None:
                return self._refused(request, *problem)
            fields = await fields_of(request)
            token, lasting = fields.get("token", ""), fields.get("for", "1h")
            try:
                deed = deed_of(self._backstage.people, self._view(), request.match_info["name"])
                act = f"{request.path} {deed.about}"
                self._tokens.use(token, request[VISITOR], act)
            except Refused as refused:
                return self._refused(request, STATUS[refused.reason], refused.mistakes)
            except BadToken:
                return self._refused(request, 403, ("The form is too old, or not one of ours. Start again.",))
            except UsedToken:
                raise web.HTTPSeeOther("/") from None
            if lasting not in _DURATIONS:
                return self._refused(request, 400, ("That is none of the times to choose from.",))
            return await self._done(request, deed, lasting)

        return do

    async def _done(self, request: web.Request, deed: Deed, lasting: str) -> web.StreamResponse:
        try:
            said = Said(
                id=None,
                visitor=request[VISITOR],
                operation=request.path.rpartition("/")[2].replace("-", "_"),
                device=deed.device,
                text=(text := f"for={lasting}" if deed.lasting else f"id={request.match_info['name']}"),
                content=text,
            )

            async def act() -> str:
                await deed.do(_DURATIONS[lasting][1])
                return "{}"

            # Whoever closes the page has asked for it all the same.
            answered = await asyncio.shield(self._backstage.requests.once(said, act))
        except Refusal as refusal:
            return self._refused(request, refusal.problem.status, (refusal.problem.detail,))
        except JournalError:
            return self._refused(request, 503, ("The journal takes nothing; nothing was done.",))
        if answered.problem is not None:
            return self._refused(request, answered.problem.status, (answered.problem.detail,))
        raise web.HTTPSeeOther(f"/?told={deed.told}")

    def _refused(self, request: web.Request, status: int, lines: Sequence[str]) -> web.Response:
        return self._page(request, "refused.html", status=status, title="Not done", lines=lines)

    def _page(
        self,
        request: web.Request,
        template: str,
        *,
        status: int = 200,
        **values: Any,  # noqa: ANN401
    ) -> web.Response:
        backstage = self._backstage
        common = {
            "style": self._style,
            "site": backstage.site,
            "visitor": request[VISITOR],
            "version": __version__,
            "time": datetime.fromtimestamp(backstage.now(), backstage.zone).strftime("%Y-%m-%d %H:%M:%S %Z"),
            "refresh": None,
        }
        text = self._templates.get_template(template).render(common | values)
        return web.Response(status=status, text=text, content_type="text/html", headers=self._headers)

    def _view(self) -> View:
        return View(self._backstage.now(), self._backstage.zone)
