"""Limits of a Deye inverter: what it sells, what it produces, what its battery takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    CurrentLimits,
    Limit,
    Number,
    PowerLimit,
    Promise,
    SocLimits,
    Unknown,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.values import as_currents, as_limit, as_minimum, check_range
from sunhelm.devices.registers import codec

_ROUNDING: Final = 1e-6
_MOST: Final = 0xFFFF


@dataclass(slots=True, eq=False)
class SellLimit:
    """The most that is sold, all phases together. It is always in force: there is no value for none."""

    promise: Promise
    board: RegisterBoard
    place: str

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> Limit | Unknown:
        raw = await self.board.read(self.place, deadline)
        register = self.board.register(self.place)
        return UNKNOWN if raw in register.absent else Limit(codec.value(register, raw))

    async def write(self, value: Value, deadline: Deadline) -> None:
        await self.board.write(self.place, self._raw(value), deadline)

    def _raw(self, value: Value) -> int:
        """Return what is written for a limit: whole steps, and never a looser one."""
        if not isinstance(value, Limit):
            raise ValueError(  # noqa: TRY004 - the contract's error
                "export_limit: the inverter always has one; give the power that may be sold, such as 12kW"
            )
        check_range(self.promise, value.watts, "W")
        register = self.board.register(self.place)
        step = float(register.scale)
        raw = math.floor(value.watts / step + _ROUNDING)
        if raw >= _MOST:
            raise ValueError(f"export_limit: {value.watts:g} W; {(_MOST - 1) * step:g} W is the most")
        return raw


@dataclass(slots=True, eq=False)
class ProductionLimit:
    """The most that an inverter without a battery produces, as a share of its rated power.

    The unit of the register differs between kinds. Read where nothing is limited, it is 100 % of either.
    """

    promise: Promise
    board: RegisterBoard
    place: str
    rated_power_w: float

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if observed is UNLIMITED:
            return wanted is UNLIMITED or self._raw(wanted) >= self._whole
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> PowerLimit | Unknown:
        raw = await self.board.read(self.place, deadline)
        share = codec.value(self.board.register(self.place), raw)
        if raw in self.board.register(self.place).absent or raw > 1.2 * self._whole:
            return UNKNOWN
        return UNLIMITED if share >= 1.0 else Limit(share * self.rated_power_w)

    async def write(self, value: Value, deadline: Deadline) -> None:
        raw = self._raw(value)
        present = await self.board.read(self.place, deadline)
        if present > 1.2 * self._whole:
            raise Rejected(
                f"{self.board.config.name}: shows {present} where {self._whole} is all; its unit is another"
            )
        await self.board.write(self.place, raw, deadline)

    @property
    def _whole(self) -> int:
        return int(codec.raw_of(self.board.register(self.place), 1.0))

    def _raw(self, value: Value) -> int:
        limit = as_limit(self.promise, value)
        if not isinstance(limit, Limit):
            return self._whole
        share = min(1.0, limit.watts / self.rated_power_w)
        return math.floor(share * self._whole + _ROUNDING)


@dataclass(slots=True, eq=False)
class BatteryCurrents:
    """The most current into the battery and out of it; an end that is not given stays as it is."""

    promise: Promise
    board: RegisterBoard
    charge: str
    discharge: str

    def check(self, value: Value) -> None:
        self._raws(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        is_now = self._raws(observed)
        return all(is_now[place] == raw for place, raw in self._raws(wanted).items())

    async def observe(self, deadline: Deadline) -> CurrentLimits:
        return CurrentLimits(
            charge=await self.board.read_value(self.charge, deadline),
            discharge=await self.board.read_value(self.discharge, deadline),
        )

    async def write(self, value: Value, deadline: Deadline) -> None:
        for place, raw in self._raws(value).items():
            if await self.board.read(place, deadline) != raw:
                await self.board.write(place, raw, deadline)

    def _raws(self, value: Value) -> dict[str, int]:
        limits = as_currents(self.promise, value)
        raws = {}
        for place, amperes in ((self.charge, limits.charge), (self.discharge, limits.discharge)):
            if amperes is not None:
                check_range(self.promise, amperes, "A")
                raws[place] = math.floor(amperes + _ROUNDING)
        return raws


@dataclass(slots=True, eq=False)
class LowSoc:
    """The state of charge below which the battery gives nothing, between that of shutdown and restart."""

    promise: Promise
    board: RegisterBoard
    part: str

    def check(self, value: Value) -> None:
        self._raw(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return self._raw(wanted) == self._raw(observed)

    async def observe(self, deadline: Deadline) -> SocLimits:
        return SocLimits(minimum=await self.board.read_value(self._place("low"), deadline))

    async def write(self, value: Value, deadline: Deadline) -> None:
        raw = self._raw(value)
        shutdown = await self.board.read(self._place("shutdown"), deadline)
        restart = await self.board.read(self._place("restart"), deadline)
        if not shutdown < raw < restart:
            raise Rejected(
                f"{self.board.config.name}: {raw} %; it stands between {shutdown} %, where the inverter "
                f"shuts down, and {restart} %, where it starts again"
            )
        await self.board.write(self._place("low"), raw, deadline)

    def _place(self, what: str) -> str:
        return f"{self.part}.battery_{what}_state_of_charge"

    def _raw(self, value: Value) -> int:
        return math.ceil(100 * as_minimum(self.promise, value) - _ROUNDING)


@dataclass(slots=True, eq=False)
class Switch:
    """One switch in a word of several: a bit, or a pair of bits that says on or off; the others stay.

    In pairs, 11 is on and 10 is off; 0x changes nothing.
    """

    promise: Promise
    board: RegisterBoard
    place: str
    low_bit: int
    is_pair: bool

    def check(self, value: Value) -> None:
        self._bits(value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Number | Unknown:
        raw = await self.board.read(self.place, deadline)
        if raw in self.board.register(self.place).absent:
            return UNKNOWN
        return Number(float(raw >> self.low_bit & 1))

    async def write(self, value: Value, deadline: Deadline) -> None:
        bits = self._bits(value)
        raw = await self.board.read(self.place, deadline)
        mask = (3 if self.is_pair else 1) << self.low_bit
        await self.board.write(self.place, raw & ~mask | bits << self.low_bit, deadline)

    def _bits(self, value: Value) -> int:
        if not isinstance(value, Number) or value.value not in (0.0, 1.0):
            raise ValueError(f"{self.promise.key}: {value}; 0 is off, 1 is on")
        on = int(value.value)
        return 2 | on if self.is_pair else on
