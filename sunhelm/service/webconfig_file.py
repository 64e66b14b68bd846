"""The web configuration in force: read anew whenever it, or a file it names, has changed."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from sunhelm.configuration.document import read_document
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.configuration.validation import validate_at
from sunhelm.service.tls import ContextMaker
from sunhelm.service.webconfig import WebConfigSections

Signature = tuple[tuple[int, int, int] | None, ...]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """One version of the web configuration, ready for use."""

    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    context: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()


def load_web_config(path: Path) -> WebConfig:
    """Read the web configuration and the files it names. Raises ConfigurationError with every mistake."""
    document = read_document(path)
    sections, mistakes = validate_at(document, (), WebConfigSections)
    mistakes += document.mistakes
    if sections is None:
        raise ConfigurationError(mistakes)
    context: ssl.SSLContext | None = None
    files = [path]
    sans: Sequence[str] = ()
    if sections.tls_server_config is not None:
        maker = ContextMaker(document, sections.tls_server_config)
        context = maker.context()
        files += maker.files()
        sans = sections.tls_server_config.client_allowed_sans
        mistakes += maker.mistakes
    if mistakes:
        raise ConfigurationError(mistakes)
    return WebConfig(
        headers=sections.http_server_config.headers.given,
        users=dict(sections.basic_auth_users),
        context=context,
        allowed_sans=frozenset(sans),
        files=tuple(files),
    )


class WebConfigFile:
    """The web configuration of a running server.

    A change that is wrong is logged once, and what was in force stays: a certificate that is half written
    locks nobody out, and no mistake lets anybody in.
    """

    def __init__(self, path: Path) -> None:
        """Read it for the first time. Raises ConfigurationError."""
        self._path = path
        self._config = load_web_config(path)
        self._signature = _signature(self._config.files)
        self.uses_tls = self._config.context is not None

    @property
    def current(self) -> WebConfig:
        """The configuration in force, after looking whether a file has changed."""
        signature = _signature(self._config.files)
        if signature != self._signature:
            self._signature = signature
            self._follow()
        return self._config

    def context(self) -> ssl.SSLContext:
        """Return the TLS context in force."""
        context = self.current.context
        assert context is not None, "asked for only when TLS is in use"
        return context

    def _follow(self) -> None:
        try:
            config = load_web_config(self._path)
        except ConfigurationError as error:
            for mistake in error.mistakes:
                _log.error("web_config_refused", mistake=str(mistake))
            return
        if (config.context is not None) != self.uses_tls:
            message = "tls_server_config can be added or taken away by a restart only"
            _log.error("web_config_refused", mistake=f"{self._path}: {message}")
            return
        self._config = config
        self._signature = _signature(config.files)
        _log.info("web_config_changed", file=str(self._path))


def _signature(files: Sequence[Path]) -> Signature:
    def signature(path: Path) -> tuple[int, int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    return tuple(signature(path) for path in files)
