"""A simulated account whose time goes by, and its stations opened for control or for reading."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device import Device
from sunhelm.devices.families import Accounts
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.faces.izypower import EMAIL, PASSWORD, IzypowerCloud
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

NOON = 1_782_036_000.0  # 21 June 2026, 12:00 in Paris


@dataclass
class Home:
    """The cloud, and what the site file says of the account."""

    clock: VirtualClock
    plant: Plant
    cloud: IzypowerCloud
    site: Site
    opened: list[ControlledDevice | Device] = field(default_factory=list)

    def control(self, name: str = "roof") -> ControlledDevice:
        device = open_controlled(self.site.devices[name], self.site, clock=self.clock)
        self.opened.append(device)
        return device

    def reader(self, name: str = "roof", accounts: Accounts | None = None) -> Device:
        device = Device(self.site.devices[name], self.site, clock=self.clock, accounts=accounts)
        self.opened.append(device)
        return device

    def deadline(self, seconds: float = 40.0) -> Deadline:
        return Deadline.after(seconds, self.clock)

    async def live(self) -> None:
        while True:
            await self.clock.sleep(1)
            self.plant.advance(self.clock.time() - self.plant.time)
            self.cloud.update()


Program = Callable[[Home], Awaitable[None]]


@pytest.fixture
def at_home(tmp_path: Path) -> Callable[..., None]:
    """Run a program in virtual time beside a simulated account: `at_home(program)`."""

    async def run(program: Program, *, neighbours: bool, start: float, serial: str, profile: str) -> None:
        clock = VirtualClock(start - asyncio.get_running_loop().time())
        plant = Plant(seed=3, start=start)
        cloud = IzypowerCloud(plant, neighbours=neighbours, clock=clock)
        await cloud.open("127.0.0.1", 0)
        (tmp_path / "password").write_text(PASSWORD)
        account = {
            "family": "izypower",
            "username": EMAIL,
            "password_file": "password",
            "url": f"http://127.0.0.1:{cloud.port}/photo_voltaic",
        }
        device: dict[str, Any] = {
            "family": "izypower",
            "account": "mine",
            "profile": profile,
            "control": {"enabled": True, "allow": ["limit_export", "charge", "discharge"]},
        }
        devices = {"roof": device | ({"serial": serial} if serial else {})}
        if neighbours:
            devices["shed"] = {**device, "serial": "41002"}
        content = {
            "site": {
                "name": "home",
                "zone": "Europe/Paris",
                "location": {"latitude": 52.1, "longitude": 5.1},
            },
            "accounts": {"mine": account},
            "devices": devices,
        }
        (tmp_path / "sunhelm.yml").write_text(json.dumps(content))
        home = Home(clock, plant, cloud, load_site(tmp_path / "sunhelm.yml").site)
        life = asyncio.create_task(home.live())
        try:
            await program(home)
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            for opened in home.opened:
                await opened.close()
            await cloud.close()

    def at_home(
        program: Program,
        *,
        neighbours: bool = False,
        start: float = NOON,
        serial: str = "41001",
        profile: str = "full",
    ) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(run(program, neighbours=neighbours, start=start, serial=serial, profile=profile))

    return at_home


@pytest.fixture
def told() -> Callable[[Reading], dict[tuple[str, ...], float]]:
    """Return the values of a reading by metric and labels."""

    def told(reading: Reading) -> dict[tuple[str, ...], float]:
        return {(sample.quantity.metric, *sample.labels): sample.value for sample in reading.samples}

    return told
