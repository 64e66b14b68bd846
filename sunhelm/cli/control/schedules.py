"""`sunhelm schedule`: what is to happen at its time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from sunhelm.cli.control.acts import acts, add_name, add_span, span
from sunhelm.cli.control.client import Json, path_of
from sunhelm.cli.control.command import (
    WRONG,
    Talk,
    add_consent_flags,
    add_output_flag,
    add_yes_flags,
    parameters_of,
)
from sunhelm.cli.control.ending import Ending
from sunhelm.cli.control.words import moment, table

_MOST_BYTES: Final = 256 * 1024
_DELETE: Final = Ending("schedule", "state", "the schedule, as `schedule list` has it", "all of ours")


def _add_create(parser: argparse.ArgumentParser) -> None:
    add_span(parser)
    parser.add_argument(
        "--mode",
        default="force_charge",
        help="force_charge, force_discharge, or a mode as of set-mode (%(default)s)",
    )
    parser.add_argument("--power", metavar="POWER", help="of a forced mode; all that the device can without")
    parser.add_argument("--target-soc", metavar="SHARE", help="end early at this state of charge")
    add_consent_flags(parser)


async def _create(talk: Talk) -> int:
    arguments = talk.arguments
    body: Json = {
        "device": arguments.name,
        "mode": arguments.mode,
        **span(arguments),
        **parameters_of(power=arguments.power, target_soc=arguments.target_soc),
    }
    planned = await talk.client.post("/schedules/plan", body)
    does = f"would make: {_line(planned)}"
    if arguments.dry_run:
        talk.tell(planned, does)
        return 0
    made = await talk.confirmed("/schedules", body, does=[does])
    talk.tell(made, f"{made['id']}: {_line(made)}")
    return 0


def _line(schedule: Json) -> str:
    kept = {"native": "by the device itself", "kept": "kept by the controller"}[schedule["means"]]
    return (
        f"{schedule['device']}, {schedule['mode']} {_details(schedule)}from {moment(schedule['start'])}"
        f" to {moment(schedule['end'])}, {kept}"
    )


def _details(schedule: Json) -> str:
    power = "" if schedule["watts"] is None else f"{schedule['watts']:g}W "
    target = "" if schedule["target_soc"] is None else f"to {schedule['target_soc']:.0%} "
    return power + target


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one device only")
    parser.add_argument("--ended", action="store_true", help="also those that are over or deleted")
    parser.add_argument("--on-device", action="store_true", help="what stands on the device NAME itself")
    add_output_flag(parser)


async def _list(talk: Talk) -> int:
    arguments = talk.arguments
    if arguments.on_device:
        if arguments.name is None:
            print("Say which device.", file=sys.stderr)
            return WRONG
        told = await talk.client.get(path_of("devices", arguments.name, "schedules"))
        entries = [
            (
                each["key"],
                each["mode"] + f" {_details(each)}".rstrip(),
                moment(each["start"]),
                moment(each["end"]),
                {True: "yes", False: "no", None: "unknown"}[each["ours"]],
            )
            for each in told["entries"]
        ]
        talk.tell(told, table(("KEY", "WHAT", "START", "END", "OURS"), entries, "The device has none."))
        return 0
    told = await talk.client.get(path_of("schedules", device=arguments.name, ended=arguments.ended))
    rows = [
        (
            each["id"],
            each["device"],
            each["mode"] + f" {_details(each)}".rstrip(),
            moment(each["start"]),
            moment(each["end"]),
            each["means"],
            each["state"],
            each["problem"] or " ",
        )
        for each in told["schedules"]
    ]
    head = ("ID", "DEVICE", "WHAT", "START", "END", "BY", "STATE", "")
    talk.tell(told, table(head, rows, "There are none."))
    return 0


def _add_import(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("file", metavar="FILE", help="CSV or JSON; - reads what is piped in")
    parser.add_argument("--replace", action="store_true", help="delete those of ours that they overlap")
    add_yes_flags(parser)


async def _import(talk: Talk) -> int:
    arguments = talk.arguments
    try:
        text = _text(arguments.file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"{arguments.file}: cannot be read: {reason}", file=sys.stderr)
        return WRONG
    body = {"device": arguments.name, "text": text, "replace": arguments.replace}
    told = await talk.confirmed("/schedules/import", body)
    talk.tell(told, "\n".join(f"{each['id']}: {_line(each)}" for each in told["schedules"]))
    return 0


def _text(name: str) -> str:
    text = sys.stdin.read(_MOST_BYTES + 1) if name == "-" else _file(Path(name))
    if len(text) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
    return text


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES + 1).decode()


COMMANDS: Final = {
    "schedule": acts(
        "schedule",
        ("create", "make a schedule", _add_create, _create),
        ("list", "show our schedules, or those on a device", _add_list, _list),
        ("delete", "delete schedules of ours, on the device too", _DELETE.add, _DELETE.act),
        ("import", "make all schedules of a file, or none", _add_import, _import),
    )
}
