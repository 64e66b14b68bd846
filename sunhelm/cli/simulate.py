"""`sunhelm simulate`: a home of simulated devices on their own wire protocols."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import math
import signal
import sys
from datetime import datetime, time
from typing import Final

from sunhelm.simulator.families import FAMILIES, PORT_OFFSETS
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.site import DEFAULT_SEED, PortTaken, SimulatedSite

NAME: Final = "simulate"
HELP: Final = "serve a home of simulated devices on their own wire protocols"
FIRST_PORT: Final = 10500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this command."""
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listen here (%(default)s)")
    parser.add_argument(
        "--port",
        type=first_port,
        default=FIRST_PORT,
        metavar="NUMBER",
        help="the first port; each family keeps its distance from it (%(default)s). 0 takes any free ports",
    )
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="weather and habits (%(default)s)")
    parser.add_argument(
        "--speed",
        type=pace,
        default=1.0,
        metavar="FACTOR",
        help="how fast the house lives; 60 makes a minute a second (%(default)g)",
    )
    parser.add_argument(
        "--start",
        type=beginning,
        metavar="TIME",
        help="when the house begins, in its own time zone: 2026-06-21T11:00, or 11:00 for today (now)",
    )
    parser.add_argument(
        "--families",
        type=_families,
        default=tuple(FAMILIES),
        metavar="NAME,...",
        help=f"which systems to play (all: {', '.join(FAMILIES)})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play until SIGTERM or Ctrl-C. Returns 0, or 2 when a port cannot be used."""
    try:
        asyncio.run(_play(arguments))
    except PortTaken as error:
        print(f"sunhelm simulate: {error}. Choose another with --port.", file=sys.stderr)
        return 2
    return 0


async def _play(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    site = SimulatedSite(
        seed=arguments.seed,
        speed=arguments.speed,
        start=arguments.start,
        faces=arguments.families,
        host=arguments.host,
        ports={name: arguments.port and arguments.port + PORT_OFFSETS[name] for name in arguments.families},
    )
    async with site:
        begin = datetime.fromtimestamp(site.plant.time, UTRECHT.zone)
        print(f"A home near Utrecht since {begin:%Y-%m-%d %H:%M}, {site.speed:g} times real time:")
        for name, endpoint in site.endpoints.items():
            print(f"  {name:<14} {FAMILIES[name].protocol:<20} {_address(site.host, endpoint.port)}")
        print("Ctrl-C ends it.", flush=True)
        await stop.wait()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def first_port(text: str) -> int:
    """Return the first port of the devices, above which there is one for each. For argparse."""
    highest = 65535 - max(PORT_OFFSETS.values())
    if text.isascii() and text.isdecimal() and int(text) <= highest:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {highest}")


def pace(text: str) -> float:
    """Return how fast the house lives. For argparse."""
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if 0.0 < speed <= 1_000_000.0:
        return speed
    raise argparse.ArgumentTypeError(f"{text!r} is not a factor above 0, at most a million")


def beginning(text: str) -> float:
    """Return when the house begins, in seconds since 1970. For argparse."""
    zone = UTRECHT.zone
    try:
        if "-" not in text:
            return datetime.combine(datetime.now(zone).date(), time.fromisoformat(text), zone).timestamp()
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write 2026-06-21T11:00, or 11:00 for today"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _families(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    mistakes = []
    for name in names:
        if name not in FAMILIES:
            guess = difflib.get_close_matches(name, FAMILIES, n=1)
            mistakes.append(
                f"{name!r} cannot be simulated" + (f"; did you mean {guess[0]!r}?" if guess else "")
            )
    if not names:
        mistakes.append("name at least one family")
    if mistakes:
        raise argparse.ArgumentTypeError("; ".join(mistakes) + f" (there are: {', '.join(FAMILIES)})")
    return tuple(name for name in FAMILIES if name in names)
