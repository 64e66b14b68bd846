"""One HTTP server that answers as four price servers do, and a knob for those who test against it.

`PUT /simulator/prices` with `[{"start": .., "end": .., "eur_per_mwh": ..}]` sets prices between moments of
Unix time; an empty list takes them back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.prices.market import HOUR_S, Market, Price
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.http_server import HttpRequest, HttpResponse, HttpServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import HTTP_GET, HTTP_OTHER

AMBER_KEY: Final = "demo-key"
_DAY_AHEAD_HOURS: Final = 36
_TAX: Final = 1.05
_INTERVAL_S: Final = 1800.0


class PriceServer(HttpServer):
    """The server on its port; `market` is what it tells of."""

    def __init__(
        self,
        plant: Plant,
        *,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.market = Market(plant, unix_time)
        super().__init__(
            self._answered,
            now=unix_time,
            kind_of=lambda request: HTTP_GET if request.method == "GET" else HTTP_OTHER,
            faults=faults or Faults(),
            clock=clock,
        )

    def update(self) -> None:
        """Nothing happens by itself."""

    def _answered(self, request: HttpRequest) -> HttpResponse:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["price"]:
                return self._energy_charts(request)
            case "GET", ["v1", "marketdata"]:
                return self._awattar(request)
            case "GET", ["v1", "products", product, "electricity-tariffs", tariff, "standard-unit-rates"]:
                return self._octopus(product, tariff)
            case "GET", ["v1", "sites", _, "prices", "current"]:
                return self._amber(request)
            case "PUT", ["simulator", "prices"]:
                return self._tell(request)
        return HttpResponse({"detail": "Not Found"}, 404)

    def _prices(self) -> list[Price]:
        """Return all that is told now."""
        now, pace = self.market.unix_time(), self.market.plant.pace
        begin = self.market.begin_of_hour(now)
        end = begin + _DAY_AHEAD_HOURS * HOUR_S / pace
        return list(self.market.prices(begin - 2 * HOUR_S / pace, end))

    def _energy_charts(self, request: HttpRequest) -> HttpResponse:
        if not request.query.get("bzn"):
            return HttpResponse({"detail": "bzn is missing"}, 422)
        prices = self._prices()
        return HttpResponse(
            {
                "license_info": "simulated",
                "unix_seconds": [round(price.start) for price in prices],
                "price": [price.eur_per_mwh for price in prices],
                "unit": "EUR / MWh",
                "deprecated": False,
            }
        )

    def _awattar(self, request: HttpRequest) -> HttpResponse:
        begin, end = (float(request.query.get(name, 0)) / 1000 for name in ("start", "end"))
        data = [
            {
                "start_timestamp": round(price.start * 1000),
                "end_timestamp": round(price.end * 1000),
                "marketprice": price.eur_per_mwh,
                "unit": "Eur/MWh",
            }
            for price in self._prices()
            if price.end > begin and (not end or price.start < end)
        ]
        return HttpResponse({"object": "list", "data": data, "url": "/de/v1/marketdata"})

    def _octopus(self, product: str, tariff: str) -> HttpResponse:
        if tariff.removesuffix(tariff[-2:]) != f"E-1R-{product}":
            return HttpResponse({"detail": "No ElectricityTariff matches the given query."}, 404)
        results = [
            {
                "value_exc_vat": round(price.eur_per_mwh / 10 / _TAX, 4),
                "value_inc_vat": price.eur_per_mwh / 10,
                "valid_from": _stamp(price.start),
                "valid_to": _stamp(price.end),
                "payment_method": None,
            }
            for price in reversed(self._prices())
        ]
        return HttpResponse({"count": len(results), "next": None, "previous": None, "results": results})

    def _amber(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("authorization") != f"Bearer {AMBER_KEY}":
            return HttpResponse({"message": "Unauthorized"}, 401)
        now = self.market.unix_time()
        begin = now - now % _INTERVAL_S
        before, after = (int(request.query.get(name, 0)) for name in ("previous", "next"))
        intervals = [
            self._interval(begin + offset * _INTERVAL_S, offset, channel)
            for offset in range(-before, after + 1)
            for channel in ("general", "feedIn")
        ]
        return HttpResponse(intervals)

    def _interval(self, start: float, offset: int, channel: str) -> dict[str, object]:
        number = self.market.at(start + _INTERVAL_S / 2) / 10
        kind = "ForecastInterval" if offset > 0 else "ActualInterval" if offset < 0 else "CurrentInterval"
        return {
            "type": kind,
            "duration": round(_INTERVAL_S / 60),
            "spotPerKwh": number,
            "perKwh": -number if channel == "feedIn" else number + 15,
            "startTime": _stamp(start + 1),
            "endTime": _stamp(start + _INTERVAL_S),
            "channelType": channel,
            "spikeStatus": "none",
            "descriptor": "neutral",
        }

    def _tell(self, request: HttpRequest) -> HttpResponse:
        try:
            self.market.told = [
                Price(float(each["start"]), float(each["end"]), float(each["eur_per_mwh"]))
                for each in cast("list[dict[str, float]]", request.json)
            ]
        except (KeyError, TypeError, ValueError):
            return HttpResponse({"detail": "a list of start, end and eur_per_mwh is right"}, 400)
        return HttpResponse({"told": len(self.market.told)})


def _stamp(unix_time: float) -> str:
    moment = datetime.fromtimestamp(unix_time, UTC) + timedelta(milliseconds=0.5)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
