"""Periods of time of use as schedules: the inverter, or the EMMA, carries them out by itself.

They hold on weekdays and repeat every week, so that one schedule is one weekday, or two over midnight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices import wall_clock
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Entry, Promise, Schedule
from sunhelm.devices.errors import Malformed, Rejected
from sunhelm.devices.families.huawei.local_time import LocalTime
from sunhelm.devices.families.huawei.periods import DAY, Order, OrderPeriod, pack_luna, unpack_luna
from sunhelm.devices.families.huawei.regulator import EMMA, INVERTER, Regulator
from sunhelm.devices.links.base import Span, Table

_ADDRESS: Final = {INVERTER: 47_255, EMMA: 40_004}
_WORDS: Final = 43
_MOST: Final = 14
_TIME_OF_USE: Final = 5
_LUNA: Final = 2
_MODE: Final = {INVERTER: "battery.working_mode_setting", EMMA: "emma.mode"}
_UNIT_OF: Final = {INVERTER: "battery", EMMA: "emma"}
_KEY: Final = re.compile(r"([0-6])\.([0-9]+)-([0-9]+)\.(charge|discharge)")
_ORDERS: Final[dict[str, Order]] = {"force_charge": "charge", "force_discharge": "discharge"}
_MODES: Final = {order: mode for mode, order in _ORDERS.items()}


@dataclass(slots=True, eq=False)
class TimeOfUse:
    """The 14 periods of a LUNA2000; implements `Schedules`. Those of others stay as they are."""

    promise: Promise
    regulator: Regulator
    clock: Clock
    zone: ZoneInfo
    local: LocalTime
    daily: bool = True
    ahead_s: float = 5 * 86_400.0  # each is for one weekday only
    capacity: int | None = field(default=_MOST)

    def check(self, schedule: Schedule) -> None:
        if schedule.mode not in _ORDERS:
            raise ValueError(f"a schedule of {schedule.mode}; periods know {' and '.join(_ORDERS)}")
        if schedule.watts is not None:
            raise ValueError("a power; periods have none, `set` battery.grid_charge_power is that of all")
        if schedule.target_soc is not None:
            raise ValueError("a state of charge to reach; `set` battery.grid_charge_cutoff is that of all")
        if schedule.end - schedule.start > 86_400:
            raise ValueError("a schedule of more than a day")
        self._periods(schedule)

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        part = await self.regulator.part(deadline)
        periods = await self._read(part, deadline)
        return tuple(self._entries(periods))

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        """Add a period. Raises Rejected where mode, clock or other periods would keep it from acting."""
        del mark  # a period that is there already is known by its content
        self.check(schedule)
        part = await self.regulator.part(deadline)
        await self._check_mode(part, schedule, deadline)
        await self._check_zone(part, deadline)
        wanted = self._periods(schedule)
        present = await self._read(part, deadline)
        missing = [period for period in wanted if period not in present]
        for period in missing:
            for other in present:
                if period.overlaps(other):
                    raise Rejected(
                        f"{self._name}: minutes {other.start} to {other.end} are taken on that day"
                    )
        if len(present) + len(missing) > _MOST:
            raise Rejected(f"{self._name}: all {_MOST} periods are taken")
        if missing:
            await self._write(part, [*present, *missing], deadline)
        return "+".join(map(_key, wanted))

    async def delete(self, key: str, deadline: Deadline) -> None:
        part = await self.regulator.part(deadline)
        gone = [_period(each) for each in key.split("+")]
        present = await self._read(part, deadline)
        left = [period for period in present if period not in gone]
        if len(left) != len(present):
            await self._write(part, left, deadline)

    @property
    def _name(self) -> str:
        return self.regulator.board.config.name

    def _periods(self, schedule: Schedule) -> list[OrderPeriod]:
        """Return the periods of each local day that the schedule touches. Raises ValueError."""
        start, end = (self._minute(at) for at in (schedule.start, schedule.end))
        order = _ORDERS[schedule.mode]
        if start >= end:
            raise ValueError("a schedule shorter than a minute")
        days = (end[0] - start[0]).days
        edges = [(start[0] + timedelta(days=n), 0 if n else start[1]) for n in range(days + 1)]
        periods = []
        for n, (day, first) in enumerate(edges):
            last = end[1] if n == days else DAY
            if first < last:
                periods.append(OrderPeriod(first, last, 1 << _weekday(day), order))
        return periods

    def _minute(self, at: float) -> tuple[date, int]:
        local = datetime.fromtimestamp(round(at / 60) * 60, self.zone)
        return local.date(), 60 * local.hour + local.minute

    def _entries(self, periods: Sequence[OrderPeriod]) -> Iterator[Entry]:
        """Yield the occurrence of each that runs or comes next; of one over midnight, both halves as one."""
        left = list(periods)
        for period in periods:
            if period not in left:
                continue
            left.remove(period)
            rest = _rest_of(period, left)
            if rest is not None:
                left.remove(rest)
            elif any(_rest_of(other, [period]) for other in left):
                left.append(period)
                continue
            yield self._entry(period, rest)
        for period in left[:]:
            if period in left and not any(_rest_of(other, [period]) for other in periods):
                yield self._entry(period, None)

    def _entry(self, period: OrderPeriod, rest: OrderPeriod | None) -> Entry:
        now = self.clock.time()
        today = wall_clock.local_day(now, self.zone)
        length = (rest.end if rest else 0) + period.end
        for ahead in range(-1, 9):
            day = today + timedelta(days=ahead)
            if period.weekdays >> _weekday(day) & 1:
                begin = wall_clock.begin(day, period.start, self.zone)
                end = wall_clock.end(day, length, self.zone)
                if end > now:
                    break
        keys = [_key(period), *([_key(rest)] if rest else [])]
        return Entry(key="+".join(keys), schedule=Schedule(start=begin, end=end, mode=_MODES[period.order]))

    async def _check_mode(self, part: str, schedule: Schedule, deadline: Deadline) -> None:
        board = self.regulator.board
        if await board.read(_MODE[part], deadline) != _TIME_OF_USE:
            raise Rejected(f"{self._name}: periods count in mode time_of_use only; `set_mode` sets it")
        if part == INVERTER and schedule.mode == "force_charge":
            allowed = await self.regulator.read_if_there("battery.grid_charge_allowed", deadline)
            if allowed == 0:
                raise Rejected(f"{self._name}: `set` battery.grid_charge_allowed 1 lets periods charge")

    async def _check_zone(self, part: str, deadline: Deadline) -> None:
        """Raise Rejected where the device's hours are not those of the site."""
        if part == EMMA:
            return  # its zone cannot be read
        ours = datetime.fromtimestamp(self.clock.time(), self.zone).utcoffset()
        assert ours is not None
        theirs = await self.local.offset_s(deadline)
        if theirs != ours.total_seconds():
            raise Rejected(
                f"{self._name}: its hours are {theirs / 60:+g} min from UTC, those of the site "
                f"{ours.total_seconds() / 60:+g}; `set` inverter.time_zone or inverter.daylight_saving_time"
            )

    async def _check_layout(self, part: str, deadline: Deadline) -> None:
        """Raise Rejected for a battery that packs its periods in another way."""
        if part == INVERTER and await self.regulator.board.read("battery.unit_1_model", deadline) != _LUNA:
            raise Rejected(f"{self._name}: its battery is no LUNA2000; it packs its periods in another way")

    async def _read(self, part: str, deadline: Deadline) -> tuple[OrderPeriod, ...]:
        await self._check_layout(part, deadline)
        unit = (await self.regulator.board.locate(_UNIT_OF[part], deadline)).unit
        span = Span(unit, Table.HOLDING, _ADDRESS[part], _WORDS)
        words = await self.regulator.board.link.read(span, deadline)
        if words != await self.regulator.board.link.read(span, deadline):
            # All of them are written back: what was garbled once would be lost.
            raise Malformed(f"{self._name}: its periods are not the same twice")
        try:
            return unpack_luna(words)
        except ValueError as error:
            raise Malformed(f"{self._name}: {error}") from error

    async def _write(self, part: str, periods: Sequence[OrderPeriod], deadline: Deadline) -> None:
        """Write all periods, and read them back. Raises Rejected when others stand there then."""
        unit = (await self.regulator.board.locate(_UNIT_OF[part], deadline)).unit
        await self.regulator.board.link.write(unit, _ADDRESS[part], pack_luna(periods), deadline)
        if set(await self._read(part, deadline)) != set(periods):
            raise Rejected(f"{self._name}: other periods stand there than those that were written")


def _weekday(day: date) -> int:
    """Return the bit of a day: 0 is Sunday."""
    return day.isoweekday() % 7


def _key(period: OrderPeriod) -> str:
    """Return what a period is called; one of several weekdays by its bits, which no schedule of ours has."""
    days = period.weekdays
    day = str(days.bit_length() - 1) if days and not days & days - 1 else f"x{days:02x}"
    return f"{day}.{period.start}-{period.end}.{period.order}"


def _period(key: str) -> OrderPeriod:
    """Return the period of a key. Raises Rejected for one that is not of our making."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise Rejected(f"{key} is no period of one weekday; others are left alone")
    order: Order = "charge" if match[4] == "charge" else "discharge"
    return OrderPeriod(int(match[2]), int(match[3]), 1 << int(match[1]), order)


def _rest_of(period: OrderPeriod, others: Sequence[OrderPeriod]) -> OrderPeriod | None:
    """Return what goes on with the same order on the next day from midnight on."""
    days = period.weekdays
    if period.end != DAY or not days or days & days - 1:
        return None
    following = 1 << (days.bit_length() % 7)
    for other in others:
        if other.start == 0 and other.weekdays == following and other.order == period.order:
            return other
    return None
