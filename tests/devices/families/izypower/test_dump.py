"""A dump is as good as the cloud it was taken from: it answers a reading, and the values are the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.site import load_site
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.http_server import HttpRequest, HttpResponse, HttpServer
from sunhelm.simulator.request_log import HTTP_GET
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

TAKEN = 1_782_036_000.0


def _answers(dump: dict[str, Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], Any]:
    found = {}
    for request, body in dump["answers"].items():
        path, _, query = request.partition("?")
        found[path, frozenset(parse_qsl(query))] = body
    return found


async def _read(folder: Path, dump: dict[str, Any]) -> Any:
    answers = _answers(dump)

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/api/login":
            return HttpResponse({"data": {"token": "opaque"}})
        body = answers.get((request.path, frozenset(request.query.items())))
        return HttpResponse(None, 404) if body is None else HttpResponse(body)

    clock = VirtualClock(TAKEN - asyncio.get_running_loop().time())
    server = HttpServer(answer, now=clock.time, kind_of=lambda _: HTTP_GET, faults=Faults(), clock=clock)
    await server.open("127.0.0.1", 0)
    (folder / "password").write_text("x")
    account = {
        "family": "izypower",
        "username": "me",
        "password_file": "password",
        "url": f"http://127.0.0.1:{server.port}",
    }
    content = {
        "site": {"name": "home", "zone": "Europe/Paris"},
        "accounts": {"mine": account},
        "devices": {"roof": {"family": "izypower", "account": "mine", "profile": "full"}},
    }
    (folder / "sunhelm.yml").write_text(json.dumps(content))
    site = load_site(folder / "sunhelm.yml").site
    device = Device(site.devices["roof"], site, clock=clock)
    try:
        return await device.read(Deadline.after(60, clock))
    finally:
        await device.close()
        await server.close()


def test_a_dump_reads_as_its_golden_page(root: Path, tmp_path: Path, golden: Any) -> None:
    dump = json.loads((root / "tests" / "dumps" / "izypower" / "titan_cluster.json").read_text())
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        reading = runner.run(_read(tmp_path, dump))
    assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
    lines = [f"# {held.guard}: {held.source}\n" for held in reading.held]
    for sample in reading.samples:
        pairs = zip(sample.quantity.labels, sample.labels, strict=True)
        labels = ",".join(f'{name}="{value}"' for name, value in pairs)
        lines.append(f"{sample.quantity.metric}{{{labels}}} {sample.value:.10g}\n")
    assert len(reading.samples) > 250
    page = root / "tests" / "golden" / "dumps" / "izypower" / "titan_cluster.txt"
    golden.check(page, "".join(sorted(lines)))
