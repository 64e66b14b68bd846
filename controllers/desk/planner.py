"""Schedules that people make, import and delete."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from controllers.claims.ledger import Ledger
from controllers.desk.once import Once
from controllers.orders import check_hazard, read
from controllers.people import Command, EntryRecord, RefusalReason, Refused, ScheduleRecord
from controllers.schedules import schedules
from controllers.schedules.means import planned
from controllers.schedules.placing import ClockOff, check_clock
from controllers.schedules.plan_file import schedules_of
from controllers.schedules.schedules import Planned
from controllers.schedules.spans import ScheduleParameters
from controllers.views import schedule_record
from sunhelm.devices.control import Action, ControlledDevice, Schedule
from sunhelm.devices.device_config import DeviceConfig


class Planner(Once):
    """The part of the desk that is about schedules."""

    def schedules(self, *, ended: bool = False) -> tuple[ScheduleRecord, ...]:
        """Return our schedules by their start; `ended`: also those that are over or deleted."""
        plans = [plan for plan in self._books.ledger.plans.values() if ended or not plan.over]
        return self._shown(sorted(plans, key=lambda plan: plan.schedule.start))

    async def create_schedule(self, command: Command, *, confirmed: bool = False) -> ScheduleRecord:
        """Make a schedule."""
        made = await self._make(command.device, [self._read(command)], replace=False, confirmed=confirmed)
        return made[0]

    async def import_schedules(
        self, device: str, text: str, *, replace: bool = False, confirmed: bool = False
    ) -> tuple[ScheduleRecord, ...]:
        """Make all schedules of a text, or none; `replace` deletes ours that they overlap."""
        found = schedules_of(text, self._wall, self._books.site.zone)
        return await self._make(device, found, replace=replace, confirmed=confirmed)

    async def plan_schedule(self, command: Command) -> ScheduleRecord:
        """Return the schedule that would be made, without making it."""
        (plan,) = self._planned(command.device, [self._read(command)])
        _check_room(self._books.ledger.plans, [plan])
        return schedule_record(replace(plan, id=""), self._wall)

    async def delete_schedule(self, schedule: str) -> ScheduleRecord:
        """Delete a schedule of ours, on the device too."""
        if schedule not in self._books.ledger.plans:
            raise Refused(RefusalReason.NOT_FOUND, f"there is no schedule {schedule}")
        return (await self._delete([schedule]))[0]

    async def delete_schedules(self, device: str) -> tuple[ScheduleRecord, ...]:
        """Delete all our schedules of a device that are not over."""
        plans = self._books.ledger.plans.values()
        return await self._delete([plan.id for plan in plans if plan.device == device and not plan.over])

    async def device_schedules(self, device: str) -> tuple[EntryRecord, ...]:
        """Return what stands on the device itself, that of others too."""
        loop = self._loop(device)
        native = loop.reconciler.device.schedules
        if native is None:
            return ()
        async with self._turn(loop) as deadline:
            entries = await native.entries(deadline)
        return tuple(
            EntryRecord(
                key=entry.key,
                start=entry.schedule.start,
                end=entry.schedule.end,
                mode=entry.schedule.mode,
                watts=entry.schedule.watts,
                target_soc=entry.schedule.target_soc,
                ours=entry.ours,
            )
            for entry in entries
        )

    def _read(self, command: Command) -> Schedule:
        parameters = read(ScheduleParameters, command.parameters)
        try:
            return parameters.schedule(self._wall, self._books.site.zone)
        except ValueError as error:
            raise Refused(RefusalReason.WRONG, str(error)) from error

    def _planned(self, device: str, wished: Iterable[Schedule]) -> list[Planned]:
        target = self._loop(device).reconciler.device
        try:
            return [planned(target, schedule, secrets.token_hex(8)) for schedule in wished]
        except ValueError as error:
            raise Refused(RefusalReason.NOT_POSSIBLE, str(error)) from error

    async def _make(
        self, device: str, wished: Sequence[Schedule], *, replace: bool, confirmed: bool
    ) -> tuple[ScheduleRecord, ...]:
        config, target = self._config(device), self._loop(device).reconciler.device
        plans = self._planned(device, wished)
        for plan in plans:
            _check_permission(plan, target, config, confirmed=confirmed)
        _cleared(self._books.ledger.plans, plans, replace=replace)
        if any(plan.kept is None for plan in plans):
            async with self._turn(self._loop(device)) as deadline:
                try:
                    await check_clock(target, deadline)
                except ClockOff as error:
                    raise Refused(RefusalReason.NOT_NOW, str(error)) from error

        def make(ledger: Ledger) -> Ledger:
            cleared = _cleared(ledger.plans, plans, replace=replace)
            return _with_plans(ledger, schedules.added(cleared, plans))

        await self._books.change(make)
        return self._shown(self._books.ledger.plans[plan.id] for plan in plans)

    async def _delete(self, names: list[str]) -> tuple[ScheduleRecord, ...]:
        await self._books.change(lambda ledger: _with_plans(ledger, schedules.deleted(ledger.plans, names)))
        return self._shown(self._books.ledger.plans[name] for name in names)

    def _shown(self, plans: Iterable[Planned]) -> tuple[ScheduleRecord, ...]:
        return tuple(schedule_record(plan, self._wall) for plan in plans)


def _with_plans(ledger: Ledger, plans: schedules.Plans) -> Ledger:
    return replace(ledger, plans=plans)


def _cleared(kept: schedules.Plans, new: Sequence[Planned], *, replace: bool) -> schedules.Plans:
    """Return what is kept with room for what is new: `replace` deletes what is in the way.

    Raises Refused when there is none. Somebody else may make one at the same time: what counts is the ledger
    that is changed.
    """
    if replace:
        in_the_way = [
            other.id for plan in new for other in schedules.overlapping(kept, plan.device, plan.schedule)
        ]
        kept = schedules.deleted(kept, in_the_way)
    _check_room(kept, new)
    return kept


def _check_room(kept: schedules.Plans, new: Iterable[Planned]) -> None:
    """Raise Refused for what would run at the same time as something else."""
    for plan in new:
        for other in schedules.overlapping(kept, plan.device, plan.schedule):
            raise Refused(
                RefusalReason.CONFLICT,
                f"it overlaps with {other.id}, {other.schedule.mode} from"
                f" {other.schedule.start:.0f} to {other.schedule.end:.0f} (Unix time)",
            )


def _check_permission(
    plan: Planned, device: ControlledDevice, config: DeviceConfig, *, confirmed: bool
) -> None:
    """Raise Refused unless a person may have this carried out, by whatever means."""
    if plan.kept is not None:
        promise = device.handles[plan.kept.state].promise
        hazard = promise.hazard_of(plan.kept.value)
        check_hazard(promise, hazard, plan.kept.action, config=config, confirmed=confirmed)
    elif device.schedules is not None:
        promise = device.schedules.promise
        check_hazard(promise, promise.hazard, Action.CREATE_SCHEDULE, config=config, confirmed=confirmed)
