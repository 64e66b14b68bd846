"""The flags that both processes have, with the names that users of Prometheus know."""

from __future__ import annotations

import argparse
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Self, get_args

from sunhelm import __version__
from sunhelm.service.listen import ListenAddress
from sunhelm.service.logs import Format, Level

DEFAULT_CONFIG_FILE = Path("sunhelm.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFlags:
    """What the shared flags say. `runtime_directory` is None when it is left to the library."""

    config_file: Path
    config_check: bool
    json: bool
    expand_environment: bool
    listen_addresses: tuple[ListenAddress, ...]
    web_config_file: Path | None
    log_level: Level
    log_format: Format
    runtime_directory: Path | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Self:
        """Return the shared flags among parsed arguments."""
        return cls(
            config_file=arguments.config_file,
            config_check=arguments.config_check,
            json=arguments.json,
            expand_environment=arguments.expand_environment,
            listen_addresses=tuple(arguments.listen_addresses or [arguments.default_listen_address]),
            web_config_file=arguments.web_config_file,
            log_level=arguments.log_level,
            log_format=arguments.log_format,
            runtime_directory=arguments.runtime_directory,
        )


def service_parser(program: str, description: str, *, listen: str) -> argparse.ArgumentParser:
    """Return a parser with the shared flags; `listen` is the address when none is given."""
    parser = argparse.ArgumentParser(
        prog=program, description=description, allow_abbrev=False, formatter_class=_HelpFormatter
    )
    parser.add_argument("--version", action="version", version=version_line(program))
    configuration = parser.add_argument_group("configuration")
    add_config_flags(configuration)
    configuration.add_argument(
        "--config.check", dest="config_check", action="store_true", help="validate the site file and exit"
    )
    configuration.add_argument(
        "--json", action="store_true", help="with --config.check: print the mistakes as JSON"
    )
    add_runtime_flag(configuration)
    _add_web_flags(parser.add_argument_group("web"), listen)
    add_log_flags(parser.add_argument_group("logs"))
    return parser


def add_config_flags(parser: argparse._ActionsContainer) -> None:
    """Add the flags that say which site file is read, and how."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        type=Path,
        default=DEFAULT_CONFIG_FILE,
        help="the site file (%(default)s)",
    )
    parser.add_argument(
        "--config.expand-environment-variables",
        dest="expand_environment",
        action="store_true",
        help="replace ${NAME} in values of the site file",
    )


def add_runtime_flag(parser: argparse._ActionsContainer) -> None:
    """Add the flag that says where processes take turns on devices; all of them must say the same."""
    parser.add_argument(
        "--runtime.directory",
        dest="runtime_directory",
        metavar="DIRECTORY",
        type=Path,
        help="where processes take turns on devices (/run/sunhelm, else below XDG_RUNTIME_DIR)",
    )


def add_log_flags(parser: argparse._ActionsContainer) -> None:
    """Add the flags of the log lines."""
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=get_args(Level),
        default="info",
        help="the least important lines to write (%(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=get_args(Format),
        default="logfmt",
        help="how to write them (%(default)s)",
    )


def _add_web_flags(parser: argparse._ActionsContainer, listen: str) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        metavar="ADDRESS",
        action="append",
        type=_listen_address,
        help=f"where to listen: HOST:PORT, [IPv6]:PORT, :PORT; may be repeated ({listen})",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        type=Path,
        help="TLS, client certificates, users and headers, in the format of the Prometheus exporters",
    )
    parser.set_defaults(default_listen_address=ListenAddress.parse(listen))


def version_line(program: str) -> str:
    """Return what `--version` prints."""
    return f"{program}, version {__version__} (Python {platform.python_version()}, {platform.machine()})"


def _listen_address(text: str) -> ListenAddress:
    try:
        return ListenAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


class _HelpFormatter(argparse.HelpFormatter):
    """Wide enough for the long names."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=42, width=110)
