"""The SMA family and its maps."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import ControlledDevice, Value
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.registers.register import RegisterMap
from sunhelm.devices.sections import Account, Control
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.sma import HomeManagerFace, SmaFace
from sunhelm.simulator.faces.sma.models import SUNNY_ISLAND, Model
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 13, tzinfo=ZONE).timestamp()
NIGHT = datetime(2026, 6, 21, 1, 30, tzinfo=ZONE).timestamp()


@pytest.fixture(scope="session")
def sma() -> RegisterFamily:
    return cast("RegisterFamily", load_family("sma"))


@pytest.fixture(scope="session")
def maps(sma: RegisterFamily) -> Mapping[str, RegisterMap]:
    """The map of each part, by the name of the part."""
    return {part.name: sma.map_of(part) for part in sma.spec.parts}


@pytest.fixture(scope="session")
def sheet(captures: Path) -> Sequence[Mapping[str, str]]:
    """The rows of the published lists, beside the recordings."""
    file = captures.parent / "facts" / "sma.csv"
    if not file.is_file():
        pytest.skip("the published lists are not beside the recordings")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@dataclass
class TroubledFace(SmaFace):
    """A simulated device. It refuses what `refuses` says, and does not know what is in `unknown`.

    `told` are 32-bit numbers that it shows instead of its own, by their address.
    """

    plant: Plant
    model: Model
    clock: Any
    unit: int = 3
    refuses: Callable[[int, Sequence[int]], int] = lambda address, words: 0
    unknown: set[int] = field(default_factory=set)
    told: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        SmaFace.__init__(self, self.plant, model=self.model, unit=self.unit, clock=self.clock)

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        if self.unknown.intersection(range(address, address + count)):
            raise ModbusException(2)
        words = list(super().read(unit, table, address, count))
        for first, number in self.told.items():
            for place, word in enumerate((number >> 16, number & 0xFFFF), first - address):
                if 0 <= place < count:
                    words[place] = word
        return words

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        if code := self.refuses(address, words):
            raise ModbusException(code)
        super().write(unit, address, words)


@dataclass
class Played:
    """A simulated device, and us in command of it."""

    face: Any
    server: ModbusServer
    clock: Any
    device: ControlledDevice
    opened: Callable[..., ControlledDevice]

    @property
    def written(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(write.address, write.words) for write in self.server.log.writes]

    @property
    def battery_w(self) -> float:
        """What comes out of the battery."""
        power: float = self.face.plant.state.battery.power_w
        return power

    def live(self, seconds: int) -> None:
        """Let the house live, second by second."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.face.plant.advance(1)
            self.server.update()

    def deadline(self) -> Deadline:
        return Deadline.after(20, self.clock)

    async def write(self, key: str, value: Value, device: ControlledDevice | None = None) -> None:
        device = device or self.device
        async with device.turn(self.deadline()):
            await device.handles[key].write(value, self.deadline())

    async def observe(self, key: str, device: ControlledDevice | None = None) -> Any:
        device = device or self.device
        async with device.turn(self.deadline()):
            return await device.handles[key].observe(self.deadline())

    async def run(self, task: str) -> None:
        async with self.device.turn(self.deadline()):
            await self.device.tasks[task].run(self.deadline())

    async def hold(self, key: str, value: Value, seconds: int) -> None:
        """Write again as often as the promise wants it."""
        due = self.clock.monotonic()
        for _ in range(seconds):
            if self.clock.monotonic() >= due:
                await self.write(key, value)
                due = self.clock.monotonic() + (self.device.handles[key].promise.renew_s or seconds)
            self.live(1)


Play = Callable[..., Any]


@pytest.fixture
def troubled() -> type[TroubledFace]:
    return TroubledFace


@pytest.fixture
async def play(clock: Any) -> AsyncIterator[Play]:
    """Open a simulated device and us: `await play(STORAGE, start=NIGHT)`."""
    async with AsyncExitStack() as stack:

        async def play(
            played: Model | str = SUNNY_ISLAND, /, *, start: float = NIGHT, soc: float = 0.5, **more: Any
        ) -> Played:
            plant = Plant(seed=3, start=start, warm_up=False, soc=soc)
            face = HomeManagerFace(plant) if isinstance(played, str) else TroubledFace(plant, played, clock)
            server = ModbusServer(face, limits=Limits(functions={3, 4, 6, 16}))
            await server.open("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            allow = more.pop("allow", ())
            accounts: Mapping[str, Account] = more.pop("accounts", {})

            def opened(**changes: Any) -> ControlledDevice:
                config = DeviceConfig(
                    name="island",
                    family="sma",
                    link="modbus_tcp",
                    host="127.0.0.1",
                    port=server.port,
                    **{"control": Control(enabled=True, allow=allow), **more, **changes},
                )
                site = Site(name="house", zone=ZONE, accounts=accounts)
                device = open_controlled(config, site, clock=clock)
                stack.push_async_callback(device.close)
                return device

            house = Played(face, server, clock, opened(), opened)
            house.live(30)
            return house

        yield play
