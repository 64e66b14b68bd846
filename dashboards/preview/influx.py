"""An InfluxDB that has a past: what the exporter wrote into it before anybody asks."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

DATABASE: Final = "solar"

_READY_WITHIN_S: Final = 60.0
_BATCH: Final = 5000


class InfluxD:
    """An influxd (InfluxDB 1) on this machine, with one database."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self._ask("GET", "/ping")
        except OSError:
            return False
        return True

    def write(self, lines: Sequence[str]) -> None:
        """Write lines of its line protocol, with times in seconds."""
        self._ask("POST", f"/query?{urlencode({'q': f'CREATE DATABASE {DATABASE}'})}")
        for first in range(0, len(lines), _BATCH):
            batch = "\n".join(lines[first : first + _BATCH])
            self._ask("POST", f"/write?db={DATABASE}&precision=s", batch)

    def ask(self, influxql: str) -> list[dict[str, Any]]:
        """Return the series of the answer, with times in seconds; raise ValueError with its words."""
        query = urlencode({"db": DATABASE, "epoch": "s", "q": influxql})
        (result,) = json.loads(self._ask("GET", f"/query?{query}"))["results"]
        if "error" in result:
            raise ValueError(f"{influxql}: {result['error']}")
        return list(result.get("series", []))

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else body.encode())
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise ValueError(f"{path}: {content.decode(errors='replace')}")
        return content


@contextmanager
def keeping(points: Sequence[str], folder: Path) -> Iterator[InfluxD]:
    """Run an influxd in `folder` that was written these points. Needs `influxd` on the path."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, backup = one.getsockname()[1], other.getsockname()[1]
    configuration = folder / "influx.conf"
    configuration.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{backup}"\n'
        f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    server, log = InfluxD(port), folder / "influxd.log"
    with log.open("wb") as file:
        command = ["influxd", "run", "-config", str(configuration)]
        process = subprocess.Popen(command, stdout=file, stderr=file)  # noqa: S603  # our own words
        try:
            until = time.monotonic() + _READY_WITHIN_S
            while not server.is_up():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"influxd did not start: {log.read_text(encoding='utf-8')}")
                time.sleep(0.05)
            server.write(points)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
