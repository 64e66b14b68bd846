"""What we send to Redback's cloud, byte for byte as its description and the programs that work have it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ControlledDevice, Envelope, Mode, Schedule
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.links.answers import utc
from sunhelm.devices.site import load_site

pytestmark = pytest.mark.captures

SERIAL = "RB21011500000071"


@dataclass
class Clock:
    """Stands at the time of the examples until somebody sleeps."""

    now: float

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Sent:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Cloud:
    """Answers as the worked examples do, and remembers every byte that it was sent."""

    facts: Path
    sent: list[Sent] = field(default_factory=list)
    schedules: list[Any] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)

    def fact(self, name: str) -> Any:
        return json.loads((self.facts / f"{name}.json").read_text(encoding="utf-8"))

    def one(self, method: str, path: str) -> Sent:
        (sent,) = (sent for sent in self.sent if (sent.method, sent.path.partition("?")[0]) == (method, path))
        return sent

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.sent.append(Sent(request.method, request.raw_path, headers, body))
        if "oauth2" in request.path:
            return web.json_response(self.fact("auth_entra_token")["response"]["body"])
        if request.path == "/Account/Login":
            exchanges = self.fact("portal_login")["exchanges"]
            if request.method == "GET":
                return _page(exchanges[0]["response"]["html"], "__RequestVerificationToken=COOKIEHALF")
            return web.Response(
                status=302,
                headers={"Location": "/", "Set-Cookie": ".AspNet.ApplicationCookie=SESSION; path=/"},
            )
        if request.path.startswith("/productcontrol"):
            return _page(self.fact("portal_set_mode")["exchanges"][0]["response"]["html"])
        return web.json_response(self._api(request.method, request.path, body))

    def _api(self, method: str, path: str, body: str) -> Any:
        if method == "POST" and "Schedule" in path:
            key = "3f1c2a90-1111-4222-8333-000000000001"
            self.schedules.append({"ScheduleId": key, "SiteId": "S7c01d2e94a6f3", **json.loads(body)})
            return self.fact("schedule_create_by_serial")["response"]["body"]
        if method == "POST":
            self.envelopes.append({"Status": "Scheduled", **json.loads(body)})
            return self.fact("openvelope_create_by_site")["response"]["body"]
        if method == "DELETE":
            (self.schedules if "Schedule" in path else self.envelopes).clear()
            return self.fact("schedule_delete")["response"]["body"]
        if "Schedule" in path:
            return {"Data": {"DailySchedules": [], "Schedules": self.schedules}}
        if "Envelope" in path:
            return {"TotalCount": len(self.envelopes), "Data": self.envelopes}
        name = {"With/Nodes": "energydata_with_nodes", "Static": "static_by_serial_hybrid"}
        return self.fact(next(fact for key, fact in name.items() if key in path))["response"]["body"]


def _page(html: str, cookie: str = "") -> web.Response:
    headers = {"Set-Cookie": f"{cookie}; path=/"} if cookie else {}
    return web.Response(text=html, content_type="text/html", headers=headers)


@dataclass
class Bench:
    """An inverter opened for control before the cloud of the examples."""

    cloud: Cloud
    device: ControlledDevice
    clock: Clock

    def deadline(self) -> Deadline:
        return Deadline.after(60, self.clock)


@pytest.fixture
async def bench(captures: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    facts = captures.parent / "facts" / "redback"
    if not facts.is_dir():
        pytest.skip("no worked examples of Redback here")
    cloud = Cloud(facts)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cloud.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    token, login = (
        cloud.fact("auth_entra_token")["request"],
        cloud.fact("portal_login")["exchanges"][1]["request"],
    )
    (tmp_path / "secret").write_text(token["form"]["client_secret"])
    (tmp_path / "password").write_text(login["form"]["Password"])
    account = {"family": "redback", "client_id": token["form"]["client_id"], "client_secret_file": "secret"}
    account |= {"username": login["form"]["Email"], "password_file": "password"}
    account |= dict.fromkeys(("url", "sign_in_url", "portal_url"), base)
    roof = {"family": "redback", "account": "mine", "serial": SERIAL, "control": {"enabled": True}}
    content = {
        "site": {"name": "home", "zone": "Australia/Sydney"},
        "accounts": {"mine": account},
        "devices": {"roof": roof},
    }
    (tmp_path / "sunhelm.yml").write_text(json.dumps(content))
    site = load_site(tmp_path / "sunhelm.yml").site
    clock = Clock(utc("2026-01-10T00:59:00Z") or 0)
    device = open_controlled(site.devices["roof"], site, clock=clock)
    link: Any = device.link.source.cloud.api  # type: ignore[attr-defined]
    follow = link.follow

    async def undated(request: Any, deadline: Any) -> Any:
        answer = await follow(request, deadline)
        answer.headers.pop("date", None)  # of today, while the examples are of another day
        return answer

    link.follow = undated
    yield Bench(cloud, device, clock)
    await device.close()
    await runner.cleanup()


async def test_the_form_for_a_token_is_the_one_of_the_example(bench: Bench) -> None:
    await bench.device.schedules.entries(bench.deadline())  # type: ignore[union-attr]
    fact = bench.cloud.fact("auth_entra_token")["request"]
    sent = bench.cloud.one("POST", urlsplit(fact["url"]).path)
    assert parse_qsl(sent.body) == parse_qsl(fact["encoded_body"])
    assert sent.body.replace("~", "%7E") == fact["encoded_body"].replace("~", "%7E")
    assert sent.headers["content-type"].startswith("application/x-www-form-urlencoded")
    read = next(one for one in bench.cloud.sent if "With/Nodes" in one.path)
    token = bench.cloud.fact("auth_entra_token")["response"]["body"]["access_token"]
    assert read.headers["authorization"] == f"Bearer {token}"
    assert not any("//" in one.path for one in bench.cloud.sent)


async def test_a_schedule_is_created_and_deleted_as_the_examples_do(bench: Bench) -> None:
    fact = bench.cloud.fact("schedule_create_by_serial")["request"]
    start = utc(fact["body"]["StartTimeUtc"])
    assert start is not None
    wanted = Schedule(start=start, end=start + 1500, mode="force_charge", watts=3000)
    assert bench.device.schedules is not None
    key = await bench.device.schedules.create(wanted, "example", bench.deadline())
    sent = bench.cloud.one("POST", urlsplit(fact["url"]).path)
    assert json.loads(sent.body) == {**fact["body"], "UserNotes": "sunhelm example"}
    assert sent.headers["content-type"] == fact["headers"]["Content-Type"]
    await bench.device.schedules.delete(key, bench.deadline())
    bench.cloud.one("DELETE", urlsplit(bench.cloud.fact("schedule_delete")["request"]["url"]).path)


async def test_an_envelope_names_the_limit_that_is_wanted_and_no_other(bench: Bench) -> None:
    fact = bench.cloud.fact("openvelope_create_by_site")["request"]
    start, end = utc(fact["body"]["StartAtUtc"]), utc(fact["body"]["EndAtUtc"])
    assert start is not None
    assert end is not None
    assert bench.device.envelopes is not None
    key = await bench.device.envelopes.create(
        Envelope(start=start, end=end, grid_export=0), "Evening cap/1", bench.deadline()
    )
    sent = bench.cloud.one("POST", urlsplit(fact["url"]).path)
    left_out = ("MaxImportPowerW", "MaxDischargePowerW", "MaxChargePowerW", "MaxGenerationPowerVA")
    ours = {name: value for name, value in fact["body"].items() if name not in left_out}
    assert json.loads(sent.body) == {**ours, "EventId": "sunhelm-Evening cap/1"}
    await bench.device.envelopes.delete(key, bench.deadline())
    bench.cloud.one("DELETE", "/Api/v2/OperatingEnvelope/By/EventId/sunhelm-Evening%20cap%2F1")


async def test_the_lasting_mode_is_set_as_the_programs_do_that_work(bench: Bench) -> None:
    await bench.device.handles["mode"].write(Mode("native:DischargeBattery:2500"), bench.deadline())
    login = bench.cloud.fact("portal_login")["exchanges"][1]["request"]
    sent = bench.cloud.one("POST", "/Account/Login")
    assert dict(parse_qsl(sent.body)) == login["form"]
    assert sent.headers["cookie"] == login["headers"]["Cookie"]
    assert urlsplit(sent.headers["referer"]).path == urlsplit(login["headers"]["Referer"]).path
    page, form = (exchange["request"] for exchange in bench.cloud.fact("portal_set_mode")["exchanges"])
    asked = bench.cloud.one("GET", urlsplit(page["url"]).path)
    assert asked.path.endswith(f"?serialNumber={SERIAL}")
    sent = bench.cloud.one("POST", urlsplit(form["url"]).path)
    assert sent.body == form["encoded_body"]
    assert sent.headers["x-requested-with"] == "XMLHttpRequest"
    assert urlsplit(sent.headers["referer"]).path == urlsplit(form["headers"]["Referer"]).path
    assert set(sent.headers["cookie"].split("; ")) == set(
        form["headers"].get("Cookie", page["headers"]["Cookie"]).split("; ")
    )
