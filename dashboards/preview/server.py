"""A Prometheus that has a past: samples and recording rules put into it before anybody asks."""

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

from dashboards.preview.history import History, Mode

RULES: Final = Path(__file__).parents[2] / "alerts" / "recording.yml"

_LONGEST_BLOCK: Final = "240h"
_READY_WITHIN_S: Final = 30.0


class Server:
    """A Prometheus that is running on this machine, at `port`."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, **parameters: object) -> Any:  # noqa: ANN401  # JSON, of any shape
        """Return the data of an answer of the API; raise ValueError with its words when it is an error."""
        answer = json.loads(self._get(f"/api/v1/{path}?{urlencode(parameters, doseq=True)}")[1])
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._get("/-/ready")[0] == 200
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def remembering(history: History, folder: Path, *, mode: Mode = "discovered") -> Iterator[Server]:
    """Run a Prometheus in `folder` that has scraped this history, and has had the recording rules since.

    Needs `prometheus` and `promtool` on the path.
    """
    samples, data, span = folder / "samples.txt", folder / "data", history.span
    with samples.open("w", encoding="utf-8") as file:
        history.write(file, mode)
    # In blocks of two hours, the default, the samples are read once for each of them.
    blocks = f"--max-block-duration={_LONGEST_BLOCK}"
    _promtool("tsdb", "create-blocks-from", blocks, "openmetrics", str(samples), str(data))
    with _running(folder, data) as server:
        times = (f"--start={span.begin}", f"--end={span.end}")
        target = (f"--url={server.url}", f"--output-dir={data}")
        _promtool("tsdb", "create-blocks-from", "rules", *times, *target, str(RULES))
    with _running(folder, data) as server:
        yield server


def _promtool(*arguments: str) -> None:
    _run(["promtool", *arguments])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")


@contextmanager
def _running(folder: Path, data: Path) -> Iterator[Server]:
    configuration = folder / "prometheus.yml"
    configuration.write_text("scrape_configs: []\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.cors.origin=.*",
        "--log.level=error",
    ]
    server = Server(port)
    process = subprocess.Popen(command, stderr=subprocess.PIPE)  # noqa: S603  # our own words
    try:
        end = time.monotonic() + _READY_WITHIN_S
        while not server.ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Prometheus did not start on port {port}")
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=30)
