"""The page as a person uses it: log in, see a live claim, release it, see the device change. No scripts."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from aiohttp import ClientError, ClientSession, encode_basic_auth

from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300), pytest.mark.real_time]

HOST = "127.0.0.1"
PATIENCE_S = 60.0
CAPACITY_W = 11_000
PASSWORD = "correct horse"
PHONE, DESKTOP = (390, 844), (1280, 900)


def site(simulated: SimulatedSite) -> dict[str, Any]:
    box, gx = (simulated.endpoints[name].port for name in ("sec1000s", "victron"))
    return {
        "site": {"name": "home", "zone": "Europe/Amsterdam"},
        "devices": {
            "roof": {
                "family": "sec1000s",
                "host": HOST,
                "port": box,
                "rated_power": "11kW",
                "export_limit": {"minimum": "0W", "maximum": "11kW", "phases": "sum"},
                "control": {"enabled": True, "allow": ["limit_export"]},
            },
            "gx": {
                "family": "victron",
                "host": HOST,
                "port": gx,
                "control": {"enabled": True, "allow": ["charge", "external_control"]},
            },
        },
        "alertmanager": {
            "repeat_interval": "1m",
            "resend": "1ms",
            "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
        },
        "policies": {
            "negative_price": {
                "match": {"alertname": "FeedInPriceNegative"},
                "device": "roof",
                "action": "limit_export",
                "with": {"limit": "0W"},
                "lease": "10m",
                "min_life": "0s",
            }
        },
    }


@dataclass
class Running:
    """`sunhelm-controller` with two users: anna, and alertmanager."""

    url: str
    session: ClientSession
    log: Path

    async def ask(self, method: str, path: str, body: object, user: str = "anna") -> Any:
        headers = {"Authorization": encode_basic_auth(user, PASSWORD)}
        url = f"{self.url}/api/v1{path}"
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await (answer.json() if answer.content_type.endswith("json") else answer.text())

    async def fire(self, *names: str) -> None:
        alerts = [
            {
                "status": "firing",
                "labels": {"alertname": name},
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": name,
            }
            for name in names
        ]
        await self.ask("POST", "/webhook", {"version": "4", "alerts": alerts}, "alertmanager")


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedSite]:
    async with SimulatedSite(faces=["sec1000s", "victron"]) as simulated:
        box = simulated.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        box.total_capacity_w = box.export_limit_w = CAPACITY_W
        yield simulated


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    secret = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    users = {"anna": secret, "alertmanager": secret}
    (folder / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": users}))
    command = [sys.executable, "-m", "controllers.main", f"--config.file={folder / 'sunhelm.yml'}"]
    command += [f"--web.listen-address={HOST}:{port}", f"--web.config.file={folder / 'web.yml'}"]
    command += [f"--state.directory={folder / 'state'}", f"--runtime.directory={folder / 'run'}"]
    with (folder / "controller.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


@pytest.fixture
async def controller(
    simulated: SimulatedSite, tmp_path: Path, free_ports: Callable[[int], int]
) -> AsyncIterator[Running]:
    (tmp_path / "sunhelm.yml").write_text(yaml.safe_dump(site(simulated)))
    port, log = free_ports(1), tmp_path / "controller.log"
    process = start(tmp_path, port)
    try:
        async with ClientSession() as session:
            running = Running(f"http://{HOST}:{port}", session, log)
            async with asyncio.timeout(PATIENCE_S):
                while not await answers(running):
                    assert process.poll() is None, log.read_text()
                    await asyncio.sleep(0.05)
            yield running
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 30)  # the simulated devices live on in this loop


async def answers(running: Running) -> bool:
    headers = {"Authorization": encode_basic_auth("anna", PASSWORD)}
    try:
        async with running.session.get(f"{running.url}/-/ready", headers=headers) as answer:
            return answer.status == 200
    except ClientError:
        return False


async def holds(box: Sec1000Box, watts: float) -> None:
    """Wait until the device holds this: the controller is another process."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while box.export_limit_w != watts:
        assert asyncio.get_running_loop().time() < end, f"{box.export_limit_w} W"
        await asyncio.sleep(0.05)


@pytest.fixture
def pictures(golden: Any, root: Path, tmp_path: Path) -> Path:
    """Where pictures go: into the docs when golden files are written anew."""
    return root / "docs" / "pictures" if golden.update else tmp_path


async def test_without_a_password_there_is_nothing_to_see(browser: Any, controller: Running) -> None:
    for path in ("/", "/claims/x/release", "/devices/roof/hold", "/api/v1/claims", "/metrics"):
        await browser.open(f"{controller.url}{path}")
        text = await browser.text()

        assert "nauthorized" in text
        assert "roof" not in text


async def test_a_person_logs_in_sees_a_claim_releases_it_and_sees_the_device_change(
    browser: Any, controller: Running, simulated: SimulatedSite, pictures: Path
) -> None:
    box = simulated.endpoints["sec1000s"]
    assert isinstance(box, Sec1000Box)
    await controller.fire("Watchdog", "FeedInPriceNegative")
    await holds(box, 0)
    (claim,) = (await controller.ask("GET", "/claims", None))["claims"]
    await controller.ask("POST", "/claims", {"device": "gx", "action": "charge", "with": {"power": "1500W"}})
    schedule = {"device": "gx", "start": "03:00", "duration": "2h", "mode": "force_charge", "power": "2kW"}
    await controller.ask("POST", "/schedules", schedule)

    browser.user = ("anna", PASSWORD)
    await browser.resize(*DESKTOP, phone=False)
    await browser.open(controller.url)
    text = await browser.sees("charge 1\u202f500 W observed charge 1\u202f500 W")
    assert "Every device holds what it shall." in text
    assert "desired at most 0 W written at most 0 W observed at most 0 W" in text
    assert "roof export limit: at most 0 W policy negative_price" in text
    assert "gx battery: charge 1\u202f500 W anna" in text
    assert "gx force charge 2\u202f000 W" in text
    await browser.picture(pictures / "status-desktop.png")
    await browser.resize(*PHONE, phone=True)
    wide, window = await browser.width()
    assert wide <= window == PHONE[0]
    await browser.picture(pictures / "status-phone.png")

    await browser.click(f'a[href="/claims/{claim["id"]}/release"]')
    await browser.sees("Release the claim on roof?")
    await browser.picture(pictures / "release-phone.png")
    assert box.export_limit_w == 0
    await browser.click("button[type=submit]")
    text = await browser.sees("The claim is released.")
    assert "roof export limit: at most 0 W policy" not in text
    await holds(box, CAPACITY_W)
    await browser.sees("restore")
    await browser.sees(f"release id={claim['id']} request · anna · done")
