"""The cloud on one port: the sign-in of the API, the API, and the portal, with one house behind it.

Its clock is that of the plant. Live data are those of the last whole minute, as the inverter tells them.
"""

from __future__ import annotations

from typing import Final

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.redback.api import Api
from sunhelm.simulator.faces.redback.inverter import Inverter
from sunhelm.simulator.faces.redback.portal import Portal
from sunhelm.simulator.faces.redback.telemetry import moment
from sunhelm.simulator.faces.spoiling import forgetful, spoilt
from sunhelm.simulator.faults import ExceptionReply, Faults
from sunhelm.simulator.faults.cloud import ExpiredTokens, Maintenance, Refusal, WrongCredentials
from sunhelm.simulator.http_server import HttpRequest, HttpResponse, HttpServer
from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import HTTP_GET, HTTP_OTHER, HTTP_SIGN_IN
from sunhelm.simulator.wire import OnPort

CLIENT_ID: Final = "11111111-2222-3333-4444-555555555555"
SECRET: Final = "inv8Q~invented.secret_value-0+/="  # noqa: S105 - invented, with every sign that needs coding
EMAIL: Final = "owner@example.invalid"
PASSWORD: Final = "invented & only for the simulation"  # noqa: S105 - invented

_TENANT: Final = "/fb46c16c-9144-45e0-87b7-f578abed629f/oauth2/v2.0/token"
_SCOPE: Final = "api://f0ea23e1-8533-44ab-8592-509cff0774da/.default"
_ROOT: Final = "/Api/v"
_MINUTE_S: Final = 60.0
_COUNTER: Final = "AllTimeEnergykWh"


class RedbackCloud(OnPort):
    """The account of one owner; implements `Endpoint`.

    `neighbours` adds a second site with a grid-tie inverter. `expires_in` is the life of a token in seconds.
    While it is `offline` the inverter tells nothing.
    """

    _port: HttpServer

    def __init__(
        self,
        plant: Plant,
        *,
        neighbours: bool = False,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        number = int(chance(plant.seed, "redback") * 1e9)
        self.plant = plant
        self.faults = faults or Faults()
        self.expires_in = 3599
        self.offline = False
        self.inverter = Inverter(plant, f"S{0x7C01D2E94A600 + number % 4096:013x}", f"RB21011{number:09d}")
        self.grid_tie: tuple[str, str] | None = None
        if neighbours:
            self.grid_tie = (f"S{0x0B55E8A1C3D00 + number % 256:013x}", f"RB23061{number:09d}")
        also = () if self.grid_tie is None else self.grid_tie[1:]
        self.portal = Portal(self.inverter, EMAIL, PASSWORD, also)
        self.tokens: dict[str, float] = {}
        self._api = Api(plant, self.inverter, self.grid_tie)
        self._clock = clock
        self._port = HttpServer(
            self._answer, now=lambda: plant.time, kind_of=_kind_of, faults=self.faults, clock=clock
        )
        self.log = self._port.log
        self._reported_at = plant.time
        self._api.report()

    @property
    def paths(self) -> list[str]:
        """Method and path of the last requests, in order."""
        return self._port.paths

    def update(self) -> None:
        """Let the inverter report when its minute is over."""
        if self.plant.time - self._reported_at >= _MINUTE_S and not self.offline:
            self._reported_at = self.plant.time
            self._api.report()

    def _answer(self, request: HttpRequest) -> HttpResponse:
        faults = self.faults
        if (refusal := faults.strikes(Refusal)) is not None:
            return HttpResponse({"Message": "no"}, refusal.status, refusal.headers)
        if faults.strikes(Maintenance):
            return HttpResponse("<html><body><h1>We will be back soon</h1></body></html>")
        if request.method == "POST" and request.path == _TENANT:
            return self._grant(request)
        if request.path.startswith(_ROOT):
            return self._authorized(request)
        if faults.on(ExpiredTokens):
            self.portal.sessions.clear()
        return self.portal.answer(request, refused=faults.on(WrongCredentials) is not None)

    def _authorized(self, request: HttpRequest) -> HttpResponse:
        if not self._is_signed_in(request):
            return HttpResponse({"Message": "Authorization has been denied for this request."}, 401)
        fault = self.faults.strikes(ExceptionReply)
        act = "read" if _kind_of(request) == HTTP_GET else "write"
        if fault is not None and fault.on in (act, "any"):
            return HttpResponse({"Message": "no"}, 503 if fault.code in (5, 6) else 400)
        response = self._api.answer(request, request.path.removeprefix(_ROOT))
        content = response.content
        if self.faults.zero_reads_left and _COUNTER in str(content):
            self.faults.zero_reads_left -= 1
            content = forgetful(content, lambda name: name.endswith(_COUNTER))
        content = spoilt(
            content,
            self.faults,
            lambda seconds: moment(self._reported_at + seconds),
            time="TimestampUtc",
        )
        return HttpResponse(content, response.status, response.headers)

    def _grant(self, request: HttpRequest) -> HttpResponse:
        wrong, form = self.faults.on(WrongCredentials), request.form
        client, secret = form.get("client_id"), form.get("client_secret")
        if client != CLIENT_ID or (wrong is not None and wrong.status == 400):
            return HttpResponse({"error": "unauthorized_client", "error_description": client}, 400)
        if secret != SECRET or wrong is not None:
            text = f"AADSTS7000215: Invalid client secret {secret} provided."
            return HttpResponse({"error": "invalid_client", "error_description": text}, 401)
        if form.get("scope") != _SCOPE or form.get("grant_type") != "client_credentials":
            return HttpResponse({"error": "invalid_scope"}, 400)
        token = f"eyJ0eXAiOiJKV1QifQ.{len(self.log.recent)}.INVENTED"
        self.tokens[token] = self._clock.monotonic() + self.expires_in
        life = {"expires_in": self.expires_in, "ext_expires_in": self.expires_in}
        return HttpResponse({"token_type": "Bearer", **life, "access_token": token})

    def _is_signed_in(self, request: HttpRequest) -> bool:
        expired = self.faults.on(ExpiredTokens)
        if expired is not None:
            self.tokens.clear()
            if not expired.always:
                self.faults.stop(ExpiredTokens)
            return False
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._clock.monotonic() < self.tokens.get(token, float("-inf"))


def _kind_of(request: HttpRequest) -> int:
    if request.method == "GET":
        return HTTP_GET
    return HTTP_SIGN_IN if request.path in (_TENANT, "/Account/Login") else HTTP_OTHER
