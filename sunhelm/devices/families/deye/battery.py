"""What the battery of a hybrid does: the owner's slots, or the same slot around the clock that forces it.

A Deye knows no order for its battery that ends by itself: all of it is kept. What stood there before is the
value that is restored, word by word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Charge, Discharge, Promise, SelfConsumption, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.deye.program import EVERY_DAY, GENERATOR_CHARGE, GRID_CHARGE, Program, Slot
from sunhelm.devices.families.deye.slots import Hybrid
from sunhelm.devices.families.values import as_order, is_same_order

SELLING_FIRST: Final = 0
_FULL: Final = 100
_SHARE: Final = 0.25
"""A power that was turned into a current may come back so much different: the voltage has moved since."""

_BESIDE: Final = ("work_mode", "grid_charge_current")
"""What forcing the battery changes beside the slots."""

_PREFIX: Final = "words:"


@dataclass(frozen=True, slots=True)
class Settings:
    """All words that an order for the battery may change: the slots, and `beside` in the order of _BESIDE."""

    program: Program
    beside: tuple[int, ...]

    def encoded(self) -> str:
        """Return the words as text that `decoded` understands."""
        return _PREFIX + self.program.encoded() + "".join(f"{word:04x}" for word in self.beside)

    @classmethod
    def decoded(cls, text: str) -> Settings:
        """Return the settings of a text. Raises ValueError."""
        words, tail = text.removeprefix(_PREFIX), 4 * len(_BESIDE)
        if not text.startswith(_PREFIX) or len(words) <= tail:
            raise ValueError(f'battery: "{text}" is not what this inverter called its settings')
        beside = words[-tail:]
        return cls(
            Program.decoded(words[:-tail]), tuple(int(beside[i : i + 4], 16) for i in range(0, tail, 4))
        )


@dataclass(slots=True, eq=False)
class ForcedBattery:
    """Forces the battery by six slots that are all alike, every day."""

    promise: Promise
    hybrid: Hybrid

    def check(self, value: Value) -> None:
        order = as_order(self.promise, value)
        if isinstance(order, SelfConsumption) and order.native:
            Settings.decoded(order.native)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_order(wanted, observed, tolerance=self.promise.tolerance, share=_SHARE)

    async def observe(self, deadline: Deadline) -> Value | Unknown:
        """Return what the settings order; the owner's own, as words, where they force nothing."""
        settings = await self._settings(deadline)
        program = settings.program
        slot = program.slots[0]
        alike = program == replace(program.everywhere(slot), days=EVERY_DAY)
        if not alike:
            return SelfConsumption(settings.encoded())
        if slot.flags & GRID_CHARGE and program.grid_charge and slot.soc == _FULL:
            volts = await self._volts(deadline)
            return Charge(settings.beside[1] * volts)
        if slot.flags & self.hybrid.sell_flag and settings.beside[0] == SELLING_FIRST:
            return Discharge(slot.power * self.hybrid.step("slot_1_power"))
        return SelfConsumption(settings.encoded())

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        present = await self._settings(deadline)
        match value:
            case Charge(watts):
                await self._put(await self._charging(watts, present, deadline), present, deadline)
            case Discharge(watts):
                await self._put(await self._discharging(watts, present, deadline), present, deadline)
            case SelfConsumption(native) if native:
                await self._put(Settings.decoded(native), present, deadline)
            case SelfConsumption():
                # Nobody knows what stood there before: the slots are switched off, and sell nothing.
                program = replace(present.program, days=present.program.days & ~1, grid_charge=0)
                await self._put(replace(present, program=program), present, deadline)

    async def _charging(self, watts: float, present: Settings, deadline: Deadline) -> Settings:
        await self.hybrid.need_states_of_charge(deadline)
        amperes = math.floor(watts / await self._volts(deadline))
        most = await self._most_amperes(deadline)
        if amperes > most:
            raise Rejected(
                f"{self.hybrid.name}: {watts:g} W are {amperes} A; {most} A is the most that the battery and "
                "the owner allow"
            )
        slot = present.program.slots[0]
        flags = self._plain(slot) | GRID_CHARGE
        forced = present.program.everywhere(Slot(slot.power, _FULL, flags))
        return Settings(replace(forced, days=EVERY_DAY, grid_charge=1), (present.beside[0], amperes))

    async def _discharging(self, watts: float, present: Settings, deadline: Deadline) -> Settings:
        await self.hybrid.need_states_of_charge(deadline)
        floor = await self.hybrid.read("battery_low_state_of_charge", deadline)
        power = math.floor(watts / self.hybrid.step("slot_1_power"))
        flags = self._plain(present.program.slots[0]) | self.hybrid.sell_flag
        forced = present.program.everywhere(Slot(power, floor, flags))
        return Settings(replace(forced, days=EVERY_DAY), (SELLING_FIRST, present.beside[1]))

    async def _put(self, wanted: Settings, present: Settings, deadline: Deadline) -> None:
        """Write the slots while nothing sells, and the work mode where it does no harm: see `_changes`."""
        before, after = _changes(present, wanted)
        for name, raw in before:
            await self.hybrid.write(name, raw, deadline)
        await self.hybrid.put(wanted.program, deadline)
        for name, raw in after:
            await self.hybrid.write(name, raw, deadline)

    async def _settings(self, deadline: Deadline) -> Settings:
        program = await self.hybrid.program(deadline)
        return Settings(program, tuple([await self.hybrid.read(name, deadline) for name in _BESIDE]))

    def _plain(self, slot: Slot) -> int:
        """Return the flags of a slot that neither charge nor sell."""
        return slot.flags & ~(GRID_CHARGE | GENERATOR_CHARGE | self.hybrid.sell_flag)

    async def _most_amperes(self, deadline: Deadline) -> int:
        owners = await self.hybrid.read("max_charge_current", deadline)
        batterys = await self.hybrid.read("bms_1_maximum_charge_current", deadline)
        return min(owners, batterys or owners)  # 0 without a battery management

    async def _volts(self, deadline: Deadline) -> float:
        volts = await self.hybrid.value("battery_1_voltage", deadline)
        if volts <= 0.0:
            raise Rejected(f"{self.hybrid.name}: shows no voltage of its battery")
        return volts


def _changes(present: Settings, wanted: Settings) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Return what is written before the slots and what after them.

    A lower current and a work mode that sells nothing come first, a higher one and one that sells last: cut
    short at any point, the battery does less than either side wants.
    """
    before: list[tuple[str, int]] = []
    after: list[tuple[str, int]] = []
    for name, is_now, shall in zip(_BESIDE, present.beside, wanted.beside, strict=True):
        if is_now == shall:
            continue
        harmless = shall != SELLING_FIRST if name == "work_mode" else shall < is_now
        (before if harmless else after).append((name, shall))
    return before, after
