"""Links: one file a transport. Third-party clients stay here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import LinkKind

__all__ = ["Line", "Turns", "open_link"]


def open_link(
    kind: LinkKind,
    line: Line,
    *,
    logger_serial: int | None = None,
) -> RegisterLink:
    """Return a link that can read registers; it connects when it is first used.

    `logger_serial` is that of the logger, for link solarman_v5 only.
    Raises ValueError when this kind of link knows no registers.
    """
    if kind in ("modbus_tcp", "rtu_over_tcp", "solarman_v5"):
        # A transport brings its libraries; who only decodes registers, or uses another one, needs none.
        from sunhelm.devices.links.modbus import ModbusLink  # noqa: PLC0415 - see above

        return ModbusLink(kind, line, logger_serial=logger_serial)
    if kind == "givenergy":
        from sunhelm.devices.links.givenergy import GivEnergyLink  # noqa: PLC0415 - see above

        return GivEnergyLink(line)
    raise ValueError(f"link {kind} reads no registers; modbus_tcp, rtu_over_tcp and solarman_v5 do")
