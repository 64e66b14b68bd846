"""What the battery does: the owner's settings, or a slot of two hours that forces it and is renewed.

Nothing that forces the battery ends by itself but a slot, and a slot comes back every day. So ours is short,
of a length that tells it from the owner's, and what stood there before is the value that is restored,
register by register.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Charge, Discharge, Promise, SelfConsumption, Unknown, Value
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.givenergy.inverter import Inverter, Words
from sunhelm.devices.families.givenergy.layouts import (
    DISCHARGES,
    FOLLOWS_DEMAND,
    PAUSE,
    WINDOW,
    Layout,
    Rate,
    layout_of,
)
from sunhelm.devices.families.givenergy.times import slot_from
from sunhelm.devices.families.values import as_order, is_same_order

_NATIVE: Final = re.compile(r"[0-9]+=[0-9]+(,[0-9]+=[0-9]+)*")
_ROUNDING: Final = 1e-6
_WORD: Final = 0xFFFF


@dataclass(slots=True, eq=False)
class ForcedBattery:
    """Forces the battery by a slot that begins now."""

    promise: Promise
    inverter: Inverter

    def check(self, value: Value) -> None:
        order = as_order(self.promise, value)
        if isinstance(order, SelfConsumption) and order.native:
            _decoded(order.native)

    def equal(self, wanted: Value, observed: Value) -> bool:
        # A rate is a whole hundredth of the capacity or of the rated power, never more than asked.
        return is_same_order(wanted, observed, tolerance=self.promise.tolerance)

    async def observe(self, deadline: Deadline) -> Value | Unknown:
        """Return what the settings order; the owner's own, as registers, where nothing of ours forces any."""
        words, layout = await self._read(deadline)
        pauses = words.get(PAUSE, 0) != 0  # the last of what is written: before it, nothing is forced
        if layout.is_charging(words) and not pauses:
            return Charge(self._watts(words, layout.charge_rate))
        if layout.is_discharging(words) and not pauses:
            return Discharge(self._watts(words, layout.discharge_rate))
        kept = (*layout.undo, *((PAUSE,) if PAUSE in words else ()))
        return SelfConsumption(",".join(f"{address}={words[address]}" for address in kept))

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        words, layout = await self._read(deadline)
        if isinstance(value, SelfConsumption):
            await self._give_back(value.native, words, layout, deadline)
            return
        slot = slot_from(self.inverter.shown(words), WINDOW)
        if isinstance(value, Charge):
            ended = self._end_discharging(words, layout)
            rate = self._rate(value.watts, words, layout.charge_rate)
            orders = (*ended, *layout.charging(rate, slot))
        else:
            assert isinstance(value, Discharge)
            rate = self._rate(value.watts, words, layout.discharge_rate)
            orders = (*self._end_charging(words, layout), *layout.discharging(rate, slot))
        if PAUSE in words:
            orders = (*orders, (PAUSE, 0))
        await self.inverter.put(_last_of_each(orders), words, deadline)

    async def _give_back(self, native: str, words: Words, layout: Layout, deadline: Deadline) -> None:
        """Write what stood there before, whatever fails; without it, only end what forces the battery."""
        if not native:
            ends = (*self._end_charging(words, layout), *self._end_discharging(words, layout))
            await self.inverter.put(ends, words, deadline, insist=True)
            return
        kept = _decoded(native)
        if set(kept) - {PAUSE} != set(layout.undo):
            raise ValueError(f'battery: "{native}" are not the registers of this inverter')
        orders = [(address, kept[address]) for address in (*layout.undo, PAUSE) if address in kept]
        await self.inverter.put(orders, words, deadline, insist=True)

    @staticmethod
    def _end_charging(words: Words, layout: Layout) -> tuple[tuple[int, int], ...]:
        return tuple((address, 0) for address in layout.charge_on) if layout.is_charging(words) else ()

    @staticmethod
    def _end_discharging(words: Words, layout: Layout) -> tuple[tuple[int, int], ...]:
        if not layout.is_discharging(words):
            return ()
        return (FOLLOWS_DEMAND, 1), (DISCHARGES, 0), *((address, 0) for address in layout.discharge_on)

    async def _read(self, deadline: Deadline) -> tuple[Words, Layout]:
        words = await self.inverter.words((), deadline)
        model = self.inverter.model(words)
        layout = layout_of(model)
        if layout is None:
            raise Rejected(f"{self.inverter.name}: an EMS forces no battery; its schedules do")
        pauses = not model.three_phases and await self.inverter.has_pause(deadline)
        addresses = (*layout.undo, *((PAUSE,) if pauses else ()))
        words = await self.inverter.words(addresses, deadline, known=words)
        return words if pauses else {a: w for a, w in words.items() if a != PAUSE}, layout

    def _watts(self, words: Words, rate: Rate) -> float:
        return min(words[rate.address] / 100.0 * self._whole(words, rate), self._most(words, rate))

    def _rate(self, watts: float, words: Words, rate: Rate) -> int:
        """Return the word of a power, never more than asked. Raises Rejected where it cannot be."""
        whole, most = self._whole(words, rate), self._most(words, rate)
        if watts > most + self.promise.tolerance:
            raise Rejected(
                f"{self.inverter.name}: {watts:g} W; {most:g} W is the most that its battery takes"
            )
        word = rate.full if watts >= most else math.floor(100.0 * watts / whole + _ROUNDING)
        if word < 1:
            raise Rejected(f"{self.inverter.name}: {watts:g} W; {math.ceil(whole / 100):d} W is the least")
        return word

    def _most(self, words: Words, rate: Rate) -> float:
        rated = self.inverter.model(words).battery_power
        most = self._whole(words, rate) * rate.full / 100.0
        return most if rated is None or rate.of_rated else min(most, rated)

    def _whole(self, words: Words, rate: Rate) -> float:
        """Return the power in watts that a rate is a share of."""
        if not rate.of_rated:
            return self.inverter.capacity_w(words)
        rated = self.inverter.model(words).rated_power
        if not rated:
            raise Rejected(f"{self.inverter.name}: no source knows the rated power of this model")
        return rated


def _last_of_each(orders: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return the orders without those that a later one of the same register replaces."""
    last: Mapping[int, int] = dict(orders)
    return [(address, word) for address, word in dict.fromkeys(orders) if last[address] == word]


def _decoded(native: str) -> dict[int, int]:
    """Return the registers of a text. Raises ValueError."""
    if not _NATIVE.fullmatch(native):
        raise ValueError(f'battery: "{native}" is not what this inverter called its settings')
    pairs = (entry.split("=") for entry in native.split(","))
    kept = {int(address): int(word) for address, word in pairs}
    if any(word > _WORD for word in kept.values()):
        raise ValueError(f'battery: "{native}" has a number that is no word')
    return kept
