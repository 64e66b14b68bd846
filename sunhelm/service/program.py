"""What both processes do with their command line, from its first word to the exit status."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sunhelm.configuration.mistakes import ConfigurationError, Mistake
from sunhelm.service.check import WRONG, check_answer
from sunhelm.service.flags import ServiceFlags
from sunhelm.service.logs import configure_logs
from sunhelm.service.webconfig_file import load_web_config

Configuration_co = TypeVar("Configuration_co", covariant=True)
Serve = Callable[[ServiceFlags, argparse.Namespace], Coroutine[None, None, None]]


class LoadSite(Protocol[Configuration_co]):
    """Loads the site file as one process wants it."""

    def __call__(self, file: Path, /, *, expand_environment: bool) -> Configuration_co:
        """Return what the file says. Raises ConfigurationError."""


def run_program(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    load: LoadSite[object],
    serve: Serve,
    *,
    wrong: type[Exception] | tuple[type[Exception], ...] = (),
    unusable: type[Exception] | tuple[type[Exception], ...] = (),
) -> int:
    """Serve until told to end, or check what a start would read; return the exit status.

    0 is an end by SIGTERM or SIGINT, 1 something `unusable`, as an address or a directory, 2 a wrong
    configuration, `wrong` flags among it.
    """
    parsed = parser.parse_args(arguments)
    flags = ServiceFlags.of(parsed)
    if flags.json and not flags.config_check:
        parser.error("--json needs --config.check")
    if flags.config_check:
        return _check(flags, load)
    configure_logs(flags.log_level, flags.log_format)
    try:
        asyncio.run(serve(flags, parsed))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    except wrong as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return WRONG
    except unusable as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return 0


def load_all(flags: ServiceFlags, load: LoadSite[Configuration_co]) -> Configuration_co:
    """Load the site file, and look at the web configuration file, which the server follows by itself.

    Raises ConfigurationError with the mistakes of both.
    """
    mistakes: list[Mistake] = []
    if flags.web_config_file is not None:
        try:
            load_web_config(flags.web_config_file)
        except ConfigurationError as error:
            mistakes += error.mistakes
    try:
        configuration = load(flags.config_file, expand_environment=flags.expand_environment)
    except ConfigurationError as error:
        raise ConfigurationError([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise ConfigurationError(mistakes)
    return configuration


def _check(flags: ServiceFlags, load: LoadSite[object]) -> int:
    """Validate what a start with these flags would read, and say what is wrong."""
    files = [file for file in (flags.config_file, flags.web_config_file) if file is not None]
    mistakes: Sequence[Mistake] = ()
    try:
        load_all(flags, load)
    except ConfigurationError as error:
        mistakes = error.mistakes
    answer, status = check_answer(files, mistakes, as_json=flags.json)
    sys.stdout.write(f"{answer}\n")
    return status
