"""Whether the process is alive, and whether it is of use yet."""

from __future__ import annotations

from aiohttp import web


class Health:
    """`/-/healthy` answers 200 as long as the process can answer; `/-/ready` while it is of use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting_for: str | None = "start"

    @property
    def ready(self) -> bool:
        """Whether the process does its work now."""
        return self._waiting_for is None

    def set_ready(self) -> None:
        """Say that the work has begun."""
        self._waiting_for = None

    def set_unready(self, reason: str) -> None:
        """Say in a word why no work is done, such as "shutdown"."""
        self._waiting_for = reason

    def add_routes(self, application: web.Application) -> None:
        """Serve both answers."""
        application.router.add_get("/-/healthy", self._answer_healthy)
        application.router.add_get("/-/ready", self._answer_ready)

    async def _answer_healthy(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text=f"{self._name} is healthy.\n")

    async def _answer_ready(self, request: web.Request) -> web.Response:
        del request
        if self._waiting_for is None:
            return web.Response(text=f"{self._name} is ready.\n")
        return web.Response(status=503, text=f"{self._name} is not ready: {self._waiting_for}.\n")
