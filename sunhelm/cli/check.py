"""`sunhelm check`: what is wrong with the site file, and with `--online` whether each device answers."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sunhelm.cli.applications import CheckFailed, installed_applications
from sunhelm.cli.online import try_devices
from sunhelm.configuration.complaints import not_among
from sunhelm.configuration.mistakes import ConfigurationError, Mistake
from sunhelm.devices.families import FAMILIES, load_family
from sunhelm.devices.links.turns import RuntimeDirectoryError, Turns, runtime_directory
from sunhelm.devices.site import load_site
from sunhelm.service.check import WRONG, check_answer
from sunhelm.service.flags import DEFAULT_CONFIG_FILE
from sunhelm.service.logs import configure_logs

NAME: Final = "check"
HELP: Final = "validate the site file without starting anything"

_FAILED: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help=f"the site file ({DEFAULT_CONFIG_FILE})",
    )
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="the same, as the applications say it",
    )
    parser.add_argument(
        "--config.expand-environment-variables",
        dest="expand_environment",
        action="store_true",
        help="replace ${NAME} in values of the site file",
    )
    parser.add_argument(
        "--web.config.file", dest="web_config_file", type=Path, metavar="FILE", help="check this file, too"
    )
    parser.add_argument("--json", action="store_true", help="print the mistakes as JSON")
    parser.add_argument("--online", action="store_true", help="also read every device once")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", default=30.0, help="with --online: how long (%(default)s)"
    )
    parser.add_argument(
        "--runtime.directory",
        dest="runtime_directory",
        type=Path,
        metavar="DIRECTORY",
        help="with --online: where processes take turns on devices",
    )
    parser.add_argument("--models", metavar="FAMILY", help="list the models of a family instead")


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when all is well, 2 for mistakes, 1 when a device or a check does not answer."""
    if arguments.models is not None:
        return _list_models(arguments.models)
    if arguments.file is not None and arguments.config_file is not None:
        print("FILE and --config.file say the same; give one of them", file=sys.stderr)
        return WRONG
    path: Path = arguments.file or arguments.config_file or DEFAULT_CONFIG_FILE
    try:
        mistakes = _mistakes(path, arguments)
    except CheckFailed as error:
        print(error, file=sys.stderr)
        return _FAILED
    answer, status = check_answer([path], mistakes, as_json=arguments.json)
    print(answer)
    if mistakes or not arguments.online:
        return status
    return _try_devices(path, arguments)


def _mistakes(path: Path, arguments: argparse.Namespace) -> Sequence[Mistake]:
    flags = [f"--config.file={path}"]
    if arguments.expand_environment:
        flags.append("--config.expand-environment-variables")
    if arguments.web_config_file is not None:
        flags.append(f"--web.config.file={arguments.web_config_file}")
    applications = list(installed_applications())
    if applications:
        return [mistake for application in applications for mistake in application.check(flags)]
    try:
        load_site(path, expand_environment=arguments.expand_environment)
    except ConfigurationError as error:
        return error.mistakes
    return []


def _try_devices(path: Path, arguments: argparse.Namespace) -> int:
    try:
        turns = Turns(runtime_directory(arguments.runtime_directory))
    except RuntimeDirectoryError as error:
        print(error, file=sys.stderr)
        return _FAILED
    configure_logs("error")  # what a device answers is the output here, not news for a log
    site = load_site(path, expand_environment=arguments.expand_environment).site
    trials = asyncio.run(try_devices(site, arguments.timeout, turns))
    width = max((len(trial.device) for trial in trials), default=0)
    for trial in trials:
        print(f"{trial.device:<{width}}  {trial}")
    return 0 if all(trial.answers for trial in trials) else _FAILED


def _list_models(name: str) -> int:
    if name not in FAMILIES:
        print(f"--models: {not_among(name, FAMILIES)}", file=sys.stderr)
        return WRONG
    models = load_family(name).spec.models
    print("\n".join(models) if models else f"family {name} finds its model by itself; leave it out")
    return 0
