"""What can be put into a state: the export limit by envelopes, the battery by schedules, the lasting mode.

Envelopes and schedules end by themselves; while a state is held, each is followed by the next in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    BatteryOrder,
    Charge,
    Discharge,
    Limit,
    Mode,
    Promise,
    SelfConsumption,
    Unknown,
    Unlimited,
    Value,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.redback.calendar import event_id, lasting_mode
from sunhelm.devices.families.redback.orders import MARK, Orders
from sunhelm.devices.families.redback.records import EnvelopeRecord, ScheduleRecord
from sunhelm.devices.families.values import as_limit, as_order, check_range, is_same_order

LASTS_S: Final = 1800.0
"""How long one envelope or schedule of a state lasts: half of what a dead controller leaves behind."""

_OVERLAP_S: Final = 180.0
"""An envelope begins so long before the end of the one that it follows: the inverter has it by then."""

_LEAD_S: Final = 5.0
_LOOK_S: Final = 10.0
"""The cloud is not asked more often than this how things stand."""

_NOTES: Final = f"{MARK} battery"
_CHARGING: Final = frozenset({"ChargeBattery", "ForceChargeBattery"})
_DISCHARGING: Final = frozenset({"DischargeBattery", "ForceDischargeBattery"})
_PASSIVE: Final = frozenset({"Auto", "Conserve"})


class _Timed(Protocol):
    @property
    def end(self) -> float:
        """When it ends, as Unix time."""


class _Paced:
    """Looks at the cloud no more often than makes sense, however often it is asked to."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._looked_at = float("-inf")

    async def wait(self, deadline: Deadline) -> None:
        """Return when it is time for another look."""
        clock = self._orders.clock
        wait = self._looked_at + _LOOK_S - clock.monotonic()
        if 0 < wait < deadline.remaining() / 2:
            await clock.sleep(wait)
        self._looked_at = clock.monotonic()


class ExportLimit:
    """The most that goes into the grid, by envelopes of the site; implements `Handle`.

    Only the export is told: the other four limits are left out. Of the envelopes of others the strictest
    holds, too, and they are never touched. A limit is in force once the inverter has reported that it began.
    """

    def __init__(self, promise: Promise, orders: Orders, device: str) -> None:
        self.promise = promise
        self._orders = orders
        self._prefix = event_id(f"{device}-export-")
        self._paced = _Paced(orders)

    def check(self, value: Value) -> None:
        as_limit(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        if isinstance(wanted, Limit) and isinstance(observed, Limit):
            return abs(wanted.watts - observed.watts) <= self.promise.tolerance
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Limit | Unlimited:
        await self._paced.wait(deadline)
        records = await self._orders.envelopes(deadline)
        now = self._orders.now
        bounds = [bound for bound in (self._others(records), self._ours(records, now)) if bound is not None]
        return Limit(min(bounds)) if bounds else UNLIMITED

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        records = await self._orders.envelopes(deadline)
        wanted = value.watts if isinstance(value, Limit) else None
        others = self._others(records)
        if wanted is None or (others is not None and others <= wanted):
            wanted = None  # what others ask is as strict
        mine = [one for one in records if self._is_ours(one)]
        keep = [one for one in mine if wanted is not None and one.limits["export"] == round(wanted)]
        if wanted is not None:
            await self._cover(round(wanted), keep, deadline)
        for event in dict.fromkeys(one.event for one in mine if one not in keep):
            await self._orders.delete_envelope(event, deadline)

    async def _cover(self, watts: int, keep: Sequence[EnvelopeRecord], deadline: Deadline) -> None:
        """Make the next envelope where those that there are do not reach far enough."""
        now = self._orders.now
        covered = _covered(keep, now)
        if covered - now >= LASTS_S:
            return
        start = now + _LEAD_S if covered <= now else max(now + _LEAD_S, covered - _OVERLAP_S)
        event = f"{self._prefix}{watts}-{start:.0f}"
        await self._orders.create_envelope(
            event, start=start, end=start + LASTS_S, limits={"export": watts}, deadline=deadline
        )

    def _is_ours(self, record: EnvelopeRecord) -> bool:
        return record.event.startswith(self._prefix) and record.end > self._orders.now and _stands(record)

    def _others(self, records: Sequence[EnvelopeRecord]) -> float | None:
        """Return the strictest limit in force that is not ours."""
        now = self._orders.now
        bounds = [
            bound
            for one in records
            if not one.event.startswith(self._prefix) and one.active(now)
            if (bound := one.limits["export"]) is not None and bound >= 0
        ]
        return min(bounds, default=None)

    def _ours(self, records: Sequence[EnvelopeRecord], now: float) -> float | None:
        """Return our limit, when the inverter has reported that it obeys.

        One that follows another of ours in time is obeyed before it is reported.
        """
        ours = [one for one in records if one.event.startswith(self._prefix)]
        bounds = [one.limits["export"] for one in ours if one.active(now) and _is_obeyed(one, ours, now)]
        return min((bound for bound in bounds if bound is not None), default=None)


def _is_obeyed(record: EnvelopeRecord, ours: Sequence[EnvelopeRecord], now: float) -> bool:
    """Whether the inverter has reported that it began, or did so of the one that this follows just now."""
    if record.reported_start is not None:
        return True
    return now - record.start < _OVERLAP_S and any(
        before.reported_start is not None
        and before.limits == record.limits
        and before.start < record.start <= before.end
        for before in ours
    )


def _stands(record: EnvelopeRecord) -> bool:
    return record.status in ("Scheduled", "ReportStarted")


def _covered(records: Sequence[_Timed], now: float) -> float:
    """Return until when these cover the time without a gap."""
    return max((record.end for record in records), default=now)


class Battery:
    """What the battery does, by schedules of the inverter; implements `Handle`."""

    def __init__(self, promise: Promise, orders: Orders) -> None:
        self.promise = promise
        self._orders = orders
        self._paced = _Paced(orders)

    def check(self, value: Value) -> None:
        as_order(self.promise, value)

    def equal(self, wanted: Value, observed: Value) -> bool:
        return is_same_order(wanted, observed, tolerance=self.promise.tolerance)

    async def observe(self, deadline: Deadline) -> BatteryOrder | Unknown:
        """Return what the inverter told its cloud last; UNKNOWN in a mode that is none of these."""
        await self._paced.wait(deadline)
        told = await self._orders.power_mode(deadline)
        if told.mode in _PASSIVE:
            return SelfConsumption(told.mode)
        if told.watts is not None and told.watts >= 0:
            if told.mode in _CHARGING:
                return Charge(told.watts)
            if told.mode in _DISCHARGING:
                return Discharge(told.watts)
        return UNKNOWN

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        mine = [one for one in await self._orders.schedules(deadline) if one.notes == _NOTES]
        if isinstance(value, Charge | Discharge):
            mode = "ChargeBattery" if isinstance(value, Charge) else "DischargeBattery"
            await self._orders.check_power(mode, value.watts, deadline)
            keep = [one for one in mine if (one.mode, one.watts) == (mode, round(value.watts))]
            await self._delete([one for one in mine if one not in keep], deadline)
            now = self._orders.now
            covered = _covered(keep, now)
            if covered - now < LASTS_S:
                start = max(now, covered)
                await self._orders.create_schedule(
                    mode, value.watts, start=start, end=start + LASTS_S, notes=_NOTES, deadline=deadline
                )
        else:
            await self._delete(mine, deadline)

    async def _delete(self, records: Sequence[ScheduleRecord], deadline: Deadline) -> None:
        for record in records:
            await self._orders.delete_schedule(record.key, deadline)


class LastingMode:
    """The mode that holds where no schedule runs, set in the portal; implements `Handle`."""

    def __init__(self, promise: Promise, orders: Orders) -> None:
        self.promise = promise
        self._orders = orders
        self._paced = _Paced(orders)

    def check(self, value: Value) -> None:
        if not isinstance(value, Mode):
            raise ValueError(f"mode: {value} is no mode")  # noqa: TRY004 - the contract's error
        _, watts = lasting_mode(value.name)
        check_range(self.promise, watts, "W")

    def equal(self, wanted: Value, observed: Value) -> bool:
        if not isinstance(wanted, Mode) or not isinstance(observed, Mode):
            return False
        (mode, watts), (other, told) = lasting_mode(wanted.name), lasting_mode(observed.name)
        return mode == other and abs(watts - told) <= self.promise.tolerance

    async def observe(self, deadline: Deadline) -> Mode | Unknown:
        """Return the mode; UNKNOWN while a schedule hides it, or where the portal has no such mode."""
        await self._paced.wait(deadline)
        if await self._running(deadline) is not None:
            return UNKNOWN
        told = await self._orders.power_mode(deadline)
        word = {"Auto": "self_consumption", "Conserve": "backup"}.get(
            told.mode, f"native:{told.mode}:{told.watts or 0:.0f}"
        )
        try:
            lasting_mode(word)
        except ValueError:
            return UNKNOWN
        return Mode(word)

    async def write(self, value: Value, deadline: Deadline) -> None:
        self.check(value)
        assert isinstance(value, Mode)
        running = await self._running(deadline)
        if running is not None:
            raise Rejected(f"schedule {running.key} runs, and hides the mode until it ends")
        mode, watts = lasting_mode(value.name)
        await self._orders.set_lasting_mode(mode, watts, deadline)

    async def _running(self, deadline: Deadline) -> ScheduleRecord | None:
        records = await self._orders.schedules(deadline)
        return next((one for one in records if one.active(self._orders.now)), None)
