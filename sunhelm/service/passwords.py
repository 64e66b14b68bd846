"""Passwords against bcrypt hashes: off the event loop, and no more often than needed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import bcrypt

_MOST_REMEMBERED: Final = 100
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 64
_BCRYPT_BYTES: Final = 72
"""bcrypt looks at no more of a password; what makes the hashes cuts there, so we do."""


class TooManyAtOnce(Exception):
    """So many passwords wait to be checked that one more would wait too long."""


class PasswordCheck:
    """Remembers who was let in, for bcrypt is slow: a keyed hash of user, password and bcrypt hash each.

    `check` is bcrypt's; it takes a password and a hash.
    """

    def __init__(self, check: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        self._check = check
        self._key = os.urandom(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def passes(self, hashes: Mapping[str, str], user: str, password: str) -> bool:
        """Return whether `user` is among `hashes` with this password. Raises TooManyAtOnce.

        An unknown user takes as long as a known one.
        """
        known = hashes.get(user)
        stored = (known if known is not None else _costliest(hashes)).encode()
        secret = password.encode(errors="surrogatepass")[:_BCRYPT_BYTES]
        seen = hmac.new(
            self._key, b"\0".join((user.encode(errors="surrogatepass"), stored, secret)), hashlib.sha256
        ).digest()
        if known is not None and self._remembers(seen):
            return True
        if self._waiting >= _MOST_WAITING:
            raise TooManyAtOnce
        self._waiting += 1
        try:
            async with self._turns:
                if known is not None and self._remembers(seen):
                    return True
                right = b"\0" not in secret and await asyncio.to_thread(self._check, secret, stored)
        finally:
            self._waiting -= 1
        if not right or known is None:
            return False
        self._verified[seen] = None
        if len(self._verified) > _MOST_REMEMBERED:
            self._verified.popitem(last=False)
        return True

    def _remembers(self, seen: bytes) -> bool:
        if seen not in self._verified:
            return False
        self._verified.move_to_end(seen)
        return True


def _costliest(hashes: Mapping[str, str]) -> str:
    return max(hashes.values(), key=lambda stored: stored.split("$")[2])
