"""Forms as browsers send them: whether one is ours, and its fields."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

MOST_FORM_BYTES: Final = 4096
_MOST_FIELDS: Final = 10


async def fields_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form; one that cannot be read, or gives a field twice, has none that count."""
    body = (await request.read()).decode(errors="replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else {}


def not_our_form(request: web.Request) -> tuple[int, tuple[str, ...]] | None:
    """Return what is wrong with a request that should be a form of ours; None when nothing is."""
    if request.content_type != "application/x-www-form-urlencoded":
        return 415, ("A form is expected.",)
    if (request.content_length or 0) > MOST_FORM_BYTES or request.content_length is None:
        return 413, ("A form is not that long.",)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get(hdrs.ORIGIN)
    same = origin is not None and origin.partition("://")[2] == request.host
    if not same or site not in (None, "same-origin"):
        return 403, ("The form does not come from this page.",)
    return None
