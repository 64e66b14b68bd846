"""A house with a charger, regulated by the real controller through the real drivers, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controllers.config import load_configuration
from controllers.controller import Controller
from controllers.evcharging.readings import OpenReadings, open_readings
from controllers.evcharging.regulator import Regulator
from controllers.journal.journal import Journal, JournalError, Statement
from sunhelm.devices.controlled import open_controlled
from sunhelm.simulator.faces.givenergy import Dongle, GivEnergyFace
from sunhelm.simulator.faces.givenergy_evc import EvcFace
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.virtual_time import VirtualClock, VirtualLoop

DAWN = 1_782_019_200.0
"""21 June 2026, 05:20 UTC."""

STEP_S = 5.0


class InstantJournal(Journal):
    """A journal on the disk that takes none of the virtual time."""

    async def commit(self, *statements: Statement) -> None:
        error = self._transaction(statements)
        if error is not None:
            raise JournalError(str(error))


class Nobody:
    """An observer that does not look."""

    def ended(self, device: str, state: str, outcome: object) -> None:
        del device, state, outcome

    def foreign(self, device: str, state: str) -> None:
        del device, state


class JumpingClock(VirtualClock):
    """A clock whose time of day somebody may change."""

    jumped_s = 0.0

    def time(self) -> float:
        return super().time() + self.jumped_s


@dataclass
class Sample:
    """One moment of the house."""

    at: float
    excess_w: float
    vehicle_w: float
    limit_a: float
    volts: float
    grid_w: float
    state: str


@dataclass
class Street:
    """A plant with a GivEnergy inverter and a charger, and the controller before them."""

    directory: Path
    charging: dict[str, Any]
    clock: JumpingClock
    plant: Plant
    car: EvcFace
    inverter: Dongle
    server: ModbusServer
    open_house: OpenReadings | None = None
    policies: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    each_step: Callable[[], None] = lambda: None
    controller: Controller = field(init=False)
    journal: Journal = field(init=False)
    _running: asyncio.Task[None] | None = None

    def file(self) -> Path:
        control = {"enabled": True, "allow": ["ev_mode", "set_current_limits", "set_mode"]}
        content = {
            "site": {"name": "home", "zone": "Europe/Amsterdam"},
            "devices": {
                "roof": {"family": "givenergy", "host": "127.0.0.1", "port": self.inverter.port},
                "car": {
                    "family": "givenergy_evc",
                    "host": "127.0.0.1",
                    "port": self.server.port,
                    "control": control,
                },
            },
            "evcharging": {"car": {"house": {"device": "roof"}, **self.charging}},
            "alertmanager": {"heartbeat": {"match": {"alertname": "Watchdog"}, "late": "5m"}},
            "policies": self.policies,
        }
        path = self.directory / "sunhelm.yml"
        path.write_text(json.dumps(content))
        return path

    @property
    def regulator(self) -> Regulator:
        regulator = self.controller.fleet.loops["car"].regulator
        assert regulator is not None
        return regulator

    @property
    def written(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(write.address, write.words) for write in self.server.log.writes]

    def start(self) -> None:
        """Start the controller."""
        self.journal = InstantJournal(self.directory / "state")
        self.controller = Controller(
            load_configuration(self.file()),
            self.journal,
            lambda config, site: open_controlled(config, site, clock=self.clock),
            observer=Nobody(),
            clock=self.clock,
            open_house=self.open_house or partial(open_readings, clock=self.clock),
        )
        self._running = asyncio.create_task(self.controller.run())

    async def kill(self) -> None:
        """End the controller as kill -9 does: nothing is told to the charger any more."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        for loop in self.controller.fleet.loops.values():
            await loop.close()
        self.journal.close()

    async def stop(self) -> None:
        """End the controller in order."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.controller.close()
        self.journal.close()

    async def live(self, seconds: float) -> None:
        """Let so many seconds pass."""
        for _ in range(round(seconds / STEP_S)):
            await asyncio.sleep(STEP_S)
            self.plant.advance(STEP_S)
            self.car.update()
            self.each_step()
            self._sample()

    def _sample(self) -> None:
        state = self.plant.state
        vehicle = self.plant.steering.vehicle_w
        self.samples.append(
            Sample(
                at=state.time,
                excess_w=state.pv_power_w - (state.load.power_w - vehicle),
                vehicle_w=vehicle,
                limit_a=self.car.limit_a,
                volts=state.grid.voltage_by_phase[0],
                grid_w=state.grid.power_w,
                state=self.car.state.name,
            )
        )


@asynccontextmanager
async def _open(directory: Path, charging: dict[str, Any], **more: Any) -> AsyncIterator[Street]:
    clock = JumpingClock(more.pop("begins_at", DAWN))
    plant = Plant(
        seed=more.pop("seed", 3), start=clock.time(), warm_up=False, step_s=STEP_S, soc=more.pop("soc", 0.45)
    )
    car, inverter = EvcFace(plant), Dongle(GivEnergyFace(plant), clock=clock)
    server = ModbusServer(car, limits=Limits(functions={3, 6, 16}), clock=clock)
    await inverter.open("127.0.0.1", 0)
    await server.open("127.0.0.1", 0)
    street = Street(directory, charging, clock, plant, car, inverter, server, **more)
    try:
        yield street
    finally:
        await server.close()
        await inverter.close()


@pytest.fixture
def street(tmp_path: Path) -> Callable[..., Any]:
    """Run a story in virtual time: it gets a street, whose controller it starts itself."""

    def run(story: Callable[[Street], Awaitable[None]], charging: dict[str, Any], **more: Any) -> Street:
        kept: list[Street] = []

        async def program() -> None:
            async with _open(tmp_path, charging, **more) as street:
                kept.append(street)
                await story(street)

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(program())
        return kept[0]

    return run
