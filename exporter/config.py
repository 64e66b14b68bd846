"""What the exporter reads of the site file: the site itself, and the sections that only the exporter has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo

from sunhelm.configuration.document import Document, read_document
from sunhelm.configuration.mistakes import ConfigurationError, Mistake, found
from sunhelm.configuration.secrets import SecretFile, SecretVariable
from sunhelm.configuration.validation import Section, validate_section
from sunhelm.devices.amounts import Seconds
from sunhelm.devices.sections import Line
from sunhelm.devices.site import Site, validate_site

INFLUXDB: Final = "influxdb"

_SIZE: Final = re.compile(r"\s*([0-9]{1,9})\s*(MB|GB|MiB|GiB)\s*")
_SIZES: Final = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_SMALLEST_SPOOL: Final = 4_000_000
OFF: Final = "off"


def parse_url(text: object) -> SplitResult:
    """Return the root URL of a server, with or without a path. Raises ValueError saying what is allowed."""
    allowed = "write one like https://solar.example.org/sunhelm"
    if not isinstance(text, str):
        raise ValueError(f"{found(text)} is not an address; {allowed}")  # noqa: TRY004 - pydantic wants it
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(f"{found(text)} is not an address; {allowed}") from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise ValueError(f"{found(text)} is not an address; {allowed}")
    if url.username is not None or url.query or url.fragment:
        raise ValueError(f"{found(text)} has more than a scheme, a host, a port and a path; {allowed}")
    return url


class WebSection(Section):
    """The section `web`.

    `external_url` is where Prometheus and people reach this exporter when that is not where it listens,
    such as behind a proxy. `all_devices` puts every device on `/metrics` too.
    """

    external_url: Annotated[SplitResult, BeforeValidator(parse_url)] | None = None
    all_devices: bool = False


def _size(value: object) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{found(value)} is not a size; write a whole number with one of {', '.join(_SIZES)}"
        )
    size = int(match[1]) * _SIZES[match[2]]
    if size < _SMALLEST_SPOOL:
        raise ValueError(f"{found(value)} is too small; at least {_SMALLEST_SPOOL // 10**6}MB")
    return size


def _directory(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("is not the name of a directory")
    return info.context.path.parent / value if isinstance(info.context, Document) else Path(value)


def _unless_off(value: object) -> object:
    return "0s" if value == OFF else value


class InfluxSection(Section):
    """The section `influxdb`: where readings are written by the write protocol of InfluxDB 2.

    `spool` is the directory that keeps what InfluxDB has not taken yet, at most `spool_limit` bytes; a
    relative one is beside the site file. A device that nobody has asked for `interval` seconds is read,
    though not more often than its family recommends; 0, written "off", leaves that to those who scrape.
    `timeout` bounds one write.
    """

    url: Annotated[SplitResult, BeforeValidator(parse_url)]
    org: Line | None = None
    bucket: Line
    token: SecretVariable | None = None
    token_file: SecretFile | None = None
    spool: Annotated[Path, BeforeValidator(_directory)]
    spool_limit: Annotated[int, BeforeValidator(_size)] = 256_000_000
    interval: Annotated[Seconds, BeforeValidator(_unless_off)] = 60.0
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """The site file as the exporter needs it. `influxdb` is None when nothing is written there."""

    site: Site
    web: WebSection
    influxdb: InfluxSection | None
    file: Document

    def spool_refused(self, reason: str) -> Mistake:
        """Return the mistake that the directory of the spool cannot be used: opening it has shown it."""
        return self.file.mistake((INFLUXDB, "spool"), reason)


def load_configuration(path: Path, *, expand_environment: bool = False) -> Configuration:
    """Read and validate the site file. Raises ConfigurationError with every mistake of all sections."""
    document = read_document(path, expand_environment=expand_environment)
    site, mistakes = validate_site(document)
    web, wrong = validate_section(document, "web", WebSection)
    mistakes += wrong
    influxdb = None
    if INFLUXDB in document.values:
        influxdb, wrong = validate_section(document, INFLUXDB, InfluxSection)
        mistakes += wrong
    if site is None or web is None or mistakes:
        raise ConfigurationError(mistakes)
    return Configuration(site, web, influxdb, document)
