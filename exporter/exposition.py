"""Answers in the form that a client asks for: format, coding, and made off the event loop when large."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client import exposition as text
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

T = TypeVar("T")

_ESCAPING: Final = re.compile(r";\s*escaping\s*=[^;,]*")
_GZIP: Final = re.compile(r"\s*(?:x-)?gzip\s*(?:;\s*q\s*=\s*([0-9.]+)\s*)?", re.IGNORECASE)
_NEVER: Final = re.compile(r"0*(?:\.0*)?")

_ON_THE_LOOP: Final = 1_000
"""Samples that are worked on in the event loop: about 5 ms, no more than another request would notice."""

_AT_ONCE: Final = 500
"""Elements of a list that are encoded as JSON without a pause: about 2 ms."""

_WORTH_COMPRESSING: Final = 1_024
_COMPRESSION_LEVEL: Final = 1
"""A page of 300 samples shrinks to a fourteenth in 0.04 ms; the default takes three times as long for an
eighth less."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write metrics; `ending` is what closes a page."""

    content_type: str
    encode: Callable[[Collector], bytes]
    ending: bytes = b""


# Every name of ours is valid without escaping, so that no client's wish for one changes a byte; of the
# encoder's two paths the one that may leave names alone is the faster.
_OPENMETRICS: Final = Format(
    f"{openmetrics.CONTENT_TYPE_LATEST}; escaping={openmetrics.UNDERSCORES}",
    partial(openmetrics.generate_latest, escaping=openmetrics.ALLOWUTF8),
    b"# EOF\n",
)


class Joined(Collector):
    """Several collectors on one page, in this order."""

    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        return chain.from_iterable(collector.collect() for collector in self._collectors)


def negotiate(accept: str) -> Format:
    """Return the format for an Accept header; the classic text for one that is empty or makes no sense."""
    try:
        _, content_type = text.choose_encoder(_ESCAPING.sub("", accept))
    except (TypeError, ValueError):
        # The library compares the numbers of a version, also when they are none.
        return Format(text.CONTENT_TYPE_PLAIN_0_0_4, text.generate_latest)
    if content_type.startswith("application/openmetrics-text"):
        return _OPENMETRICS
    return Format(content_type, text.generate_latest)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip, and not with the weight 0 that refuses it."""
    for part in accept_encoding.split(","):
        if match := _GZIP.fullmatch(part):
            return match[1] is None or not _NEVER.fullmatch(match[1])
    return False


async def metrics_response(
    request: web.Request, write: Callable[[Format], bytes], *, samples: int
) -> web.Response:
    """Return about so many samples as `write` writes them in the format that the request asks for."""
    form = negotiate(request.headers.get("Accept", ""))
    response = await _response(request, form.content_type, partial(write, form), samples)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    return response


async def json_response(
    request: web.Request, content: Callable[[], object], *, samples: int = 0
) -> web.Response:
    """Return as JSON what `content` makes."""
    return await _response(request, "application/json", lambda: _json(content()), samples)


async def text_response(
    request: web.Request, content: Callable[[], str], *, samples: int = 0
) -> web.Response:
    """Return as text, for a person, what `content` makes."""
    return await _response(request, "text/plain; charset=utf-8", lambda: content().encode(), samples)


async def done(work: Callable[[], T], *, samples: int) -> T:
    """Do the work on so many samples: here while it is short, else in a thread."""
    return await asyncio.to_thread(work) if samples > _ON_THE_LOOP else work()


async def _response(
    request: web.Request, content_type: str, render: Callable[[], bytes], samples: int
) -> web.Response:
    compress = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    body, compressed = await done(partial(_coded, render, compress=compress), samples=samples)
    headers = {"Content-Type": content_type, "Vary": "Accept-Encoding"}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def _coded(render: Callable[[], bytes], *, compress: bool) -> tuple[bytes, bool]:
    body = render()
    if compress and len(body) >= _WORTH_COMPRESSING:
        return gzip.compress(body, _COMPRESSION_LEVEL, mtime=0), True
    return body, False


def _json(content: object) -> bytes:
    """Return compact JSON. Long lists are encoded in pieces: the encoder lets nobody else run meanwhile."""
    return "".join([*_pieces(content), "\n"]).encode()


def _pieces(content: object) -> Iterator[str]:
    match content:
        case Mapping():
            yield "{"
            for number, (key, value) in enumerate(content.items()):
                yield f"{',' if number else ''}{_encode(str(key))}:"
                yield from _pieces(value)
            yield "}"
        case list() if len(content) > _AT_ONCE:
            yield "["
            for start in range(0, len(content), _AT_ONCE):
                yield "," if start else ""
                yield _encode(content[start : start + _AT_ONCE])[1:-1]
            yield "]"
        case _:
            yield _encode(content)


_encode: Final = partial(json.dumps, separators=(",", ":"), allow_nan=False)
