"""The schema of the web configuration: that of the Prometheus exporters, less what Python cannot do.

What is not supported is known by name, so that a file made for another exporter is refused with the reason
and never taken for more protection than it gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from sunhelm.configuration.mistakes import did_you_mean, found
from sunhelm.configuration.validation import Section

ClientAuthType = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]

CIPHER_SUITES: Final = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Cipher suites as Go names them, and as OpenSSL does; None for those of TLS 1.3, which are always on."""

_BCRYPT: Final = re.compile(r"\$2[abxy]?\$(?:0[4-9]|1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}")
_INSECURE: Final = {
    "RequestClientCert": "it asks for a certificate and does not verify it",
    "RequireAnyClientCert": "it does not verify the certificate",
    "RequireClientCert": "it does not verify the certificate",
}
_OUTDATED: Final = ("TLS10", "TLS11")


def _unsupported(reason: str) -> BeforeValidator:
    def refuse(value: object) -> None:
        if value is not None and value is not False:
            raise ValueError(f"is not supported: {reason}")

    return BeforeValidator(refuse)


def _pem(value: object) -> object:
    """Check without showing it: it may be a key."""
    if not isinstance(value, str) or "-----BEGIN " not in value:
        raise ValueError("is not PEM")
    return value


def _client_auth_type(value: object) -> object:
    if isinstance(value, str) and value in _INSECURE:
        raise ValueError(
            f"{found(value)} is not supported: {_INSECURE[value]}; use RequireAndVerifyClientCert"
        )
    return value or "NoClientCert"


def _tls_version(value: object) -> object:
    if value in _OUTDATED:
        raise ValueError(f"{found(value)} is not supported: it is broken; use TLS12 or TLS13")
    return value


def _cipher_suite(value: object) -> object:
    if isinstance(value, str) and value not in CIPHER_SUITES:
        raise ValueError(f"{found(value)} is not a cipher suite.{did_you_mean(value, CIPHER_SUITES)}")
    return value


def _header(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{found(value)} is not one line of text")
    return value


def _user(value: object) -> object:
    if isinstance(value, str) and (not value or ":" in value):
        raise ValueError(f"{found(value)} is not a user's name: it is empty or has a colon")
    return value


def _bcrypt_hash(value: object) -> object:
    """Check without showing it: it may be a password."""
    if not isinstance(value, str) or not _BCRYPT.fullmatch(value):
        raise ValueError('is not a bcrypt hash; make one with: htpasswd -nBC 10 ""')
    return value


Pem = Annotated[str, BeforeValidator(_pem)]
CipherSuite = Annotated[str, BeforeValidator(_cipher_suite)]
Header = Annotated[str, BeforeValidator(_header)]
User = Annotated[str, BeforeValidator(_user)]
BcryptHash = Annotated[str, BeforeValidator(_bcrypt_hash)]


class TlsServerConfig(Section):
    """Certificate, key and what is asked of clients. File names are relative to the web configuration."""

    cert: Pem | None = None
    cert_file: str | None = None
    key: Pem | None = None
    key_file: str | None = None
    client_ca: Pem | None = None
    client_ca_file: str | None = None
    client_auth_type: Annotated[ClientAuthType, BeforeValidator(_client_auth_type)] = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Annotated[TlsVersion, BeforeValidator(_tls_version)] = "TLS12"
    max_version: Annotated[TlsVersion, BeforeValidator(_tls_version)] = "TLS13"
    cipher_suites: tuple[CipherSuite, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[
        None, _unsupported("Python cannot choose the curves; leave it out"), Field(exclude=True)
    ] = None


class Headers(Section):
    """Headers added to every answer, in place of our own of the same name."""

    content_security_policy: Header | None = Field(default=None, alias="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = Field(default=None, alias="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = Field(default=None, alias="X-Content-Type-Options")
    xss_protection: Header | None = Field(default=None, alias="X-XSS-Protection")
    strict_transport_security: Header | None = Field(default=None, alias="Strict-Transport-Security")

    @property
    def given(self) -> Mapping[str, str]:
        """The headers that are not blank."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value}


class HttpServerConfig(Section):
    """How HTTP is spoken: version 1.1, with these headers."""

    http2: Annotated[
        Literal[False] | None, _unsupported("we speak HTTP/1.1; write false, or leave it out")
    ] = None
    headers: Headers = Headers()


class WebConfigSections(Section):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Mapping[User, BcryptHash] = Field(default_factory=dict)
    rate_limit: Annotated[
        None, _unsupported("limit the rate in a proxy, and leave it out here"), Field(exclude=True)
    ] = None
