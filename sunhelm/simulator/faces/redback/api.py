"""The paths of the API, once it is known who asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from sunhelm.simulator.faces.redback.inverter import Inverter, Refused
from sunhelm.simulator.faces.redback.telemetry import Json, configuration, live, live_of_grid_tie, static
from sunhelm.simulator.http_server import HttpRequest, HttpResponse
from sunhelm.simulator.plant import Plant

NOT_FOUND: Final = HttpResponse({"Message": "not found"}, 404)
_ADDED: Final = ("PVs", "Battery", "BatteryChargeAllTimeEnergykWh", "BatteryDischargeAllTimeEnergykWh")
"""What version 2.21 of live data has and version 2 has not."""

Handler = Callable[..., HttpResponse]


class Api:
    """What the API says of a hybrid inverter, and of a neighbour's grid-tie inverter where there is one."""

    def __init__(self, plant: Plant, inverter: Inverter, grid_tie: tuple[str, str] | None) -> None:
        self._plant = plant
        self._inverter = inverter
        self._grid_tie = grid_tie
        self._live: dict[str, Json] = {}
        self._routes: tuple[tuple[str, re.Pattern[str], Handler], ...] = tuple(
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("GET", r"2/EnergyData/With/Nodes", self._sites),
                ("GET", r"2/EnergyData/Static/BySerialNumber/([^/]+)", self._static),
                ("GET", r"2/EnergyData/([^/]+)/Static", self._static),
                ("GET", r"(2|2\.21)/EnergyData/Dynamic/BySerialNumber/([^/]+)", self._dynamic),
                ("GET", r"(2|2\.21)/EnergyData/([^/]+)/Dynamic", self._dynamic),
                ("GET", r"2/Configuration/Configuration/BySerialNumber/([^/]+)", self._configuration),
                ("GET", r"2/Schedule/By/SerialNumber/([^/]+)", self._schedules),
                ("POST", r"2/Schedule/Create/By/SerialNumber/?", self._create_schedule),
                ("DELETE", r"2/Schedule/By/SerialNumber/([^/]+)/([^/]+)", self._delete_schedule),
                ("GET", r"2/OperatingEnvelope/By/Site/([^/]+)", self._envelopes),
                ("POST", r"2/OperatingEnvelope/Create/By/Site", self._create_envelope),
                ("DELETE", r"2/OperatingEnvelope/By/EventId/(.+)", self._delete_envelopes),
                ("DELETE", r"2/OperatingEnvelope/All", self._delete_envelopes),
            )
        )

    def report(self) -> None:
        """Take what the inverters tell now."""
        inverter = self._inverter
        inverter.report()
        told = live(self._plant, inverter.site, inverter.serial, *inverter.in_force)
        self._live = {inverter.serial: told, inverter.site: told}
        if self._grid_tie is not None:
            self._live[self._grid_tie[1]] = live_of_grid_tie(self._plant, *self._grid_tie)

    def answer(self, request: HttpRequest, path: str) -> HttpResponse:
        """Return what stands at a path behind `/Api/v`."""
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(path)
            if match is not None and request.method == method:
                try:
                    return handler(request, *map(unquote, match.groups()))
                except Refused as error:
                    return HttpResponse({"Message": str(error)}, 400)
        return NOT_FOUND

    def _sites(self, request: HttpRequest) -> HttpResponse:
        sites = [(self._inverter.site, self._inverter.serial), *([self._grid_tie] if self._grid_tie else [])]
        records = [
            {
                "Id": site,
                "Nmi": None,
                "Type": "Site",
                "Nodes": [
                    {"SerialNumber": serial, "Id": serial, "Nmi": None, "Type": "Inverter", "Nodes": None},
                    {"Id": "Houseload", "Nmi": None, "Type": "Houseload", "Nodes": None},
                ],
            }
            for site, serial in sites
        ]
        page, size = int(request.query.get("page", "0")), int(request.query.get("pageSize", "100"))
        shown = records[page * size : (page + 1) * size]
        counts = {"Page": page, "PageSize": size, "PageCount": len(shown), "TotalCount": len(records)}
        return HttpResponse({**counts, "Data": shown})

    def _static(self, _: HttpRequest, key: str) -> HttpResponse:
        inverter = self._inverter
        if key in (inverter.serial, inverter.site):
            return _data(static(self._plant, inverter.site, inverter.serial, hybrid=True))
        if self._grid_tie is not None and key in self._grid_tie:
            return _data(static(self._plant, *self._grid_tie, hybrid=False))
        return NOT_FOUND

    def _dynamic(self, _: HttpRequest, version: str, key: str) -> HttpResponse:
        told = self._live.get(key)
        if told is None:
            return NOT_FOUND
        if version == "2":
            told = {name: value for name, value in told.items() if name not in _ADDED}
        return _data(told)

    def _configuration(self, _: HttpRequest, serial: str) -> HttpResponse:
        if serial != self._inverter.serial:
            return NOT_FOUND
        return _data(configuration(self._plant, self._inverter.site, serial))

    def _schedules(self, request: HttpRequest, serial: str) -> HttpResponse:
        if serial != self._inverter.serial:
            return NOT_FOUND
        return _data(self._inverter.schedules(stale=request.query.get("includeStale") == "true"))

    def _create_schedule(self, request: HttpRequest) -> HttpResponse:
        body = _object(request)
        if body.get("SerialNumber") != self._inverter.serial:
            return NOT_FOUND
        return _data({"ScheduleId": self._inverter.create_schedule(body)})

    def _delete_schedule(self, _: HttpRequest, serial: str, key: str) -> HttpResponse:
        known = serial == self._inverter.serial and self._inverter.delete_schedule(key)
        return _data(True) if known else NOT_FOUND

    def _envelopes(self, request: HttpRequest, site: str) -> HttpResponse:
        hours = float(request.query.get("pastHours", "0"))
        found = self._inverter.envelopes(past_hours=hours) if site == self._inverter.site else []
        return HttpResponse({"TotalCount": len(found), "Data": found})

    def _create_envelope(self, request: HttpRequest) -> HttpResponse:
        body = _object(request)
        site, event = body.get("SiteId"), body.get("EventId")
        wrong = "unknown site" if site != self._inverter.site else self._inverter.create_envelope(body)
        nmi = None if wrong else "4103000001"
        return _data({"SiteId": site, "Nmi": nmi, "EventId": event, "ErrorMessage": wrong})

    def _delete_envelopes(self, _: HttpRequest, event: str | None = None) -> HttpResponse:
        known = self._inverter.delete_envelopes(event)
        return _data(True) if known or event is None else NOT_FOUND


def _data(content: object) -> HttpResponse:
    return HttpResponse({"Data": content})


def _object(request: HttpRequest) -> Json:
    body = request.json
    if not isinstance(body, dict):
        raise Refused("the body is no object")
    return body
