"""One HTTP server that answers as four price servers do, and a knob for those who test against it.

`PUT /simulator/prices` with `[{"start": .., "end": .., "eur_per_mwh": ..}]` sets prices between moments of
Unix time; an empty list takes them back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.prices.market import HOUR_S, Market, Price
from sunhelm.simulator.faults import Delay, ExceptionReply, Faults, Refuse, Truncate
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import HTTP_GET, HTTP_OTHER, Request, RequestLog

AMBER_KEY: Final = "demo-key"
_DAY_AHEAD_HOURS: Final = 36
_TAX: Final = 1.05
_INTERVAL_S: Final = 1800.0


class PriceServer:
    """The server on its port; implements `Endpoint`."""

    def __init__(
        self,
        plant: Plant,
        *,
        faults: Faults | None = None,
        clock: Clock = MACHINE_CLOCK,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.market = Market(plant, unix_time)
        self.faults = faults or Faults()
        self.log = RequestLog()
        self.port = 0
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises OSError when that cannot be."""
        app = web.Application(middlewares=[self._troubled])
        app.add_routes(
            [
                web.get("/price", self._energy_charts),
                web.get("/v1/marketdata", self._awattar),
                web.get(
                    "/v1/products/{product}/electricity-tariffs/{tariff}/standard-unit-rates/", self._octopus
                ),
                web.get("/v1/sites/{site}/prices/current", self._amber),
                web.put("/simulator/prices", self._tell),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError:
            await self.close()
            raise
        (address, *_) = self._runner.addresses
        self.port = int(address[1])

    async def close(self) -> None:
        """Stop listening and end every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def update(self) -> None:
        """Nothing happens by itself."""

    @web.middleware
    async def _troubled(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.log.record(Request(0, HTTP_GET if request.method == "GET" else HTTP_OTHER, 0, 1))
        if self.faults.strikes(Refuse) and request.transport is not None:
            request.transport.abort()
        delay = self.faults.strikes(Delay)
        if delay is not None:
            await self._clock.sleep(delay.seconds)
        if self.faults.strikes(ExceptionReply):
            return web.Response(status=503, text="<html>out of order</html>", content_type="text/html")
        answer = await handler(request)
        truncate = self.faults.strikes(Truncate)
        if truncate is not None and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            return web.Response(body=answer.body[: truncate.keep], content_type=answer.content_type)
        return answer

    def _prices(self) -> list[Price]:
        """Return all that is told now."""
        now, pace = self.market.unix_time(), self.market.plant.pace
        begin = self.market.begin_of_hour(now)
        end = begin + _DAY_AHEAD_HOURS * HOUR_S / pace
        return list(self.market.prices(begin - 2 * HOUR_S / pace, end))

    async def _energy_charts(self, request: web.Request) -> web.Response:
        if not request.query.get("bzn"):
            return web.json_response({"detail": "bzn is missing"}, status=422)
        prices = self._prices()
        return web.json_response(
            {
                "license_info": "simulated",
                "unix_seconds": [round(price.start) for price in prices],
                "price": [price.eur_per_mwh for price in prices],
                "unit": "EUR / MWh",
                "deprecated": False,
            }
        )

    async def _awattar(self, request: web.Request) -> web.Response:
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
        return web.json_response({"object": "list", "data": data, "url": "/de/v1/marketdata"})

    async def _octopus(self, request: web.Request) -> web.Response:
        product, tariff = request.match_info["product"], request.match_info["tariff"]
        if tariff.removesuffix(tariff[-2:]) != f"E-1R-{product}":
            return web.json_response({"detail": "No ElectricityTariff matches the given query."}, status=404)
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
        return web.json_response({"count": len(results), "next": None, "previous": None, "results": results})

    async def _amber(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {AMBER_KEY}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        now = self.market.unix_time()
        begin = now - now % _INTERVAL_S
        before, after = (int(request.query.get(name, 0)) for name in ("previous", "next"))
        intervals = [
            self._interval(begin + offset * _INTERVAL_S, offset, channel)
            for offset in range(-before, after + 1)
            for channel in ("general", "feedIn")
        ]
        return web.json_response(intervals)

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

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            self.market.told = [
                Price(float(each["start"]), float(each["end"]), float(each["eur_per_mwh"]))
                for each in json.loads(await request.read())
            ]
        except (KeyError, TypeError, ValueError):
            return web.json_response({"detail": "a list of start, end and eur_per_mwh is right"}, status=400)
        return web.json_response({"told": len(self.market.told)})


def _stamp(unix_time: float) -> str:
    moment = datetime.fromtimestamp(unix_time, UTC) + timedelta(milliseconds=0.5)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
