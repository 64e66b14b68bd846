"""What an SMA device does once: restart, set its clock, take and give up the rights of an installer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.configuration.secrets import SecretUnavailable
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Promise
from sunhelm.devices.errors import AuthFailed, Rejected
from sunhelm.devices.families.register_board import RegisterBoard

if TYPE_CHECKING:
    from sunhelm.devices.sections import Account

_CODE: Final = "control.grid_guard_code"
_CLOCK: Final = "control.clock"
_REFUSED: Final = 1
_MOST: Final = 0xFFFF_FFFE


@dataclass(slots=True, eq=False)
class RegisterTask:
    """Write one number to one register."""

    promise: Promise
    board: RegisterBoard
    place: str
    raw: int

    async def run(self, deadline: Deadline) -> None:
        await self.board.write(self.place, self.raw, deadline)


@dataclass(slots=True, eq=False)
class GridGuardLogin:
    """Give the device the personal code of an installer, which is read anew each time and kept nowhere."""

    promise: Promise
    board: RegisterBoard
    account: Account

    async def run(self, deadline: Deadline) -> None:
        """Log in. Raises AuthFailed when the code is refused, cannot be read, or is none."""
        try:
            await self.board.write(_CODE, self._code(), deadline)
        except Rejected as error:
            if error.code != _REFUSED:
                raise
            raise AuthFailed(
                f"{self.board.config.name}: the Grid Guard code is refused, or somebody else is logged in"
            ) from None

    def _code(self) -> int:
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


@dataclass(slots=True, eq=False)
class SetClock:
    """Set the clock, which counts in UTC; devices of the older profile can be told."""

    promise: Promise
    board: RegisterBoard
    clock: Clock

    async def offset(self, deadline: Deadline) -> float:
        return await self._told(deadline) - self.clock.time()

    async def run(self, deadline: Deadline) -> None:
        await self._told(deadline)
        await self.board.write(_CLOCK, round(self.clock.time()), deadline)

    async def _told(self, deadline: Deadline) -> int:
        raw = await self.board.read(_CLOCK, deadline)
        if raw in self.board.register(_CLOCK).absent:
            raise Rejected(f"{self.board.config.name}: it has no clock that can be set (40001)")
        return raw
