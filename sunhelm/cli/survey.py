"""Who listens in a network, and what it is; gently: a host has one connection at a time, a second has few."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from sunhelm.devices.clock import SYSTEM_CLOCK, Clock, Deadline
from sunhelm.devices.families.spec import LinkKind
from sunhelm.devices.links import Turns
from sunhelm.devices.recognition import (
    Recognised,
    Unrecognised,
    families_behind_loggers,
    recognise,
)

_HOSTS_AT_ONCE: Final = 32

Address = IPv4Address | IPv6Address
Ports = Mapping[str, tuple[tuple[LinkKind, int], ...]]
"""Where devices of each family listen, as link and port, by the family's name."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that takes connections: what stands there, by family, or why it is none of that family.

    `logger_serial` is that of the Solarman logger at this address.
    """

    host: str
    port: int
    devices: tuple[Recognised, ...] = ()
    others: Mapping[str, Unrecognised] = field(default_factory=dict)
    logger_serial: int | None = None


class Rate:
    """At most so many of something in a second, evenly."""

    def __init__(self, per_second: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._interval_s = 1.0 / per_second
        self._clock = clock
        self._next = clock.monotonic()

    async def wait(self) -> None:
        """Return when the next one may be done."""
        now = self._clock.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._interval_s
        if turn > now:
            await self._clock.sleep(turn - now)


@dataclass(frozen=True, slots=True)
class Survey:
    """How to look: where each family listens, how fast, and how long to wait for a device.

    `connect_s` is the longest wait for a connection, `answer_s` the longest for one family's recognition.
    `looked` is called after each port with what was found there, None when nobody listens. `loggers` are the
    serial numbers of the Solarman loggers that are known, by their address.
    """

    ports: Ports
    rate: Rate
    loggers: Mapping[str, int] = field(default_factory=dict)
    connect_s: float = 1.0
    answer_s: float = 3.0
    turns: Turns | None = None
    looked: Callable[[Listener | None], None] = lambda _: None

    async def look(self, addresses: Iterable[Address]) -> list[Listener]:
        """Return who listens at these addresses, in their order."""
        left = iter(addresses)
        found: list[tuple[Address, Listener]] = []

        async def work() -> None:
            for address in left:
                for port in self.numbers:
                    listener = await self._listener(str(address), port)
                    if listener is not None:
                        found.append((address, listener))
                    self.looked(listener)

        async with asyncio.TaskGroup() as workers:
            for _ in range(_HOSTS_AT_ONCE):
                workers.create_task(work())
        return [listener for _, listener in sorted(found, key=lambda each: (each[0], each[1].port))]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The ports that are tried at every address, each once."""
        return tuple(sorted({port for links in self.ports.values() for _, port in links}))

    async def _listener(self, host: str, port: int) -> Listener | None:
        await self.rate.wait()
        if not await self._listens(host, port):
            return None
        devices: list[Recognised] = []
        others: dict[str, Unrecognised] = {}
        serial = self.loggers.get(host)
        for family, kinds in self._candidates(port, behind_logger=serial is not None):
            for kind in kinds:
                await self.rate.wait()
                answer = await recognise(
                    family,
                    kind,
                    host,
                    port,
                    Deadline.after(self.answer_s),
                    logger_serial=serial if kind == "solarman_v5" else None,
                    turns=self.turns,
                )
                if isinstance(answer, Recognised):
                    others.pop(family, None)
                    devices.append(answer)
                    break
                others[family] = answer
                if answer.answers:
                    break
        return Listener(host, port, tuple(devices), others, serial)

    def _candidates(self, port: int, *, behind_logger: bool) -> Iterator[tuple[str, list[LinkKind]]]:
        """Yield the families whose devices listen at this port, and how they may be spoken to."""
        through_one = families_behind_loggers() if behind_logger else ()
        for family, links in self.ports.items():
            kinds = [kind for kind, number in links if number == port]
            if kinds and family in through_one:
                kinds.insert(0, "solarman_v5")
            if kinds:
                yield family, kinds

    async def _listens(self, host: str, port: int) -> bool:
        try:
            async with asyncio.timeout(self.connect_s):
                _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True
