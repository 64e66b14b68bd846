"""`sunhelm demo`: a simulated home, the exporter that reads it, and Prometheus where it is installed."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sunhelm.cli.processes import ProcessEnded, Processes
from sunhelm.cli.readiness import answers, takes_connections
from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS, secret_files
from sunhelm.simulator.families import site_file as simulated_site_file

NAME: Final = "demo"
HELP: Final = "run a simulated home, the exporter, and Prometheus where it is installed"

HOST: Final = "127.0.0.1"
ALERTS: Final = Path(__file__).parents[2] / "alerts"
"""The rules, where this runs from a checkout; an installed package has none."""

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

MIDSUMMER: Final = "2026-06-21T08:00"
"""When the demo begins unless asked otherwise: at night or in winter there is little to see."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on the loopback address. `prometheus` is None when it does not run."""

    simulator: int
    exporter: int
    prometheus: int | None

    def taken(self) -> Iterator[str]:
        """Yield a sentence for each port that something else listens at."""
        wanted = [(f"simulated {name}", "simulator", self.device(name)) for name in FAMILIES]
        wanted.append(("exporter", "exporter", self.exporter))
        if self.prometheus is not None:
            wanted.append(("Prometheus", "prometheus", self.prometheus))
        for what, flag, port in wanted:
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind((HOST, port))
                except OSError as error:
                    yield f"port {port} for the {what}: {error.strerror}. --{flag}-port takes another"

    def device(self, name: str) -> int:
        """Return the port of a simulated device."""
        return self.simulator + PORT_OFFSETS[name]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    ports = (
        ("simulator", "the first simulated device", 10500),
        ("exporter", "the exporter", 10480),
        ("prometheus", "Prometheus", 10490),
    )
    for program, what, port in ports:
        parser.add_argument(
            f"--{program}-port",
            type=int,
            default=port,
            metavar="PORT",
            help=f"port of {what} (%(default)s)",
        )
    parser.add_argument("--no-prometheus", action="store_true", help="do not run Prometheus")
    parser.add_argument(
        "--speed", type=float, default=60.0, help="how fast the simulated time runs; 1 is real (%(default)g)"
    )
    parser.add_argument("--seed", type=int, help="repeats the same weather and loads")
    parser.add_argument(
        "--start", default=MIDSUMMER, metavar="TIME", help="when the simulated time begins (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted (0) or until one of the processes ends (1)."""
    prometheus = None if arguments.no_prometheus else shutil.which("prometheus")
    ports = Ports(
        arguments.simulator_port, arguments.exporter_port, arguments.prometheus_port if prometheus else None
    )
    taken = list(ports.taken())
    if taken:
        print(*taken, sep="\n", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sunhelm-demo-") as folder:
        demo = Demo(Path(folder), ports, prometheus, tuple(_simulation(arguments)))
        try:
            asyncio.run(demo.run())
        except ProcessEnded as error:
            print(error, file=sys.stderr)
            return 1
        except asyncio.CancelledError as error:
            print(f"Ended by {error}.")
    return 0


def _simulation(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the options that the simulator gets as they are."""
    yield f"--speed={arguments.speed:g}"
    for name in ("seed", "start"):
        value = getattr(arguments, name)
        if value is not None:
            yield f"--{name}={value}"


@dataclass(frozen=True, slots=True)
class Demo:
    """The processes of the demo, with all that they write in one folder."""

    folder: Path
    ports: Ports
    prometheus: str | None
    simulation: tuple[str, ...]

    async def run(self) -> None:
        """Start everything, say what runs where, and wait. Raises ProcessEnded when a process does.

        An interrupt or a request to terminate cancels it; everything has ended when it returns.
        """
        self._cancel_on_signals()
        async with Processes(self.folder) as processes:
            await self._start(processes)
            print("\n".join(self._directions()), flush=True)
            await processes.watch()

    @staticmethod
    def _cancel_on_signals() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def end(number: signal.Signals) -> None:
            # Only once: a second interrupt would leave the processes behind that are being ended.
            for each in ENDING:
                loop.add_signal_handler(each, lambda: None)
            task.cancel(number.name)

        for number in ENDING:
            loop.add_signal_handler(number, end, number)

    async def _start(self, processes: Processes) -> None:
        simulate = [_command("sunhelm"), "simulate", f"--host={HOST}", f"--port={self.ports.simulator}"]
        first = next(iter(FAMILIES))
        await processes.start(
            "simulator", [*simulate, *self.simulation], takes_connections(HOST, self.ports.device(first))
        )
        site = self._write("sunhelm.yml", site_file(self.ports))
        for name, secret in secret_files(FAMILIES).items():
            file = self.folder / name
            file.touch(0o600)
            file.write_text(secret, encoding="utf-8")
        turns = self.folder / "run"
        turns.mkdir()
        listen = f"{HOST}:{self.ports.exporter}"
        await processes.start(
            "exporter",
            [
                _command("sunhelm-exporter"),
                f"--config.file={site}",
                f"--web.listen-address={listen}",
                f"--runtime.directory={turns}",
            ],
            answers(HOST, self.ports.exporter, "/-/ready"),
        )
        if self.prometheus and self.ports.prometheus is not None:
            configuration = self._write("prometheus.yml", prometheus_file(self.ports))
            await processes.start(
                "prometheus",
                [
                    self.prometheus,
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self.folder / 'prometheus'}",
                    f"--web.listen-address={HOST}:{self.ports.prometheus}",
                ],
                answers(HOST, self.ports.prometheus, "/-/ready"),
            )

    def _write(self, name: str, content: object) -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return file

    def _directions(self) -> Iterator[str]:
        exporter = f"http://localhost:{self.ports.exporter}"
        yield "A simulated home runs, and is read when you ask:"
        for name in FAMILIES:
            yield f"  simulated {name:<14} {HOST}:{self.ports.device(name)}"
        yield f"  {'exporter':<24} {exporter}"
        if shutil.which("prometheus") is None:
            yield f"  {'Prometheus':<24} is not installed; on Debian: apt-get install prometheus"
        if self.ports.prometheus is not None:
            yield f"  {'Prometheus':<24} http://localhost:{self.ports.prometheus}"
        yield f"  {'logs and configuration':<24} {self.folder}"
        yield ""
        yield "Try:"
        for name in site_file(self.ports)["devices"]:
            yield f"  curl '{exporter}/probe?target={name}'"
        yield f"  curl '{exporter}/sd'"
        if self.ports.prometheus is not None:
            query = "solar_pv_power_watts + solar_grid_power_watts + solar_battery_power_watts"
            yield (
                f"  curl 'http://localhost:{self.ports.prometheus}/api/v1/query' "
                f"--data-urlencode 'query={query}'"
            )
        yield ""
        yield "Ctrl-C ends all of it."


def site_file(ports: Ports) -> dict[str, Any]:
    """Return the site file: every simulated device, named after its family."""
    return simulated_site_file(FAMILIES, HOST, {name: ports.device(name) for name in FAMILIES})


def prometheus_file(ports: Ports) -> dict[str, Any]:
    """Return Prometheus' configuration: devices found through the exporter, and our rules."""
    exporter = f"{HOST}:{ports.exporter}"
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(file) for file in sorted(ALERTS.glob("*.yml"))],
        "scrape_configs": [
            {
                "job_name": "sunhelm",
                "http_sd_configs": [{"url": f"http://{exporter}/sd", "refresh_interval": "10s"}],
            },
            {"job_name": "sunhelm-exporter", "static_configs": [{"targets": [exporter]}]},
        ],
    }


def _command(name: str) -> str:
    """Return one of the project's own commands, as installed beside the running Python."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else name
