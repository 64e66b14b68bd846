from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from exporter.delivery import Failure, WriteFailed, deliver
from exporter.influx import Statistics, Writer
from exporter.influx_client import InfluxClient
from exporter.points import line
from exporter.spool import Spool
from exporter.targets import target_labels

pytestmark = pytest.mark.integration

LABELS = target_labels("gx", "home", "victron")
TRICKY = 'a b, "c"=d\\e µ€ 日本'


async def test_a_reading_comes_back_with_its_tags_fields_and_time(
    shim: Any, influxd: Any, make_section: Any, device: Any, eventually: Any
) -> None:
    section = make_section(shim.url)
    spool, statistics = Spool(section.spool, section.spool_limit), Statistics()
    writer = Writer(spool, InfluxClient(section), statistics)
    writer.start()
    writer.put(LABELS, device.reading(1_780_000_000.9))
    await eventually(lambda: statistics.written == 6)
    await writer.close()
    spool.close()

    tags = "device=gx,family=victron"
    info = "firmware=v3.55,group=live,model=Cerbo GX,serial=HQ2,site=home,vendor=Victron"
    at = 1_780_000_000
    assert influxd.points() == {
        (f"{tags},{info}", "device_info", at): 1.0,
        (f"{tags},group=live,site=home", "grid_power_watts", at): 0.0,
        (f"{tags},group=live,site=home", "grid_export_joules_total", at): 640_440_000.0,
        (f"{tags},group=live,phase=L1,site=home", "grid_phase_power_watts", at): 120.5,
        (f"{tags},group=live,phase=L2,site=home", "grid_phase_power_watts", at): -7.0,
        (f"{tags},group=settings,site=home,state=bulk", "victron_vebus_state", at): 1.0,
        (f"{tags},group=settings,site=home,state=float", "victron_vebus_state", at): 0.0,
    }
    assert shim.encodings == {"gzip"}


async def write(section: Any, lines: Sequence[str]) -> Any:
    client = InfluxClient(section)
    try:
        return await deliver(client, lines)
    finally:
        await client.close()


async def test_escapes_are_those_of_its_parser(shim: Any, influxd: Any, make_section: Any) -> None:
    delivered = await write(make_section(shim.url), [line({"site": TRICKY}, {"x": 1.5}, 1000)])
    assert delivered.written == 1
    assert influxd.points() == {(f"site={TRICKY}", "x", 1000): 1.5}


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, 1.7976931348623157e308, 0.1, 1e22, 640_440_000.0])
async def test_every_float_comes_back_exactly(
    shim: Any, influxd: Any, make_section: Any, value: float
) -> None:
    await write(make_section(shim.url), [line({"site": "home"}, {"x": value}, 1000)])
    assert influxd.points() == {("site=home", "x", 1000): value}


async def test_a_point_of_another_type_is_dropped_without_its_batch(
    shim: Any, influxd: Any, make_section: Any
) -> None:
    good = [line({"site": f"s{number}"}, {"x": float(number)}, 1000) for number in range(50)]
    section = make_section(shim.url)
    await write(section, good[:1])
    conflict = "solar,site=bad x=7i 1000"
    delivered = await write(section, [*good[1:20], conflict, *good[20:]])
    assert (delivered.written, dict(delivered.dropped)) == (49, {Failure.REJECTED: 1})
    assert len(influxd.points()) == 50


async def test_lines_it_cannot_parse_are_dropped_without_their_batch(
    shim: Any, influxd: Any, make_section: Any
) -> None:
    good = [line({"site": f"s{number}"}, {"x": float(number)}, 1000) for number in range(50)]
    lines = [*good[:7], "not a line", *good[7:31], "solar,site=bad x=", *good[31:]]
    delivered = await write(make_section(shim.url), lines)
    assert (delivered.written, dict(delivered.dropped)) == (50, {Failure.REJECTED: 2})
    assert len(influxd.points()) == 50


async def test_points_older_than_the_retention_are_dropped_at_once(
    shim: Any, influxd: Any, make_section: Any
) -> None:
    influxd.order('CREATE RETENTION POLICY "day" ON solar DURATION 1d REPLICATION 1 DEFAULT')
    now = int(time.time())
    lines = [line({"site": "home"}, {"x": 1.0}, now - second * 3600) for second in range(100)]
    delivered = await write(make_section(shim.url), lines)
    assert delivered.written == 100 - delivered.dropped[Failure.REJECTED]
    assert 70 <= delivered.dropped[Failure.REJECTED] <= 76
    assert shim.requests == 1


async def test_a_wrong_token_and_an_unknown_bucket_are_told_apart(shim: Any, make_section: Any) -> None:
    point = [line({}, {"x": 1.0}, 1)]
    with pytest.raises(WriteFailed) as unauthorized:
        await write(make_section(shim.url, token="guessed"), point)
    with pytest.raises(WriteFailed) as unknown:
        await write(make_section(shim.url, bucket="nowhere"), point)
    failures = unauthorized.value.failure, unknown.value.failure
    assert failures == (Failure.UNAUTHORIZED, Failure.NOT_FOUND)
    assert "guessed" not in str(unauthorized.value)


async def test_a_point_written_again_is_one_point(shim: Any, influxd: Any, make_section: Any) -> None:
    lines = [line({"site": "home"}, {"x": 1.0}, second) for second in range(100)]
    for _ in range(3):
        await write(make_section(shim.url), lines)
    assert influxd.query("SELECT count(x) FROM solar")[0]["values"][0][1] == 100


async def test_ten_thousand_points_of_one_spool_arrive(
    shim: Any, influxd: Any, make_section: Any, eventually: Any
) -> None:
    section = make_section(shim.url)
    spool, statistics = Spool(section.spool, section.spool_limit), Statistics()
    for start in range(0, 10_000, 500):
        record = [line({"site": "home"}, {"x": float(at)}, at) for at in range(start, start + 500)]
        spool.append(record, 0.0)
    shim.orders.append(web.Response(status=503, headers={"Retry-After": "0"}))
    writer = Writer(spool, InfluxClient(section), statistics)
    writer.start()
    await eventually(lambda: statistics.written == 10_000)
    await writer.close()
    spool.close()
    assert statistics.errors[Failure.BUSY] == 1
    assert {at: value for (_, _, at), value in influxd.points().items()} == {
        at: float(at) for at in range(10_000)
    }
