from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sunhelm.cli.demo import Ports, prometheus_file, site_file
from sunhelm.simulator.families import FAMILIES


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_serves_and_then_ends_with_all_its_processes(
    start_demo: Callable[..., Any], number: signal.Signals
) -> None:
    demo = start_demo("--no-prometheus")
    page = demo.page(f"{demo.exporter}/probe?target=victron")
    assert "\nsolar_pv_power_watts " in page
    assert "\nsolar_device_up 1" in page
    children = demo.children()
    assert len(children) == 2
    status, output = demo.end(number)
    assert (status, output) == (0, f"Ended by {number.name}.\n")
    assert gone(children)


def test_a_process_that_dies_is_named_and_takes_the_others_along(start_demo: Callable[..., Any]) -> None:
    demo = start_demo("--no-prometheus")
    children = demo.children()
    os.kill(children[-1], signal.SIGKILL)
    status, output = demo.rest()
    assert status == 1
    assert "exporter ended by SIGKILL" in output
    assert gone(children)


def test_every_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as device, socket.create_server(("127.0.0.1", 0)) as server:
        ports = Ports(device.getsockname()[1], server.getsockname()[1], None)
        sentences = list(ports.taken())  # one for a further device, too, if something has its port
    for what, port, flag in (
        ("simulated victron", ports.simulator, "--simulator-port"),
        ("exporter", ports.exporter, "--exporter-port"),
    ):
        (sentence,) = (each for each in sentences if each.startswith(f"port {port} for the {what}: "))
        assert sentence.endswith(f"{flag} takes another")


def test_the_devices_are_named_after_their_families() -> None:
    site = site_file(Ports(10500, 10480, None))
    assert set(site["devices"]) == set(FAMILIES)
    assert all(device["family"] == name for name, device in site["devices"].items())
    assert site["devices"]["victron"] == {"family": "victron", "host": "127.0.0.1", "port": 10500}


def test_prometheus_gets_every_rule_file() -> None:
    rules = prometheus_file(Ports(10500, 10480, 10490))["rule_files"]
    assert any(name.endswith("recording.yml") for name in rules)
    assert any(name.endswith("control.yml") for name in rules)
