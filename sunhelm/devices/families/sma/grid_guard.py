"""The rights of an installer on an SMA device: taken and given up by a person, never by a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.configuration.secrets import SecretUnavailable
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import UNKNOWN, Number, Promise, Unknown, Value
from sunhelm.devices.errors import AuthFailed, Rejected
from sunhelm.devices.families.register_board import RegisterBoard

if TYPE_CHECKING:
    from sunhelm.devices.sections import Account

_CODE: Final = "control.grid_guard_code"
_LOGOUT, _LOGIN = Number(0.0), Number(1.0)
_REFUSED: Final = 1
_MOST: Final = 0xFFFF_FFFE


@dataclass(slots=True, eq=False)
class GridGuard:
    """1 gives the device the personal code of an installer, 0 takes the rights back.

    The code is read from the account anew each time, and is kept, shown and told nowhere.
    """

    promise: Promise
    board: RegisterBoard
    account: Account | None

    def check(self, value: Value) -> None:
        if value not in (_LOGOUT, _LOGIN):
            raise ValueError(f"{self.promise.key}: {value} is neither 0, log out, nor 1, log in")
        if value == _LOGIN and self.account is None:
            raise ValueError(f"{self.promise.key}: the device names no account with the code")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Unknown:
        """Return UNKNOWN: the device does not tell whether somebody is logged in."""
        del deadline
        return UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Log in or out. Raises AuthFailed when the code is refused, cannot be read, or is none."""
        self.check(value)
        try:
            await self.board.write(_CODE, self._code() if value == _LOGIN else 0, deadline)
        except Rejected as error:
            if error.code != _REFUSED:
                raise
            raise AuthFailed(
                f"{self.board.config.name}: the Grid Guard code is refused, or somebody else is logged in"
            ) from None

    def _code(self) -> int:
        assert self.account is not None
        secret = self.account.password_file or self.account.password
        try:
            text = secret.reveal().strip() if secret else ""
        except SecretUnavailable as error:
            raise AuthFailed(f"{self.board.config.name}: {error}") from None
        if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= _MOST:
            raise AuthFailed(
                f"{self.board.config.name}: a Grid Guard code is a number; what is given is none"
            )
        return int(text)
