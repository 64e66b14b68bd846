"""The command `sunhelm-exporter`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import SplitResult

import structlog

from exporter.app import Exporter, add_exporter
from exporter.config import Configuration, load_configuration, parse_url
from exporter.finding import Finder
from exporter.influx_output import InfluxOutput
from exporter.instruments import Instruments
from exporter.openings import open_targets
from exporter.targets import Targets
from sunhelm import __version__
from sunhelm.devices.clock import SYSTEM_CLOCK
from sunhelm.devices.families import Accounts
from sunhelm.devices.links.turns import RuntimeDirectoryError, Turns, runtime_directory
from sunhelm.devices.site import Site
from sunhelm.service.flags import ServiceFlags, service_parser
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.process import keep_for_good, told_to_stop
from sunhelm.service.program import load_all, run_program
from sunhelm.service.reload import Reloader
from sunhelm.service.web import ListenError, WebServer, create_application
from sunhelm.service.webconfig_file import WebConfigFile

PROGRAM: Final = "sunhelm-exporter"
NAME: Final = "Sunhelm exporter"

_DESCRIPTION: Final = (
    "Reads home-solar equipment when Prometheus asks, and shows it as metrics. Devices are those of the site"
    " file; /sd lists them for http_sd_configs."
)
_LISTEN: Final = "127.0.0.1:10480"

_log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exporter until it is told to end; return its exit status.

    0 is an end by SIGTERM or SIGINT, 1 an address or directory that cannot be used, 2 a wrong
    configuration or wrong flags.
    """
    unusable = (ListenError, RuntimeDirectoryError)
    return run_program(command_line(), arguments, load_configuration, _serve, unusable=unusable)


def command_line() -> argparse.ArgumentParser:
    """Return what the command line of the exporter takes."""
    parser = service_parser(PROGRAM, _DESCRIPTION, listen=_LISTEN)
    probes = parser.add_argument_group("probes")
    probes.add_argument(
        "--timeout-offset",
        dest="timeout_offset_s",
        metavar="SECONDS",
        type=_seconds,
        default=0.5,
        help="how much sooner to answer than Prometheus would give up (%(default)s)",
    )
    probes.add_argument(
        "--web.all-devices",
        dest="all_devices",
        action="store_true",
        help="show all devices on /metrics too, labelled device, site and family",
    )
    probes.add_argument(
        "--web.external-url",
        dest="external_url",
        metavar="URL",
        type=_url,
        help="where others reach this exporter, when that is not where it listens",
    )
    return parser


async def _serve(flags: ServiceFlags, parsed: argparse.Namespace) -> None:
    load = partial(load_all, flags, load_configuration)
    configuration = load()
    web_config = None if flags.web_config_file is None else WebConfigFile(flags.web_config_file)
    turns = Turns(runtime_directory(flags.runtime_directory))
    process = ProcessMetrics("sunhelm_exporter")
    targets = Targets({})
    instruments = Instruments(process, targets)
    influx = InfluxOutput(process, targets)
    observers = [instruments.read, influx.observe]
    exporter = Exporter(targets, instruments, timeout_offset_s=parsed.timeout_offset_s)

    def serve(site: Site, accounts: Accounts) -> None:
        opened = open_targets(site, turns=turns, observers=observers, accounts=accounts, keep=targets)
        instruments.follow(opened)
        targets.replace(opened)

    finder = Finder(serve, turns)
    exporter.before_discovery = finder.first_look

    async def apply(configuration: Configuration) -> None:
        await influx.follow(configuration)
        finder.follow(configuration.site)
        exporter.external_url = parsed.external_url or configuration.web.external_url
        exporter.all_devices = parsed.all_devices or configuration.web.all_devices

    async def reload() -> None:
        await apply(await asyncio.to_thread(load))

    try:
        await apply(configuration)
        process.loaded(SYSTEM_CLOCK.time())
        health = Health(NAME)
        application = create_application(health, web_config=web_config)
        add_exporter(application, exporter)
        reloader = Reloader(reload, process, time=SYSTEM_CLOCK.time)
        reloader.add_routes(application)
        server = WebServer(application, flags.listen_addresses, web_config=web_config)
        with told_to_stop() as told:
            async with reloader.upon_hangup(), finder.looking():
                await server.start()
                keep_for_good()
                health.set_ready()
                _log.info("started", version=__version__, site=configuration.site.name, devices=len(targets))
                await told.wait()
                health.set_unready("shutdown")
            await server.stop()
    finally:
        await influx.close()
    _log.info("stopped")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 60")
    return seconds


def _url(text: str) -> SplitResult:
    try:
        return parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
