"""One request over HTTP and its whole answer, or one of our errors; nothing is sent twice here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

import sunhelm
from sunhelm.devices.clock import Clock
from sunhelm.devices.errors import Malformed, Unreachable
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.exchange import device_errors

_MOST_BYTES: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_HEADERS: Final = ("content-type", "date", "location", "retry-after")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `form` or `json` is its body."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """The server and the path: what of an address may be shown."""
        return f"{self.url.host_port_subcomponent}{self.url.path}"


class HttpClient:
    """Connections to servers, and the cookies that they gave; opened when first used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request, limit_s: float) -> Answer:
        """Return the answer, whatever its status. Raises Unreachable, TimedOut and Malformed."""
        if self._session is None:
            self._session = await self._open()
        with _http_errors(request.where, limit_s):
            async with asyncio.timeout(limit_s):
                try:
                    return await self._whole(self._session, request)
                except _Broken as broken:
                    raise broken.error from None

    def forget_cookies(self) -> None:
        """Begin anew with every server."""
        if self._session is not None:
            self._session.cookie_jar.clear()

    async def close(self) -> None:
        """Close all connections and forget cookies; harmless when there are none."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _whole(self, session: aiohttp.ClientSession, request: Request) -> Answer:
        async with session.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=None if request.form is None else dict(request.form),
            json=request.json,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise Malformed(f"{request.where}: more than {_MOST_BYTES} bytes; no answer is that long")
            told = {name: response.headers[name] for name in _HEADERS if name in response.headers}
            return Answer(request.where, response.status, bytes(body), told, self._clock.time())

    @staticmethod
    async def _open() -> aiohttp.ClientSession:
        tls = await asyncio.to_thread(ssl.create_default_context)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # the server may be an address, as at a proxy's
            headers={"User-Agent": f"sunhelm/{sunhelm.__version__}", "Accept": "application/json, */*;q=0.1"},
            timeout=aiohttp.ClientTimeout(total=None),  # each request has its own
            middlewares=(_once,),
        )


class _Broken(Exception):
    """A connection broke."""

    def __init__(self, error: aiohttp.ClientError) -> None:
        super().__init__()
        self.error = error


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the client from sending a request a second time by itself; whether it may is decided here."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(error) from error


@contextmanager
def _http_errors(where: str, limit_s: float) -> Iterator[None]:
    """Turn errors of the HTTP client into ours. Its own texts are not shown: they may hold the query."""
    with device_errors(where, limit_s):
        try:
            yield
        except aiohttp.ClientSSLError as error:
            raise Unreachable(f"{where}: no trust in its TLS certificate, or no TLS there") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise Unreachable(f"{where}: the name is not found") from error
        except (aiohttp.ClientOSError, aiohttp.ServerTimeoutError):
            raise  # of the system, with its own number
        except (aiohttp.ClientPayloadError, aiohttp.ServerConnectionError) as error:
            if isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError):
                raise Malformed(f"{where}: the answer is not coded as it says") from None
            raise Unreachable(f"{where}: the connection broke before the answer was whole") from error
        except (aiohttp.ClientError, ValueError):
            raise Malformed(f"{where}: the answer is no HTTP") from None
