"""Links: one file a transport. Third-party clients stay here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import LinkKind, Pacing

__all__ = ["Turns", "open_link"]


def open_link(
    kind: LinkKind,
    host: str,
    port: int,
    *,
    pacing: Pacing,
    single: bool,
    turns: Turns | None = None,
    clock: Clock = SYSTEM_CLOCK,
    logger_serial: int | None = None,
) -> RegisterLink:
    """Return a link that can read registers; it connects when it is first used.

    `single` says that the device serves one client, so that the connection is closed after each turn.
    `turns` are those of this process, shared by all its links; None when no other process uses the device.
    `logger_serial` is that of the logger, for link solarman_v5 only.
    Raises ValueError when this kind of link knows no registers.
    """
    if kind in ("modbus_tcp", "rtu_over_tcp", "solarman_v5"):
        # A transport brings its libraries; who only decodes registers, or uses another one, needs none.
        from sunhelm.devices.links.modbus import ModbusLink  # noqa: PLC0415 - see above

        return ModbusLink(
            kind,
            host,
            port,
            pacing=pacing,
            single=single,
            turns=turns,
            clock=clock,
            logger_serial=logger_serial,
        )
    if kind == "givenergy":
        from sunhelm.devices.links.givenergy import GivEnergyLink  # noqa: PLC0415 - see above

        return GivEnergyLink(host, port, pacing=pacing, single=single, turns=turns, clock=clock)
    raise ValueError(f"link {kind} reads no registers; modbus_tcp, rtu_over_tcp and solarman_v5 do")
