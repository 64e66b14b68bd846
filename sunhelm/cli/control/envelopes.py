"""`sunhelm envelope`: bounds that a device keeps by itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from sunhelm.cli.control.acts import acts, add_name, add_span, span
from sunhelm.cli.control.client import Json, path_of
from sunhelm.cli.control.command import Talk, add_output_flag, add_yes_flags, parameters_of
from sunhelm.cli.control.words import moment, table

_BOUNDS: Final = {
    "import": "grid_import",
    "export": "grid_export",
    "charge": "charge",
    "discharge": "discharge",
    "generation": "generation",
}


def _add_create(parser: argparse.ArgumentParser) -> None:
    add_span(parser)
    for name in _BOUNDS:
        parser.add_argument(f"--{name}", metavar="POWER", help=f"the most {name}, such as 5kW")
    add_yes_flags(parser)


async def _create(talk: Talk) -> int:
    arguments = talk.arguments
    bounds = parameters_of(**{name: getattr(arguments, name) for name in _BOUNDS})
    made = await talk.confirmed("/envelopes", {"device": arguments.name, **span(arguments), **bounds})
    talk.tell(made, f"{made['id']}: {made['device']}, {', '.join(_bounds(made))}")
    return 0


def _bounds(envelope: Json) -> Iterator[str]:
    for name, key in _BOUNDS.items():
        if envelope[key] is not None:
            yield f"{name} at most {envelope[key]:g}W"


def _add_list(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    add_output_flag(parser)


async def _list(talk: Talk) -> int:
    told = await talk.client.get(path_of("devices", talk.arguments.name, "envelopes"))
    rows = [
        (each["id"], moment(each["start"]), moment(each["end"]), ", ".join(_bounds(each)))
        for each in told["envelopes"]
    ]
    talk.tell(told, table(("ID", "START", "END", "BOUNDS"), rows, "There are none."))
    return 0


def _add_delete(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("id", metavar="ID", help="the envelope, as `envelope list` has it")
    add_output_flag(parser)


async def _delete(talk: Talk) -> int:
    arguments = talk.arguments
    told = await talk.client.delete(path_of("devices", arguments.name, "envelopes", arguments.id))
    talk.tell(told, f"{told['deleted']}: deleted")
    return 0


COMMANDS: Final = {
    "envelope": acts(
        "envelope",
        ("create", "make bounds that a device keeps by itself", _add_create, _create),
        ("list", "show the envelopes on a device", _add_list, _list),
        ("delete", "delete an envelope on a device", _add_delete, _delete),
    )
}
