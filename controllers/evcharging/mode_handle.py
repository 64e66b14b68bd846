"""The mode of a charger as something that can be commanded: kept by the controller, by no device."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from controllers.evcharging.terms import EvMode
from sunhelm.devices.charging import EvCharger
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    Action,
    ControlledDevice,
    Envelopes,
    Handle,
    Hazard,
    Mode,
    Promise,
    Proof,
    Rung,
    Schedules,
    Storage,
    Task,
    Value,
    Watchdog,
)

EV_MODE: Final = "ev_mode"

PROMISE: Final = Promise(
    key=EV_MODE,
    actions=(Action.EV_MODE,),
    hazard=Hazard.OPT_IN,
    rung=Rung.PERSISTENT,
    storage=Storage.VOLATILE,
    proof=Proof.READ_BACK,
    doubts="the charger keeps its last limit, and goes on charging, when the controller dies",
)
"""Its changes of the charger have a budget of their own, so that the mode itself wears nothing out."""


@dataclass(slots=True, eq=False)
class ModeHandle:
    """The mode that is in force; implements `Handle`. What is asked of it comes from the claims."""

    in_force: Callable[[], EvMode] = lambda: EvMode.OFF
    promise: Promise = PROMISE

    def check(self, value: Value) -> None:
        if not isinstance(value, Mode) or value.name not in list(EvMode):
            name = value.name if isinstance(value, Mode) else value
            raise ValueError(f"ev_mode: {name} is none of {', '.join(EvMode)}")

    def equal(self, wanted: Value, observed: Value) -> bool:
        return wanted == observed

    async def observe(self, deadline: Deadline) -> Mode:
        del deadline
        return Mode(self.in_force().value)

    async def write(self, value: Value, deadline: Deadline) -> None:
        """Refuse: nothing is written for a mode but what the regulation does."""
        del deadline
        raise ValueError(f"ev_mode: {value} is asked for by a claim, or chosen")


@dataclass(slots=True, eq=False)
class RegulatedDevice:
    """A charger with its mode among its handles; implements `ControlledDevice`."""

    charged: ControlledDevice
    mode: ModeHandle

    @property
    def name(self) -> str:
        """The device, as the site file calls it."""
        return self.charged.name

    @name.setter
    def name(self, name: str) -> None:
        self.charged.name = name

    @property
    def handles(self) -> Mapping[str, Handle]:
        return {**self.charged.handles, EV_MODE: self.mode}

    @property
    def tasks(self) -> Mapping[str, Task]:
        return self.charged.tasks

    @property
    def schedules(self) -> Schedules | None:
        return self.charged.schedules

    @property
    def envelopes(self) -> Envelopes | None:
        return self.charged.envelopes

    @property
    def watchdog(self) -> Watchdog | None:
        return self.charged.watchdog

    @property
    def state_of_charge(self) -> Callable[[Deadline], Awaitable[float]] | None:
        return self.charged.state_of_charge

    @property
    def charger(self) -> EvCharger | None:
        return self.charged.charger

    @property
    def feedback(self) -> Mapping[str, int]:
        return self.charged.feedback

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.charged.turn(deadline)

    async def identify(self, deadline: Deadline) -> str:
        return await self.charged.identify(deadline)

    async def close(self) -> None:
        await self.charged.close()
