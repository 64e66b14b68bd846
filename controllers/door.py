"""Who may come in: authentication always, known hosts only, nobody's browser sent by another site."""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from sunhelm.configuration.secrets import SecretFile, SecretUnavailable
from sunhelm.service.access import BASIC_CHALLENGE, VISITOR, credentials_of
from sunhelm.service.listen import ListenAddress
from sunhelm.service.origin import is_cross_site
from sunhelm.service.webconfig_file import WebConfigFile

OPEN_PATHS: Final = ("/-/healthy", "/-/ready")
"""Paths that tell nothing but whether the process works."""

BEARER: Final = "bearer"
"""The visitor who has shown the token: it does not tell who he is."""

ANYBODY: Final = "anybody"
"""The visitor where nobody must show who he is."""

_PORT: Final = re.compile(r":[0-9]{1,5}$")


class DoorError(Exception):
    """The flags leave the door open, or nobody could come in; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """How people and programs are let in.

    `web_config` may name users and client certificates, `bearer` a file with a token. `without` lets
    everybody in who reaches a loopback address.
    """

    hosts: frozenset[str]
    web_config: WebConfigFile | None = None
    bearer: SecretFile | None = None
    without: bool = False

    def check(self, addresses: Iterable[ListenAddress]) -> None:
        """Raise DoorError unless somebody must show who he is, or nobody from outside can come."""
        asks = self._asks_others()
        if self.without:
            if asks or self.bearer is not None:
                raise DoorError("--web.no-authentication contradicts the authentication that is configured")
            if open_to_all := [str(address) for address in addresses if not _is_loopback(address.host)]:
                raise DoorError(
                    f"--web.no-authentication is for loopback addresses only, not {', '.join(open_to_all)}"
                )
        elif self.bearer is None:
            if not asks:
                raise DoorError(
                    "whoever reaches this port could command devices: give --web.bearer-token-file, or users"
                    " or client certificates in --web.config.file; on a loopback address,"
                    " --web.no-authentication does without"
                )
        else:
            self._check_bearer(self.bearer)

    def middleware(self) -> Middleware:
        """Return what refuses everybody else, before a request is read."""

        @web.middleware
        async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
            if is_cross_site(request) and not _follows_link(request):
                raise web.HTTPForbidden(text="Refused: the request comes from another site's page.\n")
            host = _PORT.sub("", request.headers.get(hdrs.HOST, "")).lower()
            if host not in self.hosts:
                raise web.HTTPForbidden(
                    text="Refused: unknown name in the header Host; --web.allowed-host allows one.\n"
                )
            if request.path not in OPEN_PATHS:
                self._authenticate(request)
            return await handler(request)

        return let_in

    def _authenticate(self, request: web.Request) -> None:
        """Let through whom `web_config` has checked already; otherwise look at the token."""
        if self.bearer is not None:
            try:
                secret = self.bearer.reveal()
            except SecretUnavailable as error:
                raise web.HTTPServiceUnavailable(text="The token cannot be read.\n") from error
            shown = _shown(request.headers.get(hdrs.AUTHORIZATION, ""))
            if not hmac.compare_digest(shown.encode(errors="replace"), secret.encode()):
                raise web.HTTPUnauthorized(text="Unauthorized\n", headers=_challenge(request))
            request[VISITOR] = BEARER
        elif not self.without and not self._asks_others():
            raise web.HTTPForbidden(text="Refused: no authentication is configured any more.\n")
        elif VISITOR not in request:
            request[VISITOR] = ANYBODY

    def _asks_others(self) -> bool:
        if self.web_config is None:
            return False
        config = self.web_config.current
        certificates = config.context is not None and config.context.verify_mode is ssl.CERT_REQUIRED
        return bool(config.users) or certificates

    def _check_bearer(self, bearer: SecretFile) -> None:
        if self.web_config is not None and self.web_config.current.users:
            raise DoorError(
                "--web.bearer-token-file and basic_auth_users exclude each other: both use one header"
            )
        try:
            bearer.reveal()
        except SecretUnavailable as error:
            raise DoorError(f"--web.bearer-token-file: {error}") from error


def known_hosts(addresses: Iterable[ListenAddress], more: Iterable[str]) -> frozenset[str]:
    """Return the names by which this process may be asked: loopback, its own, those given."""
    own = {"localhost", "127.0.0.1", "[::1]", socket.gethostname().lower()}
    listening = (address.host for address in addresses if address.host)
    return frozenset(
        own
        | {f"[{host}]" if ":" in host else host.lower() for host in listening}
        | {host.lower() for host in more}
    )


def _shown(header: str) -> str:
    """Return the token in an Authorization header: as it is, or as the password that a browser asks for."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    credentials = credentials_of(header)
    return "" if credentials is None else credentials[1]


def _challenge(request: web.Request) -> dict[str, str]:
    """Return how to show who one is: on pages, browsers ask for a password, which is the token."""
    asked = 'Bearer realm="sunhelm"' if request.path.startswith("/api/") else BASIC_CHALLENGE
    return {hdrs.WWW_AUTHENTICATE: asked}


def _follows_link(request: web.Request) -> bool:
    """Return whether somebody clicked on a link to a page of ours: that changes nothing."""
    wanted = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    return request.method == hdrs.METH_GET and all(
        request.headers.get(name) == value for name, value in wanted.items()
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
