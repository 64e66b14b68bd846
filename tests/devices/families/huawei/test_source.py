"""A SUN2000 read over its link: what the sheet warns of, and files and device list beside the registers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device import Device
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Malformed, Reason
from sunhelm.devices.families.huawei import optimizers
from sunhelm.devices.families.huawei.device_list import device_samples
from sunhelm.devices.families.huawei.family import is_single_phase
from sunhelm.devices.reading import Reading, Sample
from sunhelm.devices.site import Site
from sunhelm.simulator.faces.huawei import HuaweiFace, HuaweiServer
from sunhelm.simulator.faces.huawei.files import Files
from sunhelm.simulator.faults import ExceptionReply, Holes
from sunhelm.simulator.plant import Plant

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 21, 13, tzinfo=ZONE).timestamp()


@dataclass
class House:
    """A simulated SUN2000, and our reader of it."""

    face: HuaweiFace
    server: HuaweiServer
    clock: Any
    device: Device

    async def read(self) -> Reading:
        self.face.plant.advance(self.clock.time() - self.face.plant.time)
        return await self.device.read(Deadline.after(60, self.clock))

    async def read_all(self) -> Reading:
        """Read twice: how many optimizers there are is known after the first time."""
        await self.read()
        return await self.read()


Play = Callable[..., Any]


@pytest.fixture
async def play(clock: Any) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:

        async def play(*, start: float = NOON, profile: Any = "core", **more: Any) -> House:
            clock.now = start
            face = HuaweiFace(Plant(seed=3, start=start, warm_up=False), clock=clock, **more)
            server = HuaweiServer(face, clock=clock, single=False)
            await server.open("127.0.0.1", 0)
            stack.push_async_callback(server.close)
            config = DeviceConfig(
                name="roof",
                family="huawei",
                link="modbus_tcp",
                host="127.0.0.1",
                port=server.port,
                profile=profile,
            )
            device = Device(config, Site(name="house", zone=ZONE), clock=clock)
            stack.push_async_callback(device.close)
            return House(face, server, clock, device)

        yield play


def value(samples: Sequence[Sample], name: str, *labels: str) -> float:
    (found,) = [s.value for s in samples if s.quantity.name == name and s.labels == labels]
    return found


def names(samples: Sequence[Sample]) -> set[str]:
    return {sample.quantity.name for sample in samples}


async def test_nothing_is_asked_in_the_first_second_after_connecting(play: Play) -> None:
    """Sooner, a request hangs without an answer."""
    house = await play()
    reading = await house.read()
    assert reading.up
    assert all(outcome.ok for outcome in reading.groups.values())
    assert house.server.log.connections == 1


async def test_the_text_of_the_model_ends_at_its_first_zero(play: Play) -> None:
    house = await play()
    reading = await house.read()
    (device,) = [sample for sample in reading.samples if sample.quantity.name == "device"]
    assert device.labels == ("Huawei", "SUN2000-10KTL-M1", "SIM0000000012", "V100R001C00SPC173")


async def test_meter_and_battery_have_the_sign_of_a_source_into_the_house(play: Play) -> None:
    """The wire counts feeding in and charging as positive, the dongle drawing."""
    house = await play()
    samples = (await house.read()).samples
    state = house.face.plant.state
    assert value(samples, "grid_power") == pytest.approx(state.grid.power_w, abs=1)
    assert value(samples, "battery_power") == pytest.approx(state.battery.power_w, abs=1)
    assert value(samples, "load_power") == pytest.approx(state.load.power_w, abs=3)
    assert value(samples, "huawei_dongle_grid_power") == pytest.approx(state.grid.power_w, abs=1)
    assert value(samples, "huawei_dongle_battery_power") == pytest.approx(-state.battery.power_w, abs=1)


async def test_the_clock_is_local_time_that_two_registers_explain(play: Play) -> None:
    house = await play()
    assert (house.face.controls.values[43_006], house.face.controls.values[42_900]) == (60, 1)
    samples = (await house.read()).samples
    assert value(samples, "device_clock") == pytest.approx(house.clock.time(), abs=5)


async def test_a_status_is_read_before_the_meter_and_alone_while_that_is_offline(play: Play) -> None:
    """Reading the meter's values then makes the inverter hang up."""
    house = await play()
    await house.read()
    asked = [request for request in house.server.log.recent if 37_100 <= request.address < 37_139]
    assert [(request.address, request.count) for request in asked] == [(37_100, 1), (37_101, 37)]
    house.face.controls.meter_online = False
    house.clock.advance(30)
    before = house.server.log.requests
    reading = await house.read()
    asked = [r for r in list(house.server.log.recent)[before:] if 37_100 <= r.address < 37_139]
    assert [(request.address, request.count) for request in asked] == [(37_100, 1)]
    assert reading.groups["meter_live"].ok
    assert "grid_power" not in names(reading.samples)
    assert value(reading.samples, "huawei_meter_status", "offline") == 1
    assert house.server.log.connections == 2


@pytest.mark.parametrize(
    ("model", "single"),
    [
        ("SUN2000-6KTL-L1", True),
        ("SUN2000-8K-LC0", True),
        ("SUN2000-5K-LB0", True),
        ("SUN2000-10KTL-M1", False),
        ("SUN2000-8K-MAP0", False),
        ("", False),
    ],
)
def test_a_single_phase_model_is_known_by_its_name(model: str, *, single: bool) -> None:
    assert is_single_phase(model) is single


async def test_of_a_single_phase_inverter_only_its_own_phase_is_shown(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32067 to 32071 and 32074 to 32077 mean nothing there; 32066 is the voltage of the phase."""
    monkeypatch.setattr("sunhelm.simulator.faces.huawei.telemetry.MODEL", "SUN2000-6KTL-L1")
    house = await play()
    samples = (await house.read()).samples
    voltages = [s for s in samples if s.quantity.name == "inverter_phase_voltage"]
    assert [(s.labels, s.source) for s in voltages] == [(("L1",), "line_l1_l2_voltage")]
    assert [s.labels for s in samples if s.quantity.name == "inverter_phase_current"] == [("L1",)]
    assert "huawei_line_voltage" not in names(samples)


async def test_only_the_strings_that_the_inverter_has_are_shown(play: Play) -> None:
    house = await play()
    samples = (await house.read()).samples
    for name in ("pv_string_voltage", "pv_string_current", "pv_string_power"):
        assert [s.labels for s in samples if s.quantity.name == name] == [("1",), ("2",), ("3",)]
    total = sum(s.value for s in samples if s.quantity.name == "pv_string_power")
    assert total == pytest.approx(value(samples, "pv_power"), rel=0.01)


async def test_an_exported_energy_that_arrives_negative_counts_all_the_same(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await play()
    read = house.face.read

    def negative(unit: int, table: Any, address: int, count: int) -> Sequence[int]:
        words = list(read(unit, table, address, count))
        if unit == 1 and address <= 37_119 < address + count:
            number = -(words[37_119 - address] << 16 | words[37_120 - address]) & 0xFFFF_FFFF
            words[37_119 - address : 37_121 - address] = number >> 16, number & 0xFFFF
        return words

    monkeypatch.setattr(house.face, "read", negative)
    samples = (await house.read()).samples
    assert value(samples, "grid_export") == pytest.approx(house.face.plant.energy.grid_export, abs=36_000)


async def test_what_some_firmware_lacks_costs_only_itself(play: Play) -> None:
    """37200, 42900, 43006 and 47954 are missing on some."""
    house = await play(profile="full")
    house.server.faults.start(Holes(addresses=frozenset({37_200, 37_201, 42_900, 43_006, 47_954})))
    reading = await house.read()
    assert all(outcome.ok for outcome in reading.groups.values())
    assert "huawei_battery_peak_shaving_state_of_charge" in names(reading.samples)
    assert "device_clock" not in names(reading.samples)
    assert not [s for s in reading.samples if s.quantity.name.startswith("huawei_optimizer_")]


async def test_behind_an_emma_load_and_grid_are_the_emmas(play: Play) -> None:
    house = await play(emma=True)
    samples = (await house.read_all()).samples
    state, energy = house.face.plant.state, house.face.plant.energy
    assert value(samples, "load_power") == pytest.approx(state.load.power_w, abs=1)
    assert value(samples, "grid_power") == pytest.approx(state.grid.power_w, abs=1)
    assert value(samples, "grid_import") == pytest.approx(energy.grid_import, abs=36_000)
    assert value(samples, "grid_export") == pytest.approx(energy.grid_export, abs=36_000)
    assert value(samples, "huawei_emma_state_of_charge") == pytest.approx(state.battery.soc, abs=1e-4)
    assert "device_clock" not in names(samples)  # the inverter shows the EMMA's
    assert value(samples, "huawei_optimizer_power", "17") > 0


# Optimizers and the device list


async def test_optimizers_come_behind_the_live_tier_and_as_often_as_the_inverter_renews_them(
    play: Play,
) -> None:
    house = await play()
    first = await house.read()
    assert not [s for s in first.samples if s.quantity.name == "huawei_optimizer_power"]
    house.clock.advance(30)
    second = await house.read()
    assert len([s for s in second.samples if s.quantity.name == "huawei_optimizer_power"]) == 19
    functions = [request.function for request in house.server.log.recent]
    files = [index for index, function in enumerate(functions) if function == 0x41]
    assert files == list(range(files[0], files[-1] + 1)) or functions[files[0] : files[-1]].count(3) == 1
    house.clock.advance(30)
    before = house.server.log.requests
    third = await house.read()
    assert third.groups["optimizers_data"].requests == 0
    # Inverter, the status of the meter and the meter, battery in two blocks, dongle: as few as the plan says.
    asked = [(r.unit, r.address, r.count) for r in list(house.server.log.recent)[before:]]
    assert asked[:6] == [
        *((1, 32_000, 116), (1, 37_100, 1), (1, 37_101, 37), (1, 37_000, 70), (1, 37_738, 50)),
        (100, 37_498, 20),
    ]
    assert len(asked) == 8  # and the packs, once a minute


async def test_a_busy_file_costs_only_the_optimizers(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await play()
    await house.read()
    answer = house.face._files.answer

    def busy(*_: object) -> bytes:
        from sunhelm.simulator.faces.face import ModbusException  # noqa: PLC0415 - only here

        raise ModbusException(6)

    monkeypatch.setattr(Files, "answer", busy)
    reading = await house.read()
    assert reading.groups["optimizers_data"].reason is Reason.BUSY
    assert reading.groups["inverter_live"].ok
    monkeypatch.setattr(Files, "answer", lambda _, *more: answer(*more))
    house.clock.advance(90)
    reading = await house.read()
    assert reading.groups["optimizers_data"].ok


async def test_a_list_that_a_proxy_drops_is_not_asked_for_again_that_day(play: Play) -> None:
    house = await play()
    house.server.faults.start(ExceptionReply(code=1, share=0.0))
    house.face.identification = lambda _: None  # type: ignore[method-assign]
    await house.read()
    house.clock.advance(4000)
    await house.read()
    asked = [request for request in house.server.log.recent if request.function == 0x2B]
    assert len(asked) == 1


def test_a_list_of_devices_is_read_key_by_key() -> None:
    objects = {
        0x87: b"\x03",
        0x88: b"1=SUN2000-10KTL-M1;2=V100R001C00SPC173;3=P1.0-D5.0;4=SN1;5=1",
        0x89: b"1=SDongleA-05;5=100;8=",
        0x8A: b"nonsense;;=",
    }
    samples = list(device_samples(objects, "devices"))
    assert [sample.labels for sample in samples] == [
        ("1", "SUN2000-10KTL-M1", "V100R001C00SPC173", "SN1"),
        ("100", "SDongleA-05", "", ""),
    ]


def test_the_flag_of_the_format_is_no_alarm_of_an_optimizer() -> None:
    plant = Plant(seed=3, start=NOON, warm_up=False)
    content = Files(plant)._made(optimizers.REAL_TIME, optimizers.parameters(int(NOON)), int(NOON))
    samples = list(optimizers.real_time_samples(content, 0.0, ""))
    assert not [s for s in samples if s.quantity.name == "huawei_optimizer_alarm" and s.value]
    assert {s.value for s in samples if s.quantity.name == "huawei_optimizer_alarm_code"} == {0.0}


def test_alarms_of_an_optimizer_have_names_and_old_and_new_bits_of_one_name_are_one() -> None:
    record = bytearray(26)
    record[6:10] = (1 << 31 | 1 << 26 | 1 << 16 | 1 << 5).to_bytes(4, "little")
    samples = list(optimizers.record_samples(bytes(record), 0.0, ""))
    raised = {s.labels[1] for s in samples if s.quantity.name == "huawei_optimizer_alarm" and s.value}
    assert raised == {"overtemperature", "output_short_circuit"}


@pytest.mark.parametrize("cut", [1, 13, 20, 30, 60])
def test_a_file_that_is_cut_off_is_malformed(cut: int) -> None:
    files = Files(Plant(seed=3, start=NOON, warm_up=False))
    content = files._made(optimizers.REAL_TIME, optimizers.parameters(int(NOON)), int(NOON))
    with pytest.raises(Malformed):
        list(optimizers.real_time_samples(content[:-cut], 0.0, ""))
    with pytest.raises(Malformed):
        list(optimizers.feature_samples(files._features()[:-cut], ""))


def test_features_of_the_older_version_have_no_rated_power() -> None:
    records = Files(Plant(seed=3, start=NOON, warm_up=False))._features()[14:]
    record = records[:108]
    content = b"V102" + b"\0\1" + (6 + 108).to_bytes(2) + b"\0\0\0\0\0\1" + record
    samples = list(optimizers.feature_samples(content, ""))
    assert [s.labels[0] for s in samples if s.quantity.name == "huawei_optimizer"] == ["17"]
    assert not [s for s in samples if s.quantity.name == "huawei_optimizer_rated_power"]
