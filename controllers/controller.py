"""The controller as a whole: alerts in, judged; devices kept in the state that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import structlog

from controllers.claims.demand import LIMITING, Demand, state_of
from controllers.claims.judgement import after_alerts, after_listing, after_time
from controllers.claims.ledger import Ledger, difference, rebound, recall, transition
from controllers.config import Configuration
from controllers.desk import PeoplesDesk
from controllers.device_loop import DeviceLoop
from controllers.evcharging.mode_handle import EV_MODE, ModeHandle, RegulatedDevice
from controllers.evcharging.readings import OpenReadings, open_readings
from controllers.evcharging.regulator import Regulator
from controllers.evcharging.section import Chargers
from controllers.evcharging.terms import ChargingTerms
from controllers.fleet import Fleet, Open, controlled
from controllers.intake.alertmanager import Alertmanager, NotListed
from controllers.intake.alerts import Alert
from controllers.intake.inbox import Inbox, judged
from controllers.journal import charging_records, lift_records
from controllers.journal.journal import Journal, JournalError, Statement
from controllers.journal.records import owes
from controllers.journal.schema import retention
from controllers.journal.values import words
from controllers.people import People
from controllers.policy.policies import Policies
from controllers.schedules.placing import ScheduleErrand
from controllers.states.reconcile import Reconciler
from controllers.states.statuses import Observer
from controllers.steady import SteadyTime
from controllers.tasks.daily import with_daily_tasks
from controllers.tasks.errands import TaskErrand
from controllers.tasks.watchdog import WatchdogReset
from controllers.views import cause
from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, sleep_unless
from sunhelm.devices.control import UNLIMITED, Action, ControlledDevice, Limit, PowerLimit, Storage
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.site import Site

TICK_S: Final = 1.0
RETENTION_S: Final = 3600.0
ORPHANS_S: Final = 60.0
OFTEN_S: Final = 10.0
"""How often Alertmanager is asked while a claim only waits for the heartbeat, and when it did not answer."""

_log = structlog.get_logger(__name__)


class Controller:
    """Everything between the door and the devices. `open_device` opens one for control.

    `ledger` holds what is in the journal, never more.
    """

    def __init__(
        self,
        configuration: Configuration,
        journal: Journal,
        open_device: Open,
        *,
        observer: Observer,
        clock: Clock = SYSTEM_CLOCK,
        open_house: OpenReadings | None = None,
    ) -> None:
        self.clock = clock
        self.time = SteadyTime(clock)
        self.journal = journal
        self.site: Site = configuration.site
        self.policies: Policies = configuration.policies
        self.chargers: Chargers = configuration.chargers
        self.ledger: Ledger = recall(journal, self.policies, self.time.now())
        self.inbox = Inbox(journal, self._concerns)
        self._observer = observer
        self._open_house: OpenReadings = open_house or partial(open_readings, clock=clock)
        self._turn = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._polling: asyncio.Task[None] | None = None
        self._delivered = asyncio.Event()
        self.listed_at: float | None = None
        self.fleet = Fleet(self._loop)
        self.fleet.equip(self.site, open_device)
        self._desk = PeoplesDesk(self)
        self.orphans: frozenset[str] = frozenset()
        self._orphans_sought_at = float("-inf")
        self._seek_orphans()

    @property
    def reconcilers(self) -> Mapping[str, Reconciler]:
        """What keeps each device in its state, by the device's name."""
        return {name: loop.reconciler for name, loop in self.fleet.loops.items()}

    @property
    def people(self) -> People:
        """What people may ask."""
        return self._desk

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._group = tasks
            self.fleet.start(tasks)
            tasks.create_task(self._judge(), name="inbox")
            tasks.create_task(self._keep_time(), name="time")
            self._start_polling()

    async def follow(self, configuration: Configuration, open_device: Open) -> None:
        """Go on by another configuration. Devices that it does not change are kept as they are.

        Raises JournalError, and leaves everything as it was then.
        """
        await self.change(lambda ledger: rebound(ledger, configuration.policies, self.time.now()))
        self.policies = configuration.policies  # what arrives while devices are dismissed is judged by these
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
            self._polling = None
        names = {*self.chargers, *configuration.chargers}
        changed = {name for name in names if self._is_another(name, configuration)}
        await self.fleet.dismiss(configuration.site, before=self.site, changed=changed)
        self.site, self.chargers = configuration.site, configuration.chargers
        self.fleet.equip(self.site, open_device)
        self._seek_orphans()
        for name, reconciler in self.reconcilers.items():
            reconciler.settling.ours = self.policies.values(name)
        if self._group is not None:
            self.fleet.start(self._group)
        self._start_polling()

    async def close(self) -> None:
        """Give back what would stay for nobody's good, and close the devices."""
        await self.fleet.close()

    async def judge(self) -> None:
        """Wait for alerts, and judge all that are there. Raises JournalError; they are kept then."""
        alerts = await self.inbox.take()
        self._delivered.set()
        try:
            await self.change(lambda ledger: after_alerts(ledger, self.policies, alerts), *judged(alerts))
        except BaseException:
            self.inbox.put_back(alerts)
            raise

    async def tick(self) -> None:
        """Let time do what it does to claims, and ask for what is done daily. Raises JournalError."""
        wall, now = self.clock.time(), self.time.now()
        await self.change(lambda ledger: with_daily_tasks(ledger, self.site, wall, now))
        if self.orphans and now - self._orphans_sought_at >= ORPHANS_S:
            self._seek_orphans()

    async def listen(self, alertmanager: Alertmanager) -> None:
        """Ask Alertmanager which alerts it has, and judge them. Raises NotListed and JournalError."""
        asked_at = self.time.now()
        alerts = await alertmanager.alerts(asked_at)
        await self.listed(alerts, asked_at)

    async def listed(self, alerts: list[Alert], asked_at: float) -> None:
        """Judge what Alertmanager has listed. Raises JournalError."""
        ahead_s = self.clock.time() - self.time.now()
        await self.change(
            lambda ledger: after_listing(ledger, self.policies, alerts, asked_at=asked_at, ahead_s=ahead_s)
        )
        self.listed_at = asked_at

    async def change(self, change: Callable[[Ledger], Ledger], *statements: Statement) -> None:
        """Bring the ledger forward: first in the journal, then here, then for the devices."""
        async with self._turn:
            now = self.time.now()
            before = self.ledger
            after = after_time(change(before), now, self.clock.time())
            noted = [*statements, *difference(before, after, now)]
            if noted:
                await self.journal.commit(*noted)
            self.ledger = after
        self._tell(before, after)

    def _tell(self, before: Ledger, after: Ledger) -> None:
        for key, claim in after.claims.items():
            what = transition(before.claims.get(key), claim)
            if what is not None:
                _log.info(
                    f"claim_{what}",
                    cause=cause(key.policy),
                    device=key.device,
                    fingerprint=key.fingerprint,
                    state=claim.order.state,
                    value=words(claim.order.value),
                    dry_run=claim.order.terms.dry_run,
                )
        self.fleet.wake()

    async def _judge(self) -> None:
        while True:
            try:
                await self.judge()
            except JournalError as error:
                _log.error("journal_failed", reason=str(error))
                await self.clock.sleep(TICK_S)

    async def _keep_time(self) -> None:
        cleaned_at = float("-inf")
        while True:
            try:
                await self.tick()
                if self.time.now() - cleaned_at >= RETENTION_S:
                    await self.journal.commit(*retention(self.time.now()))
                    cleaned_at = self.time.now()
            except JournalError as error:
                _log.error("journal_failed", reason=str(error))
            await self.clock.sleep(TICK_S)

    async def _poll(self, every_s: float) -> None:
        url = self.policies.alertmanager.url
        assert url is not None
        alertmanager = Alertmanager(url)
        failing = False
        try:
            while True:
                self._delivered.clear()
                try:
                    await self.listen(alertmanager)
                except (NotListed, JournalError) as error:
                    if not failing:
                        _log.warning("alertmanager_lost", reason=str(error))
                    failing = True
                else:
                    if failing:
                        _log.info("alertmanager_back")
                    failing = False
                often = failing or self.ledger.unproven
                await self._until_next_poll(min(every_s, OFTEN_S) if often else every_s)
        finally:
            await alertmanager.close()

    async def _until_next_poll(self, every_s: float) -> None:
        """Wait so long, or until a delivery comes; never without a pause."""
        await self.clock.sleep(min(every_s, TICK_S))
        await sleep_unless(self._delivered, every_s - TICK_S, self.clock)

    def _start_polling(self) -> None:
        every_s = self.policies.poll_s
        if self._group is not None and every_s is not None:
            self._polling = self._group.create_task(self._poll(every_s), name="alertmanager")

    def _seek_orphans(self) -> None:
        """Find the devices that hold something of ours and are not ours to command any more.

        The site file has lost them, or lets them only be read: nobody will give back what they had. Or it
        calls one of them something else now, so that every device is looked at once.
        """
        known = {config.name for config in controlled(self.site)}
        kept = charging_records.recalled_chargers(self.journal, self.time.now())
        charging = {name for name, each in kept.items() if each.memory.holds}
        orphans = frozenset({*owes(self.journal), *lift_records.lifts(self.journal), *charging} - known)
        for name in sorted(orphans - self.orphans):
            _log.error("orphaned", device=name, hint="it holds what we wrote; give it back to the site file")
        if orphans - self.orphans:
            for reconciler in self.reconcilers.values():
                reconciler.keeping.owes = True
        self.orphans, self._orphans_sought_at = orphans, self.time.now()

    def _is_another(self, name: str, configuration: Configuration) -> bool:
        """Return whether a charger is regulated otherwise, or by other readings, than before."""
        new, old = configuration.chargers.get(name), self.chargers.get(name)
        if new is None or new != old or new.house.device is None:
            return new != old
        return configuration.site.devices[new.house.device] != self.site.devices[new.house.device]

    def _concerns(self, alert: Alert) -> bool:
        return self.policies.concern(alert.labels)

    def _loop(self, config: DeviceConfig, device: ControlledDevice) -> DeviceLoop:
        ramped = dict(_ramped(config, device))

        own = tuple(device.handles)

        def asked() -> Mapping[str, Demand]:
            return self._standing().demands(config, own, self.time.now(), ramped)

        mode = ModeHandle()
        reconciler = Reconciler(
            RegulatedDevice(device, mode) if config.name in self.chargers else device,
            self.journal,
            asked,
            clock=self.clock,
            time=self.time,
            observer=self._observer,
            ours=self.policies.values(config.name),
            allowed=config.control.allow,
            defaults=dict(_defaults(config)),
            changes_a_day=config.control.changes_a_day,
        )
        reset = None
        if device.watchdog is not None:
            lift = lift_records.lifts(self.journal).get(config.name)
            reset = WatchdogReset(self, config, reconciler, device.watchdog, lift)
        tasks = TaskErrand(self, reconciler, reset)
        errands = (tasks, ScheduleErrand(self, reconciler))
        regulator = self._regulator(config, reconciler)
        if regulator is not None:
            mode.in_force = lambda: regulator.mode
            reconciler.settling.lent = regulator.lent
        return DeviceLoop(
            reconciler,
            self.clock,
            *((reset,) if reset is not None else ()),
            *errands,
            regulator=regulator,
        )

    def _standing(self) -> Ledger:
        """Return the ledger; while the journal takes nothing, as time alone has made it since.

        What ends by itself ends: a full disk must not force a battery for longer than somebody asked.
        """
        if not self.journal.failing:
            return self.ledger
        return after_time(self.ledger, self.time.now(), self.clock.time())

    def _regulator(self, config: DeviceConfig, reconciler: Reconciler) -> Regulator | None:
        """Return what regulates a charger; one that is not regulated any more gets back what it had."""
        recalled = charging_records.recalled_chargers(self.journal, self.time.now()).get(config.name)
        charger = self.chargers.get(config.name)
        if charger is None and (recalled is None or not recalled.memory.holds):
            return None

        def asked() -> Demand:
            return self.ledger.demands(config, [EV_MODE], self.time.now()).get(EV_MODE, Demand())

        return Regulator(
            self,
            reconciler,
            ChargingTerms() if charger is None else charger.terms,
            readings=None if charger is None else self._open_house(charger.house, self.site),
            asked=asked,
            recalled=recalled,
        )


def _ramped(config: DeviceConfig, device: ControlledDevice) -> Iterator[tuple[str, float]]:
    """Yield the limits that no memory of the device wears out by, and what they go up to when let go."""
    for action in LIMITING:
        handle = device.handles.get(state_of(action))
        if handle is not None and handle.promise.storage is Storage.VOLATILE:
            top = config.rated_power or handle.promise.high
            if top is not None:
                yield handle.promise.key, top


def _defaults(config: DeviceConfig) -> Iterator[tuple[str, PowerLimit]]:
    """Yield what the owner has without us, by state."""
    for action, limit in config.control.default.items():
        yield state_of(Action(action)), UNLIMITED if isinstance(limit, str) else Limit(limit)
