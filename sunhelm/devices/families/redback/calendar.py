"""The schedules and the envelopes that the cloud keeps, as commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Entry, Envelope, EnvelopeEntry, Promise, Schedule
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.redback.orders import MARK, Orders
from sunhelm.devices.families.redback.records import (
    IN_FORCE,
    MODES,
    PORTAL_MODES,
    EnvelopeRecord,
    ScheduleRecord,
)
from sunhelm.devices.families.values import check_range

MODE_OF: Final = {
    "self_consumption": "Auto",
    "backup": "Conserve",
    "idle": "Hibernate",
    "force_charge": "ChargeBattery",
    "force_discharge": "DischargeBattery",
}
"""What our words for a mode are called by the cloud."""

_OUR_WORD: Final = {native: word for word, native in MODE_OF.items()}
_POWERLESS: Final = frozenset({"Auto", "Conserve", "Hibernate", "Offgrid"})
_SHORTEST_S: Final = 60.0
_LONGEST_S: Final = 86_400.0
_LONGEST_ID: Final = 128


@dataclass(slots=True, eq=False)
class RedbackSchedules:
    """Schedules of an inverter; implements `Schedules`. Ours bear a mark in their notes."""

    promise: Promise
    orders: Orders
    daily: bool = False
    ahead_s: float = 0.0
    capacity: int | None = None

    def check(self, schedule: Schedule) -> None:
        mode = native_mode(schedule.mode)
        lasts = schedule.end - schedule.start
        if not _SHORTEST_S <= lasts <= _LONGEST_S:
            raise ValueError(f"a schedule of {lasts / 60:g} min; 1 to 1440 are possible")
        if schedule.target_soc is not None:
            raise ValueError("the inverter cannot be told at which state of charge to stop")
        if schedule.watts is not None:
            check_range(self.promise, schedule.watts, "W")
        elif mode not in _POWERLESS and mode not in ("ChargeBattery", "DischargeBattery"):
            raise ValueError(f"mode {schedule.mode} needs a power")

    async def entries(self, deadline: Deadline) -> tuple[Entry, ...]:
        return tuple(
            Entry(key=record.key, schedule=_schedule(record), ours=record.notes.startswith(MARK))
            for record in await self.orders.schedules(deadline)
            if record.start < record.end
        )

    async def create(self, schedule: Schedule, mark: str, deadline: Deadline) -> str:
        self.check(schedule)
        mode = native_mode(schedule.mode)
        watts = schedule.watts
        if watts is None:
            watts = 0.0 if mode in _POWERLESS else await self.orders.most_power(mode, deadline)
        if watts is None:
            raise Rejected(f"{mode} needs a power: the cloud does not say what the battery can do")
        await self.orders.check_power(mode, watts, deadline)
        return await self.orders.create_schedule(
            mode, watts, start=schedule.start, end=schedule.end, notes=f"{MARK} {mark}", deadline=deadline
        )

    async def delete(self, key: str, deadline: Deadline) -> None:
        if key.startswith("daily-"):
            raise Rejected(f"{key} repeats daily; the cloud lets nobody delete it but in the portal")
        await self.orders.delete_schedule(key, deadline)


@dataclass(slots=True, eq=False)
class RedbackEnvelopes:
    """Envelopes of a site; implements `Envelopes`. What an envelope does not bound is not told at all."""

    promise: Promise
    orders: Orders

    def check(self, envelope: Envelope) -> None:
        for bound in _limits(envelope).values():
            check_range(self.promise, bound, "W")

    async def entries(self, deadline: Deadline) -> tuple[EnvelopeEntry, ...]:
        records = await self.orders.envelopes(deadline)
        standing = (one for one in records if one.status in IN_FORCE and one.end > self.orders.now)
        return tuple(
            EnvelopeEntry(key=record.event, envelope=envelope)
            for record in standing
            if (envelope := _envelope(record)) is not None
        )

    async def create(self, envelope: Envelope, mark: str, deadline: Deadline) -> str:
        self.check(envelope)
        limits = _limits(envelope)
        return await self.orders.create_envelope(
            event_id(mark), start=envelope.start, end=envelope.end, limits=limits, deadline=deadline
        )

    async def delete(self, key: str, deadline: Deadline) -> None:
        for record in await self.orders.envelopes(deadline):
            if record.event == key and record.network:
                raise Rejected(f"envelope {key} is of the operator of the grid")
        await self.orders.delete_envelope(key, deadline)


def native_mode(word: str) -> str:
    """Return what the cloud calls a mode. Raises ValueError, with what there is."""
    native = word.removeprefix("native:")
    if word.startswith("native:") and native in MODES:
        return native
    if word in MODE_OF:
        return MODE_OF[word]
    raise ValueError(f"mode {word}: {', '.join(MODE_OF)} and native: before {', '.join(MODES)} are possible")


def lasting_mode(word: str) -> tuple[str, float]:
    """Return mode and power that the portal sets for `native:NAME:WATTS` or one of our words.

    Raises ValueError, with what there is.
    """
    name, _, power = word.removeprefix("native:").partition(":")
    if not word.startswith("native:"):
        name, power = {"self_consumption": "Auto", "backup": "Conserve"}.get(word, ""), ""
    if name not in PORTAL_MODES:
        modes = ", ".join(PORTAL_MODES)
        raise ValueError(f"mode {word}: self_consumption, backup and native: before {modes} are possible")
    if name in _POWERLESS and not power:
        return name, 0.0
    if not (power.isascii() and power.isdecimal()):
        raise ValueError(f"mode {word}: a power in watts has to follow, as in native:{name}:2500")
    return name, float(power)


def event_id(mark: str) -> str:
    """Return the id of an envelope for our word for it."""
    event = f"{MARK}-{mark}"
    if len(event) > _LONGEST_ID or not event.isprintable():
        raise ValueError(f"{mark}: an id of an envelope has at most {_LONGEST_ID} characters")
    return event


def _schedule(record: ScheduleRecord) -> Schedule:
    watts = None if record.watts is None or record.watts < 0 else record.watts
    mode = _OUR_WORD.get(record.mode, f"native:{record.mode}")
    return Schedule(start=record.start, end=record.end, mode=mode, watts=watts)


def _limits(envelope: Envelope) -> dict[str, float]:
    """Return the bounds that an envelope has, by the words of the records."""
    bounds = {
        "import": envelope.grid_import,
        "export": envelope.grid_export,
        "charge": envelope.charge,
        "discharge": envelope.discharge,
        "generation": envelope.generation,
    }
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _envelope(record: EnvelopeRecord) -> Envelope | None:
    """Return an envelope in our words; None for one that bounds nothing we know."""
    told = {name: bound for name, bound in record.limits.items() if bound is not None and bound >= 0}
    if not told or record.start >= record.end:
        return None
    return Envelope(
        start=record.start,
        end=record.end,
        grid_import=told.get("import"),
        grid_export=told.get("export"),
        charge=told.get("charge"),
        discharge=told.get("discharge"),
        generation=told.get("generation"),
    )
