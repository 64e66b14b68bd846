"""The writing half of the links. The exporter may not import it."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol, TypeVar

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest, WriteSingleRegisterRequest

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.errors import Malformed
from sunhelm.devices.links.answers import Answer
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.links.frames import Question
from sunhelm.devices.links.givenergy import GivEnergyLink
from sunhelm.devices.links.givenergy import Question as GivEnergyQuestion
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.links.http_client import Request
from sunhelm.devices.links.line import Line
from sunhelm.devices.links.modbus import Framing, ModbusLink, check_place
from sunhelm.devices.links.sec1000 import Sec1000Link
from sunhelm.devices.links.sign_in import SignIn
from sunhelm.devices.links.turns import Turns

if TYPE_CHECKING:
    from sunhelm.devices.families.spec import LinkKind, Pacing

Parsed = TypeVar("Parsed")

_MOST_WORDS = 123

_GIVENERGY_REBOOT: Final = 163
_GIVENERGY_REBOOTS: Final = 100
_GIVENERGY_NEVER: Final = {
    162: "it clears the counters",
    331: "it cuts the house off the grid",
    1016: "it resets the settings",
    5003: "it starts without a grid",
    5004: "it resets the settings",
    **dict.fromkeys(range(63, 84), "it is the law of the grid"),
}

SET_LIMIT: Final = 0x42
VALUE_MODE: Final = 0x40
DRED_MODE: Final = 0x33
RCR_MODE: Final = 0x28
SET_CLOCK: Final = 0x05


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

    def __init__(
        self,
        framing: Framing,
        line: Line,
        *,
        logger_serial: int | None = None,
        cut_echo: bool = False,
    ) -> None:
        """With `cut_echo`, the answer to function 16 may lack the number of registers, over Modbus TCP."""
        check_role(line.turns)
        super().__init__(framing, line, logger_serial=logger_serial)
        self._cut_echo = cut_echo

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
        if unit == 0 and self.framing != "modbus_tcp":
            raise ValueError("unit 0 means every device on a serial line, and none would answer")
        if wrong := [word for word in words if not 0 <= word <= 0xFFFF]:
            raise ValueError(f"{wrong} at {address}: a word is 0 to 65535")
        kind: type[ModbusPDU] = WriteSingleRegisterRequest if function == 6 else WriteMultipleRegistersRequest
        request = kind(dev_id=unit, address=address, registers=list(words), count=len(words))
        second = words[0] if function == 6 else len(words)
        echo = struct.pack(">BHH", function, address, second)
        about = f"unit {unit} write {address}+{len(words)}"
        cut = len(echo) - 2 if self._cut_echo and function == 16 else None
        await self.ask(Question(request, echo, len(echo), cut), deadline, about=about, repeat=False)


def open_control_link(
    kind: LinkKind,
    line: Line,
    *,
    logger_serial: int | None = None,
    cut_echo: bool = False,
) -> ControlLink:
    """Return a link that can write; the arguments are those of `sunhelm.devices.links.open_link`.

    With `cut_echo`, the answer to function 16 may lack the number of registers: LSE-3 loggers leave it out.
    The turns of the line have the role "control", for readers give way to that role only.
    """
    check_role(line.turns)
    if kind in ("modbus_tcp", "rtu_over_tcp", "solarman_v5"):
        return ModbusControlLink(kind, line, logger_serial=logger_serial, cut_echo=cut_echo)
    if kind == "givenergy":
        return GivEnergyControlLink(line)
    raise ValueError(
        f"link {kind} cannot write registers; modbus_tcp, rtu_over_tcp, solarman_v5 and givenergy can"
    )


class Sec1000ControlLink(Sec1000Link):
    """Commands one SEC1000. A command is sent once at most; inside a sequence of them there is no pause."""

    commands: ClassVar[frozenset[int]] = Sec1000Link.commands | {
        *(SET_LIMIT, VALUE_MODE, DRED_MODE, RCR_MODE, SET_CLOCK)
    }

    def __init__(self, line: Line) -> None:
        check_role(line.turns)
        super().__init__(line)
        self._clock = line.clock
        self._after_write = line.pacing.after_write
        self._wrote_at: float | None = None

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """Hold the endpoint, until the box has had its pause after a command."""
        async with super().turn(deadline):
            try:
                yield
            finally:
                await self.rest()

    async def tell(self, command: int, data: bytes, deadline: Deadline) -> int:
        """Send a command that changes something, and return the status that answers it.

        After any DeviceError it may have been carried out or not. Raises what `ask` raises.
        """
        try:
            reply = await self.ask(command, deadline, data)
        finally:
            self._wrote_at = self._clock.monotonic()
        if len(reply) != 1:
            raise Malformed(
                f"{self._exchanges.where}: {len(reply)} bytes answer command {command:#04x}; 1 is right"
            )
        return reply[0]

    async def rest(self) -> None:
        """Return when the last command is long enough ago."""
        if self._wrote_at is not None:
            wait = self._after_write - (self._clock.monotonic() - self._wrote_at)
            self._wrote_at = None
            if wait > 0:
                await self._clock.sleep(wait)


class HttpControlLink(HttpLink):
    """Also changes what a server holds. A request that changes something is sent once at most."""

    methods: ClassVar[frozenset[str]] = HttpLink.methods | {"POST", "DELETE"}

    def __init__(
        self,
        base: str,
        *,
        pacing: Pacing,
        name: str = "",
        shared: bool = False,
        sign_in: SignIn | None = None,
        turns: Turns | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        check_role(turns)
        super().__init__(
            base, pacing=pacing, name=name, shared=shared, sign_in=sign_in, turns=turns, clock=clock
        )

    async def tell(
        self,
        method: Literal["POST", "DELETE"],
        path: str,
        deadline: Deadline,
        parse: Callable[[Answer], Parsed],
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Parsed:
        """Send a request that changes something, and return what `parse` makes of the answer.

        After any DeviceError but Rejected, AuthFailed and RateLimited it may have been carried out or not.
        `parse` also gets answers of status 302 and 303, which a server gives to a form that it took.
        Raises what `get_json` raises.
        """
        request = Request(method, self._url(path, None), headers or {}, form, json)
        return await self._ask(request, deadline, parse, repeat=False)


class GivEnergyControlLink(GivEnergyLink):
    """A `ControlLink` to one data adapter. One register a write, and none that could break the device."""

    async def write(
        self,
        unit: int,
        address: int,
        words: Sequence[int],
        deadline: Deadline,
        *,
        function: Literal[6, 16] = 6,
    ) -> None:
        """Write one register; see `ControlLink.write`. Raises ValueError for one that is never written."""
        if len(words) != 1 or function != 6:
            raise ValueError(f"{len(words)} registers at {address}: function 6 writes one")
        if not (0 <= unit <= 255 and 0 <= address <= 0xFFFF and 0 <= words[0] <= 0xFFFF):
            raise ValueError(f"{words[0]} to {address} of slave {unit} is no word, register or slave")
        if address in _GIVENERGY_NEVER:
            raise ValueError(f"register {address} is never written: {_GIVENERGY_NEVER[address]}")
        if address == _GIVENERGY_REBOOT and words[0] != _GIVENERGY_REBOOTS:
            raise ValueError(f"register {address} takes {_GIVENERGY_REBOOTS} and nothing else")
        question = GivEnergyQuestion(unit, function, address, words[0])
        await self._ask(question, deadline, about=f"write {address}={words[0]}", repeat=False)


def check_role(turns: Turns | None) -> None:
    """Raise ValueError for turns in which nothing may be written: readers give way to control only."""
    if turns is not None and turns.role != "control":
        raise ValueError(f'turns of role "{turns.role}": a link that writes needs "control"')
