"""How the requests of an account prove whose they are, and when to ask for that anew.

A family says in one function how its cloud gives a token or a session; that one is kept for its life,
renewed early, and asked for once by all who need it. Credentials that are refused are tried again rarely:
clouds lock accounts.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import structlog

from sunhelm.configuration.secrets import Secret, SecretUnavailable
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import AuthFailed, DeviceError
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.pacing import RANDOM, Jitter, delays

_EARLY_S: Final = 300.0
"""A token is renewed when it is valid for no longer than this, or for half its life when it is short."""

_AGAIN_S: Final = 60.0
"""A renewal that failed while the old token is good is tried again after this."""

_REFUSED_S: Final = (60.0, 3600.0)
"""First and longest time that credentials which were refused are not tried again."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Desk(Protocol):
    """Where one signs in: the link, as far as a sign-in may use it. Answers come with any status."""

    async def get(self, url: str, deadline: Deadline) -> Answer:
        """Return the answer to a GET of this address or path. Raises Unreachable, TimedOut, Malformed."""

    async def post(
        self,
        url: str,
        deadline: Deadline,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a form or to JSON, sent once, to one of `SignIn.posts`. Raises as `get`."""


class SignIn(Protocol):
    """How requests prove whose they are. A link calls one method at a time.

    `posts` are the addresses or paths that it may post to: a link that reads posts nowhere else.
    """

    posts: Collection[str]

    async def headers(self, desk: Desk, deadline: Deadline) -> Mapping[str, str]:
        """Return what the next request carries, after signing in where that is due. Raises DeviceError."""

    def denies(self, answer: Answer) -> bool:
        """Whether this answer to a request says that nobody is signed in: status 401, or a login page."""

    def accepted(self) -> None:
        """A request was answered: what was granted is good."""

    def refused(self, *, again: bool) -> None:
        """A request was denied: what was granted is void. `again` when it was granted just before."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a cloud gave: headers for every request, and for how many seconds they are good; None for ever.

    A session in cookies has no headers: the link keeps the cookies.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    lasts_s: float | None = None

    @classmethod
    def bearer(cls, token: str, lasts_s: float | None) -> Self:
        """Return the grant of a bearer token."""
        return cls({"Authorization": f"Bearer {token}"}, lasts_s)

    @classmethod
    def basic(cls, username: str, password: str) -> Self:
        """Return what basic authentication sends; nobody has to be asked for it."""
        word = b64encode(f"{username}:{password}".encode()).decode()
        return cls({"Authorization": f"Basic {word}"})


Credentials = Mapping[str, str]
Ask = Callable[[Desk, Credentials, Deadline], Awaitable[Grant]]
"""Signs in with these credentials. Raises AuthFailed only when they are wrong, else another DeviceError."""


class Grants:
    """A `SignIn` that keeps a grant as long as it is good.

    `credentials` are by the names that `ask` knows; the secret ones are read when they are needed.
    `denied` says which answers mean that nobody is signed in.
    """

    def __init__(
        self,
        credentials: Mapping[str, str | Secret],
        ask: Ask,
        clock: Clock,
        *,
        posts: Collection[str] = (),
        denied: Callable[[Answer], bool] = lambda answer: answer.status == 401,
        jitter: Jitter = RANDOM,
    ) -> None:
        self.posts = posts
        self.refusals = 0
        self._credentials = credentials
        self._ask = ask
        self._clock = clock
        self._denied = denied
        self._jitter = jitter
        self._grant: Grant | None = None
        self._good_until = self._renew_at = float("-inf")
        self._used: Credentials = {}
        self._accepted()

    async def headers(self, desk: Desk, deadline: Deadline) -> Mapping[str, str]:
        now = self._clock.monotonic()
        if self._grant is None or now >= self._good_until:
            self._grant = await self._sign_in(desk, deadline)
        elif now >= self._renew_at:
            try:
                self._grant = await self._sign_in(desk, deadline)
            except AuthFailed:
                raise
            except DeviceError as error:  # the one at hand is good for a while yet
                self._renew_at = now + _AGAIN_S
                _log.info("sign_in_renewal_failed", reason=str(error.reason), detail=str(error))
        return self._grant.headers

    def denies(self, answer: Answer) -> bool:
        return self._denied(answer)

    def accepted(self) -> None:
        if self.refusals:
            self._accepted()

    def refused(self, *, again: bool) -> None:
        self._grant = None
        if again:
            self._refuse("what the sign-in gave is refused")

    async def _sign_in(self, desk: Desk, deadline: Deadline) -> Grant:
        credentials = await asyncio.to_thread(self._reveal)
        if credentials != self._used:
            self._accepted()  # they were changed: worth a try at once
        self._used = credentials
        wait = self._refused_until - self._clock.monotonic()
        if wait > 0:
            raise AuthFailed(f"{self._why}; tried again in {wait:.0f} s, or when they are changed")
        try:
            grant = await self._ask(desk, credentials, deadline)
        except AuthFailed as error:
            self._grant = None
            self._refuse(str(error))
            raise
        now, life = self._clock.monotonic(), grant.lasts_s
        self._good_until = float("inf") if life is None else now + life
        self._renew_at = float("inf") if life is None else now + max(life - _EARLY_S, life / 2)
        return grant

    def _accepted(self) -> None:
        self.refusals = 0
        self._why = ""
        self._refused_until = float("-inf")
        self._delays = delays(*_REFUSED_S, self._jitter)

    def _refuse(self, why: str) -> None:
        self.refusals += 1
        self._why = why
        self._refused_until = self._clock.monotonic() + next(self._delays)

    def _reveal(self) -> Credentials:
        try:
            return {
                name: value.reveal() if isinstance(value, Secret) else value
                for name, value in self._credentials.items()
            }
        except SecretUnavailable as error:
            raise AuthFailed(str(error)) from error
