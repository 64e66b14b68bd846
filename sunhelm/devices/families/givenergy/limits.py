"""Modes, reserve, rates and the share of the output, each a register or a few."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Limit,
    Mode,
    Number,
    Promise,
    SocLimits,
    Unknown,
    Unlimited,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.givenergy.derived import mode_name
from sunhelm.devices.families.givenergy.inverter import Inverter, Words
from sunhelm.devices.families.givenergy.layouts import (
    DISCHARGES,
    FOLLOWS_DEMAND,
    Layout,
    Rate,
    layout_of,
)
from sunhelm.devices.families.values import as_limit, as_minimum, as_number

_OUTPUT: Final = 50
_RESERVE: Final = 110
_CALIBRATION: Final = 29
_ORDERS: Final = (0, 1, 3)
"""The stages of a calibration that can be ordered: off, from the start, only the charge."""

_FULL: Final = 100
_LEAST: Final = 4
_ROUNDING: Final = 1e-6

_ECO: Final = re.compile(r"native:eco_([0-9]{1,3})")
_NAMED: Final = {
    "self_consumption": (1, 0),
    "time_of_use": (1, 1),
    "native:timed_export": (0, 1),
    "native:export_paused": (0, 0),
}
"""What registers 27 and 59 hold in a mode."""


@dataclass(slots=True, eq=False)
class BatteryMode:
    """Eco, Timed Demand, Timed Export: whether the battery follows the house, and whether its slots count.

    Eco is shown with its reserve, `native:eco_20`, so that exactly that one comes back; a reserve of 100 %
    is what the maker calls Eco (Paused).
    """

    promise: Promise
    inverter: Inverter

    def check(self, value: Value) -> None:
        if not isinstance(value, Mode):
            raise ValueError(f"mode: {value} is no mode")  # noqa: TRY004 - the contract's error
        eco = _ECO.fullmatch(value.name)
        if value.name not in _NAMED and not (eco and _LEAST <= int(eco[1]) <= _FULL):
            known = ", ".join((*_NAMED, f"native:eco_{_LEAST} to native:eco_{_FULL}"))
            raise ValueError(f"mode: {value.name} is none of {known}")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if not isinstance(wanted, Mode) or not isinstance(observed, Mode):
            return False
        if wanted.name == "self_consumption" and observed.name != "native:eco_100":
            return _ECO.fullmatch(observed.name) is not None
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        words = await self._read(deadline)
        name = mode_name(
            follows_demand=bool(words[FOLLOWS_DEMAND]), discharges=bool(words[DISCHARGES]), reserve=0.0
        )
        if name == "eco":
            # Below 4 % is what the inverter takes for 4 %: only what can be written can come back.
            reserve = max(_LEAST, words[_RESERVE])
            return Mode(f"native:eco_{reserve}") if reserve <= _FULL else UNKNOWN
        return Mode({"timed_demand": "time_of_use"}.get(name, f"native:{name}"))

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        assert isinstance(value, Mode)
        words = await self._read(deadline)
        eco = _ECO.fullmatch(value.name)
        follows, discharges = _NAMED["self_consumption" if eco else value.name]
        orders = [(FOLLOWS_DEMAND, follows), (DISCHARGES, discharges)]
        if eco:
            orders.append((_RESERVE, int(eco[1])))
        elif value.name == "self_consumption" and words[_RESERVE] >= _FULL:
            orders.append((_RESERVE, _LEAST))  # a battery that stands still follows no house
        await self.inverter.put(orders, words, deadline)

    async def _read(self, deadline: Deadline) -> Words:
        words = await self.inverter.words((_RESERVE,), deadline)
        model = self.inverter.model(words)
        if model.is_ems or model.three_phases:
            raise Rejected(f"{self.inverter.name}: {model.name} has no such modes")
        return words


@dataclass(slots=True, eq=False)
class Reserve:
    """The state of charge that is kept; the charge target is a setting of its own."""

    promise: Promise
    inverter: Inverter

    def check(self, value: Value) -> None:
        self._percent(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._percent(wanted) == self._percent(observed)

    async def observe(self, deadline: Deadline) -> SocLimits:
        words, layout = await _read(self.inverter, deadline)
        # What is below the least is the least to the inverter, and alone can be written again.
        return SocLimits(minimum=max(layout.least_reserve, words[layout.reserve]) / 100.0)

    async def write(self, value: Value, deadline: Deadline) -> None:
        percent = self._percent(value)
        words, layout = await _read(self.inverter, deadline)
        if percent < layout.least_reserve:
            raise Rejected(f"{self.inverter.name}: {percent} %; {layout.least_reserve} % is the least")
        await self.inverter.put([(layout.reserve, percent)], words, deadline)

    def _percent(self, value: Value) -> int:
        return round(100 * as_minimum(self.promise, value))


@dataclass(slots=True, eq=False)
class BatteryPower:
    """The most power that charges or discharges the battery, in watts; 0 W pauses it where it can.

    All that the battery takes is the word that bounds nothing, though that may stand for more watts.
    """

    promise: Promise
    inverter: Inverter
    charges: bool
    _unbounded: tuple[float, float] | None = None

    def check(self, value: Value) -> None:
        as_number(self.promise, value, "W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if not isinstance(wanted, Number) or not isinstance(observed, Number):
            return False
        if self._unbounded == (wanted.value, observed.value):
            return True
        apart = wanted.value - observed.value
        # What was asked is rounded down to the steps of the inverter; nothing is not a little.
        return abs(apart) < 1.0 or (0.0 < apart <= self.promise.tolerance and observed.value > 0.0)

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        words, layout = await _read(self.inverter, deadline)
        rate = self._rate(layout)
        return Number(words[rate.address] / 100.0 * _whole(self.inverter, words, rate))

    async def write(self, value: Value, deadline: Deadline) -> None:
        watts = as_number(self.promise, value, "W")
        words, layout = await _read(self.inverter, deadline)
        rate = self._rate(layout)
        await self.inverter.put([(rate.address, self._word(watts, rate, words))], words, deadline)

    def _word(self, watts: float, rate: Rate, words: Words) -> int:
        whole = _whole(self.inverter, words, rate)
        rated = None if rate.of_rated else self.inverter.model(words).battery_power
        exact = 100.0 * watts / whole
        word, unbounded = math.floor(exact + _ROUNDING * 100), rate.full / 100.0 * whole
        if rated and word / 100.0 * whole < rated <= min(watts, unbounded):
            self._unbounded = watts, unbounded
            return rate.full
        most = max(rate.full, words[rate.address])
        if exact > most + 1.0:
            raise Rejected(f"{self.inverter.name}: {watts:g} W; {most * whole / 100:g} W is the most")
        if rate.of_rated and exact < 1.0:
            raise Rejected(f"{self.inverter.name}: {watts:g} W; {whole / 100:g} W is the least")
        return min(word, most)

    def _rate(self, layout: Layout) -> Rate:
        return layout.charge_rate if self.charges else layout.discharge_rate


@dataclass(slots=True, eq=False)
class ProductionLimit:
    """The most that the inverter puts out, as whole percent of its rated power."""

    promise: Promise
    inverter: Inverter
    rated_power: float | None

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Limit) and isinstance(observed, Limit):
            return 0.0 <= wanted.watts - observed.watts <= self.promise.tolerance
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Limit | Unlimited | Unknown:
        words, rated = await self._read(deadline)
        return UNLIMITED if words[_OUTPUT] >= _FULL else Limit(words[_OUTPUT] / 100.0 * rated)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        words, rated = await self._read(deadline)
        percent = _FULL
        if isinstance(value, Limit):
            percent = min(_FULL, math.floor(100.0 * value.watts / rated + _ROUNDING))
        await self.inverter.put([(_OUTPUT, percent)], words, deadline)

    async def _read(self, deadline: Deadline) -> tuple[Words, float]:
        words = await self.inverter.words((), deadline)
        model = self.inverter.model(words)
        rated = self.rated_power or model.rated_power
        if model.is_ems or not rated:
            raise Rejected(f"{self.inverter.name}: {model.name or 'this model'} tells no rated power")
        return words, rated


@dataclass(slots=True, eq=False)
class Calibration:
    """Begins or ends a calibration of the battery, which takes many hours."""

    promise: Promise
    inverter: Inverter

    def check(self, value: Value) -> None:
        if not isinstance(value, Number) or value.value not in _ORDERS:
            orders = ", ".join(map(str, _ORDERS))
            raise ValueError(f"{self.promise.key}: {value} is none of {orders}")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Number:
        return Number(float((await self._read(deadline))[_CALIBRATION]))

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        assert isinstance(value, Number)
        words = await self._read(deadline)
        await self.inverter.put([(_CALIBRATION, round(value.value))], words, deadline)

    async def _read(self, deadline: Deadline) -> Words:
        words = await self.inverter.words((), deadline)
        if self.inverter.model(words).is_ems:
            raise Rejected(f"{self.inverter.name}: an EMS calibrates no battery; its inverters do")
        return words


async def _read(inverter: Inverter, deadline: Deadline) -> tuple[Words, Layout]:
    words = await inverter.words((), deadline)
    layout = layout_of(inverter.model(words))
    if layout is None:
        raise Rejected(f"{inverter.name}: an EMS has no such setting; its inverters do")
    return await inverter.words(layout.undo, deadline, known=words), layout


def _whole(inverter: Inverter, words: Words, rate: Rate) -> float:
    """Return the power in watts that a rate is a share of. Raises Rejected where no source knows it."""
    if not rate.of_rated:
        return inverter.capacity_w(words)
    rated = inverter.model(words).rated_power
    if not rated:
        raise Rejected(f"{inverter.name}: no source knows the rated power of this model")
    return rated
