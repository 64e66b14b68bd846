"""A simulated account whose time goes by, and its stations opened for control or for reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.reading import Reading
from sunhelm.simulator.faces.izypower import EMAIL, PASSWORD, IzypowerCloud
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock

NOON = 1_782_036_000.0  # 21 June 2026, 12:00 in Paris


@pytest.fixture
def at_home(beside_cloud: Callable[..., None], tmp_path: Path) -> Callable[..., None]:
    """Run a program in virtual time beside a simulated account: `at_home(program)`."""

    def at_home(
        program: Callable[[Any], Awaitable[None]],
        *,
        neighbours: bool = False,
        start: float = NOON,
        serial: str = "41001",
        profile: str = "full",
    ) -> None:
        (tmp_path / "password").write_text(PASSWORD)

        def cloud_of(plant: Plant, clock: VirtualClock) -> IzypowerCloud:
            return IzypowerCloud(plant, neighbours=neighbours, clock=clock)

        def site_of(cloud: IzypowerCloud) -> dict[str, Any]:
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
            return {
                "site": {
                    "name": "home",
                    "zone": "Europe/Paris",
                    "location": {"latitude": 52.1, "longitude": 5.1},
                },
                "accounts": {"mine": account},
                "devices": devices,
            }

        beside_cloud(program, cloud_of, site_of, start=start, patience_s=40.0)

    return at_home


@pytest.fixture
def told() -> Callable[[Reading], dict[tuple[str, ...], float]]:
    """Return the values of a reading by metric and labels."""

    def told(reading: Reading) -> dict[tuple[str, ...], float]:
        return {(sample.quantity.metric, *sample.labels): sample.value for sample in reading.samples}

    return told
