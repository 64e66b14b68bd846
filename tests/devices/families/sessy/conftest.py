"""A house with simulated dongles, and the devices of a site file that stand before them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device import open_site
from sunhelm.devices.reading import Reading
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.faces.sessy import BatteryDongle, P1Dongle
from sunhelm.simulator.faces.sessy.dongle import BATTERY_SERIAL, P1_SERIAL, PASSWORD
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0
HOST = "127.0.0.1"


class Home:
    """The dongles, and what the site file says of them."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(start=NOON, seed=3)
        self.battery, self.p1 = BatteryDongle(self.plant), P1Dongle(self.plant)
        self.folder = folder
        (folder / "password").write_text(f"{PASSWORD.lower()}\n")

    def site(self, *, more: Mapping[str, Any] | None = None, password: str = "password") -> Site:
        """Return the site of the file; `more` goes to both devices."""
        accounts = {
            name: {"family": "sessy", "username": serial.lower(), "password_file": password}
            for name, serial in (("battery", BATTERY_SERIAL), ("p1", P1_SERIAL))
        }
        devices = {
            name: {
                "family": "sessy",
                "host": "127.0.0.1",
                "port": dongle.port,
                "account": name,
                **(more or {}),
            }
            for name, dongle in (("battery", self.battery), ("p1", self.p1))
        }
        content = {
            "site": {"name": "home", "zone": "Europe/Amsterdam"},
            "accounts": accounts,
            "devices": devices,
        }
        file = self.folder / "sunhelm.yml"
        file.write_text(json.dumps(content))
        return load_site(file).site

    async def read(self, name: str, **options: Any) -> Reading:
        """Read one device in full."""
        self.site(more={"profile": "full"}, **options)
        async with open_site(self.folder / "sunhelm.yml") as devices:
            return await devices[name].read(Deadline.after(9))

    def opened(self, name: str) -> ControlledDevice:
        """Return one device, opened for control."""
        site = self.site(more={"control": {"enabled": True}})
        return open_controlled(site.devices[name], site)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    home = Home(tmp_path)
    await home.battery.open("127.0.0.1", 0)
    await home.p1.open("127.0.0.1", 0)
    yield home
    await home.battery.close()
    await home.p1.close()


@pytest.fixture
def values() -> Callable[[Reading], dict[tuple[str, ...], float]]:
    """Return the values of a reading by the name of the quantity and the labels."""

    def values(reading: Reading) -> dict[tuple[str, ...], float]:
        return {(sample.quantity.name, *sample.labels): sample.value for sample in reading.samples}

    return values
