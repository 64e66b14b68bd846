"""The command as its users start it: a real process, its flags, signals, exit statuses and log."""

from __future__ import annotations

import json
import logging
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from exporter.main import main

pytestmark = pytest.mark.real_time

SITE = """\
site: {name: home, zone: Europe/Amsterdam}
devices:
  gx: {family: victron, host: 127.0.0.1, port: 1, rated_power: 5kW}
"""
WRONG = SITE.replace("victron", "victorn")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a start in this process does to the logs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@dataclass
class Running:
    """A started exporter: where it listens, and what it has logged so far."""

    process: subprocess.Popen[str]
    url: str
    site: Path
    log: list[str]

    def get(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(f"{self.url}{path}"))

    def post(self, path: str, **headers: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(f"{self.url}{path}", method="POST", headers=headers))

    def until(self, event: str) -> str:
        """Return the next log line of that event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if f"event={event}" in line:
                return line
        pytest.fail(f"no {event} in the log:\n{''.join(self.log)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=10)
        self.log += rest.splitlines(keepends=True)
        return self.process.returncode

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[Running]:
    site = folder / "sunhelm.yml"
    site.write_text(SITE, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "exporter.main"),
        f"--config.file={site}",
        f"--runtime.directory={folder / 'run'}",
        "--web.listen-address=127.0.0.1:0",
        *flags,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    exporter = Running(process, "", site, [])
    try:
        match = re.search(r"url=(\S+)", exporter.until("listening"))
        assert match is not None
        exporter.url = match[1]
        exporter.until("started")
        yield exporter
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    with ExitStack() as stack:
        yield lambda *flags: stack.enter_context(running(tmp_path, *flags))


def test_it_answers_logs_one_line_a_change_and_ends_cleanly_when_told_to(
    start: Callable[..., Running],
) -> None:
    exporter = start()
    assert exporter.get("/-/healthy") == (200, "Sunhelm exporter is healthy.\n")
    assert exporter.get("/-/ready") == (200, "Sunhelm exporter is ready.\n")
    for _ in range(3):
        status, page = exporter.get("/probe?target=gx")
        assert status == 200
        assert "\nsolar_device_up 0.0\n" in page
    status, page = exporter.get("/metrics")
    assert 'sunhelm_exporter_probes_total{device="gx",outcome="down"} 3.0' in page
    assert 'sunhelm_exporter_link_retries_total{device="gx"}' in page

    assert exporter.stop() == 0
    events = [match[1] for line in exporter.log if (match := re.search(r"event=(\S+)", line))]
    assert events == ["listening", "started", "group_lost", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_though_a_device_does_not_answer(
    start: Callable[..., Running], number: signal.Signals
) -> None:
    exporter = start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        exporter.site.write_text(SITE.replace("port: 1,", f"port: {port},"), encoding="utf-8")
        assert exporter.post("/-/reload")[0] == 200
        with socket.create_connection(("127.0.0.1", int(exporter.url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /probe?target=gx HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            silent.settimeout(10)
            connection, _ = silent.accept()
            with connection:
                began = time.monotonic()
                assert exporter.stop(number) == 0
                assert time.monotonic() - began < 3
            assert client.recv(1000).startswith(b"HTTP/1.1 503 ")


def test_a_reload_takes_new_devices_and_keeps_the_last_good_when_the_file_is_wrong(
    start: Callable[..., Running],
) -> None:
    exporter = start()
    exporter.site.write_text(f"{SITE}  shed: {{family: victron, host: 127.0.0.1, port: 2}}\n")
    exporter.process.send_signal(signal.SIGHUP)
    exporter.until("config_loaded")
    assert [group["labels"]["device"] for group in json.loads(exporter.get("/sd")[1])] == ["gx", "shed"]

    exporter.site.write_text(WRONG, encoding="utf-8")
    status, text = exporter.post("/-/reload")
    assert status == 500
    assert 'devices.gx.family: "victorn" is not a family' in text
    assert len(json.loads(exporter.get("/sd")[1])) == 2
    assert "sunhelm_exporter_config_last_reload_successful 0.0" in exporter.get("/metrics")[1]

    exporter.site.write_text(SITE, encoding="utf-8")
    assert exporter.post("/-/reload") == (200, "The configuration is loaded.\n")
    assert exporter.get("/probe?target=shed")[0] == 404
    page = exporter.get("/metrics")[1]
    assert "sunhelm_exporter_config_last_reload_successful 1.0" in page
    assert 'device="shed"' not in page


def test_a_reload_fails_when_the_web_configuration_is_wrong(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    web = tmp_path / "web.yml"
    web.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n", encoding="utf-8")
    exporter = start(f"--web.config.file={web}")

    web.write_text("basic_auth_users: {me: secret}\n", encoding="utf-8")
    status, text = exporter.post("/-/reload")
    assert status == 500
    assert "basic_auth_users.me" in text
    assert "secret" not in text
    assert "sunhelm_exporter_config_last_reload_successful 0.0" in exporter.get("/metrics")[1]


def test_another_sites_page_cannot_make_it_reload(start: Callable[..., Running]) -> None:
    exporter = start()

    assert exporter.post("/-/reload", Origin="https://evil.example")[0] == 403
    assert exporter.get("/-/reload")[0] == 405


def test_all_devices_stand_on_metrics_by_a_flag_or_by_the_site_file(start: Callable[..., Running]) -> None:
    exporter = start("--web.all-devices")
    assert 'solar_device_up{device="gx",family="victron",site="home"} 0.0' in exporter.get("/metrics")[1]


def test_the_site_file_can_put_all_devices_on_metrics(start: Callable[..., Running]) -> None:
    exporter = start()
    assert "solar_device_up" not in exporter.get("/metrics")[1]
    exporter.site.write_text(f"{SITE}web: {{all_devices: true}}\n", encoding="utf-8")
    exporter.post("/-/reload")
    assert 'solar_device_up{device="gx",family="victron",site="home"} 0.0' in exporter.get("/metrics")[1]


def test_what_is_no_http_leaves_no_trace_in_the_log(start: Callable[..., Running]) -> None:
    exporter = start()
    with socket.create_connection(("127.0.0.1", int(exporter.url.rpartition(":")[2]))) as client:
        client.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.0 400 ")
    exporter.stop()

    assert not [line for line in exporter.log if "level=error" in line or "Traceback" in line]


def test_it_does_not_start_where_somebody_else_listens(tmp_path: Path) -> None:
    (tmp_path / "sunhelm.yml").write_text(SITE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = subprocess.run(
            [
                *(sys.executable, "-m", "exporter.main", f"--config.file={tmp_path / 'sunhelm.yml'}"),
                *(f"--web.listen-address={address}", f"--runtime.directory={tmp_path}"),
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert result.returncode == 1
    assert f"sunhelm-exporter: cannot listen on {address}:" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_does_not_start_without_a_place_to_take_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(SITE, encoding="utf-8")
    status = main([f"--config.file={site}", f"--runtime.directory={site / 'run'}"])

    assert status == 1
    assert f"sunhelm-exporter: runtime directory {site / 'run'}: " in capsys.readouterr().err


def test_a_wrong_site_file_is_told_whole_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(f"{WRONG}web: {{all_devices: maybe}}\n", encoding="utf-8")
    status = main([f"--config.file={site}"])
    told = capsys.readouterr()

    assert status == 2
    assert told.out == ""
    assert [line.split(": ")[1] for line in told.err.splitlines()] == ["devices.gx.family", "web.all_devices"]


def test_a_check_says_what_is_wrong_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(SITE, encoding="utf-8")
    assert main([f"--config.file={site}", "--config.check"]) == 0
    assert capsys.readouterr().out == f"{site}: no mistakes\n"

    site.write_text(WRONG, encoding="utf-8")
    assert main([f"--config.file={site}", "--config.check", "--json"]) == 2
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert (mistake["line"], mistake["path"]) == (3, "devices.gx.family")


def test_a_check_looks_at_the_web_configuration_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, web = tmp_path / "sunhelm.yml", tmp_path / "web.yml"
    site.write_text(WRONG, encoding="utf-8")
    web.write_text("basic_auth_user: {me: secret}\n", encoding="utf-8")
    status = main([f"--config.file={site}", f"--web.config.file={web}", "--config.check"])
    told = capsys.readouterr().out

    assert status == 2
    assert "devices.gx.family" in told
    assert "basic_auth_user" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--timeout-offset=-1"], "'-1' is not a number of seconds from 0 to 60"),
        (["--timeout-offset=nan"], "'nan' is not a number of seconds"),
        (["--web.external-url=here"], '"here" is not an address; write one like https://'),
        (["--web.listen-address=here"], "'here' is not an address to listen on"),
        (["--json"], "--json needs --config.check"),
        (["--log.level=loud"], "invalid choice: 'loud'"),
        (["--web.all"], "unrecognized arguments: --web.all"),
    ],
)
def test_wrong_flags_end_with_2(capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(flags)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_and_version_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            main([flag])
        assert ended.value.code == 0
    told = capsys.readouterr().out

    assert "sunhelm-exporter, version " in told
    for flag in ("--config.file", "--web.listen-address", "--timeout-offset", "--web.all-devices"):
        assert flag in told
    assert max(len(line) for line in told.splitlines()) <= 110
