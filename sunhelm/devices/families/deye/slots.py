"""The six slots of one hybrid on the wire: read by two requests, written in the order that is safe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.deye.program import ENABLED, SLOTS, Program
from sunhelm.devices.families.register_board import RegisterBoard

_KEPT_AFTER_S: Final = 1.0
"""An inverter acknowledges a write before it keeps it."""

_BY_STATE_OF_CHARGE: Final = 1


def _names(what: str) -> tuple[str, ...]:
    return tuple(f"slot_{number}_{what}" for number in range(1, SLOTS + 1))


_STARTS, _POWERS, _VOLTAGES = _names("start"), _names("power"), _names("voltage")
_SOCS, _FLAGS = _names("state_of_charge"), _names("flags")


@dataclass(slots=True, eq=False)
class Hybrid:
    """The registers of the one part that this inverter is, by their names alone."""

    board: RegisterBoard
    part: str
    sell_flag: int
    clock: Clock

    @property
    def name(self) -> str:
        """What the site file calls the device."""
        return self.board.config.name

    def place(self, register: str) -> str:
        """Return where a register stands, as "part.register"."""
        return f"{self.part}.{register}"

    def step(self, register: str) -> float:
        """Return what one count of a register is, in its base unit."""
        own = self.board.register(self.place(register))
        return float(own.scale * own.factor)

    async def read(self, register: str, deadline: Deadline) -> int:
        """Return the raw number of a register."""
        return await self.board.read(self.place(register), deadline)

    async def value(self, register: str, deadline: Deadline) -> float:
        """Return the value of a register in its base unit."""
        return await self.board.read_value(self.place(register), deadline)

    async def write(self, register: str, raw: int, deadline: Deadline) -> None:
        """Write a register."""
        await self.board.write(self.place(register), raw, deadline)

    async def program(self, deadline: Deadline) -> Program:
        """Return the six slots as they stand. Raises Rejected where they hold what is none."""
        days = await self.read("time_of_use", deadline)
        grid_charge = await self.read("grid_charge_enable", deadline)
        raws = await self.board.read_row(
            self.part, (*_STARTS, *_POWERS, *_VOLTAGES, *_SOCS, *_FLAGS), deadline
        )
        starts, powers, _, socs, flags = (raws[i : i + SLOTS] for i in range(0, 5 * SLOTS, SLOTS))
        try:
            return Program.of(days, grid_charge, list(starts), list(zip(powers, socs, flags, strict=True)))
        except ValueError as error:
            raise Rejected(f"{self.name}: {error}") from error

    async def put(self, wanted: Program, deadline: Deadline) -> None:
        """Write what of a program is not there yet: with the slots switched off meanwhile.

        Returns once it is read back. Raises Rejected when it is not kept.
        """
        present = await self.program(deadline)
        if wanted == present:
            return
        columns = [
            (_STARTS, present.raw_starts(), wanted.raw_starts()),
            *(
                (
                    names,
                    [getattr(slot, what) for slot in present.slots],
                    [getattr(slot, what) for slot in wanted.slots],
                )
                for names, what in ((_POWERS, "power"), (_SOCS, "soc"), (_FLAGS, "flags"))
            ),
        ]
        changed = [(names, new) for names, old, new in columns if list(old) != list(new)]
        if changed and present.is_enabled:
            await self.write("time_of_use", present.days & ~ENABLED, deadline)
        for names, new in changed:
            await self.board.write_row(self.part, names, new, deadline)
        if wanted.grid_charge != present.grid_charge:
            await self.write("grid_charge_enable", wanted.grid_charge, deadline)
        if wanted.days != (present.days & ~ENABLED if changed else present.days):
            await self.write("time_of_use", wanted.days, deadline)
        await self.prove(wanted, deadline)

    async def prove(self, wanted: Program, deadline: Deadline) -> None:
        """Return once the inverter shows this program. Raises Rejected when it does not."""
        await self.clock.sleep(min(_KEPT_AFTER_S, deadline.remaining()))
        if await self.program(deadline) != wanted:
            raise Rejected(f"{self.name}: took the slots, and does not show them")

    async def need_states_of_charge(self, deadline: Deadline) -> None:
        """Raise Rejected where the slots hold voltages instead."""
        if await self.read("battery_operation_mode", deadline) != _BY_STATE_OF_CHARGE:
            raise Rejected(f"{self.name}: its slots hold voltages, for the battery is run by voltage")
