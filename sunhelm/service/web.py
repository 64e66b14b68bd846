"""The web server under both processes: routes every process has, headers, authentication, start and end."""

from __future__ import annotations

import logging
import os
from typing import Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from sunhelm.service.access import access_control
from sunhelm.service.health import Health
from sunhelm.service.listen import ListenAddress
from sunhelm.service.tls import RereadContext
from sunhelm.service.webconfig_file import WebConfigFile

MOST_BODY_BYTES: Final = 1024 * 1024
SHUTDOWN_S: Final = 5.0

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}

_log = structlog.get_logger(__name__)


class _Garbage(logging.Filter):
    """Drops the tracebacks of requests that are not HTTP: anybody could fill the log with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_protocol_log = logging.getLogger("sunhelm.http")
_protocol_log.addFilter(_Garbage())


class ListenError(Exception):
    """An address cannot be listened on; the text says which and why."""


def create_application(
    health: Health, *, web_config: WebConfigFile | None = None, most_body_bytes: int = MOST_BODY_BYTES
) -> web.Application:
    """Return an application with the routes of `health`, for the process to add its own.

    Whoever asks for anything must first satisfy `web_config`. A handler that fails answers 500 and no more;
    its exception goes to the log.
    """
    middlewares: list[Middleware] = [_answer_failures]
    if web_config is not None:
        middlewares.append(access_control(web_config))
    application = web.Application(middlewares=middlewares, client_max_size=most_body_bytes)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        del request
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "sunhelm"
        if web_config is not None:
            response.headers.update(web_config.current.headers)

    application.on_response_prepare.append(add_headers)
    health.add_routes(application)
    return application


@web.middleware
async def _answer_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the caller learns no more than that it failed
        _log.exception("request_failed", method=request.method, path=request.path)
        return web.Response(status=500, text="Internal error; the log says more.\n")


class WebServer:
    """Serves one application on several addresses, with TLS when `web_config` says so."""

    def __init__(
        self,
        application: web.Application,
        addresses: tuple[ListenAddress, ...],
        *,
        web_config: WebConfigFile | None = None,
    ) -> None:
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            logger=_protocol_log,
            shutdown_timeout=SHUTDOWN_S,
        )
        self._addresses = addresses
        self._context = (
            RereadContext.of(web_config.context) if web_config is not None and web_config.uses_tls else None
        )

    @property
    def urls(self) -> tuple[str, ...]:
        """Where the server can be reached, with the ports that port 0 became; empty unless it runs."""
        scheme = "http" if self._context is None else "https"
        return tuple(
            f"{scheme}://{ListenAddress(address[0], address[1])}"
            for address in self._runner.addresses
            if isinstance(address, tuple)
        )

    async def start(self) -> None:
        """Listen on every address, or on none and raise ListenError."""
        await self._runner.setup()
        for address in self._addresses:
            site = web.TCPSite(
                self._runner,
                address.host or None,
                address.port,
                ssl_context=self._context,
                reuse_address=True,
            )
            try:
                await site.start()
            except OSError as error:
                await self._runner.cleanup()
                raise ListenError(f"cannot listen on {address}: {_reason(error)}") from error
        for url in self.urls:
            _log.info("listening", url=url)

    async def stop(self) -> None:
        """Take no more requests, and end those that are under way: by themselves for a while, then not."""
        await self._runner.cleanup()


def _reason(error: OSError) -> str:
    """Return why an address cannot be used, without the address: asyncio puts it into the text again."""
    if error.errno is not None and error.errno > 0:  # those of a look-up of names are negative
        return os.strerror(error.errno)
    return str(error.strerror or error)
