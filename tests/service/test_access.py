"""Who asks is known to the handlers, once it is proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from sunhelm.service.access import VISITOR
from sunhelm.service.webconfig_file import WebConfigFile

USERS = "basic_auth_users: {am: $2b$04$ZVpyUeVJLkSpOS5ZwWlFAeNlWNU5VjhZLTWoVkNnsLsRtvZVtYSgG}\n"
PASSES = Callable[[bytes, bytes], bool]
TLS = """\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_ca_file: ca.crt
  client_auth_type: VerifyClientCertIfGiven
"""


async def who(request: web.Request) -> web.Response:
    return web.Response(text=request.get(VISITOR, "nobody"))


def add(application: web.Application) -> None:
    application.router.add_get("/who", who)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


def write(folder: Path, text: str) -> WebConfigFile:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return WebConfigFile(path)


async def test_a_user_is_known_by_the_name_that_was_proven(
    serve: Any, client: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: PASSES = lambda password, hashed: password == b"right"
    monkeypatch.setattr("sunhelm.service.passwords.PasswordCheck.__init__.__defaults__", (passes,))
    url = await serve(write(tmp_path, USERS), add=add)

    async with client.get(f"{url}/who", headers=basic("am", "right")) as answer:
        assert await answer.text() == "am"
    for user, password in (("am", "wrong"), ("stranger", "right")):
        async with client.get(f"{url}/who", headers=basic(user, password)) as answer:
            assert answer.status == 401


async def test_a_certificate_tells_a_name_and_nothing_else_does(
    serve: Any,
    client: aiohttp.ClientSession,
    certificates: Path,
    authority: trustme.CA,
    trusting: Callable[..., Any],
) -> None:
    url = await serve(write(certificates, TLS), add=add)
    theirs = trusting(authority.issue_cert("anna@example.org"))

    async with client.get(f"{url}/who", ssl=theirs) as answer:
        assert await answer.text() == "anna@example.org"
    async with client.get(f"{url}/who", ssl=trusting()) as answer:
        assert await answer.text() == "nobody"
