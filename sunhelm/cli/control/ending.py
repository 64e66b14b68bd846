"""Ends one thing by its id, or all of its kind on a device."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

from sunhelm.cli.control.client import path_of
from sunhelm.cli.control.command import WRONG, Talk, add_output_flag


@dataclass(frozen=True, slots=True)
class Ending:
    """How a kind of thing is ended: `said` is the word of the answer that says how it ended.

    `one` and `every` say what is meant by an id and by the name of a device.
    """

    kind: str
    said: str
    one: str
    every: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add the flags that say what is to end."""
        parser.add_argument("id", metavar="ID", nargs="?", help=self.one)
        parser.add_argument("--all", dest="device", metavar="NAME", help=f"{self.every} on this device")
        add_output_flag(parser)

    async def act(self, talk: Talk) -> int:
        """End it."""
        id_, device = talk.arguments.id, talk.arguments.device
        if (id_ is None) == (device is None):
            print(f"Say which {self.kind}, or --all NAME for {self.every} on a device.", file=sys.stderr)
            return WRONG
        kinds = f"{self.kind}s"
        if device is not None:
            told = await talk.client.delete(path_of("devices", device, kinds))
            ended = told[kinds]
        else:
            told = await talk.client.delete(path_of(kinds, id_))
            ended = [told]
        lines = "\n".join(f"{each['id']}: {each[self.said]}" for each in ended)
        talk.tell(told, lines or "There was none.")
        return 0
