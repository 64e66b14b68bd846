"""What the devices of one account share in this process: opened for the first, closed after the last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sunhelm.configuration.secrets import Secret

if TYPE_CHECKING:
    from sunhelm.devices.sections import Account


class Closable(Protocol):
    """What can be shared."""

    async def close(self) -> None:
        """Close all connections."""


SharedT = TypeVar("SharedT", bound=Closable)


@dataclass(slots=True)
class _Entry:
    shared: Any
    users: int = 0


class Accounts:
    """The accounts of a site file, and what is open of them; one for all devices of a process."""

    def __init__(self, configured: Mapping[str, Account] = MappingProxyType({})) -> None:
        self._configured = configured
        self._open: dict[tuple[str, str], _Entry] = {}

    def __getitem__(self, name: str) -> Account:
        return self._configured[name]

    def share(self, name: str, make: Callable[[Account], SharedT], *, use: str = "") -> Lease[SharedT]:
        """Return what `make` makes of the account, the same for all who share it for the same `use`."""
        entry = self._open.get((name, use))
        if entry is None:
            entry = self._open[name, use] = _Entry(make(self._configured[name]))
        entry.users += 1
        return Lease(entry.shared, partial(self._release, (name, use)))

    async def _release(self, key: tuple[str, str]) -> None:
        entry = self._open[key]
        entry.users -= 1
        if not entry.users:
            del self._open[key]
            await entry.shared.close()


class Lease(Generic[SharedT]):
    """One user's hold on what is shared."""

    def __init__(self, shared: SharedT, release: Callable[[], Awaitable[None]]) -> None:
        self.shared = shared
        self._release = release
        self._closed = False

    async def close(self) -> None:
        """Let go; the last who does closes it. Harmless a second time."""
        if not self._closed:
            self._closed = True
            await self._release()


def secrets_of(account: Account, *names: str) -> Mapping[str, str | Secret]:
    """Return the credentials of an account by the names of its keys."""
    found: dict[str, str | Secret] = {}
    for name in names:
        plain = getattr(account, name)
        secret = plain if isinstance(plain, str) else account.secret(name)
        if secret is not None:
            found[name] = secret
    return found
