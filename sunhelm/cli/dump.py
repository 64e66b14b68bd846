"""`sunhelm dump`: all that a device says, raw and without what tells who owns it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from sunhelm import __version__
from sunhelm.cli.one_device import add_device_arguments, deadline, with_device, write
from sunhelm.devices.device import Device
from sunhelm.devices.quantities import CATALOGUE

NAME: Final = "dump"
HELP: Final = "write a redacted file of everything a device says, for a bug report or a test"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_device_arguments(parser)
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write it there instead of to standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when the dump is written, 1 when the device does not answer, 2 for mistakes."""

    async def act(device: Device) -> int:
        until = deadline(arguments)
        reading = await device.read(until)
        told = next((s.labels for s in reading.samples if s.quantity is CATALOGUE["device"]), ("",) * 4)
        async with device.source.turn(until):
            await device.source.prepare(until)
            raw = await device.source.dump(until)
        head = {
            "family": device.config.family,
            "model": told[1],
            "firmware": told[3],
            "source": f"sunhelm dump, version {__version__}",
        }
        text = json.dumps({**head, **raw}, indent=1, ensure_ascii=False) + "\n"
        if arguments.output is None:
            sys.stdout.write(text)
        else:
            write(arguments.output, text)
            print(
                f"{arguments.output}: look it over before you share it; serial numbers and names are masked",
                file=sys.stderr,
            )
        return 0

    return with_device(arguments, act, profile="full")
