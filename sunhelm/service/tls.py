"""TLS of the server: a context made of the web configuration, and one that follows its changes."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake
from sunhelm.service.webconfig import CIPHER_SUITES, ClientAuthType, TlsServerConfig, TlsVersion

_SECTION: Final = "tls_server_config"
_MOST_BYTES: Final = 1024 * 1024
_VERSIONS: Final[Mapping[TlsVersion, ssl.TLSVersion]] = {
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_VERIFY: Final[Mapping[ClientAuthType, ssl.VerifyMode]] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class ContextMaker:
    """Makes one context of one version of the web configuration; `mistakes` has what is wrong with it."""

    def __init__(self, document: Document, config: TlsServerConfig) -> None:
        self.mistakes: list[Mistake] = []
        self._document = document
        self._config = config

    def files(self) -> Iterator[Path]:
        """Yield the files that the configuration names."""
        for name in (self._config.cert_file, self._config.key_file, self._config.client_ca_file):
            if name is not None:
                yield self._document.path.parent / name

    def context(self) -> ssl.SSLContext | None:
        """Return the context; None when there are mistakes."""
        config = self._config
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[config.min_version]
        context.maximum_version = _VERSIONS[config.max_version]
        if config.min_version > config.max_version:
            self._refuse("min_version", f"is newer than max_version {config.max_version}")
        if config.prefer_server_cipher_suites:
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        else:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        suites = [suite for name in config.cipher_suites if (suite := CIPHER_SUITES[name]) is not None]
        if suites:
            context.set_ciphers(":".join(suites))
        self._load_certificate(context)
        self._load_client_authority(context)
        return None if self.mistakes else context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        certificate, key = self._pem("cert"), self._pem("key")
        for name, pem in (("cert", certificate), ("key", key)):
            if pem is None and not self.mistakes:
                self._refuse(name, f"is missing; give {name} or {name}_file")
        if certificate is None or key is None:
            return
        try:
            with _in_memory(certificate) as chain, _in_memory(key) as private:
                context.load_cert_chain(chain, private, password=_refuse_to_ask)
        except _Encrypted:
            self._refuse(
                "key", "is encrypted; keep it in the clear in a file that only this process may read"
            )
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                self._refuse("key", "does not belong to the certificate")
            else:
                self._refuse("cert", f"is no certificate that can be used: {_reason(error)}")

    def _load_client_authority(self, context: ssl.SSLContext) -> None:
        config = self._config
        given = config.client_ca is not None or config.client_ca_file is not None
        if config.client_auth_type == "NoClientCert":
            if given:
                self._refuse("client_ca", "is given, but client_auth_type asks for no certificate")
            if config.client_allowed_sans:
                self._refuse("client_allowed_sans", "is given, but client_auth_type asks for no certificate")
            return
        context.verify_mode = _VERIFY[config.client_auth_type]
        if not given:
            self._refuse("client_ca", f"is missing; {config.client_auth_type} needs client_ca_file")
        elif (authority := self._pem("client_ca")) is not None:
            try:
                context.load_verify_locations(cadata=authority.decode("ascii"))
            except (ssl.SSLError, UnicodeDecodeError) as error:
                self._refuse("client_ca", f"cannot be used: {_reason(error)}")

    def _pem(self, name: str) -> bytes | None:
        """Return what NAME or NAME_file holds; None when neither is given, or the file is of no use."""
        file: str | None = getattr(self._config, f"{name}_file")
        if file is None:
            inline: str | None = getattr(self._config, name)
            return None if inline is None else inline.encode()
        path = self._document.path.parent / file
        try:
            with path.open("rb") as opened:
                content = opened.read(_MOST_BYTES)
        except (OSError, ValueError) as error:
            self._refuse(name, f"{path} cannot be read: {_reason(error)}")
            return None
        if b"-----BEGIN " not in content:
            self._refuse(name, f"{path} is not PEM")
            return None
        return content

    def _refuse(self, name: str, message: str) -> None:
        path = (_SECTION, name)
        if (
            self._document.value(path) is None
            and self._document.value((_SECTION, f"{name}_file")) is not None
        ):
            path = (_SECTION, f"{name}_file")
        self.mistakes.append(self._document.mistake(path, message))


class RereadContext(ssl.SSLContext):
    """A context for `asyncio` that asks for the present one at each new connection."""

    _present: Callable[[], ssl.SSLContext]

    @classmethod
    def of(cls, present: Callable[[], ssl.SSLContext]) -> Self:
        """Return a context that stands for what `present` returns."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._present = present
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as in the class above
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return self._present().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


class _Encrypted(Exception):
    """OpenSSL asks for the pass phrase of a key."""


def _refuse_to_ask() -> str:
    raise _Encrypted


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Give `content` a file name: OpenSSL reads keys from files only, and a key belongs on no disk."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else "OpenSSL cannot read it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
