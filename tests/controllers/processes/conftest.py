"""The controller as a process that can be killed, and a wire to its device that says when."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiohttp import ClientError, ClientSession

HOST: Final = "127.0.0.1"
TOKEN: Final = "the-token-of-a-test"
NEVER: Final = "0001-01-01T00:00:00Z"
PATIENCE_S: Final = 60.0


@dataclass
class Wire:
    """Stands between controller and device; with `cut` set, that frame of the controller ends in a call.

    `cut` counts the frames from now on, the first is 1. The call comes before the frame has reached the
    device, or with `delivered` after the device has answered it, and before the answer is passed on.
    """

    target: int
    upon: Callable[[], object]
    port: int = 0
    cut: int = 0
    delivered: bool = False
    frames: int = 0

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        device_reader, device_writer = await asyncio.open_connection(HOST, self.target)
        try:
            while frame := await reader.read(4096):
                self.frames += 1
                ends = self.frames == self.cut
                if ends and not self.delivered:
                    self.upon()
                    return
                device_writer.write(frame)
                answer = await device_reader.read(4096)
                if ends:
                    self.upon()
                    return
                writer.write(answer)
        except OSError:
            pass  # one of them is gone, as it should be
        finally:
            device_writer.close()
            writer.close()

    def cut_at(self, frame: int, *, delivered: bool) -> None:
        """End at this frame of the coming ones."""
        self.frames, self.cut, self.delivered = 0, frame, delivered


@dataclass
class ControllerProcess:
    """`sunhelm-controller` over the site file of a folder; its journal outlives it."""

    folder: Path
    port: int
    session: ClientSession
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "controller.log").read_text()

    def start(self) -> None:
        """Start it; it answers some time later."""
        command = [sys.executable, "-m", "controllers.main", f"--config.file={self.folder / 'sunhelm.yml'}"]
        command += [f"--web.listen-address={HOST}:{self.port}", f"--state.directory={self.folder / 'state'}"]
        command += [f"--runtime.directory={self.folder / 'run'}"]
        command += [f"--web.bearer-token-file={self.folder / 'token'}"]
        self.started_at = time.monotonic()
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it by SIGKILL; harmless when it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def killed(self) -> None:
        """Wait until it is dead by SIGKILL."""
        assert self.process is not None
        status = await until(self.process.poll, lambda status: status is not None, self)
        assert status == -signal.SIGKILL, self.log

    async def ready(self) -> None:
        """Wait until it takes alerts."""
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            try:
                async with self.session.get(f"{self.url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except ClientError:
                pass
            await asyncio.sleep(0.01)

    async def deliver(self, *alerts: Mapping[str, Any]) -> None:
        """Deliver alerts as Alertmanager does."""
        body = json.dumps({"version": "4", "status": "firing", "alerts": alerts})
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        async with self.session.post(f"{self.url}/api/v1/webhook", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def metrics(self) -> str:
        """Return the page /metrics."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.session.get(f"{self.url}/metrics", headers=headers) as answer:
            return await answer.text()


async def until(look: Callable[[], Any], enough: Callable[[Any], object], process: ControllerProcess) -> Any:
    """Look until it is enough: other processes cannot be told to make their time pass."""
    end = time.monotonic() + PATIENCE_S
    while not enough(seen := look()):
        assert time.monotonic() < end, f"still {seen!r} after {PATIENCE_S:g} s\n{process.log}"
        await asyncio.sleep(0.01)
    return seen


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def firing(name: str, *, fingerprint: str = "", since: float = 1_780_000_000.0) -> dict[str, Any]:
    """Return an alert as it is delivered while it fires."""
    return {
        "status": "firing",
        "labels": {"alertname": name},
        "annotations": {},
        "startsAt": _time(since),
        "endsAt": NEVER,
        "fingerprint": fingerprint or name,
    }


def resolved(name: str, *, at: float) -> dict[str, Any]:
    """Return the same alert as it is delivered when it has ended."""
    return {**firing(name), "status": "resolved", "endsAt": _time(at)}


@dataclass
class Words:
    """What deliveries are made of."""

    firing: Callable[..., dict[str, Any]] = field(default=firing)
    resolved: Callable[..., dict[str, Any]] = field(default=resolved)


@pytest.fixture(scope="session")
def words() -> Words:
    return Words()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    return until


@pytest.fixture(scope="session")
def tie(free_ports: Callable[[int], int]) -> Callable[..., Any]:
    """Return a context: a controller and the wire to its device, the first device of the site file."""

    @asynccontextmanager
    async def tied(
        folder: Path, site: Mapping[str, Any], target: int
    ) -> AsyncIterator[tuple[ControllerProcess, Wire]]:
        (folder / "token").write_text(TOKEN)
        async with ClientSession() as session:
            process = ControllerProcess(folder, free_ports(1), session)
            wire = Wire(target, process.kill)
            server = await asyncio.start_server(wire.pass_on, HOST, 0)
            wire.port = server.sockets[0].getsockname()[1]
            (name,) = site["devices"]
            device = {**site["devices"][name], "host": HOST, "port": wire.port}
            (folder / "sunhelm.yml").write_text(yaml.safe_dump({**site, "devices": {name: device}}))
            async with server:
                with _killed_at_the_end(process):
                    yield process, wire

    return tied


@contextmanager
def _killed_at_the_end(process: ControllerProcess) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


@pytest.fixture(scope="session")
def within_s() -> Callable[[float], float]:
    """Return how long something takes on this machine, which may have other things to do as well."""
    return lambda seconds: seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
