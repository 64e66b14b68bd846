"""The configured devices as scrapes know them: by name, each with its labels and its flight."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from exporter.flight import Flight
from exporter.texts import Texts
from sunhelm.devices.links.base import RegisterLink


@runtime_checkable
class Linked(Protocol):
    """A source of a device that is read over a link of registers."""

    link: RegisterLink

    def plan(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Return the requests that a read of these groups takes, as text for a person."""


@dataclass(frozen=True, slots=True)
class Target:
    """One configured device.

    `labels` are device, site and family: what tells it from all others. `interval_s` and `timeout_s` are
    what `/sd` recommends for it. `source` tells about its link where it has one. `made_of` is all of the
    site file that it depends on: a reload that leaves it as it was keeps the device, and with it the
    connection and what its guards remember. `texts` writes its pages.
    """

    name: str
    labels: Mapping[str, str]
    flight: Flight
    interval_s: float
    timeout_s: float
    source: object = None
    made_of: tuple[object, ...] = ()
    texts: Texts = field(default_factory=Texts, repr=False, compare=False)


def target_labels(device: str, site: str, family: str) -> Mapping[str, str]:
    """Return the labels that tell a device from all others, the same from `/sd` and on a shared page."""
    return MappingProxyType({"device": device, "site": site, "family": family})


class Targets(Mapping[str, Target]):
    """All targets of the configuration that holds now, by name, in the order of the site file.

    A reload replaces all of them between two requests; who has a target keeps it until its answer is
    written.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = dict(targets)
        self._leaving: dict[asyncio.Task[None], Flight] = {}

    def __getitem__(self, name: str) -> Target:
        return self._targets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    def replace(self, targets: Mapping[str, Target]) -> None:
        """Serve these from now on. Those that are gone end their reads, then their devices are closed."""
        kept = {id(target.flight) for target in targets.values()}
        gone = [target for target in self._targets.values() if id(target.flight) not in kept]
        self._targets = dict(targets)
        for target in gone:
            leaving = asyncio.create_task(target.flight.drain(), name=f"drain {target.name}")
            self._leaving[leaving] = target.flight
            leaving.add_done_callback(self._leaving.pop)

    async def close(self) -> None:
        """Cancel all reads and close all devices, also of those that are leaving."""
        draining = dict(self._leaving)
        for task in draining:
            task.cancel()
        await asyncio.gather(*draining, return_exceptions=True)
        flights = [*draining.values(), *(target.flight for target in self._targets.values())]
        await asyncio.gather(*(flight.close() for flight in flights))
