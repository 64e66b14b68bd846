"""From the command line to the registers of a device: real processes, and a simulated box at the end."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.site import SimulatedSite

pytestmark = [pytest.mark.timeout(180), pytest.mark.real_time]

HOST = "127.0.0.1"
CAPACITY_W = 11_000
PATIENCE_S = 60.0
Say = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def box() -> AsyncIterator[Sec1000Box]:
    async with SimulatedSite(faces=["sec1000s"]) as simulated:
        box = simulated.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        box.total_capacity_w = box.export_limit_w = CAPACITY_W
        yield box


def write_site(folder: Path, port: int) -> None:
    roof = {
        "family": "sec1000s",
        "host": HOST,
        "port": port,
        "rated_power": "11kW",
        "export_limit": {"minimum": "0W", "maximum": "11kW", "phases": "sum"},
        "control": {"enabled": True, "allow": ["limit_export"]},
    }
    site = {"site": {"name": "home", "zone": "Europe/Amsterdam"}, "devices": {"roof": roof}}
    (folder / "sunhelm.yml").write_text(yaml.safe_dump(site))
    (folder / "token").write_text("a-token-of-the-test\n")


@pytest.fixture
async def sunhelm(box: Sec1000Box, tmp_path: Path, free_ports: Callable[[int], int]) -> AsyncIterator[Say]:
    """Run `sunhelm` against a controller of its own."""
    write_site(tmp_path, box.port)
    url = f"http://{HOST}:{free_ports(1)}"
    controller = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "controllers.main",
        f"--config.file={tmp_path / 'sunhelm.yml'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--web.bearer-token-file={tmp_path / 'token'}",
        f"--state.directory={tmp_path / 'state'}",
        f"--runtime.directory={tmp_path / 'run'}",
        stderr=PIPE,
    )
    assert controller.stderr is not None
    log = b""
    while b"event=started" not in log:
        line = await controller.stderr.readline()
        assert line, log.decode()
        log += line
    drain = asyncio.create_task(controller.stderr.read())

    async def say(*words: str) -> tuple[int, str, str]:
        flags = [f"--controller.url={url}", f"--controller.token-file={tmp_path / 'token'}"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sunhelm.cli.main", *words, *flags, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    yield say
    controller.terminate()
    await controller.wait()
    await drain


async def holds(box: Sec1000Box, watts: float) -> None:
    """Wait until the box holds this: the controller is another process."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while box.export_limit_w != watts:
        assert asyncio.get_running_loop().time() < end, f"{box.export_limit_w} W"
        await asyncio.sleep(0.05)


async def test_a_limit_from_the_command_line_and_its_end(sunhelm: Say, box: Sec1000Box) -> None:
    status, out, _ = await sunhelm("limit-export", "roof", "0W", "--for", "2h", "--dry-run")
    assert status == 0
    assert "would write export_limit: limit 0W in place of limit 11000W" in out
    assert box.export_limit_w == CAPACITY_W

    status, out, _ = await sunhelm("limit-export", "roof", "0W", "--for", "2h")
    assert status == 0
    assert "roof holds limit 0W." in out
    assert box.export_limit_w == 0

    (claim,) = json.loads((await sunhelm("claims", "--json"))[1])["claims"]
    status, out, _ = await sunhelm("release", claim["id"])
    assert (status, out) == (0, f"{claim['id']}: released\n")
    await holds(box, CAPACITY_W)
    status, out, _ = await sunhelm("journal", "roof")
    assert "make claim for=2h action=limit_export limit=0W" in out
    assert "bearer" in out
    assert "restore" in out


async def test_what_is_dangerous_is_not_done_where_nobody_can_be_asked(sunhelm: Say, box: Sec1000Box) -> None:
    status, _, err = await sunhelm("set", "roof", "total_capacity", "10kW")
    assert status == 3
    assert "in place of 11000" in err
    assert "Nobody is here to confirm it; --yes does." in err
    assert box.total_capacity_w == CAPACITY_W

    status, out, _ = await sunhelm("set", "roof", "total_capacity", "10kW", "--yes")
    assert (status, out) == (0, "roof: setting:total_capacity is 10000\n")
    assert box.total_capacity_w == 10_000


async def test_a_person_can_set_a_negative_limit_which_no_claim_ends(sunhelm: Say, box: Sec1000Box) -> None:
    status, out, _ = await sunhelm("set", "roof", "signed_export_limit", "-1kW", "--yes")
    assert (status, out) == (0, "roof: setting:signed_export_limit is -1000\n")
    assert box.export_limit_w == -1_000

    status, out, _ = await sunhelm("limit-export", "roof", "2kW", "--for", "2h")
    assert status == 1
    assert "nothing is written: unreadable" in out
    status, _, _ = await sunhelm("set", "roof", "signed_export_limit", "11kW", "--yes")
    assert status == 0
    await holds(box, 2_000)


async def test_a_watchdog_is_not_reset_unless_its_owner_allows_it(sunhelm: Say, box: Sec1000Box) -> None:
    status, _, err = await sunhelm("reset-watchdog", "roof", "--yes")

    assert status == 1
    assert "allow_unlimited: 10s" in err
    assert box.mode == 3
