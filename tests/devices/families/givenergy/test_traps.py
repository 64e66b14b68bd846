"""What the facts sheet warns of: values that are none, and pages that are not what they seem."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.clock import Deadline
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.base import RegisterFamily, Surroundings
from sunhelm.devices.families.register_source import DISCOVERY, RegisterSource
from sunhelm.devices.links.base import LinkStatistics, Span
from sunhelm.devices.reading import Sample
from sunhelm.simulator.faces import face as wire
from sunhelm.simulator.faces.givenergy import ALL_IN_ONE, HYBRID, GivEnergyFace, Kind
from sunhelm.simulator.plant import Plant

START: Final = datetime(2026, 6, 21, 13, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
INVERTER: Final = 0x11


@dataclass
class Bent:
    """A simulated inverter of which single words are something else; `silent` slaves answer zeros."""

    face: GivEnergyFace
    words: dict[tuple[int, str, int], int] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)
    statistics: LinkStatistics = field(default_factory=LinkStatistics)

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        yield

    async def read(self, span: Span, deadline: Deadline) -> tuple[int, ...]:
        if span.unit in self.silent:
            return (0,) * span.count
        try:
            page = self.face.read(span.unit, wire.Table(span.table.value), span.address, span.count)
        except wire.ModbusException:
            raise Rejected("refused") from None
        return tuple(
            self.words.get((span.unit, span.table.value, span.address + n), word)
            for n, word in enumerate(page)
        )

    async def close(self) -> None: ...

    def bend(self, table: str, words: Mapping[int, int], unit: int = INVERTER) -> None:
        self.words |= {(unit, table, address): word for address, word in words.items()}


@dataclass
class Bench:
    """One device; `read` reads all of it once more."""

    link: Bent
    source: RegisterSource

    async def read(self) -> list[Sample]:
        deadline = Deadline.after(60)
        await self.source.prepare(deadline)
        groups = [group.name for group in self.source.groups() if group.name != DISCOVERY]
        fetched = await self.source.fetch(groups, deadline)
        samples = [sample for group in fetched.values() for sample in group.samples]
        return [*samples, *self.source.derive(samples, groups)]

    async def values(self, metric: str) -> list[float]:
        return [sample.value for sample in await self.read() if sample.quantity.metric == f"solar_{metric}"]


@pytest.fixture
def bench(givenergy: RegisterFamily, request: pytest.FixtureRequest) -> Bench:
    kind: Kind = getattr(request, "param", HYBRID)
    link = Bent(GivEnergyFace(Plant(seed=3, start=START, soc=0.6), kind))
    config = DeviceConfig(
        family="givenergy",
        name="it",
        profile="full",
        units={"meter": (1,), "meter_product": (1,)},
        model=None,
        serial=None,
        rated_power=None,
        capacity=None,
    )
    source = givenergy.source(config, Surroundings(ZoneInfo("Europe/Amsterdam")), link)
    assert isinstance(source, RegisterSource)
    return Bench(link, source)


async def test_a_state_of_charge_of_0_is_nothing_but_while_calibrating(bench: Bench) -> None:
    bench.link.bend("input", {59: 0})
    assert await bench.values("battery_state_of_charge_ratio") == []
    bench.link.bend("holding", {29: 1})
    assert await bench.values("battery_state_of_charge_ratio") == [0.0]


async def test_a_frequency_of_500_hertz_is_50(bench: Bench) -> None:
    bench.link.bend("input", {13: 50_010})
    assert await bench.values("grid_frequency_hertz") == [pytest.approx(50.01)]


@pytest.mark.parametrize("word", [60, 2460, 2500, 0xFFFF])
async def test_a_slot_that_is_no_time_is_not_set(word: int, bench: Bench) -> None:
    bench.link.bend("holding", {94: word})
    assert await bench.values("givenergy_charge_slot_1_start_seconds") == []
    bench.link.bend("holding", {94: 130})
    assert await bench.values("givenergy_charge_slot_1_start_seconds") == [5400.0]


@pytest.mark.parametrize("date", [{36: 13}, {36: 0}, {37: 31, 36: 2}, {38: 24}, {39: 60}])
async def test_a_date_that_is_none_is_not_shown(date: Mapping[int, int], bench: Bench) -> None:
    bench.link.bend("holding", date)
    assert await bench.values("device_clock_timestamp_seconds") == []
    assert await bench.values("pv_power_watts") != []


async def test_an_empty_place_has_no_temperature(bench: Bench) -> None:
    before = await bench.values("battery_cell_temperature_celsius")
    bench.link.bend("input", {76: 0xF556}, unit=0x32)
    after = await bench.values("battery_cell_temperature_celsius")
    assert len(after) == len(before) - 1
    assert min(after) > -60.0


async def test_below_zero_is_below_zero(bench: Bench) -> None:
    bench.link.bend("input", {77: 0x10000 - 55}, unit=0x32)
    assert -5.5 in await bench.values("battery_cell_temperature_celsius")


async def test_lifetime_counters_of_0_are_not_shown(bench: Bench) -> None:
    bench.link.bend("input", {105: 0, 106: 0}, unit=0x32)
    assert await bench.values("battery_charge_joules_total") == []
    assert await bench.values("battery_discharge_joules_total") == []


async def test_what_nobody_has_named_is_a_number(bench: Bench) -> None:
    bench.link.bend("input", {0: 77})
    samples = await bench.read()
    codes = [s.value for s in samples if s.quantity.metric == "solar_givenergy_status_code"]
    states = [s.value for s in samples if s.quantity.metric == "solar_givenergy_status"]
    assert codes == [77.0]
    assert states
    assert not any(states)


async def test_a_switch_that_is_neither_on_nor_off_is_not_shown_as_either(bench: Bench) -> None:
    bench.link.bend("holding", {96: 513})
    samples = await bench.read()
    states = {s.labels: s.value for s in samples if s.quantity.metric == "solar_givenergy_charge_enabled"}
    assert not any(states.values())


async def test_a_battery_that_loses_its_serial_number_is_not_shown(bench: Bench) -> None:
    assert len(await bench.values("battery_unit_state_of_charge_ratio")) == 2
    bench.link.bend("input", dict.fromkeys(range(110, 115), 0), unit=0x33)
    assert len(await bench.values("battery_unit_voltage_volts")) == 1


@pytest.mark.parametrize("bench", [HYBRID, ALL_IN_ONE], indirect=True, ids=["hybrid", "all_in_one"])
async def test_a_page_of_zeros_is_never_shown(bench: Bench) -> None:
    assert await bench.values("grid_phase_voltage_volts") != []
    bench.link.silent = {INVERTER}
    shown: list[Any] = []
    with suppress(Rejected):
        shown = [s for s in await bench.read() if s.group.startswith(("one_phase", "inverter"))]
    assert shown == []


async def test_a_page_of_faults_may_become_empty(bench: Bench) -> None:
    metric = "solar_givenergy_inverter_fault"
    bench.link.bend("holding", {206: 0, 224: 1 << 6})
    assert [s.labels for s in await bench.read() if s.quantity.metric == metric and s.value] == [
        ("pv_isolation",)
    ]
    bench.link.bend("holding", {224: 0})
    told = [s.value for s in await bench.read() if s.quantity.metric == metric]
    assert told
    assert not any(told)


async def test_a_page_of_rubbish_is_never_shown(bench: Bench) -> None:
    await bench.read()
    bench.link.bend("input", {41: 2000})
    assert await bench.values("load_power_watts") == []
    bench.link.bend("input", {41: 350})
    assert await bench.values("load_power_watts") != []


@pytest.mark.parametrize("bench", [HYBRID, ALL_IN_ONE], indirect=True, ids=["hybrid", "all_in_one"])
async def test_a_dump_does_not_say_whose_it_is(bench: Bench) -> None:
    """Parts that share a page have each other's words."""
    await bench.read()
    tables = await bench.source.dump(Deadline.after(60))
    runs = [run for units in tables.values() for runs in units.values() for run in runs.values()]  # type: ignore[attr-defined]
    text = b" ".join(bytes.fromhex(run) for run in runs)
    assert b"AA0000A000" in text
    assert b"QA0000T002" not in text
    assert b"DF2244G001" not in text
