"""Which faults of one device are switched on now."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sunhelm.simulator.faults.kinds import Fault, HalfOpen, NightSleep, Refuse, WakingZeros

F = TypeVar("F", bound=Fault)


class Faults:
    """The faults of one device, switched on and off while it runs; at most one of each kind.

    `seed` makes the choice of struck requests repeatable. All of it belongs to one event loop.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self.zero_reads_left = 0
        self._active: dict[type[Fault], Fault] = {}
        self._listeners: list[Callable[[], None]] = []
        self._elevation = 90.0

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that are on."""
        return tuple(self._active.values())

    def start(self, fault: Fault) -> None:
        """Switch a fault on; one of the same kind is replaced."""
        self._active[type(fault)] = fault
        if isinstance(fault, WakingZeros):
            self.zero_reads_left = fault.reads
        self._tell()

    def stop(self, kind: type[Fault]) -> None:
        """Switch a kind of fault off; harmless when it is not on."""
        self._active.pop(kind, None)
        if kind is WakingZeros:
            self.zero_reads_left = 0
        self._tell()

    def clear(self) -> None:
        """Switch everything off."""
        self._active.clear()
        self.zero_reads_left = 0
        self._tell()

    @contextmanager
    def during(self, fault: Fault) -> Iterator[None]:
        """Have a fault on inside the `with`."""
        self.start(fault)
        try:
            yield
        finally:
            self.stop(type(fault))

    def on(self, kind: type[F]) -> F | None:
        """Return the fault of this kind when it is on."""
        fault = self._active.get(kind)
        return fault if isinstance(fault, kind) else None

    def strikes(self, kind: type[F]) -> F | None:
        """Return the fault of this kind when it is on and strikes this request."""
        fault = self.on(kind)
        if fault is None or (fault.share < 1.0 and self.random.random() >= fault.share):
            return None
        return fault

    @property
    def asleep(self) -> bool:
        """Whether the device sleeps because the sun is down."""
        night = self.on(NightSleep)
        return night is not None and self._elevation < night.elevation

    @property
    def gone(self) -> bool:
        """Whether connections are refused."""
        night = self.on(NightSleep)
        return self.on(Refuse) is not None or (self.asleep and night is not None and night.how == "refused")

    @property
    def mute(self) -> bool:
        """Whether connections stand but nothing is heard."""
        night = self.on(NightSleep)
        return self.on(HalfOpen) is not None or (self.asleep and night is not None and night.how == "silent")

    def see_sun(self, elevation: float) -> None:
        """Tell where the sun stands, in degrees; a device that sleeps at night falls asleep or wakes."""
        slept = self.asleep
        self._elevation = elevation
        if slept != self.asleep:
            zeros = self.on(WakingZeros)
            if slept and zeros is not None:
                self.zero_reads_left = zeros.reads
            self._tell()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
