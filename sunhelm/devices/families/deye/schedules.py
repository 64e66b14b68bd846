"""Schedules that a hybrid carries out by itself: stretches of its six slots, which repeat every day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sunhelm.devices import wall_clock
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Entry, Promise, Schedule
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.board_clock import BoardClock
from sunhelm.devices.families.deye.battery import SELLING_FIRST
from sunhelm.devices.families.deye.program import (
    EVERY_DAY,
    GRID_CHARGE,
    SLOTS,
    NoRoom,
    Program,
    Slot,
    Stretch,
)
from sunhelm.devices.families.deye.slots import Hybrid
from sunhelm.devices.wall_clock import MINUTES_A_DAY

_MODES: Final = ("force_charge", "force_discharge", "backup", "self_consumption")
_DAY_S: Final = 86_400.0
_MOST_OFF_S: Final = 120.0
_FULL: Final = 100
_BEFORE: Final = "/"
"""Stands in a key between the times and the words that were there before."""


@dataclass(slots=True, eq=False)
class SlotSchedules:
    """Implements `Schedules`. A key is the two times, and the slots as they stood before it was made."""

    promise: Promise
    hybrid: Hybrid
    clock: BoardClock
    zone: ZoneInfo
    daily: bool = True
    ahead_s: float = _DAY_S / 2
    capacity: int | None = SLOTS - 1

    def check(self, schedule: Schedule) -> None:
        if schedule.mode not in _MODES:
            raise ValueError(f"schedule: {schedule.mode} is none of {', '.join(_MODES)}")
        if schedule.end - schedule.start > _DAY_S:
            raise ValueError("schedule: the slots repeat every day; 24 h is the longest")
        if schedule.start % 60 or schedule.end % 60:
            raise ValueError("schedule: the slots know whole minutes")
        if schedule.watts is not None and schedule.mode != "force_discharge":
            raise ValueError(
                f"schedule: a slot bounds discharging only, so {schedule.mode} has no power of its own"
            )
        if schedule.watts is not None and schedule.watts > 0xFFFF * self._step:
            raise ValueError(f"schedule: {schedule.watts:g} W; {0xFFFF * self._step:g} W is the most")

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        program = await self._timetable(deadline)
        work_mode = await self.hybrid.read("work_mode", deadline)
        now = self.hybrid.clock.time()
        return tuple(
            Entry(key=_key(stretch), schedule=self._schedule(stretch, slot, mode, now))
            for stretch, slot in program.stretches()
            if (mode := self._mode(program, slot, work_mode)) and program.is_enabled
        )

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        del mark  # what is there already is known by its times and what it does
        self.check(schedule)
        await self._need_the_right_time(deadline)
        await self.hybrid.need_states_of_charge(deadline)
        if schedule.mode == "force_discharge":
            await self._need_selling(deadline)
        present = await self._timetable(deadline)
        self._refuse_forced(present)
        stretch = self._stretch(schedule)
        base = present if present.is_enabled else await self._neutral(present, deadline)
        self._need_days(base, schedule)
        slot = await self._slot(schedule, base.at(stretch.first), deadline)
        if _is_there(present, stretch, slot):
            return _key(stretch)
        await self._need_a_free_stretch(base, stretch, deadline)
        try:
            wanted = self._with_grid_charge(base.having(stretch, slot), present, slot)
        except NoRoom as error:
            raise Rejected(f"{self.hybrid.name}: {error}") from error
        if not _is_there(wanted, stretch, slot):
            raise Rejected(
                f"{self.hybrid.name}: what it would do from {_told(stretch)} is one with what it does before "
                "or after; make one schedule of both"
            )
        await self.hybrid.put(wanted, deadline)
        return f"{_key(stretch)}{_BEFORE}{present.encoded()}"

    async def delete(self, key: str, deadline: Deadline) -> None:
        times, _, words = key.partition(_BEFORE)
        stretch = _stretch(times)
        present = await self._timetable(deadline)
        self._refuse_forced(present)
        before = Program.decoded(words) if words else None
        slot = present.at(stretch.first)
        if not _is_there(present, stretch, slot):
            return
        if before is not None and _is_made_of(before, present):
            await self.hybrid.put(before, deadline)
            return
        left = present.without(stretch)
        if before is not None and not before.is_enabled and len(list(left.stretches())) == 1:
            left = before  # it was the last one, and the slots were off before the first
        await self.hybrid.put(left, deadline)

    async def _timetable(self, deadline: Deadline) -> Program:
        """Return the slots. Raises Rejected where their times make no timetable."""
        program = await self.hybrid.program(deadline)
        try:
            program.at(0)
        except ValueError as error:
            raise Rejected(f"{self.hybrid.name}: {error}; set them on the inverter first") from error
        return program

    @property
    def _step(self) -> float:
        return self.hybrid.step("slot_1_power")

    def _stretch(self, schedule: Schedule) -> Stretch:
        first, last = (datetime.fromtimestamp(time, self.zone) for time in (schedule.start, schedule.end))
        return Stretch(60 * first.hour + first.minute, 60 * last.hour + last.minute)

    async def _slot(self, schedule: Schedule, owners: Slot, deadline: Deadline) -> Slot:
        """Return the slot that does what is asked; bits of the flags that nobody knows stay."""
        low = await self.hybrid.read("battery_low_state_of_charge", deadline)
        target = None if schedule.target_soc is None else round(100 * schedule.target_soc)
        plain = owners.flags & ~(GRID_CHARGE | self.hybrid.sell_flag)
        match schedule.mode:
            case "force_charge":
                return Slot(owners.power, _FULL if target is None else target, plain | GRID_CHARGE)
            case "force_discharge":
                power = await self._most_power(deadline)
                if schedule.watts is not None:
                    power = int(schedule.watts / self._step)
                return Slot(power, low if target is None else target, plain | self.hybrid.sell_flag)
            case "backup":
                return Slot(owners.power, _FULL if target is None else target, plain)
            case _:
                return Slot(await self._most_power(deadline), low if target is None else target, plain)

    async def _most_power(self, deadline: Deadline) -> int:
        return int(await self.hybrid.value("rated_power", deadline) / self._step)

    async def _neutral(self, present: Program, deadline: Deadline) -> Program:
        """Return slots that change nothing about an inverter whose slots are off."""
        low = await self.hybrid.read("battery_low_state_of_charge", deadline)
        flags = present.slots[0].flags & ~(GRID_CHARGE | self.hybrid.sell_flag)
        neutral = present.everywhere(Slot(await self._most_power(deadline), low, flags))
        return replace(neutral, days=EVERY_DAY)

    def _with_grid_charge(self, wanted: Program, present: Program, slot: Slot) -> Program:
        """Return the program with grid charging switched on where its slot needs it.

        Slots of the owner that would begin to charge with it, because nobody needed the switch so far, are
        not ours to wake. With the slots off, grid charging has another meaning, which ends with them.
        """
        if not slot.flags & GRID_CHARGE or wanted.grid_charge:
            return wanted
        if present.is_enabled and any(each.flags & GRID_CHARGE for each in present.slots):
            raise Rejected(
                f"{self.hybrid.name}: grid charging is off, and slots of the owner would begin to charge "
                "with it"
            )
        return replace(wanted, grid_charge=1)

    def _mode(self, program: Program, slot: Slot, work_mode: int) -> str:
        """Return what a slot makes the battery do, empty for what it does anyway."""
        if slot.flags & GRID_CHARGE and program.grid_charge:
            return "force_charge"
        if slot.flags & self.hybrid.sell_flag and work_mode == SELLING_FIRST:
            return "force_discharge"
        return "backup" if slot.soc == _FULL else ""

    def _schedule(self, stretch: Stretch, slot: Slot, mode: str, now: float) -> Schedule:
        """Return a stretch as the occurrence that is on or comes next."""
        start, end = next(
            (start, end) for start, end in self._occurrences(stretch, now) if end > now and end > start
        )
        watts = slot.power * self._step if mode == "force_discharge" else None
        return Schedule(start=start, end=end, mode=mode, watts=watts, target_soc=min(slot.soc, _FULL) / 100)

    def _occurrences(self, stretch: Stretch, now: float) -> Iterator[tuple[float, float]]:
        today = wall_clock.local_day(now, self.zone)
        for days in range(-1, 3):
            day = today + timedelta(days=days)
            last = stretch.first + stretch.minutes
            yield wall_clock.begin(day, stretch.first, self.zone), wall_clock.end(day, last, self.zone)

    def _need_days(self, program: Program, schedule: Schedule) -> None:
        """Raise Rejected where the slots are off on a day that the schedule is on."""
        for time in (schedule.start, schedule.end - 1.0):
            day = wall_clock.local_day(time, self.zone)
            if not program.is_on(day.weekday()):
                raise Rejected(f"{self.hybrid.name}: its slots are off on {day:%A}s")

    async def _need_the_right_time(self, deadline: Deadline) -> None:
        offset = await self.clock.offset(deadline)
        if abs(offset) > _MOST_OFF_S:
            raise Rejected(f"{self.hybrid.name}: its clock is {offset:+.0f} s off; set it first")

    async def _need_selling(self, deadline: Deadline) -> None:
        if await self.hybrid.read("work_mode", deadline) != SELLING_FIRST:
            raise Rejected(
                f"{self.hybrid.name}: discharges into the grid in work mode selling_first only; "
                "`set_mode feed_in_first` is one"
            )

    async def _need_a_free_stretch(self, program: Program, stretch: Stretch, deadline: Deadline) -> None:
        """Raise Rejected unless one slot that does nothing of its own is in force all the time.

        Only then the stretch can be taken away again without a trace.
        """
        work_mode = await self.hybrid.read("work_mode", deadline)
        own = list(program.stretches())
        around, slot = next(each for each in own if each[0].has(stretch.first))
        room = (around.last - stretch.first) % MINUTES_A_DAY or MINUTES_A_DAY
        if len(own) > 1 and stretch.minutes > room:
            raise Rejected(
                f"{self.hybrid.name}: from {_told(stretch)} its slots change at {around.last // 60:02}:"
                f"{around.last % 60:02}; make a schedule for each"
            )
        if mode := self._mode(program, slot, work_mode):
            raise Rejected(f"{self.hybrid.name}: does {mode} from {_told(around)} already")

    def _refuse_forced(self, program: Program) -> None:
        """Raise Rejected while an order for the battery has all six slots."""
        slot = program.slots[0]
        forced = slot.flags & (GRID_CHARGE | self.hybrid.sell_flag)
        if forced and program == replace(program.everywhere(slot), days=EVERY_DAY):
            raise Rejected(f"{self.hybrid.name}: its battery is forced around the clock; release that first")


def _key(stretch: Stretch) -> str:
    return "-".join(f"{time // 60:02}{time % 60:02}" for time in (stretch.first, stretch.last))


def _told(stretch: Stretch) -> str:
    return _key(stretch).replace("-", " to ")


def _stretch(times: str) -> Stretch:
    try:
        first, last = (60 * int(time[:2]) + int(time[2:]) for time in times.split("-"))
    except ValueError:
        raise Rejected(f'"{times}" names no schedule of this inverter') from None
    return Stretch(first, last)


def _is_there(program: Program, stretch: Stretch, slot: Slot) -> bool:
    """Whether this slot is in force in exactly this stretch."""
    return program.is_enabled and (stretch, slot) in set(program.stretches())


def _is_made_of(before: Program, present: Program) -> bool:
    """Whether nothing but one stretch lies between what was there before and what is there now."""
    return any(
        before.is_enabled and before.having(stretch, slot).slots == present.slots
        for stretch, slot in present.stretches()
    )
