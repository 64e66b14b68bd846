"""Who may ask: the names of client certificates, and users with their passwords."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from sunhelm.service.passwords import PasswordCheck, TooManyAtOnce
from sunhelm.service.webconfig_file import WebConfigFile

VISITOR: Final = web.RequestKey("visitor", str)
"""Who asks, once it is proven: a user's name, or the name in a client certificate."""

BASIC_CHALLENGE: Final = 'Basic realm="sunhelm", charset="UTF-8"'
"""What makes a browser ask for a user and a password."""


def access_control(web_config: WebConfigFile) -> Middleware:
    """Return a middleware that lets nobody past whom the configuration in force does not allow."""
    passwords = PasswordCheck()

    @web.middleware
    async def control(request: web.Request, handler: Handler) -> web.StreamResponse:
        config = web_config.current
        if config.allowed_sans and not _has_allowed_name(request, config.allowed_sans):
            raise web.HTTPForbidden(text="The client certificate has no allowed name.\n")
        certified = _certified_name(request)
        if certified is not None:
            request[VISITOR] = certified
        if config.users:
            request[VISITOR] = await _user(request, config.users, passwords)
        return await handler(request)

    return control


def _has_allowed_name(request: web.Request, allowed: frozenset[str]) -> bool:
    """Return whether the certificate has an allowed name; true when none had to be shown."""
    certificate = request.get_extra_info("peercert")
    if not certificate:
        return True
    return any(name in allowed for _, name in certificate.get("subjectAltName", ()))


def _certified_name(request: web.Request) -> str | None:
    """Return the first name in the certificate of whoever asks; None without a certificate or a name."""
    certificate = request.get_extra_info("peercert") or {}
    subject = [pair for names in certificate.get("subject", ()) for pair in names]
    names = [name for _, name in certificate.get("subjectAltName", ())]
    names += [name for kind, name in subject if kind == "commonName"]
    return names[0] if names else None


def credentials_of(header: str) -> tuple[str, str] | None:
    """Return user and password of an Authorization header; None when it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


async def _user(request: web.Request, users: Mapping[str, str], passwords: PasswordCheck) -> str:
    """Return the name of the user who asks, or refuse the request."""
    credentials = credentials_of(request.headers.get(hdrs.AUTHORIZATION, ""))
    try:
        if credentials is not None and await passwords.passes(users, *credentials):
            return credentials[0]
    except TooManyAtOnce:
        raise web.HTTPServiceUnavailable(
            text="Too many passwords to check at once.\n", headers={hdrs.RETRY_AFTER: "5"}
        ) from None
    raise web.HTTPUnauthorized(text="Unauthorized\n", headers={hdrs.WWW_AUTHENTICATE: BASIC_CHALLENGE})
