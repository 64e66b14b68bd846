"""Commands that put a device into a state for some time, that write a setting, and that do something once."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Final

from sunhelm.cli.control.acts import add_name
from sunhelm.cli.control.client import Json, path_of
from sunhelm.cli.control.command import (
    REFUSED,
    Command,
    Talk,
    add_consent_flags,
    add_lasting_flag,
    parameters_of,
)
from sunhelm.cli.control.words import moment, plan_words

Parameters = Callable[[argparse.Namespace], dict[str, str]]

_LIMITS: Final = ("limit_export", "limit_production", "set_current_limits", "set_soc_limits")

WAIT_S: Final = 30.0
LOOK_S: Final = 1.0


def order(
    name: str, text: str, action: str, add: Callable[[argparse.ArgumentParser], None], parameters: Parameters
) -> Command:
    """Return a command that makes a claim."""

    def add_all(parser: argparse.ArgumentParser) -> None:
        add_name(parser)
        add(parser)
        add_lasting_flag(parser)
        add_consent_flags(parser)
        _add_wait_flag(parser)

    async def act(talk: Talk) -> int:
        arguments = talk.arguments
        body = {
            "device": arguments.name,
            "action": action,
            "with": parameters(arguments),
            "for": arguments.lasting,
        }
        if not await _planned(talk, body):
            return 0
        claim = await talk.confirmed("/claims", body)
        until = f"{claim['id']}: {claim['device']}, {claim['value']} until {moment(claim['ends_at'])}"
        state = await _seen(talk, claim)
        if state is None:
            talk.tell(claim, until)
            return 0
        talk.tell({**claim, "observed": state["observed"]}, f"{until}\n{_held(claim, state)}")
        return REFUSED if state["stands_back"] or _yields(claim, state) else 0

    return Command(name, text, add_all, act)


def _held(claim: Json, state: Json) -> str:
    if state["stands_back"]:
        return f"{claim['device']}: nothing is written: {state['stands_back'].replace('_', ' ')}"
    if _yields(claim, state):
        return f"{claim['device']} is asked for {state['desired']} first; `sunhelm claims` tells by whom."
    if state["differs_since"] is None and state["observed_at"] is not None:
        return f"{claim['device']} holds {state['observed']}."
    return f"{claim['device']} does not hold it yet; `sunhelm devices {claim['device']}` tells when it does."


def _yields(claim: Json, state: Json) -> bool:
    """Return whether something else is asked first. Of limits the strictest counts: all of them are kept."""
    return claim["action"] not in _LIMITS and state["desired"] not in ("", "nothing", claim["value"])


async def _seen(talk: Talk, claim: Json) -> Json | None:
    """Look at the device until it holds what was asked, for a while; None when nobody wants to know."""
    left_s = 0.0 if talk.arguments.no_wait else WAIT_S
    state: Json | None = None
    while left_s > 0:
        device = await talk.client.get(path_of("devices", claim["device"]))
        states: list[Json] = device["states"]
        state = next((each for each in states if each["key"] == claim["state"]), None)
        if state is not None and (state["stands_back"] or _holds(state, claim)):
            return state
        await asyncio.sleep(LOOK_S)
        left_s -= LOOK_S
    return state


def _holds(state: Json, claim: Json) -> bool:
    fresh = state["observed_at"] is not None and state["observed_at"] >= claim["renewed_at"]
    return state["desired"] not in ("", "nothing") and state["differs_since"] is None and fresh


async def _planned(talk: Talk, body: Json) -> bool:
    """Tell what would be written; return whether to go on. What is dangerous is asked for first."""
    arguments = talk.arguments
    plan = await talk.client.post("/plans", body)
    if arguments.dry_run:
        talk.tell(plan, "\n".join(filter(None, plan_words(plan))))
        return False
    if plan["needs_confirmation"]:
        talk.confirm(list(filter(None, plan_words(plan))))
        body["confirmed"] = True
    return True


def task(name: str, text: str, action: str, *, named: bool = False) -> Command:
    """Return a command that has a device do something once; `named` is one of the tasks of its family."""

    def add(parser: argparse.ArgumentParser) -> None:
        add_name(parser)
        if named:
            parser.add_argument("task", metavar="TASK", help="as `sunhelm capabilities` names it after task:")
        add_consent_flags(parser)
        _add_wait_flag(parser)

    async def act(talk: Talk) -> int:
        body: Json = {"device": talk.arguments.name, "action": action}
        given = {"task": talk.arguments.task} if named else {}
        planned: Json = {**body, "with": given} if named else dict(body)
        if not await _planned(talk, planned):
            return 0
        body |= {**given, "confirmed": bool(planned.get("confirmed"))}
        done = await talk.confirmed("/tasks", body)
        left_s = 0.0 if talk.arguments.no_wait else WAIT_S
        while not done["outcome"] and left_s > 0:
            await asyncio.sleep(LOOK_S)
            left_s -= LOOK_S
            done = await talk.client.get(path_of("tasks", done["id"]))
        outcome = done["outcome"] or "under way"
        because = f": {done['reason']}" if done["reason"] else ""
        talk.tell(done, f"{done['id']}: {action} on {done['device']} {outcome}{because}")
        return 0 if done["outcome"] in ("", "done") else REFUSED

    return Command(name, text, add, act)


async def _set(talk: Talk) -> int:
    arguments = talk.arguments
    given = parameters_of(setting=arguments.setting, value=arguments.value)
    planned: Json = {"device": arguments.name, "action": "set", "with": given}
    if not await _planned(talk, planned):
        return 0
    body = {"device": arguments.name, **given, "confirmed": bool(planned.get("confirmed"))}
    state = await talk.confirmed("/settings", body)
    talk.tell(state, f"{arguments.name}: {state['key']} is {state['observed']}")
    return 0


def _add_wait_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-wait", action="store_true", help="end without looking at what becomes of it on the device"
    )


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "limit",
        metavar="LIMIT",
        help="the most, such as 0W, 4kW, or 60%% of the rated power",
    )


def _limit(arguments: argparse.Namespace) -> dict[str, str]:
    return parameters_of(limit=arguments.limit)


def _add_power(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("power", metavar="POWER", help="how much, such as 2500W")


def _power(arguments: argparse.Namespace) -> dict[str, str]:
    return parameters_of(power=arguments.power)


def _add_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "mode",
        metavar="MODE",
        help="self_consumption, backup, time_of_use, feed_in_first, idle, or native:NAME",
    )


def _add_currents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--charge", metavar="CURRENT", help="the most into the battery, such as 50A")
    parser.add_argument("--discharge", metavar="CURRENT", help="the most out of it")


def _add_socs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minimum", metavar="SHARE", help="the least state of charge, such as 20%%")
    parser.add_argument("--maximum", metavar="SHARE", help="the most")


def _add_setting(parser: argparse.ArgumentParser) -> None:
    add_name(parser)
    parser.add_argument("setting", metavar="SETTING", help="as the family's page calls it: PART.NAME")
    parser.add_argument("value", metavar="VALUE", help="a number, with its unit where it has one")
    add_consent_flags(parser)


COMMANDS: Final = {
    command.NAME: command
    for command in (
        order("limit-export", "limit what a device feeds into the grid", "limit_export", _add_limit, _limit),
        order("limit-production", "limit what a device produces", "limit_production", _add_limit, _limit),
        order("charge", "charge the battery of a device", "charge", _add_power, _power),
        order("discharge", "discharge the battery of a device", "discharge", _add_power, _power),
        order(
            "set-mode",
            "put a device into a mode for some time",
            "set_mode",
            _add_mode,
            lambda arguments: parameters_of(mode=arguments.mode),
        ),
        order(
            "set-current-limits",
            "limit the currents of a battery",
            "set_current_limits",
            _add_currents,
            lambda arguments: parameters_of(charge=arguments.charge, discharge=arguments.discharge),
        ),
        order(
            "set-soc-limits",
            "limit the state of charge of a battery",
            "set_soc_limits",
            _add_socs,
            lambda arguments: parameters_of(minimum=arguments.minimum, maximum=arguments.maximum),
        ),
        Command("set", "write a setting of a device for good", _add_setting, _set),
        task("reset-watchdog", "reset the watchdog of a SEC1000S that throttles", "reset_watchdog"),
        task("set-clock", "set the clock of a device to the time of the site", "set_clock"),
        task("restart", "restart a device", "restart"),
        task("run", "run a task that only the family of a device knows", "run", named=True),
    )
}
