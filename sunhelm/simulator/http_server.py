"""A simulated server of HTTP/1.1 behind a port with faults; what it answers is the business of its face."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.request_log import HTTP_OTHER, RECENT, RequestLog, Write
from sunhelm.simulator.request_log import Request as Logged
from sunhelm.simulator.wire import Connection, OnPort, Port, Reply

_MOST_BODY: Final = 1 << 20
_NO_CONTENT: Final = 204
_PHRASES: Final = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; `path` is quoted as it came, names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def json(self) -> object:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client sent."""
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return {name: value for name, equals, value in pairs if equals}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer; `content` is JSON unless it is text, which is a page."""

    content: object = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=())

    def frame(self, date: float) -> bytes:
        """Return the answer as it goes over the wire."""
        if isinstance(self.content, str):
            kind, body = "text/html; charset=utf-8", self.content.encode()
        else:
            kind, body = "application/json; charset=utf-8", json.dumps(self.content).encode()
        if self.status == _NO_CONTENT:
            body = b""
        head = [
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Status')}",
            f"Date: {formatdate(date, usegmt=True)}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*head, "", ""]).encode() + body


class HttpServer(OnPort):
    """Serves `answer` on a port.

    `now` is the server's clock. `kind_of` says whether a request reads (HTTP_GET), signs in (HTTP_SIGN_IN),
    or may change something (HTTP_OTHER).
    """

    def __init__(
        self,
        answer: Callable[[HttpRequest], HttpResponse],
        *,
        now: Callable[[], float],
        kind_of: Callable[[HttpRequest], int],
        faults: Faults,
        clock: Clock = MACHINE_CLOCK,
    ) -> None:
        self.faults = faults
        self.log = RequestLog()
        self._paths: deque[str] = deque(maxlen=RECENT)
        self._answer = answer
        self._now = now
        self._kind_of = kind_of
        self._port = Port(self._serve, faults=faults, log=self.log, clock=clock)

    @property
    def paths(self) -> list[str]:
        """Method and path of the last ten thousand requests, in order."""
        return [*self._paths]

    async def _serve(self, connection: Connection) -> None:
        while (request := await _read(connection.reader)) is not None:
            if not connection.hears():
                continue
            kind = self._kind_of(request)
            self.log.record(Logged(0, kind, 0, 0))
            self._paths.append(f"{request.method} {request.path}")
            response = self._answer(request)
            if kind == HTTP_OTHER and response.status < 400:
                self.log.writes.append(Write(0, 0, ()))
            now = self._now()
            stranger = HttpResponse({"Data": {"Id": "of somebody else"}})
            await connection.send(Reply(response.frame(now), stranger.frame(now)))


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    """Return the next request; None when the client has gone, or speaks something else."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        body = await reader.readexactly(length) if 0 < length <= _MOST_BODY else b""
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return None
    parts = urlsplit(target)
    return HttpRequest(method, parts.path, dict(parse_qsl(parts.query)), headers, body)
