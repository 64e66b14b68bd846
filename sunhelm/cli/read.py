"""`sunhelm read`: what a device says now, as a table for a person."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sunhelm.cli.one_device import FAILED, add_device_arguments, deadline, with_device
from sunhelm.configuration.complaints import not_among
from sunhelm.devices.device import Device
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Reading, Sample
from sunhelm.service.check import WRONG

NAME: Final = "read"
HELP: Final = "read a device now and show what it says"

_CLEAR: Final = "\x1b[H\x1b[2J"

_FOR_PEOPLE: Final = {
    "joules": ("kWh", 1 / 3.6e6, 3),
    "watts": ("W", 1.0, 1),
    "volts": ("V", 1.0, 2),
    "amperes": ("A", 1.0, 2),
    "hertz": ("Hz", 1.0, 2),
    "celsius": ("°C", 1.0, 1),
    "ratio": ("%", 100.0, 1),
    "coulombs": ("Ah", 1 / 3600, 2),
    "volt_amperes": ("VA", 1.0, 1),
    "vars": ("var", 1.0, 1),
    "seconds": ("s", 1.0, 1),
    "ohms": ("ohm", 1.0, 0),
}
"""For each base unit: the unit that people know, the factor to it, and digits worth showing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_device_arguments(parser)
    parser.add_argument(
        "--group", action="append", metavar="GROUP", help="only this group of values; may be repeated"
    )
    parser.add_argument("--full", action="store_true", help="everything that the device offers")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=5.0,
        metavar="SECONDS",
        help="read again and again, every 5 seconds or as told, until Ctrl-C",
    )


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when the device answers, 1 when it does not, 2 for mistakes."""

    async def act(device: Device) -> int:
        while True:
            reading = await device.read(deadline(arguments), arguments.group)
            if unknown := [group for group in arguments.group or () if group not in reading.groups]:
                groups = [group.name for group in device.source.groups()]
                print(f"{device.config.name}: --group: {not_among(unknown[0], groups)}", file=sys.stderr)
                return WRONG
            if arguments.watch is not None and sys.stdout.isatty():
                print(_CLEAR, end="")
            print("\n".join(table(reading)), flush=True)
            if arguments.watch is None:
                return 0 if reading.up else FAILED
            await asyncio.sleep(max(arguments.watch, device.refresh_s))

    return with_device(arguments, act, profile="full" if arguments.full else None)


def table(reading: Reading) -> Iterator[str]:
    """Yield the lines of a reading: its values in aligned columns, then the groups that brought nothing."""
    taken = datetime.fromtimestamp(reading.taken_at).astimezone()
    yield f"{reading.device}, {taken:%Y-%m-%d %H:%M:%S %Z}"
    rows = [_row(sample) for sample in sorted(reading.samples, key=_order) if _is_worth_a_line(sample)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for name, labels, value, unit in rows:
        line = f"  {name:<{widths[0]}}  {labels:<{widths[1]}}  {value:>{widths[2]}} {unit}"
        yield line.rstrip()
    for group, outcome in reading.groups.items():
        if outcome.reason is not None:
            yield f"  {group}: {outcome.reason}: {outcome.detail}"
    if reading.held:
        yield f"  {len(reading.held)} values held back (not available, or they cannot be true)"


def _is_worth_a_line(sample: Sample) -> bool:
    """Of a state only what is; its code only repeats it."""
    if sample.quantity.kind == "state":
        return bool(sample.value)
    return not sample.quantity.name.endswith("_code")


def _order(sample: Sample) -> bool:
    """What every family tells comes first."""
    return sample.quantity.name not in CATALOGUE


def _row(sample: Sample) -> tuple[str, str, str, str]:
    quantity = sample.quantity
    names, values = quantity.labels, sample.labels
    if quantity.kind == "state":
        labels = ", ".join(_pairs(names[:-1], values[:-1]))
        return quantity.name, labels, values[-1], ""
    if quantity.kind == "info":
        return quantity.name, ", ".join(_pairs(names, values)), "", ""
    labels = ", ".join(_pairs(names, values))
    if quantity.unit == "timestamp_seconds":
        moment = datetime.fromtimestamp(sample.value).astimezone()
        return quantity.name, labels, f"{moment:%Y-%m-%d %H:%M:%S}", ""
    unit, factor, digits = _FOR_PEOPLE.get(quantity.unit, (quantity.unit.replace("_", " "), 1.0, 6))
    number = f"{sample.value * factor:.{digits}f}" if digits < 6 else f"{sample.value:g}"
    return quantity.name, labels, number, unit


def _pairs(names: tuple[str, ...], values: tuple[str, ...]) -> Iterator[str]:
    return (f"{name}={value}" for name, value in zip(names, values, strict=True) if value)
