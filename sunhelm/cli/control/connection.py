"""How the controller is reached: its address, and what shows who asks."""

from __future__ import annotations

import argparse
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import aiohttp
from pydantic import BeforeValidator

from sunhelm.configuration.document import read_document
from sunhelm.configuration.mistakes import ConfigurationError, found
from sunhelm.configuration.secrets import SecretFile, SecretUnavailable
from sunhelm.configuration.validation import Section, validate_at

DEFAULT_URL: Final = "http://127.0.0.1:10481"
_URL: Final = "SUNHELM_CONTROLLER_URL"
_TOKEN: Final = "SUNHELM_CONTROLLER_TOKEN_FILE"  # noqa: S105 - the name of a variable
_CONFIG: Final = "SUNHELM_CONTROLLER_CONFIG_FILE"


class ConnectionMistake(Exception):
    """The flags or the file do not say how to reach the controller; the text says what is wrong."""


def _line(value: object) -> object:
    if isinstance(value, str) and (not value or ":" in value or not value.isprintable()):
        raise ValueError(f"{found(value)} is not a user's name: it is empty, has a colon or is no line")
    return value


class BasicAuth(Section):
    """A user of the controller's web configuration."""

    username: Annotated[str, BeforeValidator(_line)]
    password_file: SecretFile


class Authorization(Section):
    """A token."""

    credentials_file: SecretFile


class TlsConfig(Section):
    """What proves the controller, and us to it."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class HttpConfig(Section):
    """The file that `--controller.config-file` names: a part of the HTTP configuration of Prometheus."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    tls_config: TlsConfig = TlsConfig()


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the controller. `headers` show who asks; `context` is for https."""

    url: str
    headers: dict[str, str]
    context: ssl.SSLContext | None = None

    @property
    def shows_secrets(self) -> bool:
        """Whether what shows who asks travels where others could read it."""
        parts = urlsplit(self.url)
        near = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return bool(self.headers) and parts.scheme == "http" and not near


def add_connection_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how to reach the controller."""
    group = parser.add_argument_group("controller")
    group.add_argument(
        "--controller.url",
        dest="url",
        metavar="URL",
        default=os.environ.get(_URL, DEFAULT_URL),
        help=f"where it is; by default ${_URL}, else {DEFAULT_URL}",
    )
    group.add_argument(
        "--controller.token-file",
        dest="token_file",
        metavar="FILE",
        type=Path,
        help=f"a file with its token; by default ${_TOKEN}",
    )
    group.add_argument(
        "--controller.config-file",
        dest="http_config",
        metavar="FILE",
        type=Path,
        help=f"user, token and TLS, as in an HTTP configuration of Prometheus; by default ${_CONFIG}",
    )


def connection(arguments: argparse.Namespace) -> Connection:
    """Return how to reach the controller. Raises ConnectionMistake."""
    url = str(arguments.url).rstrip("/")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username is not None or parts.query or parts.fragment:
        raise ConnectionMistake(f"{found(url)} is no address of a controller; one is like {DEFAULT_URL}")
    token_file, config_file = arguments.token_file, arguments.http_config
    if token_file is None and config_file is None:
        token_file, config_file = _path(_TOKEN), _path(_CONFIG)
    if token_file is not None and config_file is not None:
        raise ConnectionMistake("a token file and a configuration file are both given; one of them is enough")
    try:
        if config_file is not None:
            return _configured(url, config_file)
        headers = {} if token_file is None else _bearer(SecretFile(token_file))
    except SecretUnavailable as error:
        raise ConnectionMistake(str(error)) from error
    return Connection(url, headers, _context(TlsConfig(), Path()) if url.startswith("https") else None)


def _configured(url: str, path: Path) -> Connection:
    try:
        document = read_document(path)
    except ConfigurationError as error:
        raise ConnectionMistake(str(error)) from error
    config, mistakes = validate_at(document, (), HttpConfig)
    mistakes += document.mistakes
    if config is None or mistakes:
        raise ConnectionMistake("\n".join(map(str, mistakes)))
    if config.basic_auth is not None and config.authorization is not None:
        raise ConnectionMistake(f"{path}: basic_auth and authorization are both given; one is enough")
    headers: dict[str, str] = {}
    if config.basic_auth is not None:
        password = config.basic_auth.password_file.reveal()
        headers = {"Authorization": aiohttp.encode_basic_auth(config.basic_auth.username, password, "utf-8")}
    elif config.authorization is not None:
        headers = _bearer(config.authorization.credentials_file)
    context = _context(config.tls_config, path.parent) if url.startswith("https") else None
    return Connection(url, headers, context)


def _context(config: TlsConfig, folder: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=None if config.ca_file is None else str(folder / config.ca_file)
        )
        if config.cert_file is not None:
            key = None if config.key_file is None else folder / config.key_file
            context.load_cert_chain(folder / config.cert_file, key)
    except (OSError, ssl.SSLError) as error:
        raise ConnectionMistake(f"tls_config: {error.strerror or error}") from error
    return context


def _bearer(secret: SecretFile) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret.reveal().strip()}"}


def _path(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None
