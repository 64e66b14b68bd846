"""Whether a request that changes something was made by another site's page in somebody's browser."""

from __future__ import annotations

from aiohttp import web


def is_cross_site(request: web.Request) -> bool:
    """Return whether a browser says that the request does not come from this server's own pages.

    Programs such as curl say nothing of the kind and are let through.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.host
