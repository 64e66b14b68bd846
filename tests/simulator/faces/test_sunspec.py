"""The SunSpec face: its chain, its numbers against the plant, what can be set, and what reverts by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sunhelm.simulator.faces.face import ModbusException, Table
from sunhelm.simulator.faces.sunspec import SunSpecFace
from sunhelm.simulator.house import UTRECHT
from sunhelm.simulator.modbus_framing import RtuFraming
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

NOON = datetime(2026, 6, 21, 13, tzinfo=UTRECHT.zone).timestamp()
LIMIT, TIMEOUT, ENABLE = 40_230 + 3, 40_230 + 5, 40_230 + 7


class Device:
    """A face, its plant and its clock."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.plant = Plant(seed=3, start=NOON, warm_up=False)
        self.face = SunSpecFace(self.plant, clock=clock)

    def read(self, address: int, count: int = 1) -> list[int]:
        return list(self.face.read(1, Table.HOLDING, address, count))

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.face.update()
            self.plant.advance(1)


@pytest.fixture
def device(manual_clock: Any) -> Device:
    return Device(manual_clock)


def test_the_chain_has_every_word_of_every_model(device: Device) -> None:
    assert device.read(40_000, 2) == [0x5375, 0x6E53]
    chain, place = [], 40_002
    while True:
        number, length = device.read(place, 2)
        if number == 0xFFFF:
            break
        chain.append((number, length))
        assert len(device.read(place + 2, length)) == length
        place += 2 + length
    assert chain == [
        *((1, 66), (103, 50), (120, 26), (121, 30), (122, 44), (123, 24), (124, 24), (160, 48), (203, 105))
    ]
    with pytest.raises(ModbusException) as error:
        device.read(place + 1, 2)
    assert error.value.code == 2


def test_numbers_are_those_of_the_plant(device: Device) -> None:
    state = device.plant.state
    assert device.read(40_084)[0] == round(state.pv_inverter.power_w) > 1000
    assert device.read(40_086)[0] == round(state.grid.frequency_hz * 100)
    assert device.read(40_082)[0] / 10 == pytest.approx(state.grid.voltage_by_phase[2], abs=0.05)
    high, low = device.read(40_094, 2)
    assert (high << 16 | low) * 3600 == pytest.approx(device.plant.energy.pv_inverter, abs=3600)
    grid = (device.read(40_348)[0] ^ 0x8000) - 0x8000
    assert grid == pytest.approx(state.grid.power_w, abs=0.5)
    assert device.read(40_262)[0] / 10_000 == pytest.approx(state.battery.soc, abs=5e-5)


def test_a_limit_holds_until_its_time_is_over(device: Device) -> None:
    before = device.read(40_084)[0]
    device.face.write(1, LIMIT, [1000])
    device.live(5)
    assert device.read(40_084)[0] > 1000, "not enabled"
    device.face.write(1, LIMIT, [1000, 0, 60, 0, 1])
    device.live(30)
    assert device.read(40_084)[0] == 400
    assert device.read(40_108)[0] == 5, "throttled"
    device.face.write(1, LIMIT, [2000])
    device.live(45)
    assert device.read(40_084)[0] == 800, "written again, so it goes on"
    device.live(20)
    assert device.read(ENABLE) == [0]
    assert device.plant.steering.pv_limit_w is None
    assert device.read(40_084)[0] > before / 2


def test_a_limit_without_a_time_stays(device: Device) -> None:
    device.face.write(1, LIMIT, [0, 0, 0, 0, 1])
    device.live(600)
    assert (device.read(40_084), device.read(ENABLE)) == ([0], [1])
    device.face.write(1, ENABLE, [0])
    device.live(2)
    assert device.read(40_084)[0] > 400


def test_the_battery_is_held_within_its_rates(device: Device) -> None:
    device.face.write(1, 40_256 + 10, [0, 0, 0, 30])
    device.face.write(1, 40_256 + 3, [0b11])
    device.live(10)
    assert device.plant.state.battery.power_w == pytest.approx(0, abs=1)
    device.live(25)
    assert device.plant.steering.charge_limit_w is None
    assert device.read(40_256 + 3) == [0]


@pytest.mark.parametrize(
    ("address", "words", "code"),
    [
        (LIMIT, [10_001], 3),
        (ENABLE, [2], 3),
        (40_084, [1], 2),
        (40_256 + 5, [500, 1], 2),
        (40_230 + 20, [0, 0], 2),
        (39_999, [1], 2),
    ],
)
def test_what_cannot_be_set_is_refused_whole(
    device: Device, address: int, words: list[int], code: int
) -> None:
    before = device.read(40_000, 400)
    with pytest.raises(ModbusException) as error:
        device.face.write(1, address, words)
    assert error.value.code == code
    assert device.read(40_000, 400) == before


def test_other_units_are_not_there(device: Device) -> None:
    with pytest.raises(ModbusException) as error:
        device.face.read(2, Table.HOLDING, 40_000, 2)
    assert error.value.code == 11


async def test_the_same_device_answers_in_rtu_frames(device: Device, connect: Any) -> None:
    server = ModbusServer(device.face, framing=RtuFraming())
    await server.open("127.0.0.1", 0)
    client = await connect(server.port)
    await client.send("01 03 9c 40 00 02 eb 8f")
    assert await client.receive(9) == "01 03 04 53 75 6e 53 96 f0"
    await server.close()
