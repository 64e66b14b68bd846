from __future__ import annotations

import asyncio
import socket
from datetime import datetime
from typing import Any

import pytest

from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS
from sunhelm.simulator.faults import NightSleep
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.site import PortTaken, SimulatedSite

NOON = datetime(2026, 6, 21, 13, tzinfo=UTRECHT.zone).timestamp()
READ_TIME = "0001 0000 0006 64 03 033E 0004"


def seconds_of(reply: str) -> int:
    return int(reply[-16:], 16)


async def test_every_family_answers_on_its_own_port(connect: Any) -> None:
    async with SimulatedSite(start=NOON, live=False) as site:
        assert list(site.endpoints) == list(FAMILIES)
        client = await connect(site.endpoints["victron"].port)
        assert seconds_of(await client.ask(READ_TIME)) == NOON


async def test_time_moves_by_hand_and_what_is_read_moves_with_it(connect: Any) -> None:
    async with SimulatedSite(start=NOON, live=False) as site:
        client = await connect(site.endpoints["victron"].port)
        await site.advance(600.0)
        assert seconds_of(await client.ask(READ_TIME)) == NOON + 600


async def test_a_live_site_follows_its_clock_at_its_speed(manual_clock: Any) -> None:
    async with SimulatedSite(start=NOON, speed=60.0, clock=manual_clock) as site:
        for _ in range(4):
            await manual_clock.someone_sleeps()
            manual_clock.advance(0.5)
            await asyncio.sleep(0)
        await manual_clock.someone_sleeps()
        assert site.plant.time == NOON + 120.0


async def test_at_great_speed_the_steps_become_longer() -> None:
    async with SimulatedSite(start=NOON, speed=7_200.0, live=False) as site:
        assert site.plant.step_s == 8.0


async def test_the_same_seed_is_the_same_house() -> None:
    async with (
        SimulatedSite(start=NOON, seed=5, live=False) as one,
        SimulatedSite(start=NOON, seed=5, live=False) as same,
        SimulatedSite(start=NOON, seed=6, live=False) as other,
    ):
        for site in (one, same, other):
            await site.advance(1_000.0)
        assert one.plant.state == same.plant.state != other.plant.state


async def test_devices_see_the_sun_go_down(connect: Any) -> None:
    async with SimulatedSite(start=NOON, live=False) as site:
        endpoint = site.endpoints["victron"]
        endpoint.faults.start(NightSleep())
        await (await connect(endpoint.port)).ask(READ_TIME)
        await site.advance(10 * 3_600.0)
        with pytest.raises(ConnectionRefusedError):
            await connect(endpoint.port)


async def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        site = SimulatedSite(start=NOON, ports={"victron": port})
        with pytest.raises(PortTaken, match=rf"victron: port {port} of 127\.0\.0\.1 is taken"):
            async with site:
                pass


async def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTaken, match=r"victron: port 0 of 192\.0\.2\.1 cannot be used: "):
        async with SimulatedSite(start=NOON, host="192.0.2.1"):
            pass


async def test_the_ports_are_free_after_the_end() -> None:
    async with SimulatedSite(start=NOON) as site:
        port = site.endpoints["victron"].port
    socket.create_server(("127.0.0.1", port)).close()


def test_a_speed_of_0_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="speed 0 is not above 0"):
        SimulatedSite(speed=0.0)


def test_every_family_has_a_port_of_its_own() -> None:
    assert len(set(PORT_OFFSETS.values())) == len(PORT_OFFSETS)
    assert set(FAMILIES) <= set(PORT_OFFSETS)
