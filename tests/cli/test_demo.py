from __future__ import annotations

import os
import re
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from sunhelm.cli.control.connection import DEFAULT_URL
from sunhelm.cli.demo import BESIDE, CONTROLLER_PORT, Demo
from sunhelm.cli.demo_files import Ports, alertmanager_file, prometheus_file, site_file
from sunhelm.cli.main import main
from sunhelm.devices.families import load_family
from sunhelm.simulator.families import FAMILIES

pytestmark = pytest.mark.real_time


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_serves_and_then_ends_with_all_its_processes(
    start_demo: Callable[..., Any], number: signal.Signals
) -> None:
    demo = start_demo("--no-prometheus", "--no-alertmanager")
    page = demo.page(f"{demo.exporter}/probe?target=victron")
    assert "\nsolar_pv_power_watts " in page
    assert "\nsolar_device_up 1" in page
    assert 'sunhelm_controller_budget_left{device="sec1000s"} 20' in demo.page(f"{demo.controller}/metrics")
    children = demo.children()
    assert len(children) == 3
    status, output = demo.end(number)
    assert status == 0
    *summary, last = output.splitlines()
    assert last == f"Ended by {number.name}."
    assert [line.split()[0] for line in summary[1:]] == ["simulator", "exporter", "controller"]
    assert all(re.search(r" [1-9]\d* MiB .* \d+\.\d s$", line) for line in summary[1:])
    assert gone(children)


def test_every_device_answers_and_nobody_has_a_word_of_trouble(
    start_demo: Callable[..., Any], root: Path
) -> None:
    """A glimpse of what `make day` looks at for a whole day."""
    day = runpy.run_path(str(root / "tests" / "bench" / "day.py"))
    demo = start_demo("--no-prometheus", "--no-alertmanager")
    (folder,) = re.findall(r"logs and configuration +(\S+)", demo.directions)
    (turns,) = re.findall(r"runtime directory +(\S+)", demo.directions)
    assert Path(turns).is_dir()
    for _ in range(2):
        for name in FAMILIES:
            assert re.search(rf"^  simulated {name} +127\.0\.0\.1:\d+$", demo.directions, re.MULTILINE)
            assert "\nsolar_device_up 1" in demo.page(f"{demo.exporter}/probe?target={name}")
    assert [line for line in day["troubles"](Path(folder)) if "event=alertmanager_" not in line] == []
    assert demo.end()[0] == 0
    assert not Path(folder).exists()


def test_a_process_that_dies_is_named_and_takes_the_others_along(start_demo: Callable[..., Any]) -> None:
    demo = start_demo("--no-prometheus", "--no-alertmanager", "--no-controller")
    children = demo.children()
    os.kill(children[-1], signal.SIGKILL)
    status, output = demo.rest()
    assert status == 1
    assert "exporter ended by SIGKILL" in output
    assert gone(children)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_a_demo_that_is_killed_leaves_nothing_running(start_demo: Callable[..., Any]) -> None:
    demo = start_demo("--no-prometheus", "--no-alertmanager")
    watched = [os.pidfd_open(child) for child in demo.children()]
    assert len(watched) == 3
    (folder,) = re.findall(r"logs and configuration +(\S+)", demo.directions)
    try:
        assert demo.end(signal.SIGKILL)[0] == -signal.SIGKILL
        assert all(select.select([each], [], [], 60)[0] for each in watched)
    finally:
        shutil.rmtree(folder)
        for each in watched:
            os.close(each)


def test_every_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as device, socket.create_server(("127.0.0.1", 0)) as server:
        ports = Ports(device.getsockname()[1], server.getsockname()[1])
        sentences = list(ports.taken())  # one for a further device, too, if something has its port
    for what, port, flag in (
        ("simulated victron", ports.simulator, "--simulator-port"),
        ("exporter", ports.exporter, "--exporter-port"),
    ):
        (sentence,) = (each for each in sentences if each.startswith(f"port {port} for the {what}: "))
        assert sentence.endswith(f"{flag} takes another")


def test_a_port_that_is_given_twice_is_named() -> None:
    (sentence,) = (each for each in Ports(10500, 10505).taken() if " is that of " in each)
    assert (
        sentence == "port 10505 for the exporter is that of the simulated deye. --exporter-port takes another"
    )


@pytest.mark.parametrize(
    ("program", "routes", "told"),
    [
        ("/usr/bin/alertmanager", None, "is left out: a clone of the repository has its routes"),
        (None, None, "is not installed; on Debian: apt-get install prometheus-alertmanager"),
        ("/usr/bin/alertmanager", Path("alertmanager.yml"), ""),  # by an option
    ],
)
def test_why_there_is_no_alertmanager_is_told(
    monkeypatch: pytest.MonkeyPatch, program: str | None, routes: Path | None, told: str
) -> None:
    monkeypatch.setattr("sunhelm.cli.demo.shutil.which", lambda name: program)
    monkeypatch.setattr("sunhelm.cli.demo.ROUTES", routes)
    lines = Demo(Path("folder"), Ports(10500, 10480), {}, ()).directions()
    assert [" ".join(line.split()[1:]) for line in lines if "Alertmanager" in line] == [told] * bool(told)


def test_a_second_demo_is_told_how_to_run_beside_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert main(["demo", "--simulator-port=20000", f"--exporter-port={taken}"]) == 1
    told = capsys.readouterr().err
    assert f"port {taken} for the exporter: " in told
    beside = [f"--exporter-port={taken + BESIDE}", "--simulator-port=21000", "--controller-port=11481"]
    assert all(option in told for option in beside)


@pytest.mark.parametrize(
    ("controller", "where"), [(CONTROLLER_PORT, ""), (10999, " --controller.url=http://localhost:10999")]
)
def test_what_the_demo_proposes_to_type_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, controller: int, where: str
) -> None:
    program = Path(sys.executable).with_name("sunhelm")
    monkeypatch.chdir(program.parents[1])
    monkeypatch.setenv("PATH", "/nowhere")
    demo = Demo(Path("folder"), Ports(10500, 10480, controller=controller), {}, ())
    proposed = f"  {program.parent.name}/sunhelm release --all sec1000s{where}"
    assert proposed in list(demo.directions())
    monkeypatch.setenv("PATH", str(program.parent))
    assert proposed.replace(f"{program.parent.name}/", "") in list(demo.directions())
    assert urlsplit(DEFAULT_URL).port == CONTROLLER_PORT


@pytest.mark.parametrize(
    ("argument", "mistake"),
    [
        ("--speed=0", "'0' is not a factor above 0, at most a million"),
        ("--start=soon", "'soon' is not a time; write 2026-06-21T11:00, or 11:00 for today"),
        ("--exporter-port=65536", "'65536' is not a port from 1 to 65535"),
        ("--controller-port=0", "'0' is not a port from 1 to 65535"),
        ("--simulator-port=0", "'0' is not a port from 1 to 65535"),
        ("--simulator-port=65530", "'65530' is not a port from 0 to "),
    ],
)
def test_a_mistake_is_named_before_anything_runs(
    capsys: pytest.CaptureFixture[str], argument: str, mistake: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", argument])
    assert ended.value.code == 2
    assert f"argument {argument.partition('=')[0]}: {mistake}" in capsys.readouterr().err


def test_the_devices_are_named_after_their_families() -> None:
    site = site_file(Ports(10500, 10480))
    assert set(site["devices"]) == set(FAMILIES)
    for name, device in site["devices"].items():
        assert device["family"] == (FAMILIES[name].family or name)
    assert site["devices"]["victron"] == {"family": "victron", "host": "127.0.0.1", "port": 10500}


def test_prometheus_gets_every_rule_but_those_that_a_fast_day_deceives(root: Path) -> None:
    rules = {Path(name).name for name in prometheus_file(Ports(10500, 10480, 10490))["rule_files"]}
    assert {file.name for file in (root / "alerts").glob("*.yml")} - rules == {"sec1000s.yml"}
    assert "max_over_time(solar_pv_power_watts[5m])" in (root / "alerts" / "sec1000s.yml").read_text("utf-8")


def test_no_alert_is_raised_for_clocks_that_the_demo_makes_run_fast(root: Path) -> None:
    devices = prometheus_file(Ports(10500, 10480, 10490))["scrape_configs"][0]
    (dropped,) = devices["metric_relabel_configs"]
    alerts = (root / "alerts" / "deye.yml").read_text(encoding="utf-8")
    assert f"({dropped['regex']}{{" in alerts, "the name by which the clocks are known"
    assert (dropped["source_labels"], dropped["action"]) == (["__name__"], "drop")


def test_the_house_is_told_by_a_device_that_may_live_fast() -> None:
    """A battery that is charged for half an hour from one look to the next is not taken for two."""
    site = site_file(Ports(10500, 10480, controller=10481))
    for charger in site["evcharging"].values():
        spec = load_family(site["devices"][charger["house"]["device"]]["family"]).spec
        assert not any(part.steps for part in spec.parts)


def test_what_may_be_commanded_is_right_by_the_controllers_own_check(tmp_path: Path) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(yaml.safe_dump(site_file(Ports(10500, 10480, 10490, 10493, 10481))), encoding="utf-8")
    check = [Path(sys.executable).with_name("sunhelm-controller"), f"--config.file={site}", "--config.check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_without_a_controller_nothing_may_be_commanded() -> None:
    ports = Ports(10500, 10480, 10490, 10493)
    site = site_file(ports)
    assert not any("control" in device for device in site["devices"].values())
    assert not {"policies", "alertmanager"} & set(site)
    assert not any("webhook_configs" in receiver for receiver in alertmanager_file(ports)["receivers"])
    assert "sunhelm-controller" not in str(prometheus_file(ports)["scrape_configs"])


def test_the_routes_of_the_demo_are_those_that_are_shipped() -> None:
    told = alertmanager_file(Ports(10500, 10480, 10490, 10493, 10481))
    (webhook,) = next(each for each in told["receivers"] if "webhook_configs" in each)["webhook_configs"]
    assert webhook["url"] == "http://127.0.0.1:10481/api/v1/webhook"
    assert webhook["send_resolved"]
    assert "authorization" not in webhook["http_config"]
