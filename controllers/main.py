"""The command `sunhelm-controller`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from controllers.app import MOST_BODY_BYTES, Desk, add_controller
from controllers.config import load_configuration
from controllers.controller import Controller
from controllers.counts import PREFIX, Counts
from controllers.door import Door, DoorError, known_hosts
from controllers.evcharging.readings import open_readings
from controllers.journal.journal import Journal, JournalError
from controllers.metrics import ControllerCollector
from sunhelm import __version__
from sunhelm.configuration.secrets import SecretFile
from sunhelm.devices.clock import SYSTEM_CLOCK
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.links.turns import RuntimeDirectoryError, Turns, runtime_directory
from sunhelm.devices.site import Site
from sunhelm.service.flags import ServiceFlags, service_parser
from sunhelm.service.health import Health
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.process import told_to_stop
from sunhelm.service.program import load_all, run_program
from sunhelm.service.reload import Reloader
from sunhelm.service.web import ListenError, WebServer, create_application
from sunhelm.service.webconfig_file import WebConfigFile

PROGRAM: Final = "sunhelm-controller"
NAME: Final = "Sunhelm controller"

_DESCRIPTION: Final = (
    "Keeps home-solar equipment in the state that firing alerts ask for. Policies in the site file say which"
    " alert may ask for what."
)
_LISTEN: Final = "127.0.0.1:10481"
_STATE_DIRECTORY: Final = Path("/var/lib/sunhelm/controller")

_log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the controller until it is told to end; return its exit status.

    0 is an end by SIGTERM or SIGINT, 1 an address or directory that cannot be used, 2 a wrong
    configuration or wrong flags.
    """
    unusable = (ListenError, RuntimeDirectoryError, JournalError)
    return run_program(
        command_line(), arguments, load_configuration, _serve, wrong=DoorError, unusable=unusable
    )


def command_line() -> argparse.ArgumentParser:
    """Return what the command line of the controller takes."""
    parser = service_parser(PROGRAM, _DESCRIPTION, listen=_LISTEN)
    parser.add_argument(
        "--state.directory",
        dest="state_directory",
        metavar="DIRECTORY",
        type=Path,
        default=_STATE_DIRECTORY,
        help="where the journal is kept (%(default)s)",
    )
    door = parser.add_argument_group("authentication")
    door.add_argument(
        "--web.bearer-token-file",
        dest="bearer",
        metavar="FILE",
        type=Path,
        help="a file with the token that Alertmanager and others must show",
    )
    door.add_argument(
        "--web.no-authentication",
        dest="without",
        action="store_true",
        help="let everybody in who reaches a loopback address",
    )
    door.add_argument(
        "--web.allowed-host",
        dest="hosts",
        metavar="NAME",
        action="append",
        default=[],
        help="a name by which others reach this controller; may be repeated",
    )
    return parser


async def _serve(flags: ServiceFlags, parsed: argparse.Namespace) -> None:
    load = partial(load_all, flags, load_configuration)
    configuration = load()
    web_config = None if flags.web_config_file is None else WebConfigFile(flags.web_config_file)
    door = Door(
        known_hosts(flags.listen_addresses, parsed.hosts),
        web_config,
        None if parsed.bearer is None else SecretFile(parsed.bearer),
        without=parsed.without,
    )
    door.check(flags.listen_addresses)
    shared = runtime_directory(flags.runtime_directory)
    turns, reading_turns = Turns(shared, role="control"), Turns(shared)

    def open_device(config: DeviceConfig, site: Site) -> ControlledDevice:
        return open_controlled(config, site, turns=turns)

    process = ProcessMetrics(PREFIX)
    counts = Counts(process)
    journal = Journal(parsed.state_directory)
    try:
        open_house = partial(open_readings, clock=SYSTEM_CLOCK, turns=reading_turns)
        controller = Controller(configuration, journal, open_device, observer=counts, open_house=open_house)
        process.registry.register(ControllerCollector(controller))
        process.loaded(SYSTEM_CLOCK.time())

        async def reload() -> None:
            await controller.follow(await asyncio.to_thread(load), open_device)

        health = Health(NAME)
        application = create_application(health, web_config=web_config, most_body_bytes=MOST_BODY_BYTES)
        application.middlewares.append(door.middleware())
        add_controller(application, Desk(controller, counts, process.registry))
        reloader = Reloader(reload, process, time=SYSTEM_CLOCK.time)
        reloader.add_routes(application)
        server = WebServer(application, flags.listen_addresses, web_config=web_config)
        await _run(server, controller, health, reloader)
    finally:
        journal.close()
    _log.info("stopped")


async def _run(server: WebServer, controller: Controller, health: Health, reloader: Reloader) -> None:
    with told_to_stop() as told:
        async with reloader.upon_hangup():
            await server.start()
            working = asyncio.create_task(controller.run(), name="controller")
            stopping = asyncio.create_task(told.wait(), name="stop")
            health.set_ready()
            devices = sorted(controller.reconcilers)
            _log.info("started", version=__version__, site=controller.site.name, devices=",".join(devices))
            try:
                await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                health.set_unready("shutdown")
                stopping.cancel()
                failure = working.exception() if working.done() else None
                working.cancel()
                await asyncio.gather(working, stopping, return_exceptions=True)
                await server.stop()
                await controller.close()
            if failure is not None:
                raise failure


if __name__ == "__main__":
    sys.exit(main())
