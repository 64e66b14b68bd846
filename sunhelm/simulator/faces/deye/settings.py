"""The settings of a hybrid and what they make the plant do: limits, work mode, the six slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sunhelm.simulator.faces.deye.layout import Layout
from sunhelm.simulator.faces.deye.parts import clock, local_time
from sunhelm.simulator.faces.face import ModbusException
from sunhelm.simulator.faces.image import Image
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode, Switch

_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3
_SLOTS: Final = 6
_SELLING_FIRST: Final = 0
_GRID_CHARGE: Final = 1
_ENABLED: Final = 1
_PAIR_HOLDS: Final = 0b10


@dataclass(frozen=True, slots=True)
class _Orders:
    """What the settings want of the plant now; powers in watts, None for no limit."""

    battery_w: float | None
    charge_w: float
    discharge_w: float
    feed_in_w: float
    minimum_soc: float
    switch: Switch


class Settings:
    """The settings of one hybrid; words in, orders to the plant out.

    The plant is touched only when what they want has changed, so that other faces may steer the same plant.
    `writes` counts the words that were written: they all go into memory that wears out.
    """

    def __init__(self, plant: Plant, layout: Layout) -> None:
        self.layout = layout
        self.words = Image(layout.stored)
        self.clock_off = timedelta()
        self.writes = 0
        self._plant = plant
        self._told = self._wanted()

    def fill(self, image: Image) -> None:
        """Show the settings, and the clock."""
        image.update(self.words)
        clock(image, self.layout.clock, self.now())

    def write(self, address: int, words: Sequence[int]) -> None:
        """Take words; raises ModbusException for addresses that only can be read."""
        layout = self.layout
        last = address + len(words) - 1
        if address not in layout.writable or last not in layout.writable:
            raise ModbusException(_ILLEGAL_ADDRESS)
        if address == layout.clock and len(words) == 3:
            self._set_clock(words)
        else:
            for place, word in enumerate(words, address):
                self.words[place] = self._merged(place, word)
        self.writes += len(words)
        self.update()

    def now(self) -> datetime:
        """Return what the clock of the device shows."""
        return local_time(self._plant) + self.clock_off

    def update(self) -> None:
        """Tell the plant what is wanted of it, when that has changed."""
        wanted = self._wanted()
        if wanted == self._told:
            return
        self._told = wanted
        steering = self._plant.steering
        steering.switch = wanted.switch
        steering.charge_limit_w, steering.discharge_limit_w = wanted.charge_w, wanted.discharge_w
        steering.feed_in_limit_w = wanted.feed_in_w
        steering.minimum_soc = wanted.minimum_soc
        steering.mode = Mode.SELF_CONSUMPTION if wanted.battery_w is None else Mode.BATTERY
        steering.battery_w = wanted.battery_w or 0.0

    def slot(self) -> int | None:
        """Return which of the six slots is in force, from 0; None while they are off."""
        days, now = self.words[self.layout.days], self.now()
        if not days & _ENABLED or not days >> (now.weekday() + 1) & 1:
            return None
        minute = now.hour * 100 + now.minute
        starts = [self.words[self.layout.starts + slot] for slot in range(_SLOTS)]
        begun = [slot for slot in range(_SLOTS) if starts[slot] <= minute]
        return begun[-1] if begun else _SLOTS - 1

    def _set_clock(self, words: Sequence[int]) -> None:
        year, month, day, hour, minute, second = (byte for word in words for byte in divmod(word, 256))
        try:
            shown = datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - its own time
        except ValueError:
            raise ModbusException(_ILLEGAL_VALUE) from None
        self.clock_off += shown - self.now()

    def _merged(self, place: int, word: int) -> int:
        """Return what is kept of a word: a pair of bits that says neither on nor off changes nothing."""
        if place != self.layout.shaving or not self.layout.pairs:
            return word
        kept = self.words[place]
        for low in range(0, 16, 2):
            if word >> low & _PAIR_HOLDS:
                kept = kept & ~(3 << low) | word & 3 << low
        return kept

    def _wanted(self) -> _Orders:
        layout, words, battery = self.layout, self.words, self._plant.battery
        volts = self._plant.house.battery.cells * 3.2
        slot = self.slot()
        selling = words[layout.work_mode] == _SELLING_FIRST
        charge = words[layout.charge_current] * volts
        discharge = words[layout.discharge_current] * volts
        grid_charge = min(charge, words[layout.grid_charge_current] * volts)
        minimum = words[layout.low_soc] / 100.0
        order: float | None = None
        if slot is None:
            target = words[layout.grid_charge_soc] / 100.0
            fills = words[layout.grid_charge] & _GRID_CHARGE and battery.soc < target
        else:
            flags = words[layout.flags + slot]
            floor = words[layout.socs + slot] / 100.0
            discharge = min(discharge, float(words[layout.powers + slot] * layout.watts))
            fills = words[layout.grid_charge] & _GRID_CHARGE and flags & _GRID_CHARGE and battery.soc < floor
            minimum = max(minimum, floor)
            if (
                selling
                and flags >> layout.sell_bit & 1
                and not flags & _GRID_CHARGE
                and battery.soc > minimum
            ):
                order = discharge
        if fills:
            order = -grid_charge
        feeds = selling or words[layout.solar_sell] & 1
        return _Orders(
            battery_w=order,
            charge_w=charge,
            discharge_w=discharge,
            feed_in_w=float(words[layout.sell_power] * layout.watts) if feeds else 0.0,
            minimum_soc=minimum,
            switch=Switch.ON if words[layout.switch] in layout.on else Switch.OFF,
        )
