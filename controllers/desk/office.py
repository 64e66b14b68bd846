"""What every part of the desk needs: the devices, the ledger, and how a device is spoken with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol

from controllers.claims.ledger import Ledger
from controllers.device_loop import DeviceLoop
from controllers.fleet import Fleet
from controllers.journal.journal import Journal, Statement
from controllers.people import LONGEST_S, RefusalReason, Refused
from controllers.policy.policies import Policies
from controllers.states.writing import EXCHANGE_S
from controllers.steady import SteadyTime
from sunhelm.configuration.mistakes import with_guess
from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import DeviceError
from sunhelm.devices.site import Site

POLL_S: Final = 0.1
PATIENCE_S: Final = 30.0


class Books(Protocol):
    """The controller, as its desk sees it."""

    ledger: Ledger
    site: Site
    policies: Policies
    journal: Journal
    time: SteadyTime
    clock: Clock
    fleet: Fleet

    async def change(self, change: Callable[[Ledger], Ledger], *statements: Statement) -> None:
        """Bring the ledger forward, first in the journal. Raises JournalError."""


class Office:
    """Base of the parts of the desk."""

    def __init__(self, books: Books) -> None:
        self._books = books

    @property
    def _now(self) -> float:
        return self._books.time.now()

    @property
    def _wall(self) -> float:
        return self._books.clock.time()

    @property
    def _loops(self) -> Mapping[str, DeviceLoop]:
        return self._books.fleet.loops

    def _config(self, device: str) -> DeviceConfig:
        """Return the configuration of a device. Raises Refused for one that is not there or only read."""
        config = self._books.site.devices.get(device)
        if config is None:
            text = with_guess(f"{device} is not one of the devices", device, self._loops)
            raise Refused(RefusalReason.UNKNOWN_DEVICE, text)
        if not config.control.enabled:
            raise Refused(
                RefusalReason.NOT_CONTROLLED,
                f"{device} may only be read; it needs control: {{enabled: true}}",
            )
        return config

    def _loop(self, device: str) -> DeviceLoop:
        return self._loops[self._config(device).name]

    @staticmethod
    def _check_lasting(lasting_s: float) -> None:
        if not 0 < lasting_s <= LONGEST_S:
            raise Refused(
                RefusalReason.WRONG,
                f"for {lasting_s:g} s; more than 0 s and at most {LONGEST_S:g} s is possible",
            )

    @asynccontextmanager
    async def _turn(self, loop: DeviceLoop) -> AsyncIterator[Deadline]:
        """Speak with a device; what goes wrong is told to whoever asked. Raises Refused."""
        deadline = Deadline.after(EXCHANGE_S, self._books.clock)
        device = loop.reconciler.device
        with told(device.name):
            async with loop.reconciler.hands, device.turn(deadline):
                await device.identify(deadline)
                yield deadline


@contextmanager
def told(device: str) -> Iterator[None]:
    """Turn errors of a device into refusals that say what it did."""
    try:
        yield
    except DeviceError as error:
        raise Refused(RefusalReason.DEVICE, f"{device} ({error.reason.value}): {error}") from error
    except ValueError as error:
        raise Refused(RefusalReason.WRONG, str(error)) from error
