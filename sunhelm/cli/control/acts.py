"""Commands with acts of their own, such as `sunhelm schedule create`, and the flags that they share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from sunhelm.cli.control.command import Act, Command, Talk, parameters_of
from sunhelm.cli.control.connection import add_connection_flags


def acts(what: str, *each: tuple[str, str, Callable[[argparse.ArgumentParser], None], Act]) -> Command:
    """Return a command with acts of its own: `sunhelm schedule create ...`."""

    def add(parser: argparse.ArgumentParser) -> None:
        below = parser.add_subparsers(metavar="ACT", required=True)
        for name, text, add_own, act in each:
            own = below.add_parser(
                name, help=text, allow_abbrev=False, description=f"{text[0].upper()}{text[1:]}."
            )
            add_own(own)
            add_connection_flags(own)
            own.set_defaults(act=act)

    async def act(talk: Talk) -> int:
        chosen: Act = talk.arguments.act
        return await chosen(talk)

    return Command(what, f"make, show and delete {what}s", add, act, has_acts=True)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add the name of a device."""
    parser.add_argument("name", metavar="NAME", help="the device, as the site file calls it")


def add_span(parser: argparse.ArgumentParser) -> None:
    """Add a device, and what begins and ends on it."""
    add_name(parser)
    parser.add_argument(
        "--start", required=True, metavar="TIME", help="HH:MM for the next one, or like 2026-07-01T13:00"
    )
    parser.add_argument("--end", metavar="TIME", help="likewise; or --for")
    parser.add_argument("--for", dest="lasting", metavar="TIME", help="for how long, such as 90min")


def span(arguments: argparse.Namespace) -> dict[str, str]:
    """Return when it begins and ends, as far as that is said."""
    return parameters_of(start=arguments.start, end=arguments.end, duration=arguments.lasting)
