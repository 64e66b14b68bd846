"""A watchdog reset: the export limit lifted for some seconds, and put back whatever happens.

What was found is in the journal before the first frame. From then on the limit is owed: it is put back when
its seconds are over, or by the next process as the first thing it does, and again until it is read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from controllers.claims.claims import End
from controllers.claims.ledger import Ledger
from controllers.journal import lift_records
from controllers.journal.journal import Journal, JournalError
from controllers.journal.lift_records import Lift
from controllers.states.reconcile import WATCH_S, Reconciler
from controllers.steady import SteadyTime
from controllers.tasks.tasks import Task
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import Action, Watchdog
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError

LEAST_ALLOWED_S: Final = 10.0
"""What `allow_unlimited` has to say at least: lifting, waiting and putting back take so long."""

_READS_S: Final = 30.0
_ATTEMPT_S: Final = 20.0
_AGAIN_S: Final = 1.0
_TURN_S: Final = 60.0
"""So long is tried within one turn; then others may speak with the device for a moment."""

_log = structlog.get_logger(__name__)


class NotNow(Exception):
    """The watchdog is not reset now; the text is a word that says why."""


class Surroundings(Protocol):
    """What a reset has to look at: the controller."""

    ledger: Ledger
    journal: Journal
    time: SteadyTime
    clock: Clock


@dataclass(slots=True)
class WatchdogReset:
    """The watchdog of one device. `lift` is what is owed; None while the limit is in force.

    `back` says that the limit was read back, and only the journal does not know it yet.
    """

    surroundings: Surroundings
    config: DeviceConfig
    reconciler: Reconciler
    watchdog: Watchdog
    lift: Lift | None = None
    back: bool = False

    @property
    def lifted_s(self) -> float:
        """For how many seconds the limit has been lifted now; 0 while it is in force."""
        return 0.0 if self.lift is None or self.back else self._age(self.lift)

    @property
    def is_due(self) -> bool:
        """Whether a limit has to be put back."""
        return self.lift is not None

    @property
    def blocks(self) -> bool:
        """Whether nothing else may be done with the device: first the limit."""
        return self.lift is not None

    async def run(self) -> float | None:
        """Put back a limit that is owed; return after how many seconds to try again."""
        if self.lift is None:
            return None
        if self.back:
            await self._settle(self.lift)
            return WATCH_S if self.is_due else None
        try:
            async with self.reconciler.hands, self.reconciler.device.turn(self._within(_READS_S)):
                await self._restore(self.lift)
        except DeviceError as error:
            _log.error("limit_still_lifted", device=self.config.name, detail=str(error))
        return _AGAIN_S if self.is_due else None

    async def reset(self, task: Task) -> None:
        """Lift the limit and put it back. Raises NotNow, with nothing sent, and DeviceError likewise."""
        self.check()
        async with self.reconciler.hands, self.reconciler.device.turn(self._within(_READS_S)):
            try:
                found = await self.watchdog.found(self._within(_READS_S))
            except DeviceError as error:
                _log.warning("watchdog_not_reset", device=self.config.name, detail=str(error))
                raise NotNow(f"unreadable: {error.reason.value}") from error
            self.check()
            clock = self.surroundings.clock
            lift = Lift(self.config.name, found, self.surroundings.time.now(), task.id)
            await self.surroundings.journal.commit(lift_records.put_lift(lift))
            self.lift = lift
            _log.warning("limit_lifted", device=self.config.name, found=found, task=task.id)
            due = clock.monotonic() + self.watchdog.lasting_s
            try:
                await self.watchdog.lift(self._note, self._within(self.watchdog.lasting_s))
                await clock.sleep(due - clock.monotonic())
            except JournalError as error:
                _log.error("journal_failed", device=self.config.name, reason=str(error))
            await self._restore(lift)

    def check(self) -> None:
        """Raise NotNow unless the watchdog may be reset as things stand."""
        reason = self._refusal()
        if reason is not None:
            raise NotNow(reason)

    def _refusal(self) -> str | None:
        ledger, now = self.surroundings.ledger, self.surroundings.time.now()
        allowed = self.config.control.allow_unlimited
        states = ledger.demands(self.config, self.reconciler.device.handles, now)
        reason = None
        if allowed is None or allowed < LEAST_ALLOWED_S:
            reason = "not_allowed_unlimited"
        elif self.lift is not None:
            reason = "limit_is_lifted"
        elif ledger.heartbeat is None or not ledger.heartbeat.armed:
            reason = "no_heartbeat"
        elif ledger.late(now):
            reason = "heartbeat_late"
        elif any(demand.fail_safe for demand in states.values()) or _holds_a_fail_safe(ledger):
            reason = "fail_safe"
        elif _limits_export(ledger) or self._touched:
            reason = "export_is_limited"
        return reason

    @property
    def _touched(self) -> bool:
        """Whether anything of ours is, or may be, on the limiter of this device."""
        keeping = self.reconciler.keeping
        return any(keeping.of(state).written for state in ("export_limit", "mode"))

    async def _restore(self, lift: Lift) -> None:
        """Put the limit back until it is read back, for as long as one turn may last."""
        clock, name = self.surroundings.clock, self.config.name
        turn = self._within(_TURN_S)
        told = False
        while not turn.passed:
            try:
                if await self.watchdog.restore(lift.found, self._note_if_possible, self._within(_ATTEMPT_S)):
                    self.back = True
                    after_s = round(self._age(lift), 1)
                    _log.info("limit_restored", device=name, found=lift.found, after_s=after_s)
                    await self._settle(lift)
                    return
            except DeviceError as error:
                _log.warning("limit_not_restored", device=name, detail=str(error))
            allowed = self.config.control.allow_unlimited or LEAST_ALLOWED_S
            if not told and self._age(lift) > allowed:
                told = True
                _log.error("limit_lifted_too_long", device=name, seconds=round(self._age(lift), 1))
            await clock.sleep(_AGAIN_S)

    async def _settle(self, lift: Lift) -> None:
        """Note that nothing is owed any more; until then, nothing else is done and no frame is sent again."""
        try:
            await self.surroundings.journal.commit(lift_records.end_lift(lift.device))
        except JournalError as error:
            _log.error("journal_failed", device=self.config.name, reason=str(error))
        else:
            self.lift, self.back = None, False

    async def _note(self, frame: str) -> None:
        """Journal a frame before it is sent. Raises JournalError."""
        now = self.surroundings.time.now()
        task = "" if self.lift is None else self.lift.task
        await self.surroundings.journal.commit(lift_records.put_frame(self.config.name, task, frame, now))

    async def _note_if_possible(self, frame: str) -> None:
        """Journal a frame that must be sent in any case."""
        try:
            await self._note(frame)
        except JournalError as error:
            _log.error("journal_failed", device=self.config.name, reason=str(error), frame=frame)

    def _age(self, lift: Lift) -> float:
        return max(0.0, self.surroundings.time.now() - lift.begun_at)

    def _within(self, seconds: float) -> Deadline:
        return Deadline.after(seconds, self.surroundings.clock)


def _holds_a_fail_safe(ledger: Ledger) -> bool:
    """Return whether nobody knows what is asked of some device of the site."""
    return any(
        claim.ended is End.EXPIRED and not claim.order.terms.dry_run for claim in ledger.claims.values()
    )


def _limits_export(ledger: Ledger) -> bool:
    """Return whether any claim limits the export of the site, on whichever device."""
    return any(
        claim.order.action is Action.LIMIT_EXPORT and not claim.order.terms.dry_run and claim.live
        for claim in ledger.claims.values()
    )
