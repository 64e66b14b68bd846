"""`sunhelm settings`: a copy of every setting of a device, and what differs from a copy."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sunhelm.cli.one_device import FAILED, add_device_arguments, deadline, with_device, write
from sunhelm.devices.device import Device
from sunhelm.devices.families.source import Setting
from sunhelm.service.check import WRONG

NAME: Final = "settings"
HELP: Final = "keep a copy of every setting of a device, or compare with one"

_FORMAT: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("act", choices=("save", "diff"), help="write a copy, or say what differs from it")
    add_device_arguments(parser)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the copy (NAME.settings.json)")
    parser.add_argument("--force", action="store_true", help="with save: replace a copy that is there")


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when saved or equal, 1 when something differs or nothing answers, 2 for mistakes."""
    path: Path = arguments.file or Path(f"{arguments.name}.settings.json")
    before: Mapping[str, Setting] = {}
    if arguments.act == "diff":
        try:
            before = _load(path)
        except OSError as error:
            print(f"{path}: cannot be read: {error.strerror}", file=sys.stderr)
            return WRONG
        except (ValueError, TypeError, KeyError) as error:
            print(f"{path}: is no copy of settings: {error}", file=sys.stderr)
            return WRONG
    elif path.exists() and not arguments.force:
        print(f"{path}: is there already; name another file, or say --force", file=sys.stderr)
        return WRONG

    async def act(device: Device) -> int:
        until = deadline(arguments)
        async with device.source.turn(until):
            await device.source.prepare(until)
            now = await device.source.settings(until)
        if arguments.act == "save":
            _save(path, device, now)
            print(f"{path}: {len(now)} settings of {device.name}")
            return 0
        differences = list(compare(before, now))
        print("\n".join(differences) or f"{len(now)} settings are as in {path}")
        return FAILED if differences else 0

    return with_device(arguments, act, profile="full")


def compare(before: Mapping[str, Setting], now: Mapping[str, Setting]) -> Iterator[str]:
    """Yield a line for each setting that is not as it was."""
    for name in [*before, *(name for name in now if name not in before)]:
        old, new = before.get(name), now.get(name)
        if old is None and new is not None:
            yield f"{name} ({new.place}): new, {new.meaning}"
        elif new is None and old is not None:
            yield f"{name} ({old.place}): gone, was {old.meaning}"
        elif old is not None and new is not None and old.raw != new.raw:
            yield f"{name} ({new.place}): {old.meaning} -> {new.meaning}"


def _save(path: Path, device: Device, settings: Mapping[str, Setting]) -> None:
    content = {
        "format": _FORMAT,
        "device": device.name,
        "family": device.config.family,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {name: asdict(setting) for name, setting in settings.items()},
    }
    write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _load(path: Path) -> Mapping[str, Setting]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']}; {_FORMAT} is known")
    return {name: Setting(**setting) for name, setting in content["settings"].items()}
