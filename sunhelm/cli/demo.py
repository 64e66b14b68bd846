"""`sunhelm demo`: a simulated home, both applications, and Prometheus and Alertmanager where installed."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import yaml

from sunhelm.cli.demo_files import (
    HOST,
    ROUTES,
    Ports,
    alertmanager_file,
    prometheus_file,
    site_file,
)
from sunhelm.cli.processes import ProcessEnded, Processes
from sunhelm.cli.readiness import answers, takes_connections
from sunhelm.cli.simulate import beginning, first_port, pace
from sunhelm.cli.usage import Usage
from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS, secret_files

NAME: Final = "demo"
HELP: Final = "run a simulated home, both applications, and Prometheus where installed"

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

MIDSUMMER: Final = "2026-06-21T08:00"
"""When the demo begins unless asked otherwise: at night or in winter there is little to see."""

LAST_PORT: Final = 65535
BESIDE: Final = 1000
"""How far from the ports that are taken those are that we propose."""

CONTROLLER_PORT: Final = 10481
"""Where commands look for a controller unless told otherwise."""

LISTENING: Final = {
    "simulator": ("the first simulated device", 10500),
    "exporter": ("the exporter", 10480),
    "controller": ("the controller", CONTROLLER_PORT),
    "prometheus": ("Prometheus", 10490),
    "alertmanager": ("Alertmanager", 10493),
}
"""What listens at a port, by its name in the options: what it is, and where unless asked otherwise."""

PROGRAMS: Final = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
"""What is not ours, and the names of Debian's packages, which are those of the programs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    for program, (what, port) in LISTENING.items():
        parser.add_argument(
            f"--{program}-port",
            type=_first_port if program == "simulator" else _port,
            default=port,
            metavar="PORT",
            help=f"port of {what} (%(default)s)",
        )
    for program, (what, _) in islice(LISTENING.items(), 2, None):
        parser.add_argument(f"--no-{program}", action="store_true", help=f"do not run {what}")
    parser.add_argument(
        "--speed", type=pace, default=60.0, help="how fast the simulated time runs; 1 is real (%(default)g)"
    )
    parser.add_argument("--seed", type=int, help="repeats the same weather and loads")
    parser.add_argument(
        "--start",
        type=_beginning,
        default=MIDSUMMER,
        metavar="TIME",
        help="when the simulated time begins (%(default)s)",
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to {LAST_PORT}")


def _first_port(text: str) -> int:
    first_port(text)
    return _port(text)


def _beginning(text: str) -> str:
    beginning(text)
    return text


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted (0) or until one of the processes ends (1)."""
    programs = {
        name: path
        for name, package in PROGRAMS.items()
        if not getattr(arguments, f"no_{name}") and (path := shutil.which(package)) is not None
    }
    if ROUTES is None:
        programs.pop("alertmanager", None)
    ports = Ports(
        arguments.simulator_port,
        arguments.exporter_port,
        arguments.prometheus_port if "prometheus" in programs else None,
        arguments.alertmanager_port if "alertmanager" in programs else None,
        None if arguments.no_controller else arguments.controller_port,
    )
    taken = list(ports.taken())
    if taken:
        print(*taken, *_beside(arguments), sep="\n", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sunhelm-demo-") as folder:
        demo = Demo(Path(folder), ports, programs, tuple(_simulation(arguments)))
        try:
            asyncio.run(demo.run())
        except ProcessEnded as error:
            print(error, file=sys.stderr)
            return 1
        except asyncio.CancelledError as error:
            print(f"Ended by {error}.")
    return 0


def _beside(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield how a demo can run beside another one, whose ports these are."""
    moved = {name: getattr(arguments, f"{name}_port") + BESIDE for name in LISTENING}
    if max(moved.values()) + max(PORT_OFFSETS.values()) <= LAST_PORT:
        options = " ".join(f"--{name}-port={port}" for name, port in moved.items())
        yield f"Is another demo running? One beside it: {_as_typed(_command('sunhelm'))} demo {options}"


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
    programs: Mapping[str, str]
    simulation: tuple[str, ...]

    async def run(self) -> None:
        """Start everything, say what runs where, and wait. Raises ProcessEnded when a process does.

        An interrupt or a request to terminate cancels it; everything has ended when it returns.
        """
        self._cancel_on_signals()
        async with Processes(self.folder) as processes:
            await self._start(processes)
            print("\n".join(self.directions()), flush=True)
            try:
                await processes.watch()
            finally:
                print("\n".join(_summary(processes.usage())), flush=True)

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
        self.turns.mkdir()
        await self._start_exporter(processes, site)
        # The controller asks it at once.
        if self.ports.alertmanager is not None:
            await self._start_alertmanager(processes, self.ports.alertmanager)
        if self.ports.controller is not None:
            await self._start_controller(processes, site, self.ports.controller)
        if self.ports.prometheus is not None:
            await self._start_prometheus(processes, self.ports.prometheus)

    @property
    def turns(self) -> Path:
        """The runtime directory, where processes take turns on a device."""
        return self.folder / "run"

    async def _start_exporter(self, processes: Processes, site: Path) -> None:
        command = [_command("sunhelm-exporter"), f"--config.file={site}", f"--runtime.directory={self.turns}"]
        await self._start_server(processes, "exporter", command, self.ports.exporter)

    async def _start_controller(self, processes: Processes, site: Path, port: int) -> None:
        command = [_command("sunhelm-controller"), f"--config.file={site}"]
        command += [f"--runtime.directory={self.turns}", f"--state.directory={self.folder / 'state'}"]
        # Whoever reaches the loopback address of this machine may command a house that does not exist.
        command += ["--web.no-authentication"]
        await self._start_server(processes, "controller", command, port)

    async def _start_alertmanager(self, processes: Processes, port: int) -> None:
        configuration = self._write("alertmanager.yml", alertmanager_file(self.ports))
        command = [self.programs["alertmanager"], f"--config.file={configuration}"]
        command += [f"--storage.path={self.folder / 'alertmanager'}", "--cluster.listen-address="]
        await self._start_server(processes, "alertmanager", command, port)

    async def _start_prometheus(self, processes: Processes, port: int) -> None:
        configuration = self._write("prometheus.yml", prometheus_file(self.ports))
        command = [self.programs["prometheus"], f"--config.file={configuration}"]
        command += [f"--storage.tsdb.path={self.folder / 'prometheus'}"]
        await self._start_server(processes, "prometheus", command, port)

    async def _start_server(self, processes: Processes, name: str, command: Sequence[str], port: int) -> None:
        listening = [*command, f"--web.listen-address={HOST}:{port}"]
        await processes.start(name, listening, answers(HOST, port, "/-/ready"))

    def _write(self, name: str, content: object) -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return file

    def directions(self) -> Iterator[str]:
        """Yield what is told when all is ready: what runs where, and what to try."""
        ports = self.ports
        exporter = f"http://localhost:{ports.exporter}"
        yield "A simulated home runs, and is read when you ask:"
        for name in FAMILIES:
            yield f"  simulated {name:<14} {HOST}:{ports.device(name)}"
        yield f"  {'exporter':<24} {exporter}"
        if ports.controller is not None:
            yield f"  {'controller':<24} http://localhost:{ports.controller}"
        for name, port in (("prometheus", ports.prometheus), ("alertmanager", ports.alertmanager)):
            if port is not None:
                yield f"  {name.capitalize():<24} http://localhost:{port}"
            elif shutil.which(package := PROGRAMS[name]) is None:
                yield f"  {name.capitalize():<24} is not installed; on Debian: apt-get install {package}"
            elif name == "alertmanager" and ROUTES is None:
                yield f"  {name.capitalize():<24} is left out: a clone of the repository has its routes"
        yield f"  {'logs and configuration':<24} {self.folder}"
        yield f"  {'runtime directory':<24} {self.turns}"
        yield ""
        yield "Try, and with the name of any other simulated device:"
        yield f"  curl '{exporter}/probe?target={next(iter(FAMILIES))}'"
        if ports.prometheus is not None:
            url = f"http://localhost:{ports.prometheus}/api/v1/query"
            query = "solar_pv_power_watts + solar_grid_power_watts + solar_battery_power_watts"
            yield f"  curl '{url}' --data-urlencode 'query={query}'"
        if ports.controller is not None:
            yield ""
            yield from self._control_directions(ports.controller)
        yield ""
        yield "Ctrl-C ends all of it."

    def _control_directions(self, controller: int) -> Iterator[str]:
        url = f"http://localhost:{controller}"
        if self.ports.prometheus is not None and self.ports.alertmanager is not None:
            yield "Early in the afternoon of the simulated day it begins to cost money to export."
            yield f"A minute of yours later the export is limited to nothing: see {url}"
        sunhelm = _as_typed(_command("sunhelm"))
        where = "" if controller == CONTROLLER_PORT else f" --controller.url={url}"
        yield "Limit it yourself, and let it go again:"
        yield f"  {sunhelm} limit-export sec1000s 1kW --for=10m{where}"
        yield f"  {sunhelm} release --all sec1000s{where}"
        yield "The car charges from what the sun leaves. Let it have more, or look why it has no more:"
        yield f"  {sunhelm} ev-mode givenergy_evc hybrid --for=10m{where}"
        yield f"  {sunhelm} ev-mode givenergy_evc{where}"


def _summary(taken: Mapping[str, Usage]) -> Iterator[str]:
    """Yield what the processes took of the machine."""
    yield f"{'':<14} {'memory':>8} {'at most':>8} {'processor':>10}"
    for name, each in taken.items():
        yield f"{name:<14} {each.memory_mib:>4.0f} MiB {each.peak_mib:>4.0f} MiB {each.cpu_s:>8.1f} s"


def _command(name: str) -> str:
    """Return one of the project's own commands, as installed beside the running Python."""
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else name


def _as_typed(program: str) -> str:
    """Return how a program is called in a terminal that is where we were started."""
    if shutil.which(Path(program).name) == program:
        return Path(program).name
    real = Path(program).parent.resolve() / Path(program).name
    here = Path.cwd()
    return str(real.relative_to(here)) if real.is_relative_to(here) else program
