"""A simulated Deye inverter on a socket, read and commanded over whichever link a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ControlledDevice, Unknown, Value
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import Surroundings, load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.reading import Held, Sample
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.devices.sections import Control
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_framing import RtuFraming
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.solarman import SolarmanLogger

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 24, 13, tzinfo=ZONE).timestamp()  # a Wednesday
MODELS = {
    "three_phase_lv": "SUN-12K-SG04LP3",
    "three_phase_hv": "SUN-12K-SG01HP3",
    "single_phase": "SUN-8K-SG05LP1",
    "string": "SUN-12K-G05",
    "micro": "SUN-M200G4",
}
DEYE = Limits(functions={3, 16})


@dataclass
class Inverter:
    """One simulated inverter, and us in command of it."""

    face: DeyeFace
    server: ModbusServer | SolarmanLogger
    clock: Any
    device: ControlledDevice
    config: DeviceConfig

    @property
    def words(self) -> dict[int, int]:
        """The settings as they stand, by address."""
        assert self.face.settings is not None
        return dict(self.face.settings.words)

    @property
    def written(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(write.address, write.words) for write in self.server.log.writes]

    def deadline(self) -> Deadline:
        return Deadline.after(60, self.clock)

    async def observe(self, key: str) -> Value | Unknown:
        deadline = self.deadline()
        async with self.device.turn(deadline):
            return await self.device.handles[key].observe(deadline)

    async def write(self, key: str, value: Value) -> None:
        deadline = self.deadline()
        async with self.device.turn(deadline):
            await self.device.handles[key].write(value, deadline)

    def live(self, seconds: float) -> None:
        """Let the house live on, with its inverter."""
        self.clock.advance(seconds)
        self.face.plant.advance(seconds)
        self.server.update()


Play = Callable[..., Any]


@pytest.fixture
async def play(clock: Any) -> AsyncIterator[Play]:
    """Play an inverter: `await play("single_phase", link="solarman_v5")`."""
    async with AsyncExitStack() as stack:

        async def start(
            kind: Any = "three_phase_lv",
            *,
            link: str = "modbus_tcp",
            model: str | None = "",
            at: float = NOON,
            soc: float = 0.5,
            habits: Any = None,
            face: Callable[..., DeyeFace] = DeyeFace,
            serial: str | None = None,
            **of_the_face: Any,
        ) -> Inverter:
            clock.now = at
            plant = Plant(seed=3, start=at, warm_up=False, soc=soc)
            own = face(plant, kind=kind, **of_the_face)
            server: ModbusServer | SolarmanLogger
            if link == "solarman_v5":
                server = SolarmanLogger(own, limits=DEYE, habits=habits)
            else:
                framing = RtuFraming() if link == "rtu_over_tcp" else None
                server = ModbusServer(own, limits=DEYE, framing=framing)
            await server.open("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            config = DeviceConfig(
                name="roof",
                family="deye",
                model=MODELS.get(kind) if model == "" else model,
                link=cast("Any", link),
                host="127.0.0.1",
                port=server.port,
                serial=serial,
                logger_serial=server.serial if isinstance(server, SolarmanLogger) else None,
                rated_power=2000.0 if kind in ("string", "micro") else None,
                control=Control(enabled=True),
            )
            device = open_controlled(config, Site(name="house", zone=ZONE), clock=clock)
            stack.push_async_callback(device.close)
            return Inverter(own, server, clock, device, config)

        yield start


@pytest.fixture(scope="session")
def deye() -> RegisterFamily:
    return cast("RegisterFamily", load_family("deye"))


@pytest.fixture(scope="session")
def maps(deye: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The map of each part, by the name of the part."""
    return {part.name: deye.map_of(part) for part in deye.spec.parts}


@dataclass
class Told:
    """One read of everything: values by metric and labels, and what was held back."""

    values: dict[tuple[str, tuple[str, ...]], float]
    held: list[Held]
    requests: int
    groups: Mapping[str, Any]

    def __getitem__(self, metric: str) -> float:
        return self.values[metric, ()]


@pytest.fixture
async def read(deye: RegisterFamily, clock: Any) -> Callable[..., Any]:
    """Read an inverter as the exporter does: `await read(inverter)`."""

    async def told(inverter: Inverter, *, profile: str = "core", **changes: Any) -> Told:
        config = replace(inverter.config, profile=cast("Any", profile), **changes)
        source = deye.open(config, Surroundings(ZONE, clock))
        deadline = Deadline.after(60, clock)
        try:
            async with source.turn(deadline):
                await source.prepare(deadline)
                groups = [group.name for group in source.groups() if group.name != "discovery"]
                fetched = await source.fetch(groups, deadline)
        finally:
            await source.close()
        assert not {name: each.outcome.detail for name, each in fetched.items() if not each.outcome.ok}
        samples: list[Sample] = [sample for each in fetched.values() for sample in each.samples]
        samples += source.derive(samples, groups)
        values = {(sample.quantity.metric, sample.labels): sample.value for sample in samples}
        assert len(values) == len(samples), "a series twice"
        held = [held for each in fetched.values() for held in each.held]
        return Told(values, held, sum(each.outcome.requests for each in fetched.values()), fetched)

    return told
