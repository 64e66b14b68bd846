"""Prices of markets: what each answers, when it is asked, and what is known when it does not answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.devices.errors import Malformed, Reason
from sunhelm.devices.families.tariff.markets import ask
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import SiteError, load_site
from sunhelm.devices.tariffs import Tariff
from sunhelm.simulator.faces.prices import PriceServer
from sunhelm.simulator.faces.prices.market import Price
from sunhelm.simulator.faults import Refuse, Truncate
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0  # 21 June 2026, 10:00 UTC
HOUR = 3600.0


@dataclass
class Land:
    """As much of a plant as prices need: its time."""

    pace: float = 1.0
    state: Any = field(default_factory=lambda: SimpleNamespace(time=NOON))


class Tale:
    """A link that tells one thing."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def get_json(self, path: str, deadline: object, *, query: Any = None) -> object:
        del deadline
        self.asked.append((path, dict(query)))
        return self.answer


@pytest.fixture
async def server(clock: Any) -> AsyncIterator[PriceServer]:
    clock.now = NOON
    server = PriceServer(cast("Plant", Land()), clock=clock, unix_time=lambda: clock.now)
    await server.open("127.0.0.1", 0)
    yield server
    await server.close()


@pytest.fixture
def read(tmp_path: Path, clock: Any, server: PriceServer) -> Any:
    """Return a function that reads a tariff at some moments."""

    async def read(tariff: dict[str, Any], *moments: float) -> list[Reading]:
        (tmp_path / "key").write_text("demo-key\n")
        for market in tariff.values():
            if isinstance(market, dict):
                market.setdefault("url", f"http://127.0.0.1:{server.port}")
        file = tmp_path / "sunhelm.yml"
        site = {"name": "home", "zone": "Europe/Amsterdam"}
        file.write_text(
            json.dumps({"site": site, "devices": {"price": {"family": "tariff", "tariff": tariff}}})
        )
        readings = []
        async with open_site(file, clock=clock) as devices:
            for moment in moments:
                clock.now = moment
                server.market.plant.state.time = moment
                readings.append(await devices["price"].read(Deadline.after(9, clock)))
        return readings

    return read


def values(reading: Reading) -> dict[tuple[str, ...], float]:
    return {(sample.quantity.name, *sample.labels): sample.value for sample in reading.samples}


def market(name: str, **more: Any) -> dict[str, Any]:
    return {"market": name, **more}


MARKETS = [
    ("EUR", market("energy_charts", zone="NL"), 0.001),
    ("EUR", market("awattar", country="de"), 0.001),
    ("GBP", market("octopus", product="AGILE-24-10-01", region="C"), 0.001),
]


@pytest.mark.parametrize(("currency", "given", "unit"), MARKETS, ids=str)
async def test_every_market_tells_the_price_now_and_ahead(
    read: Any, server: PriceServer, currency: str, given: dict[str, Any], unit: float
) -> None:
    (reading,) = await read({"currency": currency, "feed_in": given}, NOON + 60)

    seen = values(reading)

    assert seen["tariff_feed_in", currency] == pytest.approx(server.market.at(NOON) * unit)
    for hours in range(1, 25):
        expected = server.market.at(NOON + 60 + hours * HOUR) * unit
        assert seen["tariff_feed_in_ahead", currency, str(hours)] == pytest.approx(expected)
    assert seen["tariff_feed_in_next_change",] == NOON + HOUR
    assert seen["tariff_feed_in", currency] > 0 > seen["tariff_feed_in_ahead", currency, "2"]


async def test_amber_tells_both_prices_with_a_key_and_a_forecast_is_no_price(
    read: Any, server: PriceServer, clock: Any
) -> None:
    amber = market("amber", site="01SITE", token_file="key")
    (reading,) = await read({"currency": "AUD", "import": amber, "feed_in": dict(amber)}, NOON + 60)

    seen = values(reading)

    number = server.market.at(NOON + 900) / 1000
    assert seen["tariff_import", "AUD"] == pytest.approx(number + 0.15)
    assert seen["tariff_feed_in", "AUD"] == pytest.approx(number)
    assert seen["tariff_feed_in_ahead", "AUD", "2"] < 0
    assert server.log.requests == 1


async def test_a_wrong_key_is_told_and_not_shown(read: Any, tmp_path: Path, server: PriceServer) -> None:
    (tmp_path / "other").write_text("sesame-sesame")
    amber = market("amber", site="01SITE", token_file="other")
    (reading,) = await read({"currency": "AUD", "import": amber}, NOON)

    outcome = reading.groups["import"]

    assert outcome.reason is Reason.AUTH_FAILED
    assert "sesame" not in outcome.detail


async def test_the_owners_share_and_fees_come_on_top(read: Any, server: PriceServer) -> None:
    dear = market("energy_charts", zone="NL", times=1.21, plus=0.13)
    plain = market("energy_charts", zone="NL")
    (reading,) = await read({"currency": "EUR", "import": dear, "feed_in": plain}, NOON)

    seen, number = values(reading), server.market.at(NOON) / 1000

    assert seen["tariff_import", "EUR"] == pytest.approx(number * 1.21 + 0.13)
    assert seen["tariff_feed_in", "EUR"] == pytest.approx(number)
    assert server.log.requests == 1  # both directions share the answer


async def test_a_price_turns_at_its_moment_without_asking_again(read: Any, server: PriceServer) -> None:
    server.market.told = [Price(NOON + 600, NOON + 900, -50.0)]

    moments = (NOON, NOON + 599.9, NOON + 600, NOON + 899.9, NOON + 900)
    readings = await read({"currency": "EUR", "feed_in": market("energy_charts", zone="NL")}, *moments)

    prices = [values(reading)["tariff_feed_in", "EUR"] for reading in readings]
    assert [price < 0 for price in prices] == [False, False, True, True, False]
    assert server.log.requests == 1


async def test_a_market_is_asked_again_when_prices_run_out(read: Any, server: PriceServer) -> None:
    tariff = {"currency": "EUR", "feed_in": market("energy_charts", zone="NL")}

    await read(tariff, *(NOON + minutes * 60 for minutes in range(0, 48 * 60, 5)))

    # 36 hours are told at a time: anew every six, so that never less than twelve are known.
    assert server.log.requests == 8


async def test_what_is_known_stays_known_while_the_market_is_away(
    read: Any, server: PriceServer, clock: Any, tmp_path: Path
) -> None:
    await read({"currency": "EUR", "feed_in": market("energy_charts", zone="NL")}, NOON)
    async with open_site(tmp_path / "sunhelm.yml", clock=clock) as devices:

        async def price_at(moment: float) -> tuple[bool, float | None]:
            clock.now = moment
            server.market.plant.state.time = moment
            reading = await devices["price"].read(Deadline.after(9, clock))
            return reading.groups["feed_in"].ok, values(reading).get(("tariff_feed_in", "EUR"))

        clock.now = NOON
        await price_at(NOON)
        later = [server.market.at(NOON + hours * HOUR) / 1000 for hours in (7, 35)]
        with server.faults.during(Refuse()):
            assert await price_at(NOON + 7 * HOUR) == (True, pytest.approx(later[0]))
            assert await price_at(NOON + 35 * HOUR) == (True, pytest.approx(later[1]))
            assert await price_at(NOON + 36 * HOUR) == (False, None)
            asked = server.log.requests
            assert await price_at(NOON + 36 * HOUR + 30) == (False, None)
            assert server.log.requests == asked  # a market in trouble is left alone for a minute


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Refuse(), Reason.UNREACHABLE),
        (Truncate(keep=40, close=True), Reason.UNREACHABLE),
    ],
    ids=str,
)
async def test_troubles_of_a_market_have_their_reason(
    read: Any, server: PriceServer, fault: Any, reason: Reason
) -> None:
    tariff = {"currency": "EUR", "feed_in": market("energy_charts", zone="NL"), "import": 0.30}
    with server.faults.during(fault):
        (reading,) = await read({**tariff}, NOON)

    assert reading.groups["feed_in"].reason is reason
    assert reading.groups["import"].ok  # a table needs nobody
    assert values(reading)["tariff_import", "EUR"] == 0.30


ENERGY_CHARTS = Tariff.model_validate(
    {"currency": "EUR", "feed_in": {"market": "energy_charts", "zone": "DE-LU"}}
).feed_in


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"unit": "EUR / MWh", "unix_seconds": [1, 2], "price": [1]},
        {"unit": "EUR / MWh", "unix_seconds": [], "price": []},
        {"unit": "ct / kWh", "unix_seconds": [1], "price": [1]},
        {"unit": "EUR / MWh", "unix_seconds": ["1", "2"], "price": [1, 2]},
        {"unit": "EUR / MWh", "unix_seconds": [1, 2], "price": [True, 2]},
    ],
    ids=str,
)
async def test_an_answer_without_prices_is_malformed(answer: object, clock: Any) -> None:
    with pytest.raises(Malformed, match="holds no prices"):
        await ask(ENERGY_CHARTS, Tale(answer), NOON, ZoneInfo("UTC"), Deadline.after(1, clock))


@pytest.mark.parametrize(
    ("tariff", "message"),
    [
        ("{currency: SEK, feed_in: {market: energy_charts, zone: SE3}}", "in EUR, not SEK"),
        ("{currency: EUR, feed_in: {market: nordpool, zone: SE3}}", "none of energy_charts, awattar"),
        ("{currency: EUR, feed_in: {market: energy_charts}}", "zone"),
        ("{currency: EUR, feed_in: {market: awattar, country: ch}}", "country"),
        ("{currency: AUD, import: {market: amber, site: x}}", "token_file"),
        (
            "{currency: AUD, import: {market: amber, site: x, token_file: k, url: 'http://a.example'}}",
            "write https://",
        ),
        ("{currency: EUR, feed_in: {market: energy_charts, zone: NL, url: 'ftp://a'}}", "is not an address"),
        ("{currency: EUR, feed_in: {market: energy_charts, zone: NL, times: 0}}", "times"),
    ],
)
def test_mistakes_in_the_site_file_say_what_is_right(tmp_path: Path, tariff: str, message: str) -> None:
    file = tmp_path / "sunhelm.yml"
    file.write_text(
        f"site: {{name: home, zone: UTC}}\ndevices:\n  price: {{family: tariff, tariff: {tariff}}}\n"
    )
    with pytest.raises(SiteError, match=message):
        load_site(file)
