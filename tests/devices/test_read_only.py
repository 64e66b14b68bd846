"""Reading changes nothing: every simulated device, everything it offers, and what it was asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import open_site
from sunhelm.simulator.families import FAMILIES, secret_files, site_file
from sunhelm.simulator.request_log import HTTP_GET, HTTP_SIGN_IN
from sunhelm.simulator.site import SimulatedSite

READING = {3, 4, 0x2B, 0x41, 0x16, 0x0B, 0x43, HTTP_GET, HTTP_SIGN_IN}
"""Functions of Modbus and of GivEnergy, commands of the SEC1000 and of HTTP that only read."""


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_full_read_of_a_device_writes_nothing(family: str, tmp_path: Path) -> None:
    async with SimulatedSite(faces=[family], start=1_782_036_000.0, live=False) as site:
        endpoint = site.endpoints[family]
        content = site_file([family], "127.0.0.1", {family: endpoint.port})
        for name, secret in secret_files([family]).items():
            (tmp_path / name).write_text(secret)
        content["devices"][family]["profile"] = "full"
        (tmp_path / "sunhelm.yml").write_text(json.dumps(content))
        steering = repr(site.plant.steering)
        async with open_site(tmp_path / "sunhelm.yml") as devices:
            reading = await devices[family].read(Deadline.after(30))
    assert reading.up
    assert {request.function for request in endpoint.log.recent} <= READING
    assert not endpoint.log.writes
    assert repr(site.plant.steering) == steering
