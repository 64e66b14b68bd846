"""`sunhelm scan` on a simulated home."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from sunhelm.cli.main import main
from sunhelm.cli.scan import Progress, _as_text
from sunhelm.cli.survey import Listener, Rate, Survey
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Reason
from sunhelm.devices.recognition import Recognised, Unrecognised, recognise, usual_ports
from sunhelm.devices.site import load_site
from sunhelm.simulator.site import SimulatedSite

NOON = 1_782_036_000.0
HOST = "127.0.0.1"


@pytest.fixture
async def home() -> AsyncIterator[SimulatedSite]:
    async with SimulatedSite(start=NOON, faces=["victron", "sec1000s"]) as site:
        yield site


@pytest.fixture
async def silent() -> AsyncIterator[Any]:
    """A server that takes connections and says nothing; `visits` has a number for each connection."""

    class Silent:
        port = 0
        visits = 0
        at_once = 0
        most_at_once = 0

        async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visits += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await reader.read()
            self.at_once -= 1
            writer.close()

    silent = Silent()
    server = await asyncio.start_server(silent.visit, HOST, 0)
    silent.port = server.sockets[0].getsockname()[1]
    async with server:
        yield silent


async def scan(tmp_path: Path, *words: str) -> int:
    """Run the command beside the event loop that plays the devices."""
    return await asyncio.to_thread(main, ["scan", *words, f"--runtime.directory={tmp_path / 'run'}"])


def ports_of(home: SimulatedSite) -> list[str]:
    return [f"--port={family}={endpoint.port}" for family, endpoint in home.endpoints.items()]


async def test_what_is_found_can_be_put_into_the_site_file(
    home: SimulatedSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await scan(tmp_path, f"{HOST}/32", *ports_of(home)) == 0
    lines, _, snippet = capsys.readouterr().out.partition("For the site file:\n")
    assert f"{HOST}:{home.endpoints['victron'].port}  victron: Victron Energy, serial number" in lines
    assert f"{HOST}:{home.endpoints['sec1000s'].port}  sec1000s: GoodWe" in lines
    file = tmp_path / "sunhelm.yml"
    file.write_text(f"site: {{name: home, zone: Europe/Amsterdam}}\n{snippet}")
    devices = load_site(file).site.devices
    assert {name: (config.family, config.port) for name, config in devices.items()} == {
        family: (family, endpoint.port) for family, endpoint in home.endpoints.items()
    }


async def test_json_tells_what_a_device_says_of_itself_and_why_others_do_not_take_it(
    home: SimulatedSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = home.endpoints["victron"].port
    ports = [f"--port={family}={port}" for family in usual_ports()]
    assert await scan(tmp_path, HOST, *ports, "--json", "--timeout=1") == 0
    (listener,) = json.loads(capsys.readouterr().out)["listeners"]
    (device,) = listener["devices"]
    assert (listener["host"], listener["port"]) == (HOST, port)
    assert (device["family"], device["vendor"], device["firmware"]) == ("victron", "Victron Energy", "v3.51")
    assert set(listener["not"]) == set(usual_ports()) - {"victron"}


async def test_what_nobody_knows_is_told_as_that(
    silent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = [f"--port={family}={silent.port}" for family in usual_ports()]
    assert await scan(tmp_path, HOST, *ports, "--timeout=0.05") == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{HOST}:{silent.port}  no device of a known family",
        "No device was found.",
    ]


async def test_a_host_has_one_connection_at_a_time(silent: Any) -> None:
    ports = {
        family: tuple((kind, silent.port) for kind, _ in links) for family, links in usual_ports().items()
    }
    survey = Survey(ports, Rate(1000.0), answer_s=0.05)
    (listener,) = await survey.look([ip_address(HOST)])
    assert survey.numbers == (silent.port,)
    assert {why.reason for why in listener.others.values()} == {Reason.TIMEOUT}
    assert silent.visits >= 1 + len(usual_ports())
    assert silent.most_at_once == 1


async def test_every_address_is_looked_at_once(home: SimulatedSite) -> None:
    looked: list[Listener | None] = []
    ports: Any = {"victron": (("modbus_tcp", home.endpoints["victron"].port),)}
    survey = Survey(ports, Rate(1000.0), looked=looked.append)
    listeners = await survey.look(ip_network("127.0.0.0/28").hosts())
    assert [listener.host for listener in listeners] == [HOST]
    assert len(looked) == 14


async def test_looking_sends_nothing_but_a_few_reads(home: SimulatedSite) -> None:
    for family, endpoint in home.endpoints.items():
        ((kind, _), *_) = usual_ports()[family]
        answer = await recognise(family, kind, HOST, endpoint.port, Deadline.after(5.0))
        assert isinstance(answer, Recognised)
        assert 1 <= endpoint.log.requests <= 2
        assert not endpoint.log.writes


async def test_a_device_of_another_family_is_none_of_ours(home: SimulatedSite) -> None:
    port = home.endpoints["sec1000s"].port
    answer = await recognise("victron", "modbus_tcp", HOST, port, Deadline.after(0.3))
    assert isinstance(answer, Unrecognised)


@pytest.mark.parametrize("network", ["10.0.0.0/19", "8.8.8.0/30", "fd00::/64"])
def test_large_and_public_networks_need_a_yes(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", network]) == 2
    assert "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["home"], "'home' is not a network"),
        ([], "CIDR"),
        (["127.0.0.1", "--port=victorn=1"], "victron"),
        (["127.0.0.1", "--port=victron=65536"], "1 to 65535"),
        (["127.0.0.1", "--rate=0"], "above 0"),
    ],
)
def test_mistakes_are_told(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["scan", *words])
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


class Sleepless:
    """A clock that only sleeping moves."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_a_rate_holds_over_any_stretch() -> None:
    clock = Sleepless()
    rate = Rate(4.0, clock)
    moments = []
    for _ in range(9):
        await rate.wait()
        moments.append(clock.now)
    assert moments == [n / 4 for n in range(9)]
    clock.now += 100.0
    began = clock.now
    for _ in range(5):
        await rate.wait()
    assert clock.now - began == 1.0


def test_progress_is_shown_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(2)
    progress.looked(None)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress.looked(Listener(HOST, 1, (Recognised("victron", "modbus_tcp", "", "", "x", ""),)))
    progress.clear()
    assert "2 of 2 ports, 1 devices" in capsys.readouterr().err


async def test_a_logger_is_found_and_what_it_stands_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with SimulatedSite(start=NOON, faces=["deye_solarman"]) as site:
        logger: Any = site.endpoints["deye_solarman"]
        words = [f"{HOST}/32", f"--port=deye={logger.port}", f"--logger-port={logger.port}"]
        assert await scan(tmp_path, *words) == 0
    lines, _, snippet = capsys.readouterr().out.partition("For the site file:\n")
    assert f"{HOST}:{logger.port}  deye: Deye three_phase_lv_hybrid, serial number 2304060810" in lines
    assert f"Solarman logger {logger.serial}" in lines
    file = tmp_path / "sunhelm.yml"
    file.write_text(f"site: {{name: home, zone: Europe/Amsterdam}}\n{snippet}")
    config = load_site(file).site.devices["deye"]
    assert (config.link, config.logger_serial) == ("solarman_v5", logger.serial)
    assert not logger.strangers


async def test_a_logger_before_nothing_known_is_told_too(
    silent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listener = Listener(HOST, silent.port, logger_serial=2_712_345_678)
    assert next(_as_text([listener])).endswith("no device of a known family; also Solarman logger 2712345678")


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_for_loggers_is_a_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scan", f"{HOST}/32", "--logger-port", port])
    assert "0 to 65535 is" in capsys.readouterr().err
