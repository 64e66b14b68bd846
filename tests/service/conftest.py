"""A server of ours on a free port, and certificates made for the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from sunhelm.service.health import Health
from sunhelm.service.listen import ListenAddress
from sunhelm.service.web import WebServer, create_application
from sunhelm.service.webconfig_file import WebConfigFile

Serve = Callable[..., Awaitable[str]]
Client = Callable[..., aiohttp.ClientSession]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server with `/hello`; give its URL. `add` may add routes."""
    async with AsyncExitStack() as stack:

        async def start(
            web_config: WebConfigFile | None = None,
            *,
            add: Callable[[web.Application], None] | None = None,
            host: str = "127.0.0.1",
        ) -> str:
            application = create_application(Health("Test"), web_config=web_config)
            application.router.add_get("/hello", hello)
            if add is not None:
                add(application)
            server = WebServer(application, (ListenAddress(host, 0),), web_config=web_config)
            await server.start()
            stack.push_async_callback(server.stop)
            return server.urls[0]

        yield start


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that opens a connection for each request, as the server follows its files for each."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA()


@pytest.fixture
def certificates(tmp_path: Path, authority: trustme.CA) -> Path:
    """A folder with `server.crt`, `server.key` and `ca.crt`."""
    write_certificate(authority, tmp_path)
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return tmp_path


def write_certificate(authority: trustme.CA, folder: Path) -> None:
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    folder.joinpath("server.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))


@pytest.fixture
def trusting(authority: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """Make a client's context that trusts the authority, with a certificate of its own when given one."""

    def context(certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context()
        authority.configure_trust(made)
        if certificate is not None:
            certificate.configure_cert(made)
        return made

    return context
