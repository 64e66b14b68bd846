"""Where a device is and how it wants to be spoken to: what every link to an address and a port is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import Pacing


@dataclass(frozen=True, slots=True)
class Line:
    """An address and a port, and the manners there.

    `single` says that the device serves one client, so that the connection is closed after each turn.
    `turns` are those of this process, shared by all its links; None when no other process uses the device.
    """

    host: str
    port: int
    pacing: Pacing
    single: bool
    turns: Turns | None = None
    clock: Clock = SYSTEM_CLOCK
