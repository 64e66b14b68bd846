"""The writing half of a link. The exporter may not import it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest, WriteSingleRegisterRequest

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.modbus import ModbusLink, check_place
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import LinkKind, Pacing

_MOST_WORDS = 123


class ControlLink(RegisterLink, Protocol):
    """A link that can also write. A sequence of writes and its proof belong into one turn."""

    async def write(
        self,
        unit: int,
        address: int,
        words: Sequence[int],
        deadline: Deadline,
        *,
        function: Literal[6, 16] = 16,
    ) -> None:
        """Write holding registers from `address` on; return when the device has echoed exactly that.

        Each word is 0 to 65535; function 6 takes one. A write is sent once at most: after any DeviceError
        but Rejected it may have been carried out or not, which only reading back can tell. Raises what
        `read` raises.
        """


class ModbusControlLink(ModbusLink):
    """A `ControlLink` over Modbus."""

    requests = (*ModbusLink.requests, WriteSingleRegisterRequest, WriteMultipleRegistersRequest)

    async def write(
        self,
        unit: int,
        address: int,
        words: Sequence[int],
        deadline: Deadline,
        *,
        function: Literal[6, 16] = 16,
    ) -> None:
        check_place(unit, address, len(words), _MOST_WORDS if function == 16 else 1)
        if unit == 0 and self.framing == "rtu_over_tcp":
            raise ValueError("unit 0 means every device on a serial line, and none would answer")
        if wrong := [word for word in words if not 0 <= word <= 0xFFFF]:
            raise ValueError(f"{wrong} at {address}: a word is 0 to 65535")
        kind: type[ModbusPDU] = WriteSingleRegisterRequest if function == 6 else WriteMultipleRegistersRequest
        request = kind(dev_id=unit, address=address, registers=list(words), count=len(words))
        second = words[0] if function == 6 else len(words)
        echo = struct.pack(">BHH", function, address, second)
        about = f"unit {unit} write {address}+{len(words)}"
        await self.ask(Question(request, echo, len(echo)), deadline, about=about, repeat=False)


def open_control_link(
    kind: LinkKind,
    host: str,
    port: int,
    *,
    pacing: Pacing,
    single: bool,
    turns: Turns | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> ControlLink:
    """Return a link that can write; the arguments are those of `sunhelm.devices.links.open_link`.

    `turns` has the role "control", for readers give way to that role only.
    """
    if turns is not None and turns.role != "control":
        raise ValueError(f'turns of role "{turns.role}": a link that writes needs "control"')
    if kind in ("modbus_tcp", "rtu_over_tcp"):
        return ModbusControlLink(kind, host, port, pacing=pacing, single=single, turns=turns, clock=clock)
    raise ValueError(f"link {kind} cannot write registers; modbus_tcp and rtu_over_tcp can")
