"""Real servers to write to: influxd 1.6 behind a shim of the 2.x write path, and VictoriaMetrics."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from exporter.config import InfluxSection

TOKEN = "a-token-of-ten-thousand-suns"
BUCKET = "solar"
_CODES = {400: "invalid", 401: "unauthorized", 404: "not found"}
_PRECISIONS = {"ns": "ns", "us": "u", "ms": "ms", "s": "s"}


def unused_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
    return path


@contextlib.contextmanager
def running(arguments: list[str], log: Path, alive: str) -> Iterator[None]:
    """Run a server until the end of the context; it has started when `alive` answers."""
    with (
        log.open("wb") as output,
        subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent) as process,
    ):
        try:
            until = time.monotonic() + 30
            while not answers(alive):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def ask(url: str, **parameters: str) -> Any:
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
        return json.loads(answer.read() or "null")


@dataclass
class InfluxD:
    """InfluxDB 1.6, read back with InfluxQL."""

    url: str

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """Return the series of the answer; times are in seconds."""
        (result,) = ask(f"{self.url}/query", db=BUCKET, epoch="s", q=influxql)["results"]
        assert "error" not in result, result
        return list(result.get("series", []))

    def empty(self) -> None:
        self.order(f"DROP DATABASE {BUCKET}")
        self.order(f"CREATE DATABASE {BUCKET}")

    def order(self, statement: str) -> None:
        body = urllib.parse.urlencode({"q": statement}).encode()
        with urllib.request.urlopen(f"{self.url}/query", body, timeout=30) as answer:
            assert "error" not in json.loads(answer.read())["results"][0]

    def points(self) -> dict[tuple[str, str, int], float]:
        """Return every value there is, by series (its tags), field and time."""
        values: dict[tuple[str, str, int], float] = {}
        for series in self.query("SELECT * FROM solar GROUP BY *"):
            tags = ",".join(f"{key}={text}" for key, text in sorted(series["tags"].items()) if text)
            time_at = series["columns"].index("time")
            for row in series["values"]:
                for name, value in zip(series["columns"], row, strict=True):
                    if name != "time" and value is not None:
                        assert (tags, name, row[time_at]) not in values
                        values[tags, name, row[time_at]] = float(value)
        return values


@pytest.fixture(scope="session")
def influxd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxD]:
    influxd = program("influxd", "influxdb")
    folder = tmp_path_factory.mktemp("influxd")
    port = unused_port()
    (folder / "influx.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{unused_port()}"\n'
        f'[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    url = f"http://127.0.0.1:{port}"
    with running(
        [influxd, "run", "-config", str(folder / "influx.conf")], folder / "influxd.log", f"{url}/ping"
    ):
        yield InfluxD(url)


@pytest.fixture
def influxd(influxd_server: InfluxD) -> InfluxD:
    influxd_server.empty()
    return influxd_server


@dataclass
class Shim:
    """`/api/v2/write` in front of InfluxDB 1.6, which parses and stores; on one port, on or off.

    `orders` are answers to give instead, one a request; `busy` is the answer while it is set. `sent` has
    every line that came, `encodings` how they were packed.
    """

    influxd: str
    port: int
    token: str = TOKEN
    orders: list[web.Response] = field(default_factory=list)
    busy: bool = False
    sent: list[str] = field(default_factory=list)
    requests: int = 0
    encodings: set[str] = field(default_factory=set)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=50 * 2**20)
        app.router.add_post("/api/v2/write", self._write)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _write(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.orders:
            return self.orders.pop(0)
        if self.busy:
            return web.Response(status=503, headers={"Retry-After": "1"})
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return refusal(401, "unauthorized access")
        self.encodings.add(request.headers.get("Content-Encoding", ""))
        body = await request.read()  # without its coding
        self.sent += body.decode().split("\n")
        where = {"db": request.query["bucket"], "precision": _PRECISIONS[request.query["precision"]]}
        async with (
            ClientSession() as session,
            session.post(f"{self.influxd}/write", params=where, data=body) as answer,
        ):
            if answer.status == 204:
                return web.Response(status=204)
            message = (await answer.json())["error"]
            return refusal(404 if "database not found" in message else answer.status, message)


def refusal(status: int, message: str) -> web.Response:
    return web.json_response(
        {"code": _CODES.get(status, "internal error"), "message": message}, status=status
    )


@pytest.fixture
async def shim(influxd: InfluxD) -> AsyncIterator[Shim]:
    shim = Shim(influxd.url, unused_port())
    await shim.start()
    yield shim
    await shim.stop()


@dataclass
class VictoriaMetrics:
    """VictoriaMetrics, read back with PromQL."""

    url: str

    def values(self, promql: str, unix_time: int) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the values at a time, by their labels."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=30):
            pass
        answer = ask(f"{self.url}/api/v1/query", query=promql, time=str(unix_time))
        return {
            tuple(sorted(series["metric"].items())): float(series["value"][1])
            for series in answer["data"]["result"]
        }


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    victoria = program("victoria-metrics", "victoria-metrics")
    folder = tmp_path_factory.mktemp("victoria")
    url = f"http://127.0.0.1:{(port := unused_port())}"
    arguments = [
        victoria,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
    ]
    with running(arguments, folder / "victoria.log", f"{url}/health"):
        yield VictoriaMetrics(url)


@pytest.fixture
def free_port() -> int:
    return unused_port()


@pytest.fixture
def make_section(tmp_path: Path) -> Callable[..., InfluxSection]:
    """Make the section `influxdb` for a server; its token is in a file."""

    def make(url: str, *, token: str = TOKEN, **others: Any) -> InfluxSection:
        (tmp_path / "token").write_text(f"{token}\n")
        values = {"org": "home", "bucket": BUCKET, "token_file": str(tmp_path / "token")}
        spool = str(tmp_path / "spool")
        return InfluxSection.model_validate({"url": url, "spool": spool, **values, **others})

    return make


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Wait until `look` returns something true, and return it."""

    async def wait(look: Callable[[], Any], patience_s: float = 20.0) -> Any:
        until = time.monotonic() + patience_s
        while not (seen := look()):
            assert time.monotonic() < until, f"still {seen!r} after {patience_s:g} s"
            await asyncio.sleep(0.02)
        return seen

    return wait
