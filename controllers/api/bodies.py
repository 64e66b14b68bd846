"""The bodies of requests: JSON only, and neither larger nor deeper nested than anything sensible."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from aiohttp import hdrs, web

from controllers.api.problems import Refusal, refuse

PATIENCE_S: Final = 30.0
"""How long a body may take to arrive."""

_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_EMPTY: Final = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


async def read_json(request: web.Request, *, most_bytes: int, most_levels: int) -> bytes:
    """Return the body, which says that it is JSON and keeps within the limits. Raises Refusal."""
    if request.content_type != "application/json":
        refuse(415, "media_type", "header Content-Type", "application/json is expected")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        refuse(415, "media_type", "header Content-Encoding", "a body that is not compressed is expected")
    if (request.content_length or 0) > most_bytes:
        raise _too_long(most_bytes)
    try:
        async with asyncio.timeout(PATIENCE_S):
            body = await _read(request, most_bytes)
    except TimeoutError:
        refuse(408, "timeout", "body", f"did not come within {PATIENCE_S:g} s")
    if is_deeper(body, most_levels):
        refuse(400, "malformed", "body", f"is nested deeper than {most_levels} levels, or no JSON")
    return body


async def _read(request: web.Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise _too_long(most_bytes)
    return bytes(body)


def is_deeper(body: bytes, levels: int) -> bool:
    """Return whether brackets are nested deeper than so many levels, or do not match.

    Each pass takes away the innermost level, in time that grows with the length only.
    """
    brackets = _TEXT.sub(b"", body).translate(None, _NO_BRACKETS)
    for _ in range(levels):
        brackets, taken = _EMPTY.subn(b"", brackets)
        if not taken:
            break
    return bool(brackets)


def _too_long(most_bytes: int) -> Refusal:
    return Refusal(413, "too_large", f"body: is longer than {most_bytes} bytes")
