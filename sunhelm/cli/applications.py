"""The applications that are installed beside this command. They are started as processes, never imported."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunhelm.configuration.mistakes import Mistake
from sunhelm.service.check import WRONG, mistakes_of

COMMANDS: Final = ("sunhelm-exporter", "sunhelm-controller")
_TIMEOUT_S: Final = 60.0


class CheckFailed(Exception):
    """An application could not say whether its configuration is right."""


@dataclass(frozen=True, slots=True)
class Application:
    """One installed application."""

    command: Path

    def check(self, flags: Sequence[str]) -> list[Mistake]:
        """Return what is wrong with its configuration. Raises CheckFailed."""
        try:
            run = subprocess.run(  # noqa: S603 - our own command, and flags of whoever runs this one
                [self.command, "--config.check", "--json", *flags],
                capture_output=True,
                check=False,
                text=True,
                timeout=_TIMEOUT_S,
            )
            if run.returncode in (0, WRONG):
                return mistakes_of(run.stdout)
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise CheckFailed(f"{self.command.name} --config.check: {error}") from error
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise CheckFailed(f"{self.command.name} --config.check: {last}")


def installed_applications(folder: Path | None = None) -> Iterator[Application]:
    """Yield the applications in `folder`, by default that of the running Python's commands."""
    scripts = Path(sysconfig.get_path("scripts")) if folder is None else folder
    for name in COMMANDS:
        command = scripts / name
        if command.is_file():
            yield Application(command)
