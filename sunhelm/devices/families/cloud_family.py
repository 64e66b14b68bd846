"""A family whose devices stand behind an account of the maker's cloud: they share what is open of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.families.accounts import Lease
from sunhelm.devices.families.base import Surroundings
from sunhelm.devices.families.json_family import JsonFamily
from sunhelm.devices.families.source import Source
from sunhelm.devices.families.spec import Pacing
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.sign_in import SignIn
from sunhelm.devices.links.turns import Role, Turns

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig
    from sunhelm.devices.sections import Account


class Cloud(Protocol):
    """An account, opened."""

    async def serials(self, deadline: Deadline) -> Sequence[str]:
        """Return the serial numbers of all that can be a device of this account. Raises DeviceError."""

    async def close(self) -> None:
        """Close all connections; harmless when there are none."""


CloudT = TypeVar("CloudT", bound=Cloud)


@dataclass(frozen=True, slots=True)
class Access:
    """An account called `name`, and how its servers are spoken to: all of them in the same turns."""

    name: str
    account: Account
    pacing: Pacing
    turns: Turns
    clock: Clock
    link_class: type[HttpLink]

    def link(self, server: str, base: str, sign_in: SignIn) -> HttpLink:
        """Return a link to the address of a server, whose turn is that of `server` and the account."""
        return self.link_class(
            base,
            pacing=self.pacing,
            name=f"{server}@{self.name}",
            shared=True,
            sign_in=sign_in,
            turns=self.turns,
            clock=self.clock,
        )


class CloudFamily(JsonFamily, ABC, Generic[CloudT]):
    """What such families share; see `sunhelm.devices.families.base.Family` and `FindsDevices`."""

    @abstractmethod
    def cloud(self, access: Access) -> CloudT:
        """Return an account; nothing is sent yet."""

    @abstractmethod
    def source(self, config: DeviceConfig, lease: Lease[CloudT], surroundings: Surroundings) -> Source:
        """Return a device of an account."""

    def open(self, config: DeviceConfig, surroundings: Surroundings) -> Source:
        if config.account is None:
            raise ValueError(f"{config.name} has no account")
        return self.source(config, self.share(config.account, surroundings), surroundings)

    async def find(self, account: str, surroundings: Surroundings, deadline: Deadline) -> Sequence[str]:
        lease = self.share(account, surroundings)
        try:
            return await lease.shared.serials(deadline)
        finally:
            await lease.close()

    def share(
        self,
        account: str,
        surroundings: Surroundings,
        *,
        link_class: type[HttpLink] = HttpLink,
        role: Role = "reader",
    ) -> Lease[CloudT]:
        """Return an account, the same for all its devices that are in the same role."""

        def make(section: Account) -> CloudT:
            turns = surroundings.turns or Turns(role=role)
            access = Access(account, section, self.spec.pacing, turns, surroundings.clock, link_class)
            return self.cloud(access)

        return surroundings.accounts.share(account, make, use=role)
