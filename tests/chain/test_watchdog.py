"""A watchdog reset on real servers: a load jumps, inverters throttle, an alert fires, the limit is lifted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from sunhelm.simulator.faces.sec1000 import Habits, Sec1000Box
from sunhelm.simulator.families import FAMILIES as SIMULATED
from sunhelm.simulator.load import LoadState
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240), pytest.mark.real_time]

HOST: Final = "127.0.0.1"
NOON: Final = 1_782_039_600.0
LIMIT_W: Final = 2_000
HEATER_W: Final = 6_000.0
ALLOWED_S: Final = 10.0
"""How long the owner allows the limit to be lifted."""
THROTTLED_S: Final = 600.0
"""Longer than anybody's, so that nothing but the reset can end it within the test."""

POLICY: Final = {
    "throttled": {
        "match": {"alertname": "SolarThrottledByExportLimit"},
        "device": "roof",
        "action": "reset_watchdog",
        "cooldown": "15m",
        "most_a_day": 6,
    }
}
OFF: Final = ["40 02", "33 02", "28 02"]
ON: Final = ["33 02", "28 02", "40 01"]


@dataclass
class WithHeater:
    """The loads of a household, and a water heater that is switched by hand."""

    household: Any
    on: bool = False

    def at(self, time: float) -> LoadState:
        load: LoadState = self.household.at(time)
        first, second, third = load.on_input
        return replace(load, on_input=(first + HEATER_W * self.on, second, third))


@dataclass
class Home:
    """A house at noon whose export is at its limit."""

    site: SimulatedSite
    heater: WithHeater

    @property
    def box(self) -> Sec1000Box:
        box = self.site.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        return box

    def devices(self) -> dict[str, dict[str, Any]]:
        roof = {"family": "sec1000s", "host": HOST, "port": self.box.port, "rated_power": "10kW"}
        control = {"enabled": True, "allow": ["reset_watchdog"], "allow_unlimited": f"{ALLOWED_S:g}s"}
        gx = SIMULATED["victron"].device(HOST, self.site.endpoints["victron"].port)
        return {
            "roof": {**roof, "export_limit": {"phases": "sum"}, "control": control},
            "gx": {"family": "victron", **gx},
        }


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    async with SimulatedSite(faces=["sec1000s", "victron"], seed=7, start=NOON) as site:
        heater = WithHeater(site.plant._household)
        site.plant._household = heater  # type: ignore[assignment]
        home = Home(site, heater)
        home.box.habits = Habits(throttle_s=THROTTLED_S)
        home.box.export_limit_w = LIMIT_W
        site.plant.steering.feed_in_limit_w = float(LIMIT_W)
        site.plant.steering.charge_allowed = False
        yield home


def frames(folder: Path) -> list[tuple[float, str]]:
    """Return when which frames were sent, as the journal has them: command and data."""
    with sqlite3.connect(folder / "state" / "journal.sqlite3") as database:
        rows = database.execute("SELECT at, frame FROM frames ORDER BY rowid").fetchall()
    database.close()
    return [(at, frame[12:-6]) for at, frame in rows]


async def test_inverters_that_throttle_take_full_power_again(
    home: Home, run_chain: Callable[..., Any], eventually_true: Callable[..., Any]
) -> None:
    async with run_chain(home.devices(), POLICY) as chain:
        known = "solar_grid_export_limit_watts and on (site) solar_pv_power_watts > 1000"
        await eventually_true(lambda: chain.query(f"count_over_time(({known})[1m:1s]) > 5"), chain)
        await eventually_true(lambda: home.site.plant.state.feed_in_held, chain)
        home.heater.on = True
        await eventually_true(lambda: home.box.throttles, chain)
        await eventually_true(lambda: home.site.plant.state.battery.power_w > 500, chain)

        await eventually_true(lambda: not home.box.throttles, chain, 120.0)
        await eventually_true(lambda: "limit_restored" in _log(chain), chain)
        assert (home.box.mode, home.box.export_limit_w) == (3, LIMIT_W)
        sent = frames(chain.folder)
        assert [frame for _, frame in sent] == [*OFF, *ON, sent[6][1], *ON]
        assert sent[6][1].startswith("42 ")
        began = sent[0][0]
        assert sent[3][0] - began >= 5.0
        assert sent[5][0] - began < ALLOWED_S
        assert sent[6][0] - sent[5][0] >= 0.99
        print(f"the limit was lifted for {sent[5][0] - began:.2f} s")

        await asyncio.sleep(2.0)
        assert len(frames(chain.folder)) == len(sent)
        assert list((await chain.controllers("limit_lifted_seconds")).values()) == [0.0]


def _log(chain: Any) -> str:
    return str(chain.programs["controller"].log.read_text())
