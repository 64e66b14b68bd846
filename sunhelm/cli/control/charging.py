"""`sunhelm ev-mode`: how a charger is regulated, and by which mode from now on or for some time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from sunhelm.cli.control.client import Json, path_of
from sunhelm.cli.control.command import REFUSED, Command, Talk, add_output_flag
from sunhelm.cli.control.words import moment

_MODES: Final = ("off", "grid", "solar", "hybrid")
_J_A_KWH: Final = 3_600_000.0


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the charger, as the site file calls it")
    parser.add_argument(
        "mode",
        choices=_MODES,
        nargs="?",
        help="where the energy of the vehicle comes from; without it, tell how it is regulated",
    )
    parser.add_argument(
        "--for",
        dest="lasting",
        metavar="TIME",
        help="for how long, at most 7d; without it, until another mode is chosen",
    )
    add_output_flag(parser)
    parser.add_argument("--yes", action="store_true", help="do what is dangerous without asking")


async def _ev_mode(talk: Talk) -> int:
    arguments = talk.arguments
    name, with_ = arguments.name, {"mode": arguments.mode}
    if arguments.mode is None:
        return await _tell(talk)
    if arguments.lasting is not None:
        body = {"device": name, "action": "ev_mode", "with": with_, "for": arguments.lasting}
        claim = await talk.confirmed("/claims", body)
        talk.tell(claim, f"{claim['id']}: {name}, {claim['value']} until {moment(claim['ends_at'])}")
        return 0
    body = {"action": "ev_mode", "with": with_}
    state = await talk.confirmed(path_of("devices", name, "baseline"), body, put=True)
    first = "" if state["desired"] == arguments.mode else f"; {state['desired']} is asked for first"
    talk.tell(state, f"{name}: {arguments.mode} from now on{first}")
    return 0


async def _tell(talk: Talk) -> int:
    device = await talk.client.get(path_of("devices", talk.arguments.name))
    charging: Json | None = device["charging"]
    if charging is None:
        talk.tell(device, f"{device['name']} is not regulated: the site file has no evcharging for it.")
        return REFUSED
    talk.tell(charging, "\n".join(_lines(device["name"], charging)))
    return 0


def _lines(name: str, charging: Json) -> Iterator[str]:
    own = charging["own_mode"]
    back = "" if own == charging["mode"] else f", then {own} again"
    yield f"{name}: {charging['mode']}{back}; {_why(charging)}."
    if charging["limit_a"] is not None:
        yield f"offered {charging['limit_a']:g} A, drawing {charging['power_w']:g} W"
    if charging["excess_w"] is not None:
        yield f"excess {charging['excess_w']:.0f} W"
    cap = charging["session_cap_j"]
    most = "" if cap is None else f" of {cap / _J_A_KWH:g}"
    yield f"this vehicle was given {(charging['session_j'] or 0.0) / _J_A_KWH:.1f}{most} kWh"
    yield f"{charging['changes_left']} changes of the charger left within 24 hours"
    if charging["failing"]:
        yield f"the charger cannot be reached: {charging['failing']}"
    if charging["house_failing"]:
        yield f"the house cannot be read: {charging['house_failing']}"


def _why(charging: Json) -> str:
    if charging["stands_back"]:
        return f"stands back: {charging['stands_back'].replace('_', ' ')}; choose a mode to go on"
    reason: str = charging["reason"]
    return reason.replace("_", " ") if reason else "charging"


COMMANDS: Final = {
    command.NAME: command
    for command in (
        Command("ev-mode", "say by which mode an EV charger is regulated, or look at it", _add, _ev_mode),
    )
}
