"""Claims of people, holds, the owner's own values, and what a command would do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from controllers.claims.claims import PERSON, Claim, ClaimKey, End, Order, Terms
from controllers.claims.demand import LIMITING
from controllers.claims.judgement import after_freeing, after_hold, after_person, after_release
from controllers.claims.ledger import Ledger
from controllers.claims.limits import is_limit
from controllers.desk.office import told
from controllers.desk.once import Once
from controllers.device_loop import DeviceLoop
from controllers.evcharging.mode_handle import EV_MODE
from controllers.evcharging.terms import EvMode
from controllers.journal.values import words
from controllers.orders import Wanted, check_hazard, needs_confirmation, wanted
from controllers.people import (
    LASTING_S,
    ClaimRecord,
    Command,
    DeviceRecord,
    PlanRecord,
    RefusalReason,
    Refused,
    StateRecord,
)
from controllers.schedules.spans import TASK_PARAMETERS
from controllers.states.budget import Budget
from controllers.states.curtailment import Purpose
from controllers.states.reconcile import Reconciler
from controllers.states.writing import is_same
from controllers.views import claim_id, claim_record, device_record, mode_record, state_record
from sunhelm.devices.control import Action, Mode, Rung, Storage, Unknown, Value

_WHEN_DEAD = {
    Rung.TIMER: "when the controller dies, the device lets go by itself",
    Rung.VOLATILE: "when the controller dies, it stays until it is changed or the device restarts",
    Rung.PERSISTENT: "when the controller dies, it stays for good: nobody takes it back",
}


class States(Once):
    """The part of the desk that is about states of devices."""

    def devices(self) -> tuple[DeviceRecord, ...]:
        """Return every device that may be commanded."""
        holds, now = self._books.ledger.holds, self._now
        return tuple(
            device_record(
                self._books.site.devices[name], loop, until if (until := holds.get(name, 0.0)) > now else None
            )
            for name, loop in self._loops.items()
        )

    def claims(self, *, ended: bool = False) -> tuple[ClaimRecord, ...]:
        """Return the claims that live or hold a fail-safe, the newest first; `ended`: the others too."""
        found = [
            claim
            for claim in self._books.ledger.claims.values()
            if ended or claim.live or claim.ended is End.EXPIRED
        ]
        return tuple(claim_record(claim) for claim in sorted(found, key=_newest_first))

    async def claim(
        self, command: Command, *, lasting_s: float = LASTING_S, confirmed: bool = False
    ) -> ClaimRecord:
        """Ask for a state of a device for so long; at its end the device gets back what it had."""
        self._check_lasting(lasting_s)
        if command.action is Action.SET:
            raise Refused(RefusalReason.NOT_POSSIBLE, "a setting is written for good, not for some time")
        config, reconciler = self._config(command.device), self._loop(command.device).reconciler
        asked = wanted(command, config, reconciler.device)
        promise = asked.handle.promise
        hazard = promise.hazard_of(asked.value)
        check_hazard(promise, hazard, command.action, config=config, confirmed=confirmed)
        self._check_budget(asked, reconciler)
        order = _order(asked, command, lasting_s)
        now = self._now
        await self._books.change(lambda ledger: after_person(ledger, order, now))
        return claim_record(self._books.ledger.claims[order.key])

    async def release(self, claim: str) -> ClaimRecord:
        """End a claim, or the fail-safe that it left; while its alert still fires it is not made again."""
        for key in self._books.ledger.claims:
            if claim_id(key) == claim:
                held = self._books.ledger.claims[key]
                frees = held.ended is End.EXPIRED and held.order.action in LIMITING
                return (await self._release([key], key.device if frees else None))[0]
        raise Refused(RefusalReason.NOT_FOUND, f"there is no claim {claim}")

    async def release_device(self, device: str) -> tuple[ClaimRecord, ...]:
        """End every claim on a device."""
        self._known(device)
        claims = self._books.ledger.claims.values()
        keys = [each.key for each in claims if each.key.device == device and _counts(each)]
        return await self._release(keys, device)

    async def hold(self, device: str, *, lasting_s: float = LASTING_S) -> float:
        """Let alerts make no claims on a device for so long; return until when."""
        self._check_lasting(lasting_s)
        self._config(device)
        until = self._now + lasting_s
        await self._books.change(lambda ledger: after_hold(ledger, device, until))
        return until

    async def end_hold(self, device: str) -> None:
        """Let alerts make claims again; harmless without a hold."""
        self._config(device)
        now = self._now
        if self._books.ledger.held(device, now):
            await self._books.change(lambda ledger: after_hold(ledger, device, now))

    async def set_baseline(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        """Say what the owner's own value is; here a limit may be "unlimited". Ends standing back."""
        config, loop = self._config(command.device), self._loop(command.device)
        asked = wanted(command, config, loop.reconciler.device, owner=True)
        hazard = asked.handle.promise.hazard_of(asked.value)
        check_hazard(asked.handle.promise, hazard, command.action, config=config, confirmed=confirmed)
        if loop.regulator is not None and isinstance(asked.value, Mode) and asked.state == EV_MODE:
            await loop.regulator.choose(EvMode(asked.value.name))
            return mode_record(loop.regulator)
        with told(command.device):
            await loop.reconciler.set_baseline(asked.state, asked.value)
        loop.wake()
        return state_record(asked.state, loop.reconciler)

    async def set(self, command: Command, *, confirmed: bool = False) -> StateRecord:
        """Write a setting for good (action `set`): written, proven, and the new baseline."""
        if command.action is not Action.SET:
            raise Refused(RefusalReason.NOT_POSSIBLE, f"{command.action.value} is not done for good")
        config, loop = self._config(command.device), self._loop(command.device)
        reconciler = loop.reconciler
        asked = wanted(command, config, reconciler.device)
        promise = asked.handle.promise
        check_hazard(promise, promise.hazard_of(asked.value), Action.SET, config=config, confirmed=confirmed)
        if promise.storage is not Storage.VOLATILE and reconciler.budget.left < 1:
            raise Refused(RefusalReason.NOT_NOW, f"{command.device}: {_no_budget(reconciler.budget)}")
        with told(command.device):
            await self._set(asked, loop)
        return state_record(asked.state, reconciler)

    async def _set(self, asked: Wanted, loop: DeviceLoop) -> None:
        """Write a setting and prove it, or put back what was found. Raises Refused and DeviceError."""
        reconciler, promise = loop.reconciler, asked.handle.promise
        async with reconciler.pen:
            found = await reconciler.observe(asked.state)
            await reconciler.set_baseline(asked.state, asked.value, written=True)
            await reconciler.reconcile()
            kept = reconciler.keeping.of(asked.state)
            if kept.written and not kept.proven:
                if promise.blind:
                    await reconciler.forget(asked.state)
                elif not isinstance(found, Unknown):
                    await reconciler.set_baseline(asked.state, found, written=True)
                loop.wake()
                device = reconciler.device.name
                raise Refused(RefusalReason.DEVICE, f"{device} does not show {words(asked.value)}")

    async def plan(self, command: Command, *, lasting_s: float = LASTING_S) -> PlanRecord:
        """Return what the command would do. Reads from the device, writes nothing."""
        self._check_lasting(lasting_s)
        config, reconciler = self._config(command.device), self._loop(command.device).reconciler
        if command.action in TASK_PARAMETERS:
            return self._plan_once(command, config, reconciler.device)
        asked = wanted(command, config, reconciler.device)
        promise = asked.handle.promise
        with told(command.device):
            observed = await reconciler.observe(asked.state)
        desired: Value | None = asked.value
        if command.action is not Action.SET:
            order, now = _order(asked, command, lasting_s), self._now
            ledger = after_person(self._books.ledger, order, now)
            demands = ledger.demands(config, [asked.state], now)
            desired = reconciler.desired(asked.state, demands[asked.state], observed)
        hazard = promise.hazard_of(asked.value)
        return PlanRecord(
            device=command.device,
            action=command.action,
            state=asked.state,
            value=words(asked.value),
            observed=words(observed),
            desired=words(desired),
            writes=tuple(_writes(asked, desired, observed)),
            warnings=tuple(_warnings(asked, desired, reconciler)),
            hazard=hazard,
            rung=promise.rung,
            means="kept",
            needs_confirmation=needs_confirmation(hazard, command.action, config.control.allow),
            ends_at=None if command.action is Action.SET else self._now + lasting_s,
        )

    async def _release(self, keys: list[ClaimKey], freed: str | None) -> tuple[ClaimRecord, ...]:
        """End these claims; with `freed`, also the fail-safe that a late heartbeat brings to that device."""
        now = self._now

        def release(ledger: Ledger) -> Ledger:
            for key in keys:
                if _counts(ledger.claims[key]):
                    ledger = after_release(ledger, key, now)
            return ledger if freed is None else after_freeing(ledger, freed, now)

        await self._books.change(release)
        return tuple(claim_record(self._books.ledger.claims[key]) for key in keys)

    def _known(self, device: str) -> None:
        """Raise Refused for a device that nobody knows; claims may be on one that is not there any more."""
        if not any(key.device == device for key in self._books.ledger.claims):
            self._config(device)

    def _check_budget(self, asked: Wanted, reconciler: Reconciler) -> None:
        """Raise Refused for a claim that would begin and could not be written."""
        demands = self._books.ledger.demands(self._config(reconciler.device.name), [asked.state], self._now)
        begins = all(demand.value is None for demand in demands.values())
        storage = asked.handle.promise.storage
        if begins and not reconciler.budget.allows(Purpose.BEGIN, storage):
            text = f"{reconciler.device.name}: {_no_budget(reconciler.budget)}"
            raise Refused(RefusalReason.NOT_NOW, text)


def _newest_first(claim: Claim) -> float:
    return -claim.made_at


def _counts(claim: Claim) -> bool:
    """Return whether a claim asks for anything, be it by the fail-safe that it left."""
    return claim.live or claim.ended is End.EXPIRED


def _order(asked: Wanted, command: Command, lasting_s: float) -> Order:
    return Order(
        key=ClaimKey(PERSON, secrets.token_hex(8), command.device),
        action=asked.action,
        state=asked.state,
        value=asked.value,
        terms=Terms(lease_s=lasting_s, max_life_s=lasting_s),
    )


def _no_budget(budget: Budget) -> str:
    return f"{budget.used} changes of its memory within 24 hours; {budget.most} are the most"


def _writes(asked: Wanted, desired: Value | None, observed: Value | Unknown) -> Iterator[str]:
    if desired is None:
        return
    if isinstance(observed, Unknown) or not is_same(asked.handle, desired, observed):
        yield f"{asked.state}: {words(desired)} in place of {words(observed)}"


def _warnings(asked: Wanted, desired: Value | None, reconciler: Reconciler) -> Iterator[str]:
    promise = asked.handle.promise
    if desired != asked.value and is_limit(asked.value):
        yield f"something stricter is asked already, or is the owner's own value: {words(desired)}"
    elif desired != asked.value:
        yield f"something else goes before it: {words(desired)}"
    kept = reconciler.keeping.of(asked.state)
    if kept.stood_back:
        yield f"nothing is written: {kept.stood_back}"
    if isinstance(kept.baseline, Unknown):
        yield "what the device held before us is not known, so that nothing is put back at the end"
    yield _WHEN_DEAD[promise.rung]
    if promise.doubts:
        yield promise.doubts
