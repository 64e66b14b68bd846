"""Schedules on their way to a device and off it again, and those that end with a charge of the battery.

What is about to be placed is in the journal before; after a crash the device is asked again with the same
mark, and has it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from controllers.schedules import schedules
from controllers.schedules.schedules import Planned, Plans, Stage
from controllers.states.reconcile import Reconciler
from controllers.states.writing import EXCHANGE_S
from controllers.tasks.errands import Book
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ClockTask, ControlledDevice, Schedules
from sunhelm.devices.errors import DeviceError, Rejected

RETRY_S: Final = 15.0
LOOK_S: Final = 60.0
"""How often it is looked whether a battery is where a schedule shall bring it."""

MOST_OFF_S: Final = 120.0
"""A device whose clock is further off would do the right thing at the wrong time."""

_log = structlog.get_logger(__name__)


class ClockOff(Exception):
    """The clock of the device is wrong, so that it gets no schedule; the text says by how much."""


class ScheduleErrand:
    """The schedules of one device."""

    def __init__(self, book: Book, reconciler: Reconciler) -> None:
        self._book = book
        self._device: ControlledDevice = reconciler.device
        self._hands = reconciler.hands
        self._not_before: dict[str, float] = {}

    @property
    def blocks(self) -> bool:
        """Whether it goes before everything else; schedules do not."""
        return False

    @property
    def is_due(self) -> bool:
        """Whether one has to be placed, taken away or looked after now."""
        return bool(self._due())

    async def run(self) -> float | None:
        """Do what is due; the next that will be is found by whoever keeps the time."""
        due = self._due()
        if not due:
            return None
        clock = self._book.clock
        try:
            async with self._hands, self._device.turn(Deadline.after(EXCHANGE_S, clock)):
                await self._device.identify(Deadline.after(EXCHANGE_S, clock))
                for plan in due:
                    await self._look_after(plan)
        except DeviceError as error:
            for plan in due:
                await self._trouble(plan, error.reason.value)
            return RETRY_S
        return None

    def _due(self) -> list[Planned]:
        wall, now = self._book.clock.time(), self._book.time.now()
        name = self._device.name
        return [
            plan
            for plan in self._book.ledger.plans.values()
            if plan.device == name and _wants(plan, wall) and now >= self._not_before.get(plan.id, 0.0)
        ]

    async def _look_after(self, plan: Planned) -> None:
        """Bring one further. Raises DeviceError when the device cannot be spoken with."""
        plan = self._book.ledger.plans[plan.id]  # the turn may have been long in coming
        if not _wants(plan, self._book.clock.time()):
            return
        native = self._device.schedules
        if plan.kept is not None:
            await self._look_at_charge(plan)
        elif native is None:
            await self._trouble(plan, "the device carries out no schedules any more")
        elif plan.stage is Stage.DELETING:
            if plan.key:
                await native.delete(plan.key, self._deadline())
            else:
                await self._take_away(plan, native)
            await self._change(lambda plans: schedules.gone(plans, plan.id))
            _log.info("schedule_taken_away", device=self._device.name, schedule=plan.id)
        else:
            await self._place(plan, native)

    async def _place(self, plan: Planned, native: Schedules) -> None:
        try:
            native.check(plan.schedule)
            await check_clock(self._device, self._deadline())
        except ClockOff as error:
            await self._trouble(plan, str(error))
            return
        except ValueError as error:
            await self._fail(plan, str(error))
            return
        await self._change(lambda plans: schedules.placing(plans, plan.id))
        if self._book.ledger.plans[plan.id].stage is not Stage.PLACING:
            return
        try:
            key = await native.create(plan.schedule, plan.id, self._deadline())
        except ValueError as error:
            await self._fail(plan, str(error))
            return
        except Rejected as error:
            problem = str(error)
            self._not_before[plan.id] = self._book.time.now() + LOOK_S
            _log.warning("schedule_waits", device=self._device.name, schedule=plan.id, problem=problem)
            await self._change(lambda plans: schedules.refused(plans, plan.id, problem))
            return
        await self._change(lambda plans: schedules.placed(plans, plan.id, key))
        _log.info("schedule_placed", device=self._device.name, schedule=plan.id, key=key)

    async def _take_away(self, plan: Planned, native: Schedules) -> None:
        """Delete what may have been placed without our learning its key: only what is ours and the same."""
        for entry in await native.entries(self._deadline()):
            same = (entry.schedule.mode, entry.schedule.start, entry.schedule.end) == (
                plan.schedule.mode,
                plan.schedule.start,
                plan.schedule.end,
            )
            if same and entry.ours is not False:
                await native.delete(entry.key, self._deadline())

    async def _look_at_charge(self, plan: Planned) -> None:
        self._not_before[plan.id] = self._book.time.now() + LOOK_S
        read, target = self._device.state_of_charge, plan.schedule.target_soc
        if read is None or target is None:
            return
        charge = await read(self._deadline())
        done = charge >= target if plan.schedule.mode == "force_charge" else charge <= target
        if done:
            await self._change(lambda plans: schedules.reached(plans, plan.id))
            _log.info("schedule_reached", device=self._device.name, schedule=plan.id, charge=charge)

    async def _fail(self, plan: Planned, problem: str) -> None:
        _log.warning("schedule_failed", device=self._device.name, schedule=plan.id, problem=problem)
        await self._change(lambda plans: schedules.failed(plans, plan.id, problem))

    async def _trouble(self, plan: Planned, problem: str) -> None:
        self._not_before[plan.id] = self._book.time.now() + RETRY_S
        if self._book.ledger.plans[plan.id].problem != problem:
            _log.warning("schedule_waits", device=self._device.name, schedule=plan.id, problem=problem)
            await self._change(lambda plans: schedules.troubled(plans, plan.id, problem))

    async def _change(self, change: Callable[[Plans], Plans]) -> None:
        await self._book.change(lambda ledger: replace(ledger, plans=change(ledger.plans)))

    def _deadline(self) -> Deadline:
        return Deadline.after(EXCHANGE_S, self._book.clock)


async def check_clock(device: ControlledDevice, deadline: Deadline) -> None:
    """Raise ClockOff when the device's clock is wrong, in a turn. One that cannot be read is believed."""
    task = device.tasks.get("set_clock")
    if isinstance(task, ClockTask):
        ahead_s = await task.offset(deadline)
        if abs(ahead_s) > MOST_OFF_S:
            way = "ahead" if ahead_s > 0 else "behind"
            raise ClockOff(
                f"the clock of {device.name} is {abs(ahead_s):.0f} s {way}, more than {MOST_OFF_S:.0f} s;"
                " set_clock sets it"
            )


def _wants(plan: Planned, wall: float) -> bool:
    """Return whether there is something to do for it on the device now."""
    if plan.kept is not None:
        return plan.stage is Stage.RUNNING and plan.schedule.target_soc is not None
    if plan.stage is Stage.DELETING:
        return True
    return plan.stage in (Stage.PLANNED, Stage.PLACING) and plan.placed_from <= wall < plan.schedule.end
