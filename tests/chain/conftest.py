"""A whole chain on loopback: simulated site, exporter, Prometheus, Alertmanager and controller."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiohttp import ClientError, ClientSession

from sunhelm.simulator.faces.prices import Market, PriceServer
from sunhelm.simulator.faces.prices.market import Price
from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.families import FAMILIES as SIMULATED
from sunhelm.simulator.site import SimulatedSite

HOST: Final = "127.0.0.1"
TOKEN: Final = "the-token-of-a-test"
PATIENCE_S: Final = 60.0
HEARTBEAT: Final = "Watchdog"
PROGRAMS: Final = ("exporter", "alertmanager", "controller", "prometheus")
"""In the order in which they start."""
NOON: Final = 1_782_039_600.0
"""2026-06-21 11:00 UTC."""


@dataclass
class Program:
    """One process that can be killed and started again; what it prints is kept."""

    command: tuple[str, ...]
    ready_at: str
    log: Path
    session: ClientSession
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        process = self._spawned()
        while not await self._is_ready():
            assert process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.02)

    def _spawned(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.log.parent)
        return self.process

    def kill(self) -> None:
        """End it by SIGKILL; harmless when it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def _is_ready(self) -> bool:
        try:
            async with self.session.get(self.ready_at) as answer:
                return answer.status == 200
        except ClientError:
            return False


@dataclass(frozen=True)
class Timing:
    """How fast the chain is, in seconds; a house has 30 s or a minute for each of them."""

    scrape_s: int = 1
    evaluation_s: int = 1
    group_wait_s: int = 0
    heartbeat_late_s: int = 8
    lease_s: int = 30


TIMING: Final = Timing()


@dataclass
class Chain:
    """All of it, or `only` some programs, over devices and policies of a site file.

    With `pulled` the controller asks Alertmanager; else it knows what is delivered, by a test perhaps.
    """

    folder: Path
    session: ClientSession
    ports: Mapping[str, int]
    devices: Mapping[str, Mapping[str, Any]]
    policies: Mapping[str, Mapping[str, Any]]
    rules: Path
    routes: Path
    only: tuple[str, ...]
    pulled: bool
    timing: Timing = TIMING
    programs: dict[str, Program] = field(default_factory=dict)

    def url(self, name: str, path: str) -> str:
        return f"http://{HOST}:{self.ports[name]}{path}"

    def prepare(self) -> None:
        """Write what each of them is configured by."""
        (self.folder / "token").write_text(TOKEN)
        self._write("sunhelm.yml", self._site())
        self._write("prometheus.yml", self._prometheus())
        self._write("rules.yml", shortened_rules(self.rules, self.timing))
        self._write("alertmanager.yml", self._alertmanager())
        site, runtime = (
            f"--config.file={self.folder / 'sunhelm.yml'}",
            f"--runtime.directory={self.folder}/run",
        )
        prometheus, alertmanager = (shutil.which(name) for name in ("prometheus", "prometheus-alertmanager"))
        assert prometheus is not None
        assert alertmanager is not None
        self._program("exporter", sys.executable, "-m", "exporter.main", site, runtime)
        state, token = (
            f"--state.directory={self.folder}/state",
            f"--web.bearer-token-file={self.folder}/token",
        )
        self._program("controller", sys.executable, "-m", "controllers.main", site, runtime, state, token)
        resend = f"--rules.alert.resend-delay={self.timing.evaluation_s}s"
        database = f"--storage.tsdb.path={self.folder}/tsdb"
        self._program(
            "prometheus", prometheus, f"--config.file={self.folder}/prometheus.yml", database, resend
        )
        told = f"--storage.path={self.folder}/alertmanager"
        routes = f"--config.file={self.folder}/alertmanager.yml"
        self._program("alertmanager", alertmanager, routes, told, "--cluster.listen-address=")

    async def start(self) -> None:
        """Start all of them."""
        for name in self.only:
            await self.programs[name].start()

    def end(self) -> None:
        """Kill what runs."""
        for program in self.programs.values():
            program.kill()

    async def deliver(self, status: str, *names: str, since: float, until: float = 0.0) -> None:
        """Deliver alerts to the controller, as Alertmanager does."""
        stamps = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in (since, until)]
        alerts = [
            {
                "status": status,
                "labels": {"alertname": name},
                "startsAt": stamps[0],
                "endsAt": stamps[1],
                "fingerprint": name,
            }
            for name in names
        ]
        async with self.session.post(
            self.url("controller", "/api/v1/webhook"),
            json={"version": "4", "status": status, "alerts": alerts},
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as answer:
            assert answer.status == 200, await answer.text()

    async def query(self, promql: str) -> list[float]:
        """Return the values that Prometheus has for this now."""
        parameters = {"query": promql}
        async with self.session.get(self.url("prometheus", "/api/v1/query"), params=parameters) as answer:
            document = await answer.json()
        assert document["status"] == "success", document
        return [float(series["value"][1]) for series in document["data"]["result"]]

    async def controllers(self, metric: str) -> dict[str, float]:
        """Return the series of one metric of the controller, as it writes them."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.session.get(self.url("controller", "/metrics"), headers=headers) as answer:
            page = await answer.text()
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        name = f"sunhelm_controller_{metric}"
        return {key: float(value) for key, _, value in lines if key.partition("{")[0] == name}

    def words(self) -> str:
        """Return all that they have printed: for the message of a test that fails."""
        logs = ((name, self.programs[name].log.read_text()[-3000:]) for name in self.only)
        return "\n".join(f"--- {name}\n{text}" for name, text in logs)

    def _program(self, name: str, *command: str) -> None:
        command = (*command, f"--web.listen-address={HOST}:{self.ports[name]}")
        ready = self.url(name, "/-/ready")
        self.programs[name] = Program(command, ready, self.folder / f"{name}.log", self.session)

    def _write(self, name: str, content: object) -> None:
        (self.folder / name).write_text(yaml.safe_dump(content, sort_keys=False))

    def _site(self) -> dict[str, Any]:
        late, lease = f"{self.timing.heartbeat_late_s}s", f"{self.timing.lease_s}s"
        pulled = {"url": self.url("alertmanager", ""), "repeat_interval": "5m"}
        resend = f"{self.timing.evaluation_s}s" if "prometheus" in self.only else "1ms"
        pushed = {"repeat_interval": "10s", "resend": resend}
        return {
            "site": {"name": "home", "zone": "Europe/Amsterdam"},
            "devices": dict(self.devices),
            "alertmanager": {
                **(pulled if self.pulled else pushed),
                "heartbeat": {"match": {"alertname": HEARTBEAT}, "late": late},
            },
            "policies": {name: {"lease": lease, **policy} for name, policy in self.policies.items()},
        }

    def _prometheus(self) -> dict[str, Any]:
        every = f"{self.timing.scrape_s}s"
        sd = [{"url": self.url("exporter", "/sd"), "refresh_interval": "5s"}]
        faster = [
            {"target_label": label, "replacement": every, "source_labels": ["device"], "regex": "price"}
            for label in ("__scrape_interval__", "__scrape_timeout__")
        ]
        return {
            "global": {
                "scrape_interval": every,
                "scrape_timeout": every,
                "evaluation_interval": f"{self.timing.evaluation_s}s",
            },
            "rule_files": ["rules.yml"],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"{HOST}:{self.ports['alertmanager']}"]}]}]
            },
            "scrape_configs": [
                {"job_name": "sunhelm", "http_sd_configs": sd, "relabel_configs": faster},
                {
                    "job_name": "sunhelm-controller",
                    "authorization": {"credentials_file": str(self.folder / "token")},
                    "static_configs": [{"targets": [f"{HOST}:{self.ports['controller']}"]}],
                },
            ],
        }

    def _alertmanager(self) -> dict[str, Any]:
        """Return the configuration that is shipped, with other addresses and shorter times."""
        content: dict[str, Any] = yaml.safe_load(self.routes.read_text())
        for route in content["route"]["routes"]:
            if route["receiver"] == "sunhelm-controller":
                route["group_interval"] = "1s"
                route["group_wait"] = f"{self.timing.group_wait_s}s"
                if HEARTBEAT in str(route["matchers"]):
                    route["repeat_interval"] = "1s"
                elif not self.pulled:
                    route["repeat_interval"] = "10s"
        for receiver in content["receivers"]:
            for webhook in receiver.get("webhook_configs", ()):
                webhook["url"] = self.url("controller", "/api/v1/webhook")
                webhook["http_config"]["authorization"]["credentials_file"] = str(self.folder / "token")
        return content


def shortened_rules(folder: Path, timing: Timing) -> dict[str, Any]:
    """Return the rules that are shipped for control, and the heartbeat, with shorter times.

    The heartbeat still takes longer to fire than what it vouches for.
    """
    groups = [
        group
        for name in ("control.yml", "sec1000s.yml")
        for group in yaml.safe_load((folder / name).read_text())["groups"]
    ]
    groups += [
        group
        for group in yaml.safe_load((folder / "devices.yml").read_text())["groups"]
        if group["name"] == "sunhelm-heartbeat"
    ]
    for group in groups:
        group["interval"] = f"{timing.evaluation_s}s"
        for rule in group["rules"]:
            rule["for"] = f"{3 * timing.evaluation_s}s" if rule["alert"] == HEARTBEAT else "0s"
            rule.pop("keep_firing_for", None)
    return {"groups": groups}


@pytest.fixture
def run_chain(
    root: Path, tmp_path: Path, free_ports: Callable[[int], int], prometheus_program: str
) -> Callable[..., Any]:
    """Return a context that runs a chain over these devices and policies; everything has ended after it."""
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)")

    @asynccontextmanager
    async def run(
        devices: Mapping[str, Mapping[str, Any]],
        policies: Mapping[str, Mapping[str, Any]],
        only: tuple[str, ...] = PROGRAMS,
        *,
        pulled: bool = True,
    ) -> AsyncIterator[Chain]:
        names = PROGRAMS
        first = free_ports(len(names))
        ports = dict(zip(names, range(first, first + len(names)), strict=True))
        async with ClientSession() as session:
            chain = Chain(
                tmp_path,
                session,
                ports,
                devices,
                policies,
                rules=root / "alerts",
                routes=root / "deploy" / "alertmanager.yml",
                only=only,
                pulled=pulled and "alertmanager" in only,
            )
            chain.prepare()
            try:
                await chain.start()
                yield chain
            finally:
                chain.end()

    return run


@dataclass
class Roof:
    """A house at noon in June behind a SEC1000S, which sends about 6 kW to the grid, and its market.

    `limits` are the export limits that the box has had, with the time of each, since `watch` began.
    """

    site: SimulatedSite
    limits: list[tuple[float, int]] = field(default_factory=list)

    @property
    def box(self) -> Sec1000Box:
        box = self.site.endpoints["sec1000s"]
        assert isinstance(box, Sec1000Box)
        return box

    @property
    def market(self) -> Market:
        server = self.site.endpoints["tariff"]
        assert isinstance(server, PriceServer)
        return server.market

    @property
    def export_w(self) -> float:
        return -self.site.plant.state.grid.power_w

    def devices(self, **roof: Any) -> dict[str, dict[str, Any]]:
        """Return the devices of the site file."""
        box = {"family": "sec1000s", "host": HOST, "port": self.box.port, "rated_power": "10kW"}
        control = {"enabled": True, "allow": ["limit_export"]}
        price = SIMULATED["tariff"].device(HOST, self.site.endpoints["tariff"].port)
        return {
            "roof": {**box, "export_limit": {"phases": "sum"}, "control": control, **roof},
            "price": {"family": "tariff", **price},
        }

    def tell_prices(self, *negative: tuple[float, float]) -> None:
        """Let the price be below zero between these moments of Unix time, and above it otherwise."""
        now = time.time()
        day = Price(now - 2 * 86_400.0, now + 2 * 86_400.0, 80.0)
        self.market.told = [day, *(Price(start, end, -50.0) for start, end in negative)]

    async def watch(self) -> None:
        """Note every change of the limit, until cancelled."""
        while True:
            if not self.limits or self.limits[-1][1] != self.box.export_limit_w:
                self.limits.append((time.time(), self.box.export_limit_w))
            await asyncio.sleep(0.01)


async def until(look: Callable[[], Any], chain: Chain, within_s: float = PATIENCE_S) -> float:
    """Look until it is true, and return the moment: other processes cannot be told to make time pass."""
    end = time.monotonic() + within_s
    while True:
        seen = look()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return time.time()
        assert time.monotonic() < end, f"not within {within_s:g} s\n{chain.words()}"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def eventually_true() -> Callable[..., Any]:
    return until


@pytest.fixture
async def roof() -> AsyncIterator[Roof]:
    async with SimulatedSite(faces=["sec1000s", "tariff"], seed=7, start=NOON) as site:
        roof = Roof(site)
        watching = asyncio.create_task(roof.watch())
        yield roof
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
