"""All devices that may be commanded, each opened once, with a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import structlog

from controllers.device_loop import DeviceLoop
from controllers.journal.journal import JournalError
from sunhelm.devices.control import ControlledDevice
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.site import Site

Open = Callable[[DeviceConfig, Site], ControlledDevice]
"""How a device is opened for control."""

_log = structlog.get_logger(__name__)


class Fleet:
    """The loops of all devices, by name. `make` makes the loop of a device that was just opened."""

    def __init__(self, make: Callable[[DeviceConfig, ControlledDevice], DeviceLoop]) -> None:
        self.loops: dict[str, DeviceLoop] = {}
        self._make = make
        self._running: dict[str, asyncio.Task[None]] = {}

    def equip(self, site: Site, open_device: Open) -> None:
        """Open the devices of a site that are not open yet, in the order of the site file."""
        known = self.loops
        self.loops = {
            config.name: known.get(config.name) or self._make(config, open_device(config, site))
            for config in controlled(site)
        }

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start every loop that does not run yet."""
        for name, loop in self.loops.items():
            works = {name: loop.run}
            if loop.regulator is not None:
                works[f"{name} charging"] = loop.regulator.run
            for key, work in works.items():
                running = self._running.get(key)
                if running is None or running.done():
                    self._running[key] = group.create_task(work(), name=key)

    def wake(self) -> None:
        """Let every loop look again."""
        for loop in self.loops.values():
            loop.wake()

    async def dismiss(self, site: Site, *, before: Site, changed: Collection[str] = ()) -> None:
        """Stop and close what this site does not have just as the one before, and what has `changed`."""
        new = {config.name: config for config in controlled(site)}
        gone = {
            name: loop
            for name, loop in self.loops.items()
            if site.zone != before.zone or name in changed or new.get(name) != before.devices[name]
        }
        keys = [key for name in gone for key in (name, f"{name} charging")]
        stopping = [self._running.pop(key) for key in keys if key in self._running]
        for task in stopping:
            task.cancel()
        await asyncio.gather(*stopping, return_exceptions=True)
        for name, loop in gone.items():
            del self.loops[name]
            if not _is_commanded_alike(before.devices[name], new.get(name)):
                with _journal_told(name):
                    await loop.reconciler.leave()
            await loop.close()

    async def close(self) -> None:
        """Give back what would stay for nobody's good, and close the devices."""
        for name, loop in self.loops.items():
            with _journal_told(name):
                await loop.reconciler.leave()
                if loop.regulator is not None:
                    await loop.regulator.leave()
            await loop.close()


def _is_commanded_alike(before: DeviceConfig, after: DeviceConfig | None) -> bool:
    """Return whether whoever commands a device now knows what was told it before, and how to end that."""
    if after is None:
        return False
    return (before.family, before.model, before.control.allow) == (
        after.family,
        after.model,
        after.control.allow,
    )


@contextmanager
def _journal_told(device: str) -> Iterator[None]:
    try:
        yield
    except JournalError as error:
        _log.error("journal_failed", device=device, reason=str(error))


def controlled(site: Site) -> Iterator[DeviceConfig]:
    """Yield the devices of a site that may be commanded."""
    return (device for device in site.devices.values() if device.control.enabled)
