"""A simulated site: one plant, and every system that looks at it on a port of its own."""

from __future__ import annotations

import asyncio
import errno
import math
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Final, Self

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.families import FAMILIES, Endpoint
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.house import House
from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant

DEFAULT_SEED: Final = 3
_TICK_S: Final = 0.5
_STEPS_A_SECOND: Final = 1000.0  # what a small machine makes with ease
_STEPS_AT_ONCE: Final = 100


class PortTaken(OSError):
    """A port cannot be listened on; the text says which, for whom, and why."""


class SimulatedSite:
    """`async with SimulatedSite() as site:` plays a house until the end of the `with`.

    `faces` are names of `FAMILIES`, all by default; `ports` says where they listen on `host`, any free
    port where it says nothing. The plant begins at Unix time `start`, now by default, and lives `speed`
    times as fast as `clock`. Above a thousandfold its steps become longer than a second. With `live` off,
    time moves only by `advance`.
    """

    def __init__(
        self,
        *,
        seed: int = DEFAULT_SEED,
        speed: float = 1.0,
        start: float | None = None,
        faces: Collection[str] | None = None,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] = MappingProxyType({}),
        house: House | None = None,
        clock: Clock = MACHINE_CLOCK,
        live: bool = True,
    ) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed {speed:g} is not above 0")
        self.host = host
        self.speed = speed
        self.plant = Plant(
            seed=seed,
            start=math.floor(time.time() if start is None else start),
            house=house,
            step_s=max(1.0, math.ceil(speed / _STEPS_A_SECOND)),
            pace=speed,
        )
        self.endpoints: dict[str, Endpoint] = {
            name: FAMILIES[name].build(
                self.plant, clock, Faults(int(chance(seed, "faults of", name) * 2**32))
            )
            for name in (FAMILIES if faces is None else faces)
        }
        self._ports = ports
        self._clock = clock
        self._live = live
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for name, endpoint in self.endpoints.items():
                await self._open(name, endpoint)
                stack.push_async_callback(endpoint.close)
            self._show()
            if self._live:
                life = asyncio.create_task(self._run(), name="life of the plant")
                stack.push_async_callback(_end, life)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def advance(self, seconds: float) -> None:
        """Move the plant's time on by `seconds`, and have every system show it."""
        slice_s = self.plant.step_s * _STEPS_AT_ONCE
        while seconds > slice_s:
            self.plant.advance(slice_s)
            self._show()
            seconds -= slice_s
            await asyncio.sleep(0)
        self.plant.advance(seconds)
        self._show()

    async def _open(self, name: str, endpoint: Endpoint) -> None:
        port = self._ports.get(name, 0)
        try:
            await endpoint.open(self.host, port)
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise PortTaken(f"{name}: port {port} of {self.host} {why}") from error

    async def _run(self) -> None:
        then = self._clock.monotonic()
        while True:
            await self._clock.sleep(_TICK_S)
            now = self._clock.monotonic()
            await self.advance((now - then) * self.speed)
            then = now

    def _show(self) -> None:
        elevation = self.plant.state.weather.sun.elevation
        for endpoint in self.endpoints.values():
            endpoint.faults.see_sun(elevation)
            endpoint.update()


async def _end(task: asyncio.Task[None]) -> None:
    """End the plant's life; what went wrong in it is raised here."""
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
