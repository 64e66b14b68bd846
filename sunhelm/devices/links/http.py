"""HTTP: one server, one cookie jar, one request at a time. This link can only read.

    link = HttpLink("https://prices.example", pacing=spec.pacing)
    async with link.turn(deadline):
        prices = await link.get_json("/v1/today", deadline, query={"zone": "NL"})

It sends GET and nothing else, but for what the family's own sign-in posts to the addresses it declares. A
request that is lost, or that the server is too troubled for, is sent again after a pause, all within the
deadline; where the server says how long it wants to be left alone, nothing is sent before that. No error
shows a query, a header or a body: secrets travel there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar
from urllib.parse import quote

from yarl import URL

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.errors import (
    AuthFailed,
    Busy,
    DeviceError,
    Malformed,
    RateLimited,
    TimedOut,
    Unreachable,
)
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.base import LinkStatistics
from sunhelm.devices.links.http_client import HttpClient, Request
from sunhelm.devices.links.pacing import RANDOM, Jitter, delays
from sunhelm.devices.links.sign_in import SignIn
from sunhelm.devices.links.trace import trace
from sunhelm.devices.links.turns import IN_PROCESS, Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import Pacing

Parsed = TypeVar("Parsed")
Query = Mapping[str, str | int]

_TRIES: Final = 3
_RETRY_S: Final = (0.5, 8.0)
"""First and longest pause before a request is sent again."""

_LIMITED_S: Final = (30.0, 900.0)
"""First and longest time that a server is left alone which wants fewer requests and does not say for how
long."""

_LONGEST_REST_S: Final = 3600.0
"""The most that a server is believed which says for how long."""

_REDIRECTS: Final = 3


def quoted(name: str) -> str:
    """Return a name that a server gave, such as a serial number, as one part of a path."""
    return quote(name, safe="")


class _Denied(Exception):
    """The answer says that nobody is signed in."""


class HttpLink:
    """One server, read by GET.

    `base` is its address, to which every path is added, with or without a path of its own. `name` is whose
    turn it is: what shares it shares the turn; the address alone when it is empty. `pacing.timeout` is the
    longest wait for one whole answer, `pacing.pause` passes between two requests. A server that is `shared`
    keeps nothing in mind from one request to the next: a turn on it is one request, so that nobody waits for
    a sequence and its proof.
    """

    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def __init__(
        self,
        base: str,
        *,
        pacing: Pacing,
        name: str = "",
        shared: bool = False,
        sign_in: SignIn | None = None,
        turns: Turns | None = None,
        clock: Clock = SYSTEM_CLOCK,
        jitter: Jitter = RANDOM,
    ) -> None:
        self.statistics = LinkStatistics()
        self._base = URL(base.rstrip("/"))
        self._pacing = pacing
        self._shared = shared
        self._sign_in = sign_in
        self._clock = clock
        self._jitter = jitter
        self._endpoint = (turns or IN_PROCESS).endpoint(name or self._base.authority, clock)
        self._held = False
        self._client = HttpClient(clock)
        self._rests = delays(*_LIMITED_S, jitter)
        self._rest_until = float("-inf")

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """Hold the endpoint; see `RegisterLink.turn`. Of a shared server, each request takes it."""
        if self._shared:
            yield
            return
        async with self._taken(deadline):
            yield

    @asynccontextmanager
    async def _taken(self, deadline: Deadline) -> AsyncIterator[None]:
        with self.statistics.waiting(self._clock):
            await self._endpoint.take(deadline)
        self._held = True
        try:
            yield
        finally:
            try:
                await self._endpoint.quiet()
            finally:
                self._held = False
                self._endpoint.release()

    async def get_json(self, path: str, deadline: Deadline, *, query: Query | None = None) -> object:
        """Return what the server says at a path, as JSON of at most 4 MiB.

        `path` begins with "/"; what it is made of is quoted. Raises Unreachable, TimedOut, Busy (the server
        is in trouble, or another process has the turn), Rejected (with the status as `code`), Malformed,
        AuthFailed and RateLimited.
        """
        return await self.get(path, deadline, Answer.json, query=query)

    async def get(
        self,
        path: str,
        deadline: Deadline,
        parse: Callable[[Answer], Parsed],
        *,
        query: Query | None = None,
    ) -> Parsed:
        """Return what `parse` makes of the answer at a path.

        `parse` raises Malformed for what is no right answer. Raises what `get_json` raises.
        """
        return await self._ask(Request("GET", self._url(path, query)), deadline, parse, repeat=True)

    async def close(self) -> None:
        """Close all connections and forget cookies; harmless when there are none."""
        await self._client.close()

    def _url(self, path: str, query: Query | None) -> URL:
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f'path "{path}" does not begin with one "/"')
        url = URL(f"{self._base}{path}")
        return url if query is None else url.update_query({key: str(value) for key, value in query.items()})

    async def _ask(
        self, request: Request, deadline: Deadline, parse: Callable[[Answer], Parsed], *, repeat: bool
    ) -> Parsed:
        """Send a request in a turn and return what `parse` makes of the answer.

        With `repeat` it is sent as often as it takes; without, again only when it was denied, so not done.
        """
        if self._shared:
            async with self._taken(deadline):
                return await self._persist(request, deadline, parse, repeat=repeat)
        if not self._held:
            raise RuntimeError(
                f"{request.where}: a request happens in a turn: async with link.turn(deadline)"
            )
        return await self._persist(request, deadline, parse, repeat=repeat)

    async def _persist(
        self, request: Request, deadline: Deadline, parse: Callable[[Answer], Parsed], *, repeat: bool
    ) -> Parsed:
        tries = _TRIES if repeat else 1
        pauses = delays(*_RETRY_S, self._jitter)
        renewed = False
        async with self._endpoint.request(deadline):
            while True:
                await self._ready(request, deadline)
                try:
                    return self._judged(await self._authorized(request, deadline), request, parse)
                except _Denied:
                    if self._sign_in is not None:
                        self._sign_in.refused(again=renewed)
                    self._client.forget_cookies()
                    if self._sign_in is None or renewed:
                        raise AuthFailed(f"{request.where}: the credentials are refused") from None
                    renewed = True
                except RateLimited as error:
                    self._rest(error)
                    tries -= 1
                    if not tries or self._rest_until - self._clock.monotonic() >= deadline.remaining():
                        raise
                except (Unreachable, Busy, Malformed):
                    tries -= 1
                    pause = next(pauses)
                    if not tries or pause >= deadline.remaining():
                        raise
                    await self._clock.sleep(pause)
                self.statistics.retries += 1

    async def _authorized(self, request: Request, deadline: Deadline) -> Answer:
        """Return the answer to a request that proves whose it is."""
        if self._sign_in is not None:
            headers = await self._sign_in.headers(_Desk(self), deadline)
            request = replace(request, headers={**request.headers, **headers})
        return await self.follow(request, deadline)

    def _judged(self, answer: Answer, request: Request, parse: Callable[[Answer], Parsed]) -> Parsed:
        denied = answer.status == 401 if self._sign_in is None else self._sign_in.denies(answer)
        if denied:
            raise _Denied
        done = request.method != "GET" and answer.status in (302, 303)  # done, and its page is elsewhere
        if not done:
            answer.check()
        self._rests = delays(*_LIMITED_S, self._jitter)
        if self._sign_in is not None:
            self._sign_in.accepted()
        return parse(answer)

    async def _ready(self, request: Request, deadline: Deadline) -> None:
        """Return when the turn is ours, and the server has had its rest."""
        if self._endpoint.is_awaited:
            self._endpoint.lend()
        if not self._endpoint.owned:
            with self.statistics.waiting(self._clock):
                await self._endpoint.resume(deadline)
        rest = self._rest_until - self._clock.monotonic()
        wait = max(rest, self._pacing.pause - self._endpoint.since_exchange_s())
        if wait >= deadline.remaining():
            if rest > 0:
                raise RateLimited(
                    f"{request.where}: it asked for fewer requests; the next is sent in {rest:.0f} s",
                    retry_after_s=rest,
                )
            raise TimedOut(f"{request.where}: no time was left to ask")
        if wait > 0:
            await self._clock.sleep(wait)

    def _rest(self, error: RateLimited) -> None:
        wait = next(self._rests) if error.retry_after_s is None else error.retry_after_s
        self._rest_until = self._clock.monotonic() + min(wait, _LONGEST_REST_S)

    async def follow(self, request: Request, deadline: Deadline) -> Answer:
        """Return the answer to a request, and to where a GET is sent on from there on the same server.

        For a sign-in, as `send`.
        """
        answer = await self.send(request, deadline)
        for _ in range(_REDIRECTS):
            location = answer.headers.get("location")
            if request.method != "GET" or location is None or not 300 <= answer.status < 400:
                break
            try:
                there = request.url.join(URL(location))
                if there.origin() != self._base.origin():
                    break
            except ValueError:
                break
            request = replace(request, url=there)
            answer = await self.send(request, deadline)
        return answer

    async def send(self, request: Request, deadline: Deadline) -> Answer:
        """Send one request once and return the whole answer, whatever its status.

        For a sign-in and for the writing half; everything else asks through `get`.
        """
        if request.method not in self.methods and not self._is_sign_in(request.url):
            raise ValueError(f"{request.method} {request.where} is not a request that this link may send")
        limit = min(self._pacing.timeout, deadline.remaining())
        self.statistics.requests += 1
        self._endpoint.exchanged()
        try:
            answer = await self._client.send(request, limit)
        except DeviceError as error:
            trace(f"{request.method} {request.where}", error=error)
            raise
        finally:
            self._endpoint.exchanged()
        told = f"status {answer.status}, {len(answer.body)} bytes"
        trace(f"{request.method} {request.where}", text=told)
        return answer

    def address(self, url: str) -> URL:
        """Return the whole address of what a sign-in names by its path or whole."""
        return self._url(url, None) if url.startswith("/") else URL(url)

    def _is_sign_in(self, url: URL) -> bool:
        sign_in = self._sign_in
        return sign_in is not None and url in {self.address(post) for post in sign_in.posts}


class _Desk:
    """A link as its sign-in sees it; implements `Desk`."""

    def __init__(self, link: HttpLink) -> None:
        self._link = link

    async def get(self, url: str, deadline: Deadline) -> Answer:
        return await self._link.follow(Request("GET", self._link.address(url)), deadline)

    async def post(
        self,
        url: str,
        deadline: Deadline,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        request = Request("POST", self._link.address(url), headers or {}, form, json)
        return await self._link.send(request, deadline)
