"""The examples of policies: their alerts act on simulated devices, and their rules are sound."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

pytestmark = [pytest.mark.timeout(240), pytest.mark.real_time]

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 90.0
NEVER: Final = "0001-01-01T00:00:00Z"
ARRIVES: Final[Mapping[tuple[str, str], tuple[str, float]]] = {
    ("negative-price", "negative_price"): ("export_limit", 0.0),
    ("overvoltage", "high_voltage"): ("export_limit", 1000.0),
    ("dynamic-export", "price_low"): ("export_limit", 4800.0),
    ("dynamic-export", "price_negative"): ("export_limit", 0.0),
    ("winter-charging", "winter_night"): ("battery", -2500.0),
}
"""By page and policy: the state of the device, and what it holds when the alert has been delivered."""

WATCHDOG: Final = ("watchdog-reset", "throttled")


@dataclass
class Running:
    """A controller over the site file of a page."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def deliver(self, *matches: Mapping[str, str]) -> None:
        """Deliver alerts with these labels, as Alertmanager does."""
        now = datetime.now(UTC).isoformat()
        alerts = [
            {
                "status": "firing",
                "labels": match,
                "annotations": {},
                "startsAt": now,
                "endsAt": NEVER,
                "fingerprint": match["alertname"],
            }
            for match in matches
        ]
        body = json.dumps({"version": "4", "status": "firing", "alerts": alerts}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/webhook", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 200

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def metric(self, name: str, **labels: str) -> float | None:
        """Return the value of a series; None while there is none."""
        for line in self.page("/metrics").splitlines():
            if line.startswith(f"sunhelm_controller_{name}{{") and all(
                f'{label}="{value}"' in line for label, value in labels.items()
            ):
                return float(line.rpartition(" ")[2])
        return None

    def until(self, look: Callable[[], object]) -> None:
        """Look until it is so: other processes cannot be told to make their time pass."""
        end = time.monotonic() + PATIENCE_S
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if look():
                    return
            except OSError:
                pass  # it does not listen yet
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)


def _site(text: str, ports: Mapping[str, int]) -> dict[str, Any]:
    """Return a site file whose devices are the simulated ones, with no Alertmanager to be asked."""
    site: dict[str, Any] = yaml.safe_load(text)
    for device in site["devices"].values():
        if "host" in device:
            device |= {"host": HOST, "port": ports[device["family"]]}
    del site["alertmanager"]["url"]
    return site


@pytest.fixture
def run(tmp_path: Path, free_ports: Callable[[int], int]) -> Iterator[Callable[[str], Running]]:
    """Simulate the devices of a site file, and start a controller over it."""
    processes: list[subprocess.Popen[Any]] = []

    def simulated(families: list[str]) -> dict[str, int]:
        command = [Path(sys.executable).with_name("sunhelm"), "simulate", "--port=0"]
        process = subprocess.Popen(
            [*command, f"--families={','.join(families)}"], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        ports = {}
        for line in process.stdout:
            if match := re.fullmatch(r"  (\w+) .* [0-9.]+:(\d+)\n", line):
                ports[match[1]] = int(match[2])
            if line.startswith("Ctrl-C"):
                return ports
        raise AssertionError(f"nothing simulates {families}")

    def start(text: str) -> Running:
        families = {device["family"] for device in yaml.safe_load(text)["devices"].values()} - {"tariff"}
        (tmp_path / "sunhelm.yml").write_text(yaml.safe_dump(_site(text, simulated(sorted(families)))))
        port, log = free_ports(1), tmp_path / "controller.log"
        command = [sys.executable, "-m", "controllers.main", f"--config.file={tmp_path / 'sunhelm.yml'}"]
        command += [f"--web.listen-address={HOST}:{port}", "--web.no-authentication"]
        command += [f"--state.directory={tmp_path / 'state'}", f"--runtime.directory={tmp_path / 'run'}"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        processes.append(process)
        running = Running(f"http://{HOST}:{port}", process, log)
        running.until(lambda: running.page("/-/ready"))
        return running

    yield start
    for each in processes:
        each.kill()
        each.wait()
        if each.stdout is not None:
            each.stdout.close()


@pytest.fixture
def example(blocks: Callable[[str], list[Any]]) -> Callable[[str, str], str]:
    """Return a file of an example, by the page and the name that its first line tells."""

    def find(page: str, file: str) -> str:
        (text,) = (block.text for block in blocks(f"policies/{page}.md") if block.file == file)
        return str(text)

    return find


def test_every_example_of_a_policy_is_tried(root: Path, example: Callable[[str, str], str]) -> None:
    pages = [path.stem for path in (root / "docs" / "policies").glob("*.md") if path.stem != "index"]
    written = {
        (page, policy)
        for page in pages
        for policy in yaml.safe_load(example(page, "sunhelm.yml"))["policies"]
    }
    assert written == {*ARRIVES, WATCHDOG}


@pytest.mark.parametrize(("page", "policy"), ARRIVES, ids=lambda name: name)
def test_the_alert_of_an_example_brings_the_device_to_what_the_page_says(
    run: Callable[[str], Running], example: Callable[[str, str], str], page: str, policy: str
) -> None:
    text = example(page, "sunhelm.yml")
    site = yaml.safe_load(text)
    state, value = ARRIVES[page, policy]
    device = site["policies"][policy]["device"]
    running = run(text)
    running.deliver(site["alertmanager"]["heartbeat"]["match"], site["policies"][policy]["match"])
    for side in ("desired", "written"):
        running.until(lambda side=side: running.metric(side, device=device, state=state) == value)
    running.until(lambda: running.metric("writes_total", device=device, state=state, outcome="verified"))


def test_the_alert_of_the_watchdog_example_resets_it(
    run: Callable[[str], Running], example: Callable[[str, str], str]
) -> None:
    page, policy = WATCHDOG
    text = example(page, "sunhelm.yml")
    site = yaml.safe_load(text)
    device = site["policies"][policy]["device"]
    running = run(text)
    running.deliver(site["alertmanager"]["heartbeat"]["match"])
    running.deliver(site["policies"][policy]["match"])
    running.until(lambda: running.metric("tasks", device=device, action="reset_watchdog", outcome="done"))


@pytest.mark.integration
@pytest.mark.parametrize("page", ["dynamic-export", "winter-charging"])
def test_the_rules_of_an_example_are_sound_and_reach_its_policies(
    example: Callable[[str, str], str], promtool: str, tmp_path: Path, page: str
) -> None:
    text = example(page, "rules.yml")
    (tmp_path / "rules.yml").write_text(text)
    said = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    policies = yaml.safe_load(example(page, "sunhelm.yml"))["policies"].values()
    for rule in rules:
        assert rule["labels"]["control"] == "sunhelm"
        assert {"alertname": rule["alert"]} in [policy["match"] for policy in policies]
