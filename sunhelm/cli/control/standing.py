"""Commands about what stands: devices, claims, holds, baselines, and what has happened."""

from __future__ import annotations

import argparse
from typing import Final

from sunhelm.cli.control.acts import add_name
from sunhelm.cli.control.client import Json, path_of
from sunhelm.cli.control.command import (
    Command,
    Talk,
    add_lasting_flag,
    add_output_flag,
    add_yes_flags,
)
from sunhelm.cli.control.ending import Ending
from sunhelm.cli.control.words import RUNGS, moment, table

_ACTIONS: Final = {
    "export_limit": ("limit_export", "limit"),
    "production_limit": ("limit_production", "limit"),
    "mode": ("set_mode", "mode"),
}
_RELEASE: Final = Ending("claim", "ended", "the claim, as `sunhelm claims` lists it", "every claim")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one device only")
    add_output_flag(parser)


async def _devices(talk: Talk) -> int:
    name = talk.arguments.name
    if name is None:
        told = await talk.client.get("/devices")
    else:
        told = {"devices": [await talk.client.get(path_of("devices", name))]}
    rows = [
        (
            device["name"],
            state["key"],
            *("" if state[word] == "nothing" else state[word] for word in _WORDS),
            moment(state["observed_at"]),
            _about(device, state),
        )
        for device in told["devices"]
        for state in [state for state in device["states"] if _is_told(state)] or [_NO_STATE]
    ]
    head = ("DEVICE", "STATE", "DESIRED", "WRITTEN", "OBSERVED", "YOURS", "AT", "")
    talk.tell(told, table(head, rows, "No device may be commanded."))
    return 0


_WORDS: Final = ("desired", "written", "observed", "baseline")

_NO_STATE: Final[Json] = {
    **dict.fromkeys(("key", *_WORDS, "observed_at", "stands_back"), ""),
    "differs_since": None,
    "fail_safe": False,
}


def _is_told(state: Json) -> bool:
    """Whether there is anything to say of a state; a setting that was written once is known for good."""
    said = any(state[word] not in ("", "nothing", "unknown") for word in _WORDS)
    return said or bool(state["stands_back"]) or bool(state["fail_safe"])


def _about(device: Json, state: Json) -> str:
    notes = []
    if device["failing"]:
        notes.append(f"cannot be reached: {device['failing']}")
    if state["stands_back"]:
        notes.append(f"stands back: {state['stands_back']}")
    if state["differs_since"]:
        notes.append(f"differs since {moment(state['differs_since'])}")
    if state["fail_safe"]:
        notes.append("fail-safe")
    if device["held_until"]:
        notes.append(f"held until {moment(device['held_until'])}")
    return "; ".join(notes) or " "


async def _capabilities(talk: Talk) -> int:
    told = await talk.client.get(path_of("capabilities", device=talk.arguments.name))
    rows = [
        (
            each["device"],
            each["key"],
            " ".join(each["actions"]),
            each["means"],
            each["hazard"] + (" (allowed)" if each["allowed"] and each["hazard"] == "opt-in" else ""),
            each["rung"],
            each["proof"],
        )
        for each in told["capabilities"]
    ]
    head = ("DEVICE", "WHAT", "ACTIONS", "BY", "WHO MAY ASK", "RUNG", "PROOF")
    legend = "\n".join(f"{rung}: {text}" for rung, text in RUNGS.items())
    talk.tell(told, f"{table(head, rows, 'Nothing can be commanded.')}\n{legend}")
    return 0


def _add_claims(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    parser.add_argument("--ended", action="store_true", help="also those that have ended")


async def _claims(talk: Talk) -> int:
    arguments = talk.arguments
    told = await talk.client.get(path_of("claims", device=arguments.name, ended=arguments.ended))
    talk.tell(told, _claims_table(told["claims"]))
    return 0


def _claims_table(claims: list[Json]) -> str:
    rows = [
        (
            claim["id"],
            claim["device"],
            claim["value"],
            claim["by"] or claim["cause"],
            moment(claim["made_at"]),
            moment(claim["ended_at"] if claim["ended"] else claim["ends_at"]),
            claim["ended"] or ("dry run" if claim["dry_run"] else "live"),
        )
        for claim in claims
    ]
    return table(
        ("ID", "DEVICE", "VALUE", "CAUSE", "MADE", "ENDS", "STATE"), rows, "Nobody asks for anything."
    )


async def _tasks(talk: Talk) -> int:
    told = await talk.client.get(path_of("tasks", device=talk.arguments.name))
    rows = [
        (
            moment(task["asked_at"]),
            task["device"],
            task["action"],
            task["cause"],
            moment(task["begun_at"]),
            moment(task["ended_at"]),
            ": ".join(filter(None, (task["outcome"] or "under way", task["reason"]))),
        )
        for task in told["tasks"]
    ]
    head = ("ASKED", "DEVICE", "TASK", "CAUSE", "BEGUN", "ENDED", "OUTCOME")
    talk.tell(told, table(head, rows, "Nothing was to be done once."))
    return 0


def _add_hold(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    add_lasting_flag(parser)
    parser.add_argument("--end", action="store_true", help="let alerts make claims again")
    add_output_flag(parser)


async def _hold(talk: Talk) -> int:
    arguments = talk.arguments
    path = path_of("devices", arguments.name, "hold")
    if arguments.end:
        told = await talk.client.delete(path)
        talk.tell(told, f"{arguments.name}: alerts make claims again")
    else:
        told = await talk.client.put(path, {"for": arguments.lasting})
        talk.tell(told, f"{arguments.name}: alerts make no claims until {moment(told['held_until'])}")
    return 0


def _add_baseline(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("state", choices=_ACTIONS, help="which state of it")
    parser.add_argument(
        "value", metavar="VALUE", help="your own value, such as 5kW, unlimited, or the name of a mode"
    )
    add_yes_flags(parser)


async def _baseline(talk: Talk) -> int:
    arguments = talk.arguments
    action, parameter = _ACTIONS[arguments.state]
    path = path_of("devices", arguments.name, "baseline")
    body = {"action": action, "with": {parameter: arguments.value}}
    state = await talk.confirmed(path, body, put=True)
    talk.tell(state, f"{arguments.name}: {state['key']} comes back to {arguments.value}")
    return 0


def _add_journal(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    parser.add_argument("--most", type=int, default=30, metavar="NUMBER", help="so many lines (%(default)s)")


async def _journal(talk: Talk) -> int:
    arguments = talk.arguments
    told = await talk.client.get(path_of("journal", device=arguments.name, most=arguments.most))
    rows = [
        (
            moment(event["at"]),
            event["kind"],
            event["device"],
            event["what"],
            event["cause"],
            ": ".join(filter(None, (event["outcome"], event["reason"]))),
        )
        for event in reversed(told["events"])
    ]
    talk.tell(told, table(("AT", "KIND", "DEVICE", "WHAT", "WHO", "OUTCOME"), rows, "Nothing has happened."))
    return 0


COMMANDS: Final = {
    command.NAME: command
    for command in (
        Command("devices", "show what devices shall hold, and what they hold", _add_device, _devices),
        Command("capabilities", "show what can be commanded on devices", _add_device, _capabilities),
        Command("claims", "show who asks for what", _add_claims, _claims),
        Command("tasks", "show what was to be done once, and how it ended", _add_device, _tasks),
        Command("release", "end a claim, or the fail-safe that it left", _RELEASE.add, _RELEASE.act),
        Command("hold", "let alerts make no claims on a device for some time", _add_hold, _hold),
        Command("baseline", "say what your own value of a state is", _add_baseline, _baseline),
        Command("journal", "show what was asked and what was done", _add_journal, _journal),
    )
}
