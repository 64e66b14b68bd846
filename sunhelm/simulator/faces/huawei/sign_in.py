"""The installer's sign-in as the device sees it: a challenge, an answer, and then a heartbeat."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from random import Random
from typing import Final

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.face import ModbusException

CHALLENGE: Final = 0x24
SIGN_IN: Final = 0x25
_NO_PERMISSION: Final = 0x80
_ILLEGAL_VALUE: Final = 3
_LIVES_S: Final = 15.0


@dataclass(slots=True)
class SignIn:
    """One connection's permission to write. An empty `password` wants none.

    `tries` counts the answers that were wrong. `marker` are bytes that some devices put behind a challenge.
    """

    clock: Clock
    user: str = "installer"
    password: str = ""
    marker: bytes = b""
    tries: int = 0
    refusal: int = _NO_PERMISSION
    _challenge: bytes = b""
    _until: float = 0.0
    _random: Random = field(default_factory=lambda: Random(5))  # noqa: S311 - repeatable, guards nothing

    def forget(self) -> None:
        """End the sign-in: the connection has gone."""
        self._challenge, self._until = b"", 0.0

    def demand(self) -> None:
        """Raise ModbusException when whoever writes may not."""
        if self.password and self.clock.monotonic() >= self._until:
            raise ModbusException(self.refusal)

    def heartbeat(self) -> None:
        """Let the sign-in live on. Raises ModbusException when there is none."""
        self.demand()
        self._until = self.clock.monotonic() + _LIVES_S

    def answer(self, what: int, data: bytes) -> bytes:
        """Return the answer to one step, its length before it. Raises ModbusException."""
        if what == CHALLENGE and data == b"\0":
            self._challenge = self._random.randbytes(16)
            return b"\x11" + self._challenge + self.marker
        if what != SIGN_IN or len(data) < 17 or not self._challenge:
            raise ModbusException(_ILLEGAL_VALUE)
        nonce, length = data[:16], data[16]
        user, mac = data[17 : 17 + length], data[18 + length :]
        key = hashlib.sha256(self.password.encode()).digest()
        right = hmac.new(key, self._challenge, hashlib.sha256).digest()
        self._challenge = b""
        if user != self.user.encode() or mac != right or data[17 + length] != len(right):
            self.tries += 1
            return b"\x02\x01\x00"
        self._until = self.clock.monotonic() + _LIVES_S
        return b"\x22\x00\x20" + hmac.new(key, nonce, hashlib.sha256).digest()
