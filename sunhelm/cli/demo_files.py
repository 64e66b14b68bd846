"""What the demo's processes are configured by: where everything listens, and what may be commanded."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS
from sunhelm.simulator.families import site_file as simulated_site_file

HOST: Final = "127.0.0.1"

_CHECKOUT: Final = Path(__file__).parents[2]
ALERTS: Final = _CHECKOUT / "alerts"
"""The rules, where this runs from a checkout; an installed package has none."""

_ROUTES: Final = _CHECKOUT / "deploy" / "alertmanager.yml"
ROUTES: Final = _ROUTES if _ROUTES.exists() else None
"""The routes that are shipped; likewise."""

CONTROLLED: Final[dict[str, dict[str, object]]] = {
    "victron": {"control": {"enabled": True, "allow": ["limit_export", "charge", "discharge"]}},
    "sec1000s": {
        "rated_power": "10kW",
        "export_limit": {"phases": "sum"},
        "control": {"enabled": True, "allow": ["limit_export", "set_mode"]},
    },
    "givenergy_evc": {"control": {"enabled": True, "allow": ["ev_mode"]}},
}
"""What the site file says besides of the devices that may be commanded."""


CHARGING: Final[dict[str, dict[str, object]]] = {
    "givenergy_evc": {
        "house": {"device": "victron"},
        "mode": "solar",
        "import_cap": "32A",
        "start_after": "30s",
        "stop_after": "60s",
    }
}
"""How the car is charged. A control period is half a minute of our time, however fast the simulated runs.

So the house is told by a device whose values may move as far as they like from one look to the next.
"""

FAST_CLOCKS: Final = "solar_device_clock_timestamp_seconds"
"""What the demo does not keep: a day of minutes makes every clock of a device wrong, and alerts say so."""

FAST_RULES: Final = ("sec1000s.yml",)
"""Rules that the demo does not load: what they compare within five minutes is five hours of its day."""

SCRAPED_EVERY: Final = "15s"
"""Also the clouds, which a house asks once in some minutes: nobody waits that long for a first value."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback address; None stands for what does not run."""

    simulator: int
    exporter: int
    prometheus: int | None = None
    alertmanager: int | None = None
    controller: int | None = None

    def taken(self) -> Iterator[str]:
        """Yield a sentence for each port that something else listens at."""
        wanted: list[tuple[str, str, int | None]] = [
            (f"the simulated {name}", "simulator", self.device(name)) for name in FAMILIES
        ]
        wanted += [
            ("the exporter", "exporter", self.exporter),
            ("the controller", "controller", self.controller),
            ("Prometheus", "prometheus", self.prometheus),
            ("Alertmanager", "alertmanager", self.alertmanager),
        ]
        given: dict[int, str] = {}
        for what, flag, port in wanted:
            if port is None:
                continue
            if (other := given.setdefault(port, what)) != what:
                yield f"port {port} for {what} is that of {other}. --{flag}-port takes another"
                continue
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind((HOST, port))
                except OSError as error:
                    yield f"port {port} for {what}: {error.strerror}. --{flag}-port takes another"

    def device(self, name: str) -> int:
        """Return the port of a simulated device."""
        return self.simulator + PORT_OFFSETS[name]


def site_file(ports: Ports) -> dict[str, Any]:
    """Return the site file: every simulated device, named after its family; with a controller, policies."""
    content = simulated_site_file(FAMILIES, HOST, {name: ports.device(name) for name in FAMILIES})
    if ports.controller is None:
        return content
    for name, said in CONTROLLED.items():
        content["devices"][name].update(said)
    content["evcharging"] = CHARGING
    content["alertmanager"] = {
        "repeat_interval": "5m",
        "heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"},
    }
    if ports.alertmanager is not None:
        content["alertmanager"]["url"] = f"http://{HOST}:{ports.alertmanager}"
    content["policies"] = {
        "negative_price_box": _limit("sec1000s", "0W", alertname="FeedInPriceNegative"),
        "negative_price_gx": _limit("victron", "0W", alertname="FeedInPriceNegative"),
        "high_voltage": _limit("sec1000s", "2kW", alertname="GridOvervoltage", device="victron"),
    }
    return content


def _limit(device: str, limit: str, /, **match: str) -> dict[str, object]:
    terms = {"lease": "10m", "min_life": "1m", "max_life": "24h"}
    return {"match": match, "device": device, "action": "limit_export", "with": {"limit": limit}, **terms}


def prometheus_file(ports: Ports) -> dict[str, Any]:
    """Return Prometheus' configuration: devices found through the exporter, both processes, our rules."""
    exporter = f"{HOST}:{ports.exporter}"
    often = [
        {"target_label": label, "replacement": SCRAPED_EVERY}
        for label in ("__scrape_interval__", "__scrape_timeout__")
    ]
    content: dict[str, Any] = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(file) for file in sorted(ALERTS.glob("*.yml")) if file.name not in FAST_RULES],
        "scrape_configs": [
            {
                "job_name": "sunhelm",
                "http_sd_configs": [{"url": f"http://{exporter}/sd", "refresh_interval": "10s"}],
                "relabel_configs": often,
                "metric_relabel_configs": [
                    {"source_labels": ["__name__"], "regex": FAST_CLOCKS, "action": "drop"}
                ],
            },
            {"job_name": "sunhelm-exporter", "static_configs": [{"targets": [exporter]}]},
        ],
    }
    if ports.controller is not None:
        targets = [f"{HOST}:{ports.controller}"]
        content["scrape_configs"].append(
            {"job_name": "sunhelm-controller", "static_configs": [{"targets": targets}]}
        )
    if ports.alertmanager is not None:
        targets = [f"{HOST}:{ports.alertmanager}"]
        content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": targets}]}]}
    return content


def alertmanager_file(ports: Ports) -> dict[str, Any]:
    """Return the routes that are shipped, to the demo's controller; to nobody without it."""
    assert ROUTES is not None
    content: dict[str, Any] = yaml.safe_load(ROUTES.read_text(encoding="utf-8"))
    for receiver in content["receivers"]:
        if ports.controller is None:
            receiver.pop("webhook_configs", None)
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = f"http://{HOST}:{ports.controller}/api/v1/webhook"
            del webhook["http_config"]["authorization"]
    return content
