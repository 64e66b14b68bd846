"""Tokens in forms: that one is ours, for this visitor and this act, not too old and not used yet."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from typing import Final

LIFETIME_S: Final = 3600.0
_MOST_USED: Final = 10_000


class BadToken(Exception):
    """The token is not one of ours for this visitor and act, or it is too old."""


class UsedToken(Exception):
    """The same form was sent before."""


class Tokens:
    """Makes and checks tokens. The key lives as long as the process; `now` is in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._key = os.urandom(32)
        self._now = now
        self._used: dict[str, float] = {}

    def make(self, visitor: str, act: str) -> str:
        """Return a token for one act of one visitor, such as the path of the form."""
        head = f"{int(self._now() + LIFETIME_S)}.{secrets.token_hex(16)}"
        return f"{head}.{self._seal(head, visitor, act)}"

    def use(self, token: str, visitor: str, act: str) -> None:
        """Take a token, once. Raises BadToken and UsedToken."""
        head, _, seal = token.rpartition(".")
        expected = self._seal(head, visitor, act)
        if not hmac.compare_digest(seal.encode(errors="replace"), expected.encode()):
            raise BadToken
        ends_at = float(head.partition(".")[0])
        if self._now() >= ends_at:
            raise BadToken
        if head in self._used:
            raise UsedToken
        self._used = {used: end for used, end in self._used.items() if end > self._now()}
        if len(self._used) >= _MOST_USED:
            raise BadToken
        self._used[head] = ends_at

    def _seal(self, head: str, visitor: str, act: str) -> str:
        text = f"{head}\0{visitor}\0{act}".encode(errors="surrogatepass")
        return hmac.new(self._key, text, "sha256").hexdigest()
