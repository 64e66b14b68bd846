"""The routes of the API."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from controllers.api.openapi import BASE, PATH, openapi
from controllers.api.operations import Backstage, Operation
from controllers.api.table import OPERATIONS


def add_api(app: web.Application, backstage: Backstage) -> None:
    """Add the routes to an application."""
    for operation in OPERATIONS:
        app.router.add_route(
            operation.method, f"{BASE}{operation.path}", _handler(operation, backstage), name=operation.name
        )
    text = json.dumps(openapi(), indent=1, ensure_ascii=False)

    async def describe(request: web.Request) -> web.Response:
        del request
        return web.Response(text=f"{text}\n", content_type="application/json")

    app.router.add_route(hdrs.METH_GET, PATH, describe)


def _handler(operation: Operation[Any, Any], backstage: Backstage) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await operation.respond(request, backstage)

    return handle
