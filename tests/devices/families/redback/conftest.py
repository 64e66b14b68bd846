"""A cloud of the tests' own: it answers what it is told to, at the paths of the API and the portal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sunhelm.devices.device import Device
from sunhelm.devices.site import load_site
from sunhelm.simulator.faces.redback import CLIENT_ID, EMAIL, PASSWORD, SECRET, RedbackCloud
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock

SERIAL = "RB21011500000071"
SITE = "S7c01d2e94a6f3"
TOKEN_PATH = "/fb46c16c-9144-45e0-87b7-f578abed629f/oauth2/v2.0/token"
LIVE = "/Api/v2.21/EnergyData/Dynamic/BySerialNumber/"
STATIC = "/Api/v2/EnergyData/Static/BySerialNumber/"
CONFIGURATION = "/Api/v2/Configuration/Configuration/BySerialNumber/"
SCHEDULES = "/Api/v2/Schedule/By/SerialNumber/"
ENVELOPES = "/Api/v2/OperatingEnvelope/By/Site/"
NODES = "/Api/v2/EnergyData/With/Nodes"
PANELS = "/installationdetails/Configure"


@dataclass
class Cloud:
    """`answers` are bodies by path, a status instead of one refuses; `now` is what its clock shows."""

    now: float
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    expires_in: object = 3599

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        answer = self.answers.get(request.path, 404)
        if callable(answer):
            answer = answer(request)
        headers = {"Date": formatdate(self.now, usegmt=True)}
        if isinstance(answer, int):
            return web.Response(status=answer, headers=headers)
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="text/html", headers=headers)
        return web.Response(text=json.dumps(answer), content_type="application/json", headers=headers)

    def count(self, path: str) -> int:
        return sum(path in asked for asked in self.asked)


@pytest.fixture
async def cloud(clock: Any) -> AsyncIterator[Cloud]:
    cloud = Cloud(clock.now)
    cloud.answers[TOKEN_PATH] = lambda _: {
        "token_type": "Bearer",
        "expires_in": cloud.expires_in,
        "access_token": "token",
    }
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cloud.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    cloud.port = runner.addresses[0][1]
    yield cloud
    await runner.cleanup()


OpenDevice = Callable[..., AbstractAsyncContextManager[Device]]


@pytest.fixture
def open_device(cloud: Cloud, clock: Any, tmp_path: Path) -> OpenDevice:
    """Open a device of the account: `async with open_device(serial="RB...") as device`."""

    @asynccontextmanager
    async def open_device(*, portal: bool = False, **keys: str) -> AsyncIterator[Device]:
        (tmp_path / "secret").write_text("s3cret")
        base = f"http://127.0.0.1:{cloud.port}"
        owner = ", username: me@example.invalid, password_file: secret" if portal else ""
        more = "".join(f", {key}: {value}" for key, value in keys.items())
        (tmp_path / "sunhelm.yml").write_text(
            "site: {name: home, zone: Australia/Sydney}\n"
            "accounts:\n  mine: {family: redback, client_id: id, client_secret_file: secret, "
            f"url: '{base}', sign_in_url: '{base}', portal_url: '{base}'{owner}}}\n"
            f"devices:\n  roof: {{family: redback, account: mine{more}}}\n"
        )
        site = load_site(tmp_path / "sunhelm.yml").site
        device = Device(site.devices["roof"], site, clock=clock)
        try:
            yield device
        finally:
            await device.close()

    return open_device


@pytest.fixture
def at_home(beside_cloud: Callable[..., None], tmp_path: Path) -> Callable[..., None]:
    """Run a program in virtual time beside a simulated account: `at_home(program)`."""

    def at_home(
        program: Callable[[Any], Awaitable[None]],
        *,
        neighbours: bool = False,
        portal: bool = True,
        start: float = 1_782_036_000.0,
    ) -> None:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "password").write_text(PASSWORD)

        def cloud_of(plant: Plant, clock: VirtualClock) -> RedbackCloud:
            return RedbackCloud(plant, neighbours=neighbours, clock=clock)

        def site_of(cloud: RedbackCloud) -> dict[str, Any]:
            base = f"http://127.0.0.1:{cloud.port}"
            account: dict[str, object] = {
                "family": "redback",
                "client_id": CLIENT_ID,
                "client_secret_file": "secret",
                **dict.fromkeys(("url", "sign_in_url", "portal_url"), base),
            }
            if portal:
                account |= {"username": EMAIL, "password_file": "password"}
            device = {
                "family": "redback",
                "account": "mine",
                "control": {"enabled": True, "allow": ["limit_export"]},
            }
            serials = {"roof": cloud.inverter.serial, "house": cloud.inverter.site}
            if cloud.grid_tie is not None:
                serials["shed"] = cloud.grid_tie[1]
            return {
                "site": {"name": "home", "zone": "Australia/Sydney"},
                "accounts": {"mine": account},
                "devices": {name: {**device, "serial": serial} for name, serial in serials.items()},
            }

        beside_cloud(program, cloud_of, site_of, start=start)

    return at_home
