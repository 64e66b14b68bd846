from __future__ import annotations

import argparse
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sunhelm.cli import healthcheck


@contextmanager
def server(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/healthy" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/-/healthy"
        http.shutdown()
        thread.join()


def check(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    healthcheck.add_arguments(parser)
    return healthcheck.run(parser.parse_args(arguments))


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (401, 0), (404, 1), (503, 1)])
def test_an_answer_says_whether_the_process_is_alive(status: int, expected: int) -> None:
    with server(status) as url:
        assert check(url) == expected


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(200) as url:
        monkeypatch.setenv("SUNHELM_HEALTH_URL", url)
        assert check() == 0


def test_no_answer_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/-/healthy"
        assert check(url, "--timeout", "0.05") == 1  # connected, never answered
    assert check(url) == 1
    assert capsys.readouterr().err.count("does not answer") == 2


@pytest.mark.parametrize("url", ["localhost:10480", "ftp://127.0.0.1/", "http:///-/healthy"])
def test_what_is_no_address_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(url) == 2
    assert url in capsys.readouterr().err
