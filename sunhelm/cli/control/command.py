"""What every command of a person has: its flags, how it ends, and the question before what is dangerous."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sunhelm.cli.control.client import Client, ControllerRefuses, Json, NotReached
from sunhelm.cli.control.connection import ConnectionMistake, add_connection_flags, connection

REFUSED: Final = 1
"""The controller refuses, or cannot be reached."""

WRONG: Final = 2
"""What was asked is wrong."""

UNCONFIRMED: Final = 3
"""Nobody has said yes."""

_WRONG_STATUSES: Final = (400, 404, 422)

Act = Callable[["Talk"], Awaitable[int]]


class Unconfirmed(Exception):
    """Nobody has said yes."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A command under way."""

    arguments: argparse.Namespace
    client: Client

    def tell(self, answer: Json, words: str) -> None:
        """Print an answer: as JSON, or in words."""
        print(json.dumps(answer, indent=1, ensure_ascii=False) if self.arguments.json else words)

    async def confirmed(
        self, path: str, body: Mapping[str, object], *, put: bool = False, does: Sequence[str] = ()
    ) -> Json:
        """Ask for it; what the controller wants confirmed, ask the person, and again. Raises Unconfirmed.

        `does` says what it does, before the controller says why that is dangerous.
        """
        send = self.client.put if put else self.client.post
        try:
            return await send(path, body)
        except ControllerRefuses as refusal:
            if not refusal.wants_confirmation:
                raise
            self.confirm([*does, str(refusal)])
        return await send(path, {**body, "confirmed": True})

    def confirm(self, words: Sequence[str]) -> None:
        """Say what is going to happen, and go on only when the person wants it. Raises Unconfirmed."""
        print("\n".join(words), file=sys.stderr)
        if self.arguments.yes:
            return
        if not sys.stdin.isatty():
            raise Unconfirmed("Nobody is here to confirm it; --yes does.")
        print("Do it? Type yes: ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() != "yes":
            raise Unconfirmed("Nothing was done.")


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand of `sunhelm`; `add` adds its own arguments, `act` does it and returns the exit status.

    `has_acts` says that it has subcommands of its own, which have the flags of the controller.
    """

    NAME: str
    HELP: str
    add: Callable[[argparse.ArgumentParser], None]
    act: Act
    has_acts: bool = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what it takes."""
        self.add(parser)
        if not self.has_acts:
            add_connection_flags(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status."""
        try:
            reached = connection(arguments)
        except ConnectionMistake as mistake:
            print(mistake, file=sys.stderr)
            return WRONG
        if reached.shows_secrets:
            print(f"{reached.url}: who can listen there learns the secret; https hides it", file=sys.stderr)

        async def talk() -> int:
            async with Client(reached) as client:
                return await self.act(Talk(arguments, client))

        try:
            return asyncio.run(talk())
        except NotReached as error:
            print(error, file=sys.stderr)
            return REFUSED
        except Unconfirmed as error:
            print(error, file=sys.stderr)
            return UNCONFIRMED
        except ControllerRefuses as refusal:
            print("\n".join(_lines(refusal)), file=sys.stderr)
            return WRONG if refusal.status in _WRONG_STATUSES else REFUSED


def add_output_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that prints what programs read."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_yes_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of commands that may have to ask whether they shall."""
    add_output_flag(parser)
    parser.add_argument("--yes", action="store_true", help="do what is dangerous without asking")


def add_consent_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of commands that change something."""
    add_yes_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, and do nothing")


def add_lasting_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says for how long."""
    parser.add_argument(
        "--for", dest="lasting", metavar="TIME", default="1h", help="for how long, at most 7d (%(default)s)"
    )


def _lines(refusal: ControllerRefuses) -> list[str]:
    """Return what is wrong with what a person has typed, who sees no body of a request."""
    mistakes = [mistake for mistake in refusal.mistakes if not mistake.startswith("request: ")]
    return [mistake.removeprefix("body.").removeprefix("with.") for mistake in mistakes] or [str(refusal)]


def parameters_of(**given: str | None) -> dict[str, str]:
    """Return those parameters that are given, without the blanks around them."""
    return {name: value.strip() for name, value in given.items() if value is not None}
