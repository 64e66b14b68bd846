"""Devices that no site file names are found in their account, and served beside the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter import finding
from exporter.finding import AGAIN_S, RETRY_S, Finder
from sunhelm.devices.families import Accounts
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.faces.redback import CLIENT_ID, SECRET, RedbackCloud
from sunhelm.simulator.faults.cloud import WrongCredentials
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

START = 1_782_036_000.0
Program = Callable[[RedbackCloud, Callable[..., Site], VirtualClock], Any]


@pytest.fixture
def beside_a_cloud(tmp_path: Path) -> Callable[[Program], None]:
    async def run(program: Program) -> None:
        clock = VirtualClock(START - asyncio.get_running_loop().time())
        cloud = RedbackCloud(Plant(seed=3, start=START), neighbours=True, clock=clock)
        await cloud.open("127.0.0.1", 0)
        (tmp_path / "secret").write_text(SECRET)
        base = f"http://127.0.0.1:{cloud.port}"

        def site(**devices: dict[str, object]) -> Site:
            account = {"family": "redback", "client_id": CLIENT_ID, "client_secret_file": "secret"}
            account |= {"url": base, "sign_in_url": base}
            content = {
                "site": {"name": "home", "zone": "Europe/Amsterdam"},
                "accounts": {"mine": account},
                "devices": devices,
            }
            (tmp_path / "sunhelm.yml").write_text(json.dumps(content))
            return load_site(tmp_path / "sunhelm.yml").site

        try:
            await program(cloud, site, clock)
        finally:
            await cloud.close()

    def beside(program: Program) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(run(program))

    return beside


Look = Callable[[Site], AbstractAsyncContextManager[tuple[Finder, list[list[str]]]]]


@asynccontextmanager
async def looking(site: Site, clock: VirtualClock) -> AsyncIterator[tuple[Finder, list[list[str]]]]:
    served: list[list[str]] = []

    def serve(site: Site, accounts: Accounts) -> None:
        served.append(list(site.devices))

    finder = Finder(serve, clock=clock)
    finder.follow(site)
    async with finder.looking():
        await finder.first_look()
        yield finder, served


def test_every_inverter_and_site_of_an_account_without_devices_is_served(beside_a_cloud: Any) -> None:
    async def program(cloud: Any, site: Any, clock: Any) -> None:
        async with looking(site(), clock) as (_, served):
            names = [cloud.inverter.serial, cloud.grid_tie[1], cloud.inverter.site, cloud.grid_tie[0]]
            assert served == [[], [f"mine-{name.lower()}" for name in names]]
            await asyncio.sleep(AGAIN_S + 1)
            assert len(served) == 2
            assert sum("With/Nodes" in path for path in cloud.paths) == 2

    beside_a_cloud(program)


def test_an_account_whose_devices_are_named_is_left_alone(beside_a_cloud: Any) -> None:
    async def program(cloud: Any, site: Any, clock: Any) -> None:
        roof = {"family": "redback", "account": "mine", "serial": cloud.inverter.serial}
        async with looking(site(roof=roof), clock) as (_, served):
            assert served == [["roof"]]
            await asyncio.sleep(2 * AGAIN_S)
        assert cloud.paths == []

    beside_a_cloud(program)


def test_a_look_that_crashes_is_followed_by_another(
    beside_a_cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_devices, crashes = finding.find_devices, [ValueError("a fault of ours")]

    async def crashing_once(*asked: Any, **more: Any) -> Any:
        if crashes:
            raise crashes.pop()
        return await find_devices(*asked, **more)

    monkeypatch.setattr(finding, "find_devices", crashing_once)

    async def program(cloud: Any, site: Any, clock: Any) -> None:
        async with looking(site(), clock) as (_, served):
            assert served == [[]]
            await asyncio.sleep(2 * RETRY_S)
            assert len(served[-1]) == 4

    beside_a_cloud(program)


def test_an_account_that_cannot_be_asked_is_asked_again_and_keeps_what_was_found(beside_a_cloud: Any) -> None:
    async def program(cloud: Any, site: Any, clock: Any) -> None:
        with cloud.faults.during(WrongCredentials()):
            async with looking(site(), clock) as (_, served):
                assert served == [[]]
                await asyncio.sleep(RETRY_S + 1)
                cloud.faults.clear()
                await asyncio.sleep(10 * RETRY_S)
                assert len(served[-1]) == 4
                cloud.faults.start(WrongCredentials())
                cloud.tokens.clear()
                await asyncio.sleep(2 * AGAIN_S)
                assert len(served[-1]) == 4

    beside_a_cloud(program)


def test_a_new_site_file_is_served_at_once(beside_a_cloud: Any) -> None:
    async def program(cloud: Any, site: Any, clock: Any) -> None:
        async with looking(site(), clock) as (finder, served):
            tariff = {"family": "tariff", "tariff": {"currency": "EUR", "import": 0.3}}
            finder.follow(site(prices=tariff))
            assert "prices" in served[-1]
            assert len(served[-1]) == 5

    beside_a_cloud(program)
