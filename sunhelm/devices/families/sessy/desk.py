"""Where a dongle is told things, and tells what stands there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.sessy.dongle import POWER, SETTINGS, STRATEGY, answer
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.control import HttpControlLink

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_PREFIX: Final = "POWER_STRATEGY_"


@dataclass(frozen=True, slots=True)
class Desk:
    """One dongle, opened for control."""

    link: HttpControlLink
    config: DeviceConfig

    async def read(self, path: str, deadline: Deadline) -> Mapping[str, object]:
        """Return what a dongle says at a path. Raises DeviceError."""
        return await answer(self.link, path, deadline)

    async def tell(self, path: str, order: object, deadline: Deadline) -> None:
        """Post an order; return when the dongle says ok. Raises DeviceError."""
        await self.link.tell("POST", path, deadline, _taken, json=order)

    async def strategy(self, deadline: Deadline) -> str:
        """Return which strategy is active, without what all begin with."""
        return str((await self.read(STRATEGY, deadline)).get("strategy")).removeprefix(_PREFIX)

    async def status(self, deadline: Deadline) -> Mapping[str, object]:
        """Return what the battery does."""
        told = (await self.read(POWER, deadline)).get("sessy")
        return told if isinstance(told, dict) else {}

    async def take_strategy(self, strategy: str, deadline: Deadline) -> None:
        """Make a strategy the active one, unless it is. Raises Rejected while the maker's cloud commands."""
        if (await self.status(deadline)).get("strategy_overridden") is True:
            raise Rejected(f"{self.config.name}: the cloud of the maker commands it now")
        if await self.strategy(deadline) != strategy:
            await self.tell(STRATEGY, {"strategy": f"{_PREFIX}{strategy}"}, deadline)

    async def change(self, key: str, value: object, deadline: Deadline) -> None:
        """Change one key of the settings, which are written as a whole; the others stay as they are."""
        told = dict(await self.read(SETTINGS, deadline))
        if key not in told:
            raise Rejected(f"{self.config.name}: its firmware has no {key}")
        for word in ("status", "error"):
            told.pop(word, None)
        if told[key] != value:
            await self.tell(SETTINGS, {**told, key: value}, deadline)


def _taken(answer_: Answer) -> None:
    """Raise Rejected for an answer that is no ok."""
    told = answer_.json()
    if not isinstance(told, dict) or told.get("status") != "ok":
        raise Rejected(f"{answer_.where}: the dongle does not say ok")
