"""One device of the site file, opened for a command; the flags that name it."""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sunhelm.configuration.mistakes import ConfigurationError, did_you_mean, found
from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.links.turns import RuntimeDirectoryError, Turns, runtime_directory
from sunhelm.devices.registers.register import Profile
from sunhelm.devices.site import Site, load_site
from sunhelm.service.check import WRONG
from sunhelm.service.flags import add_config_flags, add_runtime_flag
from sunhelm.service.logs import configure_logs

FAILED = 1
"""The exit status when the device does not answer."""


class Unwritable(Exception):
    """A file cannot be written; the text says which, and why."""


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, and the flags that say where it is configured and how long it may take."""
    parser.add_argument("name", metavar="NAME", help="the device, as the site file calls it")
    add_config_flags(parser)
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", default=30.0, help="how long to wait (%(default)s)"
    )
    add_runtime_flag(parser)


def with_device(
    arguments: argparse.Namespace, act: Callable[[Device], Awaitable[int]], *, profile: Profile | None = None
) -> int:
    """Open the device, let `act` use it and return its exit status; `profile` replaces the configured one.

    Prints what is wrong: 2 for a wrong site file or name, or a file that cannot be written; 1 when the device
    does not answer.
    """
    try:
        site = load_site(arguments.config_file, expand_environment=arguments.expand_environment).site
        turns = Turns(runtime_directory(arguments.runtime_directory))
    except ConfigurationError as error:
        print("\n".join(map(str, error.mistakes)), file=sys.stderr)
        return WRONG
    except RuntimeDirectoryError as error:
        print(error, file=sys.stderr)
        return FAILED
    if arguments.name not in site.devices:
        print(
            f"{arguments.config_file}: {_no_such_device(arguments.name, list(site.devices))}",
            file=sys.stderr,
        )
        return WRONG
    configure_logs("error")  # what a device answers is the output here, not news for a log
    try:
        return asyncio.run(_used(site, arguments.name, turns, act, profile))
    except DeviceError as error:
        print(f"{arguments.name}: {error.reason}: {error}", file=sys.stderr)
        return FAILED
    except Unwritable as error:
        print(error, file=sys.stderr)
        return WRONG


def write(path: Path, text: str) -> None:
    """Write what a device said. Raises Unwritable."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unwritable(f"{path}: cannot be written: {error.strerror}") from error


def deadline(arguments: argparse.Namespace) -> Deadline:
    """Return the deadline that `--timeout` asks for, from now."""
    return Deadline.after(arguments.timeout)


def _no_such_device(name: str, devices: Sequence[str]) -> str:
    there = f"there {'is' if len(devices) == 1 else 'are'} {', '.join(devices) or 'none'}"
    return f"devices: {found(name)} is no device; {there}.{did_you_mean(name, devices)}"


async def _used(
    site: Site, name: str, turns: Turns, act: Callable[[Device], Awaitable[int]], profile: Profile | None
) -> int:
    config = site.devices[name]
    if profile is not None:
        config = config.with_profile(profile)
    device = Device(config, site, turns=turns)
    try:
        return await act(device)
    finally:
        await device.close()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a time; more than 0 seconds is")
    return seconds
