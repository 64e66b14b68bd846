"""One read of one device, against a source that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Busy, DeviceError, Reason, Unreachable
from sunhelm.devices.families.source import Fetched, Group, Setting
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reader import EVERYTHING, Reader
from sunhelm.devices.reading import Guard, Outcome, Reading, Sample

PV = CATALOGUE["pv_power"]
EXPORT = CATALOGUE["grid_export"]


@dataclass
class Scripted:
    """A source whose groups bring what `brings` says: samples, or the reason why not."""

    clock: Any
    tiers: dict[str, float] = field(default_factory=lambda: {"live": 0.0, "settings": 300.0})
    brings: dict[str, list[Sample] | Reason] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    fails: DeviceError | None = None
    busy: bool = False
    prepared: bool = False
    gone: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def groups(self) -> Sequence[Group]:
        return [Group(name, period) for name, period in self.tiers.items()] if self.prepared else []

    @asynccontextmanager
    async def turn(self, deadline: Deadline) -> AsyncIterator[None]:
        if self.busy:
            raise Busy("the controller has its turn")
        yield

    async def prepare(self, deadline: Deadline) -> None:
        if self.fails:
            raise self.fails
        self.prepared = True

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        self.asked.append(tuple(groups))
        fetched = {}
        for name in groups:
            self.clock.advance(self.costs.get(name, 0.1))
            if name in self.gone:
                self.tiers.pop(name, None)
                continue
            brought = self.brings.get(name, [])
            if isinstance(brought, Reason):
                fetched[name] = Fetched(Outcome(brought, "as scripted"))
            else:
                fetched[name] = Fetched(Outcome(taken_at=self.clock.time(), requests=1), tuple(brought))
        return fetched

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterable[Sample]:
        return ()

    def remarks(self) -> Iterable[Sample]:
        return ()

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        return {}

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        return {}

    async def close(self) -> None: ...


@pytest.fixture
def source(clock: Any) -> Scripted:
    return Scripted(clock, brings={"live": [Sample(PV, 100.0)], "settings": [Sample(EXPORT, 7.0)]})


@pytest.fixture
def reader(source: Scripted, clock: Any) -> Reader:
    return Reader("gx", "victron", source, clock)


async def read(reader: Reader, seconds: float = 10.0) -> Reading:
    return await reader.read(Deadline.after(seconds, reader.clock))


async def test_the_first_read_brings_everything(reader: Reader, source: Scripted) -> None:
    reading = await read(reader)
    assert reading.up
    assert {sample.quantity.name for sample in reading.samples} == {"pv_power", "grid_export"}
    assert source.asked == [("live",), ("settings",)]


async def test_a_group_that_turns_out_to_be_empty_is_left_out(reader: Reader, source: Scripted) -> None:
    source.gone = {"settings"}
    for _ in range(2):
        reading = await read(reader)
        assert reading.up
        assert set(reading.groups) == {"live"}


async def test_a_slow_group_is_served_from_memory_with_its_own_time(
    reader: Reader, source: Scripted, clock: Any
) -> None:  # T24
    first = await read(reader)
    clock.advance(60)
    second = await read(reader)
    assert source.asked[-1] == ("live",)
    assert second.groups["settings"].taken_at == first.groups["settings"].taken_at
    assert second.groups["settings"].requests == 0
    assert second.taken_at == second.groups["live"].taken_at
    assert second.groups["live"].taken_at > first.groups["live"].taken_at  # type: ignore[operator]


async def test_only_one_slow_group_is_renewed_at_a_read(reader: Reader, source: Scripted, clock: Any) -> None:
    source.tiers |= {"identity": 300.0, "alarms": 300.0}
    await read(reader)
    clock.advance(310)
    source.asked.clear()
    for _ in range(3):
        await read(reader)
        clock.advance(15)
    assert [groups for groups in source.asked if groups != ("live",)] == [
        ("settings",),
        ("identity",),
        ("alarms",),
    ]


async def test_slow_groups_of_rare_scrapes_are_all_renewed(
    reader: Reader, source: Scripted, clock: Any
) -> None:
    source.tiers = {"live": 0.0} | {f"slow_{number}": 60.0 for number in range(10)}
    await read(reader)
    for _ in range(5):
        clock.advance(100)
        reading = await read(reader)
        assert all(outcome.ok for outcome in reading.groups.values())
        ages = [clock.time() - (outcome.taken_at or 0) for outcome in reading.groups.values()]
        assert max(ages) < 120


async def test_slow_groups_never_use_the_second_half_of_the_time(
    reader: Reader, source: Scripted, clock: Any
) -> None:  # T18
    source.tiers |= {"identity": 3600.0}
    source.costs = {"settings": 6.0}
    reading = await read(reader, seconds=10)
    assert source.asked == [("live",), ("settings",)]
    assert reading.groups["identity"].reason is Reason.TIMEOUT
    await read(reader, seconds=10)
    assert source.asked[-1] == ("identity",)


async def test_slow_groups_do_not_use_up_the_patience_of_a_scrape(
    reader: Reader, source: Scripted, clock: Any
) -> None:
    source.tiers = {"live": 0.0} | {f"slow_{number}": 300.0 for number in range(5)}
    source.costs = {"live": 2.0} | {f"slow_{number}": 1.0 for number in range(5)}
    reader.patience_s = 8.0
    began = clock.time()
    await read(reader, seconds=30)
    assert clock.time() - began == 4.0
    await read(reader, seconds=30)
    await read(reader, seconds=30)
    assert {group for groups in source.asked for group in groups} == set(source.tiers)


async def test_a_slow_group_that_fails_is_left_alone_for_a_minute(
    reader: Reader, source: Scripted, clock: Any
) -> None:
    source.brings["settings"] = Reason.TIMEOUT
    for _ in range(7):
        reading = await read(reader)
        assert reading.groups["settings"].reason is Reason.TIMEOUT
        clock.advance(15)
    assert source.asked.count(("settings",)) == 2


async def test_a_failed_group_loses_only_its_own_samples(reader: Reader, source: Scripted) -> None:  # T9, T36
    source.tiers = {"live": 0.0, "energy": 0.0}
    source.brings["energy"] = Reason.MALFORMED
    reading = await read(reader)
    assert reading.up
    assert [sample.quantity for sample in reading.samples] == [PV]
    assert reading.groups["energy"].reason is Reason.MALFORMED


async def test_nothing_is_shown_of_a_device_that_is_not_there(
    reader: Reader, source: Scripted, clock: Any
) -> None:  # T22
    await read(reader)
    source.brings["live"] = Reason.TIMEOUT
    clock.advance(60)
    reading = await read(reader)
    assert not reading.up
    assert reading.samples == ()
    assert {outcome.reason for outcome in reading.groups.values()} == {Reason.TIMEOUT}


async def test_a_device_that_was_never_reached_fails_as_a_whole(reader: Reader, source: Scripted) -> None:
    source.fails = Unreachable("connection refused")
    reading = await read(reader)
    assert reading.groups[EVERYTHING].reason is Reason.UNREACHABLE
    assert "refused" in reading.groups[EVERYTHING].detail


async def test_a_busy_endpoint_is_busy(reader: Reader, source: Scripted) -> None:
    source.busy = True
    assert {outcome.reason for outcome in (await read(reader)).groups.values()} == {Reason.BUSY}


async def test_a_silent_device_without_sun_is_asleep(reader: Reader, source: Scripted) -> None:  # T21
    reader.asleep = lambda _: True
    source.fails = Unreachable("connection refused")
    assert (await read(reader)).groups[EVERYTHING].reason is Reason.ASLEEP


async def test_a_counter_that_reads_zero_after_a_start_is_held(
    reader: Reader, source: Scripted
) -> None:  # T28
    source.brings["live"] = [Sample(EXPORT, 0.0, source="grid 2636")]
    reading = await read(reader)
    assert EXPORT not in [sample.quantity for sample in reading.samples if sample.value == 0]
    assert reading.held[0].guard is Guard.COUNTER
    assert reading.held[0].source == "grid 2636"


async def test_a_zero_that_is_served_from_memory_is_seen_once(reader: Reader, source: Scripted) -> None:
    source.brings["settings"] = [Sample(EXPORT, 0.0, group="settings")]
    for _ in range(5):
        reading = await read(reader)
        assert EXPORT not in [sample.quantity for sample in reading.samples]
    source.brings["settings"] = [Sample(EXPORT, 5.0, group="settings")]
    source.clock.advance(301)
    assert 5.0 in [sample.value for sample in (await read(reader)).samples]
    assert 5.0 in [sample.value for sample in (await read(reader)).samples]


async def test_a_counter_that_jumps_for_one_read_is_held(reader: Reader, source: Scripted) -> None:
    """On a serial line with two masters answers are mixed; Prometheus would count the fall from there."""
    source.tiers = {"live": 0.0}
    shown = []
    for kilowatt_hours in (5000.0, 5000.1, 70_536.1, 5000.2):
        source.brings["live"] = [Sample(EXPORT, kilowatt_hours * 3.6e6, source="holding 524 grid_export")]
        reading = await read(reader)
        shown += [sample.value / 3.6e6 for sample in reading.samples if sample.quantity is EXPORT]
        held = [held.source for held in reading.held if held.guard is Guard.COUNTER]
        assert held == ["holding 524 grid_export"] * (kilowatt_hours > 70_000)
    assert shown == pytest.approx([5000.0, 5000.1, 5000.2])


async def test_a_new_serial_number_starts_the_counters_afresh(reader: Reader, source: Scripted) -> None:
    def of(serial: str, export: float) -> list[Sample]:
        return [Sample(CATALOGUE["device"], 1.0, ("v", "m", serial, "1")), Sample(EXPORT, export)]

    source.tiers = {"live": 0.0}
    source.brings["live"] = of("one", 5000.0)
    await read(reader)
    source.brings["live"] = of("two", 10.0)
    reading = await read(reader)
    assert 10.0 in [sample.value for sample in reading.samples]


async def test_loss_and_return_are_logged_once(reader: Reader, source: Scripted, clock: Any) -> None:  # T25
    with capture_logs() as logs:
        for brought in ([Sample(PV, 1.0)], Reason.TIMEOUT, Reason.TIMEOUT, Reason.TIMEOUT, [Sample(PV, 2.0)]):
            source.brings["live"] = brought
            await read(reader)
            clock.advance(15)
    live = [(line["event"], line["log_level"]) for line in logs if line["group"] == "live"]
    assert live == [("group_lost", "warning"), ("group_back", "info")]


async def test_sleep_is_no_warning(reader: Reader, source: Scripted) -> None:  # T25
    reader.asleep = lambda _: True
    source.fails = Unreachable("no route")
    with capture_logs() as logs:
        await read(reader)
    assert [line["log_level"] for line in logs] == ["info"]


async def test_only_the_asked_groups_are_read(reader: Reader, source: Scripted) -> None:
    reading = await reader.read(Deadline.after(10, reader.clock), groups=["settings"])
    assert source.asked == [("settings",)]
    assert set(reading.groups) == {"settings"}
