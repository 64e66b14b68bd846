"""The loop of one charger: look at the house and at the charger, decide, journal, write.

What was written is proven by the next look, a control period later. Everything that is remembered is in the
journal before the charger hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from controllers.claims.demand import Demand
from controllers.evcharging.decision import Command, Decision, Limit, decide
from controllers.evcharging.house import (
    House,
    Implausible,
    house_of,
    sighted,
    tells_of_battery,
    watts_an_ampere,
)
from controllers.evcharging.memory import Memory
from controllers.evcharging.noticing import noticed
from controllers.evcharging.readings import NoReading, Readings
from controllers.evcharging.terms import ChargingTerms, EvMode
from controllers.evcharging.wishes import Outlook
from controllers.journal import charging_records
from controllers.journal.charging_records import Recalled
from controllers.journal.journal import Journal, JournalError, Statement
from controllers.states.budget import DAY_S
from controllers.states.reconcile import Reconciler
from controllers.states.settling import Lent
from controllers.steady import SteadyTime
from sunhelm.devices.charging import ChargerState, EvCharger, Order
from sunhelm.devices.clock import Clock, Deadline, sleep_unless
from sunhelm.devices.control import CurrentLimits, Mode
from sunhelm.devices.errors import DeviceError

CLAIMABLE: Final = ("current_limits", "mode")
"""What the regulation writes of a charger: while anybody else asks for one of them, it does not."""

_HOUSE_S: Final = 12.0
_TURN_S: Final = 15.0
_LOOK_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Surroundings(Protocol):
    """What a regulator needs of the controller."""

    journal: Journal
    clock: Clock
    time: SteadyTime


@dataclass(slots=True)
class Shown:
    """What is told of the regulation; None where it is not known.

    `failing` is why the charger could not be spoken with, `house_failing` why the house could not be read.
    """

    reason: str = "not_looked_yet"
    desired_a: float | None = None
    excess_w: float | None = None
    state: ChargerState | None = None
    looked_at: float | None = None
    house_at: float | None = None
    failing: str = ""
    house_failing: str = ""


class Regulator:
    """Regulates one charger. `asked` tells what claims ask of its mode now.

    Without `readings` it only gives back what an earlier configuration has left on the charger.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        reconciler: Reconciler,
        terms: ChargingTerms,
        *,
        readings: Readings | None,
        asked: Callable[[], Demand],
        recalled: Recalled | None = None,
    ) -> None:
        charger = reconciler.device.charger
        assert charger is not None
        now = surroundings.time.now()
        self.terms = terms
        self.reconciler = reconciler
        self.memory = Memory(begun_at=now) if recalled is None else recalled.memory
        self.shown = Shown()
        self._surroundings = surroundings
        self._charger: EvCharger = charger
        self._readings = readings
        self._asked = asked
        self._chosen = None if recalled is None else recalled.mode
        self._serial = "" if recalled is None else recalled.serial
        self._identified = False
        self._has_battery = False
        self._woken = asyncio.Event()
        self._last_mode: EvMode | None = None
        name = reconciler.device.name
        self._changes = charging_records.changes_within_a_day(surroundings.journal, name, now)

    @property
    def name(self) -> str:
        """The charger, as the site file calls it."""
        return self.reconciler.device.name

    @property
    def configured(self) -> bool:
        """Whether the site file wants it regulated; else what is left of that is given back, and no more."""
        return self._readings is not None

    @property
    def now(self) -> float:
        """The time of the controller."""
        return self._surroundings.time.now()

    @property
    def own_mode(self) -> EvMode:
        """The mode when nobody claims another one: as it was chosen, or else as the site file says."""
        return self.terms.mode if self._chosen is None else self._chosen

    @property
    def mode(self) -> EvMode:
        """The mode that is in force."""
        if self._readings is None:
            return EvMode.OFF
        value = self._asked().value
        return EvMode(value.name) if isinstance(value, Mode) else self.own_mode

    @property
    def changes_left(self) -> int:
        """How many changes remain for what starts or raises within 24 hours."""
        now = self.now
        self._changes = [at for at in self._changes if now - at < DAY_S]
        return self.terms.changes_a_day - len(self._changes)

    def lent(self) -> Mapping[str, Lent]:
        """Return what is on the charger by our hand, so that a claim does not take it for the owner's."""
        memory = self.memory
        lent = {}
        if memory.ours_a and memory.owner_a is not None:
            limits = tuple(CurrentLimits(charge=each) for each in memory.ours_a)
            lent["current_limits"] = Lent(limits, CurrentLimits(charge=memory.owner_a))
        if memory.order is not None:
            owner = memory.owner_order or Order.READY
            lent["mode"] = Lent((_native(memory.order),), _native(owner))
        return lent

    async def choose(self, mode: EvMode) -> None:
        """Let a person say which mode holds from now on; ends standing back. Raises JournalError."""
        before = self.mode
        self.memory = self.memory.forgiven()
        await self._keep(
            charging_records.put_change(self.name, f"mode {mode}", self.now, counts=False), mode=mode
        )
        self._chosen = mode
        _log.info("ev_mode_chosen", device=self.name, mode=mode.value, instead_of=before.value)
        self._woken.set()

    def wake(self) -> None:
        """Look again at once if another mode is in force than before."""
        if self._last_mode is not None and self.mode is not self._last_mode:
            self._woken.set()

    async def run(self) -> None:
        """Go on until cancelled, once a control period and whenever the mode changes."""
        clock = self._surroundings.clock
        while True:
            began = clock.monotonic()
            self._woken.clear()
            try:
                await self.once()
            except Exception:  # noqa: BLE001 - no fault of one charger ends the regulation
                _log.exception("charging_failed", device=self.name)
            await sleep_unless(self._woken, self.terms.period_s - (clock.monotonic() - began), clock)

    async def once(self) -> None:
        """Look, decide, and write what is decided. DeviceErrors end in `shown`. Raises JournalError."""
        mode = self._last_mode = self.mode
        if mode is EvMode.OFF and not self.memory.holds and self.terms.session_j is None:
            self.shown = Shown(reason="off")
            return
        # A cap on the energy of a vehicle has to know when another one comes, in this mode too.
        house = None if mode is EvMode.OFF else await self._house()
        await self._exchange(lambda state, claimed: self._decision(mode, house, state, claimed=claimed))

    async def leave(self) -> None:
        """At an orderly end, leave the charger as it may stay without us: as when no readings come."""
        mode = self.mode
        if not self.memory.holds or mode is EvMode.OFF:
            return

        def lessened(state: ChargerState, claimed: bool) -> Decision:  # noqa: FBT001 - as it is called
            blind = replace(self._noticed(state, claimed=claimed), sights=(), begun_at=float("-inf"))
            decision = decide(mode, Outlook(self.terms, blind, state, self.now), 0)
            gives = isinstance(decision.command, Limit) and decision.command.amperes > state.limit_a
            kept = replace(decision.memory, begun_at=self.memory.begun_at)
            return replace(decision, command=None, memory=blind) if gives else replace(decision, memory=kept)

        await self._exchange(lessened)

    async def close(self) -> None:
        """Close where the readings come from."""
        if self._readings is not None:
            await self._readings.close()

    async def _house(self) -> House | None:
        """Return what the house says now; None when it says nothing that can be."""
        if self._readings is None:
            return None
        try:
            reading = await self._readings.read(Deadline.after(_HOUSE_S, self._surroundings.clock))
            self._has_battery |= tells_of_battery(reading.values)
            house = house_of(reading.values, self.now - reading.age_s, has_battery=self._has_battery)
        except (NoReading, Implausible) as error:
            if not self.shown.house_failing:
                _log.warning("house_lost", device=self.name, reason=str(error))
            self.shown.house_failing = "implausible" if isinstance(error, Implausible) else "unreadable"
            return None
        if self.shown.house_failing:
            _log.info("house_back", device=self.name)
        self.shown.house_failing = ""
        self.shown.house_at = house.taken_at
        return house

    async def _exchange(self, decision_of: Callable[[ChargerState, bool], Decision]) -> None:
        """Hold the charger for one look, and for the command that follows from it."""
        clock, device = self._surroundings.clock, self.reconciler.device
        try:
            async with self.reconciler.hands, device.turn(Deadline.after(_TURN_S, clock)):
                await self._identify()
                state = await self._charger.look(Deadline.after(_LOOK_S, clock))
                claimed = self._is_claimed
                decision = decision_of(state, claimed)
                self._tell(decision, state)
                await self._carry_out(decision)
        except DeviceError as error:
            self._identified = False
            if self.shown.failing != error.reason.value:
                _log.warning("charger_lost", device=self.name, reason=error.reason.value, detail=str(error))
            self.shown = replace(
                self.shown, failing=error.reason.value, reason="charger_unreachable", state=None
            )

    async def _identify(self) -> None:
        """Remember nothing of another charger than the one that answers."""
        if self._identified:
            return
        serial = await self.reconciler.device.identify(Deadline.after(_LOOK_S, self._surroundings.clock))
        if serial != self._serial:
            if self._serial:
                _log.warning("charger_replaced", device=self.name)
            self.memory = Memory(begun_at=self.memory.begun_at)
            self._serial = serial
        self._identified = True

    @property
    def _is_claimed(self) -> bool:
        """Whether anybody else asks for what we would write, or what he had is still to be given back."""
        reconciler = self.reconciler
        asked = any(reconciler.values.get(state) is not None for state in CLAIMABLE)
        return asked or reconciler.owes or any(reconciler.keeping.of(state).written for state in CLAIMABLE)

    def _noticed(self, state: ChargerState, *, claimed: bool) -> Memory:
        return noticed(self.memory, state, self.now, claimed=claimed)

    def _decision(self, mode: EvMode, house: House | None, state: ChargerState, *, claimed: bool) -> Decision:
        memory = sighted(self._noticed(state, claimed=claimed), house, state, self.terms, self.now)
        return decide(mode, Outlook(self.terms, memory, state, self.now), self.changes_left)

    def _tell(self, decision: Decision, state: ChargerState) -> None:
        """Show how things are, and log what has changed."""
        shown = self.shown
        if shown.failing:
            _log.info("charger_back", device=self.name)
        if decision.memory.stood_back and not self.memory.stood_back:
            _log.warning("charging_stands_back", device=self.name, reason=decision.memory.stood_back)
        if decision.reason != shown.reason:
            _log.info(
                "charging", device=self.name, mode=self.mode.value, reason=decision.reason or "charging"
            )
        sights = decision.memory.sights
        excess_a = sights[-1].excess_a if sights else None
        self.shown = Shown(
            reason=decision.reason,
            desired_a=decision.desired_a,
            excess_w=None if excess_a is None else excess_a * watts_an_ampere(state, self.terms),
            state=state,
            looked_at=self.now,
            house_at=shown.house_at,
            house_failing=shown.house_failing,
        )

    async def _carry_out(self, decision: Decision) -> None:
        """Journal what is remembered, and the change; then send it. Raises DeviceError and JournalError."""
        command, before = decision.command, self.memory
        self.memory = decision.memory
        try:
            if command is None:
                if _lasting(before) != _lasting(self.memory):
                    await self._keep()
                return
            await self._keep(charging_records.put_change(self.name, words(command), self.now))
        except JournalError:
            self.memory = replace(before, session=self.memory.session, sights=self.memory.sights)
            raise
        self._changes.append(self.now)
        _log.info(
            "charger_told",
            device=self.name,
            mode=self.mode.value,
            command=words(command),
            reason=decision.reason,
        )
        await self._send(command)

    async def _send(self, command: Command) -> None:
        handles, deadline = self.reconciler.device.handles, Deadline.after(_LOOK_S, self._surroundings.clock)
        if isinstance(command, Limit):
            await handles["current_limits"].write(CurrentLimits(charge=command.amperes), deadline)
        else:
            await handles["mode"].write(_native(command.order), deadline)

    async def _keep(self, *statements: Statement, mode: EvMode | None = None) -> None:
        kept = charging_records.put_charger(self.name, self._serial, mode or self._chosen, self.memory)
        await self._surroundings.journal.commit(kept, *statements)


def _native(order: Order) -> Mode:
    return Mode(f"native:{order}")


def words(command: Command) -> str:
    """Return a command as the journal and the log tell it."""
    return f"limit {command.amperes:g}A" if isinstance(command, Limit) else command.order.value


def _lasting(memory: Memory) -> Memory:
    """Return what is worth to be kept: not when it was seen, nor the readings of the last minutes."""
    session = replace(memory.session, at=None)
    return replace(memory, sights=(), seen_at=None, begun_at=0.0, session=session)
