"""What the controls of all families share: promises from data, and how a device is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from sunhelm.devices.charging import EvCharger
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import (
    Action,
    ControlledDevice,
    Envelopes,
    Handle,
    Hazard,
    Promise,
    Proof,
    Rung,
    Schedules,
    Storage,
    Task,
    Watchdog,
)
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import Family, Surroundings
from sunhelm.devices.families.spec import Writable

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

Commanded = TypeVar("Commanded", Handle, Task)


class NotControllable(Exception):
    """The site file does not allow commands on this device, or leaves out what they need."""


class ControlModule(Protocol):
    """What `control.py` in the folder of a family offers."""

    def open_control(
        self, family: Family, config: DeviceConfig, surroundings: Surroundings
    ) -> ControlledDevice:
        """Return the device, opened for control; nothing is sent yet. Raises NotControllable."""


class OwnedLink(Protocol):
    """What a device opened for control needs of its link, whatever that speaks."""

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Hold the endpoint for a sequence and its proof. May raise Busy."""

    async def close(self) -> None:
        """Close the connection; harmless when there is none."""


@dataclass(slots=True, eq=False, kw_only=True)
class CommandedDevice:
    """A device opened for control, put together by its family; implements `ControlledDevice`.

    `serial` returns what the device is known by, as `ControlledDevice.identify`.
    """

    name: str
    link: OwnedLink
    serial: Callable[[Deadline], Awaitable[str]]
    handles: Mapping[str, Handle]
    tasks: Mapping[str, Task] = field(default_factory=dict)
    schedules: Schedules | None = None
    envelopes: Envelopes | None = None
    watchdog: Watchdog | None = None
    state_of_charge: Callable[[Deadline], Awaitable[float]] | None = None
    charger: EvCharger | None = None
    feedback: Mapping[str, int] = field(default_factory=dict)

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.link.turn(deadline)

    async def identify(self, deadline: Deadline) -> str:
        return await self.serial(deadline)

    async def close(self) -> None:
        await self.link.close()


def by_key(things: Iterable[Commanded]) -> dict[str, Commanded]:
    """Return handles or tasks by the keys of their promises."""
    return {thing.promise.key: thing for thing in things}


def known_serial(config: DeviceConfig, serial: str) -> str:
    """Return the serial number of a device. Raises Rejected when the site file names another one."""
    if config.serial is not None and serial != config.serial:
        raise Rejected(f"{config.name}: is {serial}; the site file says {config.serial}")
    return serial


def export_promise(writable: Writable, config: DeviceConfig) -> Promise:
    """Return the promise of the export limit, with the ends of what the owner of the device wants."""
    promised, owners = promise("export_limit", writable), config.export_limit
    if owners is None:
        return promised
    return replace(promised, owner_low=owners.minimum, owner_high=owners.maximum)


def promise(key: str, writable: Writable) -> Promise:
    """Return what `family.yaml` promises of one thing that can be commanded."""
    return Promise(
        key=key,
        actions=tuple(map(Action, writable.actions)),
        hazard=Hazard(writable.hazard),
        hazards={value: Hazard(hazard) for value, hazard in writable.hazards.items()},
        rung=Rung(writable.rung),
        storage=Storage(writable.storage),
        proof=Proof(writable.proof),
        low=writable.low,
        high=writable.high,
        resolution=writable.resolution,
        tolerance=writable.tolerance,
        settle_s=writable.settle,
        prove_s=writable.prove,
        reverts_s=writable.reverts,
        renew_s=writable.renew,
        blind=writable.blind,
        meters_grid=writable.meters_grid,
        in_steps=writable.in_steps,
        limits=writable.limits,
        unit=writable.unit,
        doubts=writable.doubts,
    )
