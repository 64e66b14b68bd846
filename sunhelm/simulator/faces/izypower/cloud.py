"""The cloud on a port: its sign-in, what it tells, and what it takes.

Its clock is that of the plant. Live values are those of the last report, which the devices make every three
minutes.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import unquote

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.izypower import telemetry
from sunhelm.simulator.faces.izypower.station import (
    CHARGER,
    INVERTER,
    MASTER,
    METER,
    METER_ID,
    SLAVE,
    STATION,
    House,
    Refused,
)
from sunhelm.simulator.faces.spoiling import forgetful, spoilt
from sunhelm.simulator.faults import ExceptionReply, Faults
from sunhelm.simulator.faults.cloud import ExpiredTokens, Maintenance, Refusal, WrongCredentials
from sunhelm.simulator.http_server import HttpRequest, HttpResponse, HttpServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import HTTP_GET, HTTP_OTHER, HTTP_SIGN_IN
from sunhelm.simulator.wire import OnPort

EMAIL: Final = "owner@example.invalid"
PASSWORD: Final = "invented & only for the simulation"  # noqa: S105 - invented

NEIGHBOUR: Final = 41002
NEIGHBOUR_INVERTER: Final = "YZM0000000091"
ROOT: Final = "/photo_voltaic"
_LOGIN: Final = f"{ROOT}/api/login"
_REPORT_S: Final = 180.0
_LIVE_S: Final = 120.0
_COUNTERS: Final = frozenset(("all", "all1", "all2", "all_in", "all_out"))
_OF_REPORTS: Final = frozenset(
    (
        "energy",
        "total_consumption",
        "consumption",
        "meter_energy_p",
        "meter_energy_n",
        "storage_in",
        "storage_out",
    )
)
_CODES: Final = frozenset(("onlineState", "clusterMode", "ctr_mode", "mode", "controlMode", "value"))
_ORDERS: Final = (
    r"/api/v2/device/(meter/control|yz/battery/\w+|ev/(?:\w+/V2|\w+))/([^/]+)"  # what, and of which device
)

Handler = Callable[..., object]


class IzypowerCloud(OnPort):
    """The account of one owner; implements `Endpoint`.

    `neighbours` adds a second station of the same name. `expires_in` is the life of a token in seconds. While
    it is `offline` the station tells nothing.
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
        self.plant = plant
        self.faults = faults or Faults()
        self.house = House(plant)
        self.neighbours = neighbours
        self.expires_in = 86_400.0
        self.offline = False
        self.broken: set[str] = set()
        self.tokens: dict[str, float] = {}
        self._clock = clock
        self._routes: tuple[tuple[re.Pattern[str], Handler], ...] = tuple(
            (re.compile(pattern), handler)
            for pattern, handler in (
                (r"/api/powerStations/page", self._stations),
                (r"/api/v3/powerStations/info/([^/]+)", self._info),
                (r"/api/report/v2/powerStations/data/([^/]+)", self._report),
                (r"/api/component/([^/]+)", self._strings),
                (r"/api/report/layoutPower/([^/]+)", self._curve),
                (r"/api/device/page", self._devices),
                (r"/api/v3/device/wifi/([^/]+)", self._wifi),
                (r"/api/report/device/data/([^/]+)", self._temperature),
                (r"/api/v3/device/upgrade/([^/]+)", self._updates),
                (r"/izy/v2/battery/([^/]+)", self._battery),
                (r"/izy/v2/meter/([^/]+)", self._meter),
                (r"/izy/v2/ev/([^/]+)", self._charger),
                (r"/api/v2/device/cmd/([^/]+)", self._commands),
                (r"/api/v2/device/baseInfo/([^/]+)", self._base),
                (r"/api/v2/device/ev/intelligentValue/V2/([^/]+)", self._intelligent),
                (r"/api/v2/device/ev/powerDerate/([^/]+)", self._derate),
                (r"/api/v2/device/ev/priority/V2/([^/]+)", self._priority),
            )
        )
        self._port = HttpServer(
            self._answer, now=lambda: plant.time, kind_of=_kind_of, faults=self.faults, clock=clock
        )
        self.log = self._port.log
        self._reported_at = plant.time
        self._reported = telemetry.powers(self.house)

    @property
    def paths(self) -> list[str]:
        """Method and path of the last requests, in order."""
        return self._port.paths

    def update(self) -> None:
        """Let the devices report when their three minutes are over."""
        if self.plant.time - self._reported_at >= _REPORT_S and not self.offline:
            self._reported_at = self.plant.time
            self._reported = telemetry.powers(self.house)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        faults = self.faults
        if (refusal := faults.strikes(Refusal)) is not None:
            return HttpResponse(None, refusal.status, refusal.headers)
        if faults.strikes(Maintenance):
            return HttpResponse("<html><body><h1>Maintenance en cours</h1></body></html>")
        if request.path == _LOGIN:
            return self._grant(request)
        if request.headers.get("app-platform") != "izy" or not self._is_signed_in(request):
            return HttpResponse(None, 401)
        fault = faults.strikes(ExceptionReply)
        act = "read" if request.method == "GET" else "write"
        if fault is not None and fault.on in (act, "any"):
            return HttpResponse(None, 503 if fault.code in (5, 6) else 400)
        return self._taken(request) if request.method == "POST" else self._told(request)

    def _told(self, request: HttpRequest) -> HttpResponse:
        path = request.path.removeprefix(ROOT)
        for pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match is not None:
                keys = [unquote(key) for key in match.groups()]
                content = None if self.broken.intersection((path, *keys)) else handler(request, *keys)
                if content is None:
                    return HttpResponse(None, 500)
                return HttpResponse(self._spoilt(request, content))
        return HttpResponse(None, 404)

    def _spoilt(self, request: HttpRequest, content: object) -> object:
        whole = request.query.get("timeType") == "all"
        if self.faults.zero_reads_left:
            self.faults.zero_reads_left -= whole
            forgotten = _OF_REPORTS - {"consumption"} if whole else _COUNTERS
            content = forgetful(content, forgotten.__contains__)
        return spoilt(
            content,
            self.faults,
            lambda seconds: telemetry.moment(self._reported_at + seconds),
            time="lastUpdate",
            is_measured=lambda name: not name.endswith("Id") and name not in _CODES,
        )

    def _taken(self, request: HttpRequest) -> HttpResponse:
        path = request.path.removeprefix(ROOT)
        live = re.fullmatch(r"/api/v3/(?:powerStations|device)/fastData/([^/]+)", path)
        if live is not None:
            self.house.live_until[live[1]] = self.plant.time + _LIVE_S
            return HttpResponse(None, 204)
        match = re.fullmatch(_ORDERS, path)
        if match is None:
            return HttpResponse(None, 404)
        if request.headers.get("content-type") != "application/json":
            return HttpResponse(None, 415)
        try:
            self.house.order(match[1], unquote(match[2]), cast("Mapping[str, Any]", request.json or {}))
        except (Refused, KeyError, TypeError, ValueError):
            return HttpResponse(None, 500)
        return HttpResponse({})

    def _grant(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("app-platform") != "izy":
            return HttpResponse(None, 404)
        wrong = self.faults.on(WrongCredentials)
        if wrong is not None and wrong.status != 400:
            return HttpResponse(None, wrong.status)
        if wrong is not None or request.json != {"username": EMAIL, "password": PASSWORD}:
            return HttpResponse({"data": None})
        claims = {"sub": "demo", "exp": int(self.plant.time + self.expires_in), "n": len(self.tokens)}
        parts = [urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims)]
        token = ".".join([*(part.rstrip("=") for part in parts), "not-a-signature"])
        self.tokens[token] = self._clock.monotonic() + self.expires_in
        return HttpResponse({"data": {"token": token}})

    def _is_signed_in(self, request: HttpRequest) -> bool:
        expired = self.faults.on(ExpiredTokens)
        if expired is not None:
            self.tokens.clear()
            if not expired.always:
                self.faults.stop(ExpiredTokens)
            return False
        token = request.headers.get("x-tts-access-token", "")
        return self._clock.monotonic() < self.tokens.get(token, float("-inf"))

    def _stations(self, request: HttpRequest) -> object:
        found = telemetry.stations()
        if self.neighbours:
            found.append({**found[0], "stationsId": NEIGHBOUR, "installedCapacity": 800})
        return {"data": {"records": _page(request, found)}}

    def _info(self, _: HttpRequest, station: str) -> object:
        if station == str(STATION):
            return telemetry.info(self.house, self._reported, self._reported_at)
        if station == str(NEIGHBOUR) and self.neighbours:
            return telemetry.neighbour(self.plant, self._reported_at)
        return None

    def _report(self, request: HttpRequest, station: str) -> object:
        period, local = (
            request.query.get("timeType", ""),
            datetime.fromtimestamp(self.plant.time, self.plant.house.location.zone),
        )
        dates = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y", "all": "%Y-%m-%d"}
        if period not in dates or request.query.get("dataFlag") != "energy":
            return None
        if station != str(STATION) or request.query.get("searchTime") != local.strftime(dates[period]):
            return dict.fromkeys(_OF_REPORTS)
        return telemetry.report(self.plant, period)

    def _strings(self, request: HttpRequest, station: str) -> object:
        if "searchTime" not in request.query:
            return None
        return telemetry.strings(self.plant) if station == str(STATION) else {"pvData": []}

    def _curve(self, request: HttpRequest, station: str) -> object:
        known = station == str(STATION) and request.query.get("isV2") == "true"
        return {"data": telemetry.curve(self.plant)} if known else None

    def _devices(self, request: HttpRequest) -> object:
        found = []
        if request.query.get("powerId") == str(STATION):
            found = telemetry.devices(self.house)
        elif request.query.get("powerId") == str(NEIGHBOUR):
            found = [
                {"deviceId": 9101, "sn": NEIGHBOUR_INVERTER, "deviceType": "vm", "onlineState": 1},
            ]
        return {"data": {"records": _page(request, found)}}

    def _wifi(self, _: HttpRequest, serial: str) -> object:
        told = {"rssi": -61, "wifi": "DemoNet", "ip": "192.0.2.17"}
        return {"data": told} if serial == METER else told

    def _temperature(self, _: HttpRequest, serial: str) -> object:
        warm = round(self.plant.state.weather.air + 12.0, 1)
        known = serial in (INVERTER, NEIGHBOUR_INVERTER)
        return {"data": [{"data": [{"val": 24.9}, {"val": warm}]}] if known else []}

    def _updates(self, _: HttpRequest, station: str) -> object:
        del station
        return {"data": [{"sn": INVERTER, "needUpgrade": False}, {"sn": MASTER, "needUpgrade": True}]}

    def _battery(self, _: HttpRequest, serial: str) -> object:
        return {"data": telemetry.battery(self.house, serial)} if serial in (MASTER, SLAVE) else None

    def _meter(self, _: HttpRequest, serial: str) -> object:
        return {"data": {"items": telemetry.channels(self.plant)}} if serial == METER else None

    def _charger(self, _: HttpRequest, serial: str) -> object:
        power = self.house.charger.power if self.house.charger.started else 0
        return {"data": {"ac_power": power, "power": power}} if serial == CHARGER else None

    def _commands(self, _: HttpRequest, serial: str) -> object:
        if serial in (MASTER, SLAVE):
            return {"data": telemetry.battery_settings(self.house)}
        return {"data": telemetry.charger_settings(self.house)} if serial == CHARGER else None

    def _base(self, _: HttpRequest, number: str) -> object:
        control = {"isControl": self.house.blocking, "feedThreshold": self.house.threshold}
        return {"data": {"meter_extra": control}} if number == str(METER_ID) else None

    def _intelligent(self, _: HttpRequest, serial: str) -> object:
        charger = self.house.charger
        told = {"enableGrid": charger.grid, "enableBattery": charger.battery}
        return told if serial == CHARGER else None

    def _derate(self, _: HttpRequest, serial: str) -> object:
        return {"value": self.house.charger.derate} if serial == CHARGER else None

    def _priority(self, _: HttpRequest, station: str) -> object:
        return {"value": self.house.charger.priority} if station == str(STATION) else None


def _page(request: HttpRequest, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    page, limit = int(request.query.get("page", "1")), int(request.query.get("limit", "10"))
    return found[(page - 1) * limit : page * limit]


def _kind_of(request: HttpRequest) -> int:
    if request.method == "GET":
        return HTTP_GET
    return HTTP_SIGN_IN if request.path == _LOGIN else HTTP_OTHER
