from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.delivery import Failure, WriteFailed
from exporter.influx import DISK, SPOOL_FULL, Statistics, Writer
from exporter.points import Points, line
from exporter.spool import Spool
from exporter.targets import target_labels

LABELS = target_labels("gx", "home", "victron")


class FakeInfluxDB:
    """Keeps what it gets; fails while told to, hangs while held."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.failure: Exception | None = None
        self.attempts = 0
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, lines: Sequence[str]) -> None:
        self.attempts += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            self.kept += lines
        finally:
            self.at_once -= 1

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def server() -> FakeInfluxDB:
    return FakeInfluxDB()


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
async def writer(
    tmp_path: Path, server: FakeInfluxDB, statistics: Statistics, clock: Any
) -> AsyncIterator[Writer]:
    spool = Spool(tmp_path / "spool", 10**6)
    writer = Writer(spool, server, statistics, clock=clock)
    writer.start()
    yield writer
    server.gate.set()
    await writer.close(0.5)
    spool.close()


async def reach(look: Callable[[], int], wanted: int) -> None:
    """The spool works in a thread of its own, so that turns of the loop alone are not enough."""
    async with asyncio.timeout(10):
        while look() != wanted:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_a_reading_is_spooled_then_written(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    reading = device.reading(clock.time())
    writer.put(LABELS, reading)
    await reach(lambda: statistics.written, 6)
    assert server.kept == Points().lines(LABELS, reading)
    assert (statistics.spooled, statistics.dropped.total()) == (6, 0)
    await reach(lambda: statistics.waiting.points, 0)
    assert statistics.last_success == clock.time()


async def test_an_outage_is_waited_out_and_told_once(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    server.failure = WriteFailed(Failure.UNREACHABLE, "connection refused")
    with capture_logs() as logs:
        for attempt in range(1, 6):
            writer.put(LABELS, device.reading(clock.time()))
            await reach(lambda: server.attempts, attempt)
            await reach(lambda: statistics.spooled, 6 * attempt)
            assert statistics.waiting.points == 6 * attempt
            await clock.advance(60.0)
        await reach(lambda: server.attempts, 6)
        server.failure = None
        await clock.advance(60.0)
        await reach(lambda: statistics.written, 30)
    events = [entry["event"] for entry in logs]
    assert events == ["influxdb_lost", "influxdb_back"]
    assert statistics.errors == {Failure.UNREACHABLE: 6}
    times = [int(text.rsplit(" ", 1)[1]) for text in server.kept]
    assert times == sorted(times)


async def test_a_fault_of_ours_is_told_and_the_writer_goes_on(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    server.failure = RuntimeError("a fault of ours")
    with capture_logs() as logs:
        writer.put(LABELS, device.reading(clock.time()))
        await reach(lambda: len(logs), 1)
    assert [entry["event"] for entry in logs] == ["influxdb_writer_failed"]

    server.failure = None
    await clock.advance(10.0)
    await reach(lambda: statistics.written, 6)


async def test_a_reading_that_no_line_can_be_made_of_does_not_hold_up_the_end(
    writer: Writer, statistics: Statistics, device: Any, clock: Any
) -> None:
    with capture_logs() as logs:
        writer.put(LABELS, None)  # type: ignore[arg-type]
        await reach(lambda: len(logs), 1)
    writer.put(LABELS, device.reading(clock.time()))
    await clock.advance(10.0)
    await reach(lambda: statistics.written, 6)
    await writer.close(3600.0)


async def test_retry_after_is_obeyed(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    server.failure = WriteFailed(Failure.BUSY, "429", retry_after_s=300.0)
    writer.put(LABELS, device.reading(clock.time()))
    await reach(statistics.errors.total, 1)
    server.failure = None
    await clock.advance(299.9)
    assert server.attempts == 1
    await clock.advance(40.0)
    await reach(lambda: statistics.written, 6)


async def test_another_reason_is_told_again(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    with capture_logs() as logs:
        writer.put(LABELS, device.reading(clock.time()))
        await reach(lambda: statistics.written, 6)
        for count, failure in enumerate((Failure.UNAUTHORIZED, Failure.FORBIDDEN, Failure.NOT_FOUND), 1):
            server.failure = WriteFailed(failure, "no")
            writer.put(LABELS, device.reading(clock.time() + count))
            await clock.advance(60.0)
            await reach(statistics.errors.total, count)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("influxdb_lost", reason) for reason in ("unauthorized", "forbidden", "not_found")
    ]
    server.failure = None
    await clock.advance(60.0)


async def test_one_batch_is_in_flight_and_readings_never_wait_for_it(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    server.gate.clear()
    for second in range(20):
        writer.put(LABELS, device.reading(clock.time() + second))
    await reach(lambda: statistics.spooled, 120)
    await reach(lambda: server.at_once, 1)
    assert server.kept == []
    server.gate.set()
    await reach(lambda: statistics.written, 120)
    assert server.most_at_once == 1


async def test_the_end_delivers_what_influxdb_takes(
    tmp_path: Path, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    spool = Spool(tmp_path / "spool", 10**6)
    writer = Writer(spool, server, statistics, clock=clock)
    writer.start()
    for second in range(5):
        writer.put(LABELS, device.reading(clock.time() + second))
    await writer.close(10.0)
    assert (len(server.kept), spool.points, server.closed) == (30, 0, True)
    spool.close()


@pytest.mark.parametrize("how", ["hangs", "refuses"])
async def test_the_end_leaves_the_rest_in_the_spool(
    tmp_path: Path, server: FakeInfluxDB, device: Any, clock: Any, how: str
) -> None:
    if how == "hangs":
        server.gate.clear()
    else:
        server.failure = WriteFailed(Failure.UNREACHABLE, "no")
    spool = Spool(tmp_path / "spool", 10**6)
    writer = Writer(spool, server, Statistics(), clock=clock)
    writer.start()
    writer.put(LABELS, device.reading(clock.time()))
    async with asyncio.timeout(5.0):
        await writer.close(0.2 if how == "hangs" else 60.0)
    assert spool.points == 6
    spool.close()


async def test_refused_points_are_counted_apart(
    writer: Writer, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    server.failure = WriteFailed(Failure.REJECTED, "partial write dropped=2", rejected=2)
    writer.put(LABELS, device.reading(clock.time()))
    await reach(lambda: statistics.written, 4)
    assert statistics.dropped["rejected"] == statistics.dropped.total() == 2
    await reach(lambda: statistics.waiting.points, 0)


async def test_a_full_spool_drops_the_oldest_and_counts_each_point_once(
    tmp_path: Path, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    spool = Spool(tmp_path / "spool", 20_000)
    writer = Writer(spool, server, statistics, clock=clock)
    server.gate.clear()
    writer.start()
    for second in range(100):
        writer.put(LABELS, device.reading(clock.time() + second))
        await reach(lambda: statistics.spooled, 6 * second + 6)
    assert statistics.dropped[SPOOL_FULL] > 0
    server.gate.set()
    await writer.close(10.0)
    spool.close()
    assert statistics.written + statistics.dropped.total() == statistics.spooled == 600


async def test_a_disk_that_refuses_is_told_once_and_costs_only_its_points(
    writer: Writer, statistics: Statistics, device: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr("exporter.spool._write_whole", refuse)
            for second in range(3):
                writer.put(LABELS, device.reading(clock.time() + second))
                await reach(lambda: statistics.dropped[DISK], 6 * second + 6)
        writer.put(LABELS, device.reading(clock.time() + 3))
        await reach(lambda: statistics.written, 6)
    assert [entry["event"] for entry in logs] == ["influxdb_spool_failing", "influxdb_spool_back"]


async def test_points_of_an_earlier_process_go_first(
    tmp_path: Path, server: FakeInfluxDB, statistics: Statistics, device: Any, clock: Any
) -> None:
    spool = Spool(tmp_path / "spool", 10**6)
    earlier = line({"site": "home"}, {"x": 1.0}, 1)
    spool.append([earlier], 1.0)
    writer = Writer(spool, server, statistics, clock=clock)
    writer.put(LABELS, device.reading(clock.time()))
    writer.start()
    await writer.close(10.0)
    spool.close()
    assert (server.kept[0], len(server.kept)) == (earlier, 7)
