"""The EV charger: what is read, what is written where, and what firmware that ignores it comes to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import CurrentLimits, Mode, Number
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device import open_site
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.givenergy_evc.family import amperes, greatest
from sunhelm.devices.site import Site, load_site
from sunhelm.simulator.faces.givenergy_evc import EvcFace, State
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0
KWH = 3_600_000.0


@dataclass
class Bay:
    """A charger, its plant, and the device of the site file."""

    face: EvcFace
    server: ModbusServer
    file: Path

    @property
    def site(self) -> Site:
        device = {
            "family": "givenergy_evc",
            "host": "127.0.0.1",
            "port": self.server.port,
            "profile": "full",
            "control": {"enabled": True},
        }
        site = {"name": "home", "zone": "Europe/London"}
        self.file.write_text(json.dumps({"site": site, "devices": {"car": device}}))
        return load_site(self.file).site

    async def values(self) -> dict[tuple[str, ...], float]:
        assert self.site
        async with open_site(self.file) as devices:
            reading = await devices["car"].read(Deadline.after(9))
        assert all(outcome.ok for outcome in reading.groups.values()), reading.groups
        return {(sample.quantity.name, *sample.labels): sample.value for sample in reading.samples}

    async def put(self, key: str, value: Any) -> Any:
        """Write, and return what can be observed before and after."""
        device, deadline = open_controlled(self.site.devices["car"], self.site), Deadline.after(9)
        handle = device.handles[key]
        try:
            async with device.turn(deadline):
                before = await handle.observe(deadline)
                await handle.write(value, deadline)
                return before, await handle.observe(deadline)
        finally:
            await device.close()

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self.face.plant.advance(1.0)
            self.face.update()

    @property
    def written(self) -> list[tuple[int, tuple[int, ...]]]:
        return [(write.address, write.words) for write in self.server.log.writes]


@pytest.fixture
async def bay(tmp_path: Path) -> AsyncIterator[Bay]:
    face = EvcFace(Plant(start=NOON, seed=3))
    server = ModbusServer(face, limits=Limits(functions={3, 6, 16}))
    await server.open("127.0.0.1", 0)
    yield Bay(face, server, tmp_path / "sunhelm.yml")
    await server.close()


async def test_a_charging_vehicle_is_told_with_its_power_and_energy(bay: Bay) -> None:
    bay.face.control = 1
    bay.live(120)

    seen = await bay.values()

    assert seen["givenergy_evc_charging_state", "charging"] == 1
    assert seen["ev_charger_power",] == pytest.approx(bay.face.power_w, abs=1)
    assert seen["ev_charger_phase_current", "L1"] == pytest.approx(32, abs=0.1)
    assert seen["ev_charger_current_limit",] == 32
    assert seen["ev_charger_session",] == pytest.approx(bay.face.session_j, abs=0.06 * KWH)
    assert seen["ev_charger_delivered",] == pytest.approx(bay.face.delivered_j, abs=0.06 * KWH)
    assert seen["device", "GivEnergy", "", "EVC2341G012", ""] == 1
    assert ("ev_charger_phase_current", "L2") not in seen  # a phase without voltage is not there
    assert seen["givenergy_evc_hardware_maximum_current",] == 32
    assert seen["givenergy_evc_plug_and_go", "off"] == 1


@pytest.mark.parametrize("code", [20, 27, 65535])
async def test_a_fault_that_nobody_knows_ends_no_reading(
    bay: Bay, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The sheet: unknown codes must not abort the poll."""
    reads = bay.face.read

    def faulty(unit: int, table: Any, address: int, count: int) -> list[int]:
        words = list(reads(unit, table, address, count))
        if address <= 4 < address + count:
            words[4 - address] = code
        return words

    monkeypatch.setattr(bay.face, "read", faulty)

    seen = await bay.values()

    assert seen["givenergy_evc_fault_code",] == code
    assert not any(on for (name, *_), on in seen.items() if name == "givenergy_evc_fault")
    assert seen["ev_charger_current_limit",] == 32


async def test_live_values_take_two_requests_and_nothing_is_written(bay: Bay) -> None:
    await bay.values()

    asked = [(each.address, each.count) for each in bay.server.log.recent]
    assert {(0, 37), (72, 42)} <= set(asked)
    assert len(asked) <= 5  # with settings, identity, and the first look
    assert not bay.server.log.writes


async def test_the_limit_is_written_at_91_and_proven_at_36(bay: Bay) -> None:
    before, now = await bay.put("current_limits", CurrentLimits(charge=16))

    assert (before, now) == (CurrentLimits(charge=32), CurrentLimits(charge=16))
    assert bay.written == [(91, (160,))]


async def test_each_register_is_written_by_the_function_that_its_device_takes(bay: Bay) -> None:  # S4
    await bay.put("current_limits", CurrentLimits(charge=16))

    assert {request.function for request in bay.server.log.recent} == {3, 16}


async def test_charging_is_commanded_at_95_and_proven_at_94(bay: Bay) -> None:
    before, now = await bay.put("mode", Mode("native:start"))
    assert (before, now) == (Mode("native:stop"), Mode("native:start"))
    assert bay.face.state is State.CHARGING
    _, after = await bay.put("mode", before)

    assert after == Mode("native:stop")
    assert bay.written == [(95, (1,)), (95, (2,))]


async def test_plug_and_go_is_inverted_on_the_wire_only(bay: Bay) -> None:
    before, now = await bay.put("setting:plug_and_go", Number(1))

    assert (before, now) == (Number(0), Number(1))
    assert bay.written == [(93, (0,))]
    assert bay.face.plug_and_go


async def test_the_clock_is_written_whole_with_its_full_year(bay: Bay) -> None:
    device, deadline = open_controlled(bay.site.devices["car"], bay.site), Deadline.after(9)
    task: Any = device.tasks["set_clock"]
    async with device.turn(deadline):
        await task.run(deadline)
    await device.close()

    ((address, words),) = bay.written
    assert (address, len(words)) == (97, 6)
    assert words[0] >= 2024


async def test_firmware_that_ignores_writes_is_seen_where_it_reports(bay: Bay) -> None:
    bay.face.obeys = False

    _, now = await bay.put("current_limits", CurrentLimits(charge=10))

    assert now == CurrentLimits(charge=32)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("current_limits", CurrentLimits(charge=5.9)),
        ("current_limits", CurrentLimits(charge=33)),
        ("current_limits", CurrentLimits(discharge=10)),
        ("current_limits", Number(10)),
        ("mode", Mode("idle")),
        ("setting:plug_and_go", Number(2)),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_sent(bay: Bay, key: str, value: Any) -> None:
    handle = open_controlled(bay.site.devices["car"], bay.site).handles[key]
    with pytest.raises(ValueError, match=r".+"):
        handle.check(value)


async def test_more_than_the_hardware_offers_is_refused(bay: Bay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunhelm.simulator.faces.givenergy_evc._MOST_A", 16)
    with pytest.raises(Rejected, match="16 A at most"):
        await bay.put("current_limits", CurrentLimits(charge=20))
    assert not bay.written


async def test_less_than_the_hardware_offers_is_refused(bay: Bay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunhelm.simulator.faces.givenergy_evc._LEAST_A", 8)
    with pytest.raises(Rejected, match="8 A at least"):
        await bay.put("current_limits", CurrentLimits(charge=6))
    assert not bay.written
    monkeypatch.setattr("sunhelm.simulator.faces.givenergy_evc._LEAST_A", 0)  # it tells nothing that can be
    await bay.put("current_limits", CurrentLimits(charge=6))
    assert bay.written == [(91, (60,))]


def test_limits_of_the_hardware_are_amperes_or_tenths() -> None:
    assert [amperes(raw) for raw in (6, 32, 60, 320)] == [6, 32, 6, 32]
    assert [greatest(raw) for raw in (0, 16, 320, 999, 5)] == [32, 16, 32, 32, 32]
