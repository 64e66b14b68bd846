"""A controller that says what the test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sunhelm.cli.main import main

AT = "2026-07-01T12:00:00Z"
PLAN = {
    "device": "roof",
    "action": "limit_export",
    "state": "export_limit",
    "value": "limit 0W",
    "observed": "unlimited",
    "desired": "limit 0W",
    "writes": ["limit 0W"],
    "warnings": ["The sources do not agree."],
    "hazard": "automatic",
    "rung": "C",
    "means": "native",
    "needs_confirmation": False,
    "ends_at": AT,
}
CLAIM = {
    "id": "c1",
    "device": "roof",
    "action": "limit_export",
    "state": "export_limit",
    "value": "limit 0W",
    "cause": "person",
    "by": "anna",
    "fingerprint": "",
    "made_at": AT,
    "renewed_at": AT,
    "ends_at": "2026-07-01T13:00:00Z",
    "priority": 0,
    "dry_run": False,
    "ended": "",
    "ended_at": None,
}
STATE = {
    "key": "export_limit",
    "desired": "limit 0W",
    "written": "limit 0W",
    "observed": "limit 0W",
    "baseline": "unlimited",
    "observed_at": "2026-07-01T12:00:03Z",
    "differs_since": None,
    "stands_back": "",
    "fail_safe": False,
}
DEVICE = {"name": "roof", "family": "sec1000s", "states": [STATE], "failing": "", "held_until": None}
UNCONFIRMED = {"code": "needs_confirmation", "detail": "It lifts the limit for 5 s.", "errors": []}


@dataclass
class Controller:
    """Answers by (method, path); a list is answered one by one. `asked` has what came, with its body."""

    url: str = ""
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    dropped: int = 0

    def bodies(self, path: str) -> list[Any]:
        return [body for method, asked, body in self.asked if asked == path]

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        answer = self.answers.get((method, path), (404, {"code": "not_found", "detail": "There is none."}))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, tuple) else (200, answer)


@pytest.fixture
def controller() -> Iterator[Controller]:
    controller = Controller()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/api/v1")
            controller.asked.append((self.command, path, body))
            controller.headers = dict(self.headers)
            if controller.dropped:
                controller.dropped -= 1
                self.close_connection = True
                return
            status, answer = controller.answer(self.command, path)
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    Handler.log_message = lambda *_: None  # type: ignore[method-assign]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    controller.url = f"http://127.0.0.1:{server.server_address[1]}"
    controller.answers = {
        ("POST", "/plans"): dict(PLAN),
        ("POST", "/claims"): (201, CLAIM),
        ("GET", "/devices/roof"): DEVICE,
        ("GET", "/devices"): {"devices": [DEVICE]},
        ("GET", "/claims"): {"claims": [CLAIM]},
    }
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield controller
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(
    controller: Controller, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run `sunhelm` against that controller; give exit status, output and errors. No wait takes long."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr("sunhelm.cli.control.orders.LOOK_S", 0.001)
    monkeypatch.setattr("sunhelm.cli.control.orders.WAIT_S", 0.003)
    monkeypatch.setattr("sunhelm.cli.control.client._PAUSE_S", 0.0)

    def call(*words: str, typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        status = main([*words, f"--controller.url={controller.url}"])
        output = capsys.readouterr()
        return status, output.out, output.err

    return call


@dataclass
class Terminal:
    """Somebody who types one line, or nobody."""

    typed: str | None

    def isatty(self) -> bool:
        return self.typed is not None

    def readline(self) -> str:
        assert self.typed is not None
        return f"{self.typed}\n"

    def read(self, size: int = -1) -> str:
        return self.typed or ""


@pytest.fixture
def unconfirmed() -> dict[str, Any]:
    return UNCONFIRMED
