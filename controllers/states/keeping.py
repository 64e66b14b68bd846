"""What is kept of one device, and by whose serial number: the owner's values, and what we have written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from controllers.journal import records
from controllers.journal.journal import Journal, Statement
from controllers.journal.records import Kept
from controllers.states.budget import DAY_S, Budget
from controllers.states.curtailment import Purpose
from controllers.states.leases import renewal_s
from controllers.steady import SteadyTime
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.control import ControlledDevice, Promise, Rung, Storage
from sunhelm.devices.sections import CHANGES_A_DAY

IDENTIFY_S: Final = 30.0


class Keeping:
    """What the journal holds of the device that answers; nothing is here that is not there.

    `owes` says that something may still have to be given back, before the device was ever asked who it is.
    """

    def __init__(
        self,
        device: ControlledDevice,
        journal: Journal,
        time: SteadyTime,
        *,
        changes_a_day: int = CHANGES_A_DAY,
    ) -> None:
        self.journal = journal
        self.owes = device.name in records.owes(journal)
        self.serial: str | None = None
        self._device = device
        self._time = time
        self._changes_a_day = changes_a_day
        self._kept: dict[str, Kept] = {}
        self._changes = records.changes_within_a_day(journal, device.name, time.now())

    @property
    def states(self) -> Mapping[str, Kept]:
        """All that is kept, by state."""
        return self._kept

    def of(self, state: str) -> Kept:
        """Return what is kept of one state, with the changes of the last hour only."""
        return self._kept.get(state, Kept()).since(self._time.now())

    @property
    def budget(self) -> Budget:
        """The changes of settings that survive a power cut."""
        now = self._time.now()
        self._changes = [at for at in self._changes if now - at < DAY_S]
        handles = self._device.handles
        owed = sum(
            bool(kept.written) and handles[state].promise.storage is not Storage.VOLATILE
            for state, kept in self._kept.items()
            if state in handles
        )
        return Budget(len(self._changes), owed, most=self._changes_a_day)

    @property
    def needs_us(self) -> bool:
        """Whether something of ours stands there that is good for nobody once we are gone."""
        return any(kept.written and self.lives_by_us(state) for state, kept in self._kept.items())

    @property
    def holds(self) -> bool:
        """Whether something of ours may stand on the device."""
        return self.owes or any(kept.written for kept in self._kept.values())

    def lives_by_us(self, state: str) -> bool:
        """Return whether no timer of the device would end this state, and no owner would want it left there.

        It stays until the device restarts; or it stays for good, and does only while we repeat it what was
        asked.
        """
        handle = self._device.handles.get(state)
        if handle is None or handle.promise.rung is Rung.TIMER:
            return False
        return handle.promise.rung is Rung.VOLATILE or renewal_s(handle.promise) is not None

    async def identify(self, clock: Clock) -> None:
        """Find what is kept of the very device that answers: it may be another one than yesterday."""
        serial = await self._device.identify(Deadline.after(IDENTIFY_S, clock))
        if serial != self.serial:
            kept, now = await asyncio.to_thread(records.kept_of, self.journal, serial), self._time.now()
            self._kept = {state: each.not_after(now) for state, each in kept.items()}
            self.serial = serial

    async def keep(self, state: str, kept: Kept, *statements: Statement) -> None:
        """Keep this of a state, and carry out the statements with it. Raises JournalError."""
        assert self.serial is not None
        seen = records.put_serial(self.serial, self._device.name, self._time.now())
        await self.journal.commit(seen, records.put_kept(self.serial, state, kept), *statements)
        self._kept[state] = kept

    def changed(self, promise: Promise, purpose: Purpose, now: float) -> None:
        """Count a change that is about to be sent."""
        if records.wears(promise, purpose):
            self._changes.append(now)
