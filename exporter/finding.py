"""The look-out for devices that no site file names; what it finds is served beside those that are named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline, sleep_unless
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.families import Accounts
from sunhelm.devices.finding import find_devices, open_ended
from sunhelm.devices.links import Turns
from sunhelm.devices.site import Site

AGAIN_S: Final = 3600.0
RETRY_S: Final = 60.0
_LOOK_S: Final = 45.0
_FIRST_S: Final = 8.0
"""How long somebody who asks for all targets waits for the first look; Prometheus itself waits longer."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Finder:
    """Looks for devices again and again, and tells `serve` of a site with all that are known.

    An account that cannot be asked keeps what was found there before.
    """

    serve: Callable[[Site, Accounts], None]
    turns: Turns | None = None
    clock: Clock = SYSTEM_CLOCK
    _found: dict[str, Mapping[str, DeviceConfig]] = field(default_factory=dict)
    _failing: dict[str, str] = field(default_factory=dict)
    _looked: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _site: Site | None = None
    _accounts: Accounts = field(default_factory=Accounts)

    def follow(self, site: Site) -> None:
        """Serve this site from now on, and look for what its accounts have."""
        if self._site is None or self._site.accounts != site.accounts:
            self._accounts = Accounts(site.accounts)
            self._found.clear()
            self._looked.clear()
        self._site = site
        if not open_ended(site):
            self._looked.set()
        self._show()
        self._changed.set()

    async def first_look(self) -> None:
        """Return when the accounts have been asked once, or it takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                await self._looked.wait()

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look inside the `with`."""
        task = asyncio.create_task(self._run(), name="finder")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait = await self._look()
            self._looked.set()
            if wait is None:
                await self._changed.wait()
            else:
                await sleep_unless(self._changed, wait, self.clock)

    async def _look(self) -> float | None:
        """Ask every account; return after how many seconds to do it again, None for not at all."""
        site = self._site
        if site is None:
            return None
        wait: float | None = None
        for account in open_ended(site):
            try:
                found = await find_devices(
                    account,
                    site,
                    Deadline.after(_LOOK_S, self.clock),
                    accounts=self._accounts,
                    clock=self.clock,
                    turns=self.turns,
                )
            except DeviceError as error:
                if self._failing.get(account) != error.reason:
                    _log.warning("account_lost", account=account, reason=str(error.reason), detail=str(error))
                self._failing[account] = error.reason
                wait = RETRY_S
                continue
            except Exception:  # noqa: BLE001 - logged whole: one fault of ours must not end the look-out
                _log.exception("account_look_crashed", account=account)
                wait = RETRY_S
                continue
            self._failing.pop(account, None)
            wait = AGAIN_S if wait is None else wait
            if self._site is site and self._found.get(account) != found:
                _log.info("devices_found", account=account, devices=sorted(found))
                self._found[account] = found
                self._show()
        return wait

    def _show(self) -> None:
        assert self._site is not None
        found = {name: config for each in self._found.values() for name, config in each.items()}
        self.serve(replace(self._site, devices={**found, **self._site.devices}), self._accounts)
