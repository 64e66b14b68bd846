"""What a server answers over HTTP, and which of our errors a bad answer is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from sunhelm.devices.errors import AuthFailed, Busy, DeviceError, Malformed, RateLimited, Rejected

_DEEPEST: Final = "the JSON is nested too deeply"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `where` names the server and the path, never the query or anything secret.

    `headers` are by lower-case name. `came_at` is our Unix time at which it came.
    """

    where: str
    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    came_at: float = 0.0

    @property
    def text(self) -> str:
        """The body as text; bytes that are none are replaced."""
        return self.body.decode("utf-8-sig", errors="replace")

    def json(self) -> object:
        """Return what the body says as JSON. Raises Malformed, also for a page where JSON should be."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise Malformed(f"{self.where}: {_DEEPEST}") from None
        except ValueError:
            pass
        if not self.body.strip():
            raise Malformed(f"{self.where}: the answer is empty; JSON is right")
        if self.body.lstrip()[:1] == b"<":
            raise Malformed(f"{self.where}: a page of HTML; JSON is right")
        raise Malformed(f"{self.where}: {len(self.body)} bytes that are no JSON")

    def json_object(self) -> Mapping[str, object]:
        """Return the members of the JSON object that the body is. Raises Malformed as `json` does."""
        told = self.json()
        if not isinstance(told, dict):
            raise Malformed(f"{self.where}: {type(told).__name__}; an object is right")
        return told

    @property
    def date(self) -> float:
        """The server's Unix time when it answered; ours where it does not tell."""
        sent = _date(self.headers.get("date", ""))
        return self.came_at if sent is None else sent

    @property
    def retry_after_s(self) -> float | None:
        """For how many seconds the server wants to be left alone; None when it does not say."""
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        until = _date(text)
        return None if until is None else max(0.0, until - self.date)

    def check(self) -> None:
        """Raise what this status means, unless it is a success. 401 is for the link to try again."""
        if not 200 <= self.status < 300:
            raise self._error()

    def _error(self) -> DeviceError:
        status, where = self.status, self.where
        if status == 401:
            return AuthFailed(f"{where}: status 401, the credentials are refused")
        if status == 429 or (status == 503 and self.retry_after_s is not None):
            wait = self.retry_after_s
            asked = "" if wait is None else f", for {wait:g} s"
            return RateLimited(f"{where}: status {status}, wants fewer requests{asked}", retry_after_s=wait)
        if status >= 500 or status in (408, 425):
            return Busy(f"{where}: status {status}, a trouble of the server that passes")
        if 300 <= status < 400:
            return Malformed(f"{where}: status {status}, sends us elsewhere; only its own host is followed")
        return Rejected(f"{where}: status {status}", code=status)


def _date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def utc(text: object) -> float | None:
    """Return the Unix time of an ISO 8601 text with `Z` or an offset; None for anything else.

    More than six digits of a second are cut.
    """
    if not isinstance(text, str):
        return None
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    if dot:
        text = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
