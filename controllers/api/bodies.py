"""The bodies of requests: JSON only, and neither larger nor deeper nested than anything sensible."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from controllers.api.problems import Refusal, refuse

_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_EMPTY: Final = re.compile(rb"\[\]|\{\}")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


async def read_json(request: web.Request, *, most_bytes: int, most_levels: int) -> bytes:
    """Return the body, which says that it is JSON and keeps within the limits. Raises Refusal."""
    if request.content_type != "application/json":
        refuse(415, "media_type", "header Content-Type", "application/json is expected")
    if (request.content_length or 0) > most_bytes:
        raise _too_long(most_bytes)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise _too_long(most_bytes)
    if is_deeper(bytes(body), most_levels):
        refuse(400, "malformed", "body", f"is nested deeper than {most_levels} levels, or no JSON")
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
