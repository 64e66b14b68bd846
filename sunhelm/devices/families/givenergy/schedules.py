"""Schedules that the inverter carries out by itself: its charge and discharge slots, which repeat every day.

A slot of the owner is never overwritten, and none is woken that sleeps: what makes slots count is switched on
only where no other slot would begin to count with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sunhelm.devices import wall_clock
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Entry, Promise, Schedule
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.givenergy.inverter import Inverter, Words
from sunhelm.devices.families.givenergy.layouts import DISCHARGES, FOLLOWS_DEMAND, WINDOW, layout_of
from sunhelm.devices.families.givenergy.models import Model
from sunhelm.devices.families.givenergy.times import DAY, length, minutes, word

Direction = Literal["charge", "discharge", "export"]

_DIRECTIONS: Final[Mapping[str, Direction]] = {
    "force_charge": "charge",
    "force_discharge": "export",
    "self_consumption": "discharge",
}
"""What a schedule needs: slots that charge, that discharge into the grid, that discharge for the house."""

_DAY_S: Final = 86_400.0
_MOST_OFF_S: Final = 120.0
_WOKEN: Final = "+"
"""Stands behind a key whose making has switched on what makes its slots count."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot: the registers of its times, and of the state of charge that ends it, 0 where it has none."""

    name: str
    direction: Direction
    start: int
    end: int
    target: int = 0


def slots_of(model: Model, words: Words) -> Iterator[Slot]:
    """Yield the slots of a model that may be used: the first ones last, for they are those that people set.

    Where sources do not agree on the place of a slot, it is none.
    """
    if model.is_ems:
        for number in range(3, 0, -1):
            away = 3 * (number - 1)
            yield Slot(f"charge-{number}", "charge", 2053 + away, 2054 + away, 2055 + away)
            yield Slot(f"discharge-{number}", "discharge", 2044 + away, 2045 + away, 2046 + away)
            yield Slot(f"export-{number}", "export", 2062 + away, 2063 + away, 2064 + away)
        return
    if model.three_phases:
        yield Slot("charge-2", "charge", 1115, 1116)
        yield Slot("discharge-2", "export", 1120, 1121)
        yield Slot("charge-1", "charge", 1113, 1114)
        yield Slot("discharge-1", "export", 1118, 1119)
        return
    discharging: Direction = "discharge" if words[FOLLOWS_DEMAND] else "export"
    if _has_ten_slots(model, words):
        for number in range(10, 2, -1):
            away = 3 * (number - 3)
            yield Slot(f"charge-{number}", "charge", 246 + away, 247 + away, 248 + away)
            yield Slot(f"discharge-{number}", discharging, 276 + away, 277 + away, 278 + away)
    else:
        yield Slot("charge-2", "charge", 31, 32)
    yield Slot("discharge-2", discharging, 44, 45)
    yield Slot("charge-1", "charge", 94, 95)
    yield Slot("discharge-1", discharging, 56, 57)


def _has_ten_slots(model: Model, words: Words) -> bool:
    return model.code >> 8 in (0x80, 0x81, 0x82, 0x83) or (model.generation == 3 and words[21] > 302)


def switches(model: Model, direction: Direction) -> tuple[int, ...]:
    """Return the registers that are 1 where the slots of a direction count; none where they always do."""
    if model.is_ems:
        return ()
    if model.three_phases:
        return (1123, 1112) if direction == "charge" else (1122,)
    return (96,) if direction == "charge" else (DISCHARGES,)


@dataclass(slots=True, eq=False)
class SlotSchedules:
    """Implements `Schedules`. A key is the name of the slot with its two times."""

    promise: Promise
    inverter: Inverter
    zone: ZoneInfo
    daily: bool = True
    ahead_s: float = _DAY_S / 2
    capacity: int | None = 4

    def check(self, schedule: Schedule) -> None:
        if schedule.mode not in _DIRECTIONS:
            raise ValueError(f"schedule: {schedule.mode} is none of {', '.join(_DIRECTIONS)}")
        if schedule.end - schedule.start >= _DAY_S:
            raise ValueError("schedule: the slots repeat every day; less than 24 h is possible")
        if schedule.start % 60 or schedule.end % 60:
            raise ValueError("schedule: the slots know whole minutes")
        if schedule.watts is not None:
            raise ValueError(
                "schedule: a slot has no power of its own; the charge and discharge power bound it"
            )

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        words, model = await self._read(deadline)
        return tuple(
            Entry(key=_key(slot, words), schedule=self._schedule(slot, words))
            for slot in slots_of(model, words)
            if _is_set(slot, words) and all(words[address] for address in switches(model, slot.direction))
        )

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        del mark  # what is there already is known by its times and what it does
        self.check(schedule)
        words, model = await self._read(deadline)
        offset = self.inverter.offset(words)
        if abs(offset) > _MOST_OFF_S:
            raise Rejected(f"{self.inverter.name}: its clock is {offset:+.0f} s off; set it first")
        self._refuse_forced(model, words)
        direction = _DIRECTIONS[schedule.mode]
        ours = [slot for slot in slots_of(model, words) if slot.direction == direction]
        if not ours:
            raise Rejected(f"{self.inverter.name}: {_why_not(direction)}")
        times = self._times(schedule)
        for slot in ours:
            if (words[slot.start], words[slot.end]) == times and _has_target(slot, schedule, words):
                await self._switch_on(model, slot, words, deadline)
                return _key(slot, words)
        slot = self._free(ours, schedule, words)
        woken = self._woken(model, slot, words)
        orders = [*zip((slot.start, slot.end), times, strict=True)]
        if schedule.target_soc is not None:
            orders.append((slot.target, round(100 * schedule.target_soc)))
        await self.inverter.put(orders, words, deadline)
        await self._switch_on(model, slot, words, deadline)
        await self.inverter.prove(dict(orders), deadline)
        return _key(slot, dict(orders)) + _WOKEN * woken

    async def delete(self, key: str, deadline: Deadline) -> None:
        name, _, times = key.rstrip(_WOKEN).rpartition("/")
        words, model = await self._read(deadline)
        slot = next((slot for slot in slots_of(model, words) if slot.name == name), None)
        if slot is None:
            raise Rejected(f'{self.inverter.name}: "{key}" names no slot of this inverter')
        if times != f"{words[slot.start]:04}-{words[slot.end]:04}":
            return  # it is another one by now
        orders = [(slot.start, 0), (slot.end, 0)]
        if key.endswith(_WOKEN):
            # Nothing else counted before it: the switch goes back first, so that no half of a slot counts.
            others = [other for other in self._alike(model, slot, words) if _is_set(other, words)]
            if not others:
                off = [(address, 0) for address in switches(model, slot.direction)]
                orders = [*off, *orders]
        await self.inverter.put(orders, words, deadline)
        await self.inverter.prove(dict(orders), deadline)

    def _free(self, slots: list[Slot], schedule: Schedule, words: Words) -> Slot:
        """Return a slot that nobody uses. Raises Rejected when there is none that can do it."""
        free = [slot for slot in slots if not _is_set(slot, words)]
        if not free:
            raise Rejected(f"{self.inverter.name}: all its {slots[0].direction} slots are taken")
        if schedule.target_soc is None:
            return free[0]
        able = [slot for slot in free if slot.target]
        if not able:
            raise Rejected(f"{self.inverter.name}: its slots have no state of charge of their own")
        return able[0]

    def _woken(self, model: Model, slot: Slot, words: Words) -> bool:
        """Whether slots of this direction do not count yet. Raises Rejected where the owner's would."""
        if all(words[address] for address in switches(model, slot.direction)):
            return False
        asleep = [other.name for other in self._alike(model, slot, words) if _is_set(other, words)]
        if asleep:
            raise Rejected(
                f"{self.inverter.name}: {', '.join(asleep)} of the owner would begin to count with it; empty "
                "them, or switch them on, first"
            )
        return True

    def _refuse_forced(self, model: Model, words: Words) -> None:
        """Raise Rejected while an order for the battery has the first slots: its end would undo this."""
        layout = layout_of(model)
        if layout is not None and (layout.is_charging(words) or layout.is_discharging(words)):
            raise Rejected(f"{self.inverter.name}: its battery is forced now; release that first")

    async def _switch_on(self, model: Model, slot: Slot, words: Words, deadline: Deadline) -> None:
        self._woken(model, slot, words)
        orders = [(address, 1) for address in switches(model, slot.direction)]
        await self.inverter.put(orders, words, deadline)

    @staticmethod
    def _alike(model: Model, slot: Slot, words: Words) -> list[Slot]:
        """Return the other slots that the same switch makes count."""
        switch = switches(model, slot.direction)
        return [
            other
            for other in slots_of(model, words)
            if other.name != slot.name and switches(model, other.direction) == switch
        ]

    async def _read(self, deadline: Deadline) -> tuple[Words, Model]:
        words = await self.inverter.words((), deadline)
        model = self.inverter.model(words)
        layout = layout_of(model)
        addresses = set(layout.undo if layout else ()) | {
            address
            for slot in slots_of(model, words)
            for address in (slot.start, slot.end, slot.target, *switches(model, slot.direction))
            if address
        }
        return await self.inverter.words(addresses, deadline, known=words), model

    def _times(self, schedule: Schedule) -> tuple[int, int]:
        first, last = (datetime.fromtimestamp(time, self.zone) for time in (schedule.start, schedule.end))
        start, end = (60 * time.hour + time.minute for time in (first, last))
        if (end - start) % DAY in (0, WINDOW):
            # A slot of no length is none, and one of our own length is an order for the battery.
            end = (end + 1) % DAY
        return word(start), word(end)

    def _schedule(self, slot: Slot, words: Words) -> Schedule:
        """Return a slot as the occurrence that is on or comes next."""
        first = minutes(words[slot.start])
        assert first is not None
        now = self.inverter.clock.time()
        start, end = next(
            (start, end)
            for start, end in self._occurrences(first, length(words[slot.start], words[slot.end]), now)
            if end > now and end > start
        )
        mode = next(mode for mode, direction in _DIRECTIONS.items() if direction == slot.direction)
        target = words[slot.target] / 100.0 if slot.target and words[slot.target] <= 100 else None
        return Schedule(start=start, end=end, mode=mode, target_soc=target)

    def _occurrences(self, first: int, long: int, now: float) -> Iterator[tuple[float, float]]:
        today = wall_clock.local_day(now, self.zone)
        for days in range(-1, 3):
            day = today + timedelta(days=days)
            yield wall_clock.begin(day, first, self.zone), wall_clock.end(day, first + long, self.zone)


def _is_set(slot: Slot, words: Words) -> bool:
    return length(words[slot.start], words[slot.end]) > 0


def _has_target(slot: Slot, schedule: Schedule, words: Words) -> bool:
    if schedule.target_soc is None:
        return True
    return bool(slot.target) and words[slot.target] == round(100 * schedule.target_soc)


def _key(slot: Slot, words: Words) -> str:
    return f"{slot.name}/{words[slot.start]:04}-{words[slot.end]:04}"


def _why_not(direction: Direction) -> str:
    if direction == "export":
        return "its discharge slots serve the house only; `set_mode native:timed_export` makes them export"
    return "its discharge slots export; in `set_mode time_of_use` they serve the house"
