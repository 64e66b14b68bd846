"""Loads the configuration again while the process runs: whole, or not at all."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.service.metrics import ProcessMetrics
from sunhelm.service.origin import is_cross_site

Load = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Reloader:
    """Runs `load` upon SIGHUP and POST `/-/reload`, one at a time.

    `load` puts the new configuration in force as its last step, or raises ConfigurationError and leaves
    everything as it was. `time` returns Unix time.
    """

    def __init__(self, load: Load, metrics: ProcessMetrics, *, time: Callable[[], float]) -> None:
        self._load = load
        self._metrics = metrics
        self._time = time
        self._lock = asyncio.Lock()

    async def reload(self) -> None:
        """Load now. Raises ConfigurationError when the configuration before is still in force."""
        async with self._lock:
            try:
                await self._load()
            except ConfigurationError as error:
                self._metrics.not_loaded()
                for mistake in error.mistakes:
                    _log.error("config_refused", mistake=str(mistake))
                raise
            except Exception:
                self._metrics.not_loaded()
                raise
            self._metrics.loaded(self._time())
            _log.info("config_loaded")

    def add_routes(self, application: web.Application) -> None:
        """Serve POST and PUT `/-/reload`."""
        application.router.add_post("/-/reload", self._answer)
        application.router.add_put("/-/reload", self._answer)

    @asynccontextmanager
    async def upon_hangup(self) -> AsyncIterator[None]:
        """Reload whenever SIGHUP arrives in the meantime."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, arrived.set)
        task = asyncio.create_task(self._reload_each_time(arrived), name="reload upon SIGHUP")
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _reload_each_time(self, arrived: asyncio.Event) -> None:
        while True:
            await arrived.wait()
            arrived.clear()
            try:
                await self.reload()
            except ConfigurationError:
                pass  # every mistake is in the log
            except Exception:  # noqa: BLE001 - a reload that fails must not end what runs
                _log.exception("config_reload_failed")

    async def _answer(self, request: web.Request) -> web.Response:
        if is_cross_site(request):
            raise web.HTTPForbidden(text="Refused: the request comes from another site's page.\n")
        try:
            await self.reload()
        except ConfigurationError as error:
            return web.Response(status=500, text=f"The configuration before stays in force.\n{error}\n")
        return web.Response(text="The configuration is loaded.\n")
