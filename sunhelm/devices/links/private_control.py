"""The writing half of Huawei's Modbus: the sign-in, and its heartbeat. The exporter may not import it.

A sign-in belongs to one connection and ends 15 s after the last heartbeat. Most devices want none: it is made
when a write was refused, and never again with a password that was refused once, for whether wrong ones lock
the account is not known.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

import structlog

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import AuthFailed, Malformed, Rejected, Unreachable
from sunhelm.devices.links.control import ModbusControlLink
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.private import PRIVATE, PrivateAnswer, PrivateLink, PrivateRequest, told_length

if TYPE_CHECKING:
    from sunhelm.devices.links.modbus import Framing

HEARTBEAT: Final = 49_999
_CHALLENGE: Final = 0x24
_SIGN_IN: Final = 0x25
_NONCE_BYTES: Final = 16
_MAC_BYTES: Final = 32
_LIVES_S: Final = 15.0
_NO_PERMISSION: Final = 0x80
_PERHAPS_NO_PERMISSION: Final = frozenset({_NO_PERMISSION, 2, 4})
"""How firmware refuses a write to who has not signed in; two of them have other meanings as well."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in. The password is never shown."""

    user: str
    password: str = field(repr=False)

    def answer(self, challenge: bytes, nonce: bytes) -> bytes:
        """Return what proves to the device that we know the password."""
        user = self.user.encode()
        mac = hmac.digest(self._key, challenge, "sha256")
        return nonce + bytes([len(user)]) + user + bytes([len(mac)]) + mac

    def proof(self, nonce: bytes) -> bytes:
        """Return what a device answers that knows the password too."""
        return hmac.digest(self._key, nonce, "sha256")

    @property
    def _key(self) -> bytes:
        return sha256(self.password.encode()).digest()


class SignInRequest(PrivateRequest):
    """A step of the sign-in: asking for the challenge, or answering it."""


def _challenge_length(pdu: bytes) -> int | None:
    """Return the length of a challenge: the device counts one byte more than it usually sends."""
    shortest = 3 + _NONCE_BYTES
    return None if len(pdu) < shortest else min(len(pdu), shortest + 1)


class PrivateControlLink(PrivateLink, ModbusControlLink):
    """A `ControlLink` that signs in where a write is refused without. `credentials` are asked for then."""

    requests = (*PrivateLink.requests, *ModbusControlLink.requests, SignInRequest)

    def __init__(
        self,
        framing: Framing,
        line: Line,
        *,
        credentials: Callable[[], Credentials] | None = None,
        nonce: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(framing, line)
        self._clock = line.clock
        self._credentials = credentials
        self._nonce = nonce
        self._refused: Credentials | None = None
        self._signed_in: tuple[int, int] | None = None
        self._heard_at = 0.0

    async def write(
        self,
        unit: int,
        address: int,
        words: Sequence[int],
        deadline: Deadline,
        *,
        function: Literal[6, 16] = 16,
    ) -> None:
        """Write as `ControlLink.write`. Raises AuthFailed when the device wants a sign-in that fails."""
        if self._signed_in is not None:
            await self._stay(unit, deadline)
        try:
            await super().write(unit, address, words, deadline, function=function)
        except Rejected as error:
            if error.code not in _PERHAPS_NO_PERMISSION or self._is_signed_in(unit):
                raise
            if self._credentials is None:
                if error.code != _NO_PERMISSION:
                    raise
                raise AuthFailed(
                    f"{error}: it wants a sign-in; `account` of the device in the site file names one"
                ) from error
            await self.sign_in(unit, deadline)
            await super().write(unit, address, words, deadline, function=function)

    async def sign_in(self, unit: int, deadline: Deadline) -> None:
        """Sign in on this connection. Raises AuthFailed, also when this password was refused before."""
        assert self._credentials is not None
        credentials = self._credentials()
        if credentials == self._refused:
            raise AuthFailed(
                f"{self._exchanges.where}: the password was refused before; it is not tried again"
            )
        self._signed_in = None
        connection = self.statistics.connects
        challenge = (await self._private(unit, _CHALLENGE, b"\0", deadline, _challenge_length))[:_NONCE_BYTES]
        nonce = self._nonce(_NONCE_BYTES)
        answer = await self._private(
            unit, _SIGN_IN, credentials.answer(challenge, nonce), deadline, told_length
        )
        if len(answer) < 1:
            raise Malformed(f"{self._exchanges.where}: an empty answer to the sign-in")
        if self.statistics.connects != connection:
            raise Unreachable(f"{self._exchanges.where}: the connection broke during the sign-in")
        if answer[0] != 0:
            self._refused = credentials
            raise AuthFailed(
                f"{self._exchanges.where}: the sign-in of {credentials.user} is refused, status {answer[0]}"
            )
        if not hmac.compare_digest(answer[2 : 2 + _MAC_BYTES], credentials.proof(nonce)):
            _log.warning("device_does_not_know_the_password", where=self._exchanges.where, unit=unit)
        self._signed_in = (connection, unit)
        await self._beat(unit, deadline)

    async def _stay(self, unit: int, deadline: Deadline) -> None:
        """Keep the sign-in alive, or forget it when it has ended."""
        if self._is_signed_in(unit) and self._clock.monotonic() - self._heard_at < _LIVES_S:
            try:
                await self._beat(unit, deadline)
            except Rejected:
                self._signed_in = None
        else:
            self._signed_in = None

    def _is_signed_in(self, unit: int) -> bool:
        return self._signed_in == (self.statistics.connects, unit)

    async def _beat(self, unit: int, deadline: Deadline) -> None:
        await super().write(unit, HEARTBEAT, (1,), deadline, function=6)
        self._heard_at = self._clock.monotonic()

    async def _private(
        self, unit: int, what: int, data: bytes, deadline: Deadline, length: Callable[[bytes], int | None]
    ) -> bytes:
        question = Question(SignInRequest(what, data, unit), bytes([PRIVATE, what]), length)
        answer = await self.ask(question, deadline, about=f"unit {unit} sign-in", repeat=False)
        assert isinstance(answer, PrivateAnswer)
        return answer.data
