"""What the exporter reads of the site file: the site itself, and the sections that only the exporter has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator

from sunhelm.configuration.document import read_document
from sunhelm.configuration.mistakes import ConfigurationError, found
from sunhelm.configuration.validation import Section, validate_section
from sunhelm.devices.site import Site, validate_site

INFLUXDB: Final = "influxdb"


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


@dataclass(frozen=True, slots=True)
class Configuration:
    """The site file as the exporter needs it."""

    site: Site
    web: WebSection


def load_configuration(path: Path, *, expand_environment: bool = False) -> Configuration:
    """Read and validate the site file. Raises ConfigurationError with every mistake of all sections."""
    document = read_document(path, expand_environment=expand_environment)
    site, mistakes = validate_site(document)
    web, wrong = validate_section(document, "web", WebSection)
    mistakes += wrong
    if document.value((INFLUXDB,)) is not None:
        message = "this version of the exporter does not write to InfluxDB"
        mistakes.append(document.mistake((INFLUXDB,), message, at_key=True))
    if site is None or web is None or mistakes:
        raise ConfigurationError(mistakes)
    return Configuration(site, web)
