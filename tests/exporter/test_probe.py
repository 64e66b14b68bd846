from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exporter.probe import TIMEOUT_HEADER, BadRequest, scrape_timeout
from sunhelm.devices.errors import Reason


async def test_a_probe_reads_the_device_and_shows_it(client: Any, device: Any, series_of: Any) -> None:
    answer = await client.get("/probe?target=gx")

    assert answer.status == 200
    page = series_of(await answer.text())
    assert page["solar_device_up",] == 1
    assert page["solar_grid_power_watts",] == 1
    assert page["solar_grid_phase_power_watts", "phase=L2"] == -7
    assert page["solar_grid_export_joules_total",] == 640_440_000
    assert page["solar_group_success", "group=live"] == 1
    assert page["solar_probe_timeout_seconds",] == 10
    assert device.reads == [None]


async def test_every_probe_reads_anew_once_the_values_are_old(
    client: Any, device: Any, clock: Any, series_of: Any
) -> None:
    for expected in (1, 2, 3):
        page = series_of(await (await client.get("/probe?target=gx")).text())
        assert page["solar_grid_power_watts",] == expected
        await clock.advance(1.0)


async def test_a_young_reading_is_served_again_and_says_so(client: Any, device: Any, series_of: Any) -> None:
    first = series_of(await (await client.get("/probe?target=gx")).text())
    second = series_of(await (await client.get("/probe?target=gx")).text())

    assert (first["solar_probe_served_again",], second["solar_probe_served_again",]) == (0, 1)
    time = ("solar_group_timestamp_seconds", "group=live")
    assert first[time] == second[time]
    assert len(device.reads) == 1


@pytest.mark.parametrize("reason", list(Reason))
async def test_a_device_that_fails_is_down_but_answered(
    client: Any, device: Any, reason: Reason, series_of: Any
) -> None:  # T21, T23
    device.fails = reason
    answer = await client.get("/probe?target=gx")

    assert answer.status == 200
    page = series_of(await answer.text())
    assert page["solar_device_up",] == 0
    assert page["solar_group_failure", "group=live", f"reason={reason.value}"] == 1
    assert not [name for name, *_ in page if name.startswith(("solar_grid", "solar_victron"))]


async def test_a_scrape_ends_in_time_though_the_device_does_not(
    client: Any, device: Any, clock: Any, settle: Any, series_of: Any
) -> None:  # T41
    device.hold()
    scrape = asyncio.create_task(client.get("/probe?target=gx", headers={TIMEOUT_HEADER: "5"}))
    await device.begun.wait()
    await clock.advance(4.4)
    assert not scrape.done()
    await clock.advance(0.1)
    answer = await scrape
    device.release()

    assert answer.status == 200
    page = series_of(await answer.text())
    assert page["solar_device_up",] == 0
    assert page["solar_group_failure", "group=all", "reason=timeout"] == 1
    assert page["solar_probe_duration_seconds",] == pytest.approx(4.5)
    assert page["solar_probe_timeout_seconds",] == 4.5


async def test_only_the_groups_asked_for_are_read_and_shown(client: Any, device: Any, series_of: Any) -> None:
    page = series_of(await (await client.get("/probe?target=gx&group=settings")).text())

    assert device.reads == [frozenset({"settings"})]
    assert ("solar_group_success", "group=live") not in page
    assert ("solar_grid_power_watts",) not in page
    assert page["solar_victron_vebus_state", "state=float"] == 0


@pytest.mark.parametrize(
    "query", ["group=live&group=settings", "group=live,settings", "group=live,%20settings"]
)
async def test_several_groups_may_be_repeated_or_joined_by_commas(
    client: Any, device: Any, query: str
) -> None:
    answer = await client.get(f"/probe?target=gx&{query}")

    assert answer.status == 200
    assert device.reads == [frozenset({"live", "settings"})]


async def test_an_unknown_group_is_a_wrong_request(client: Any, device: Any) -> None:
    first = await client.get("/probe?target=gx&group=lives")
    await client.get("/probe?target=gx")
    reads = len(device.reads)
    second = await client.get("/probe?target=gx&group=lives")

    assert (first.status, second.status) == (400, 400)
    text = 'group: gx has no group "lives"; it has live, settings. Did you mean "live"?\n'
    assert await second.text() == text
    assert len(device.reads) == reads, "a group that is known not to be there was asked of the device"


async def test_an_unknown_target_is_not_found_and_the_nearest_is_named(client: Any) -> None:
    answer = await client.get("/probe?target=gxx")

    assert answer.status == 404
    assert await answer.text() == '"gxx" is not a configured device; gx. Did you mean "gx"?\n'


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("", "target: name one device"),
        ("target=", "target: name one device"),
        ("target=gx&target=gx", "target: name one device"),
        ("target=gx&group=", "group: an empty name"),
        ("target=gx&group=live,,settings", "group: an empty name"),
        ("target=gx&debug=yes", 'debug: "yes"; true or false is allowed'),
        (
            "target=gx&groups=live",
            '"groups" is no parameter; target, group or debug is allowed. Did you mean "group"?',
        ),
        ("target=gx&module=victron", '"module" is no parameter'),
    ],
)
async def test_a_wrong_request_says_what_is_allowed(
    client: Any, device: Any, query: str, complaint: str
) -> None:
    answer = await client.get(f"/probe?{query}")

    assert answer.status == 400
    assert complaint in await answer.text()
    assert not device.reads


async def test_all_mistakes_of_a_request_are_told_at_once(client: Any) -> None:
    answer = await client.get("/probe?moduel=x&group=&debug=1")

    assert [line.split(":")[0] for line in (await answer.text()).splitlines()] == [
        '"moduel" is no parameter; target, group or debug is allowed.',
        "target",
        "group",
        "debug",
    ]


@pytest.mark.parametrize(
    ("header", "offset_s", "expected_s"),
    [
        (None, 0.5, 10.0),
        ("10", 0.5, 9.5),
        ("15.000000", 0.5, 14.5),
        ("1e1", 0.5, 9.5),
        ("0.6", 0.5, 0.3),
        ("0.1", 0.5, 0.05),
        ("10", 0.0, 10.0),
        ("100000", 0.5, 600.0),
    ],
)
def test_the_deadline_is_what_prometheus_allows_less_the_offset(
    header: str | None, offset_s: float, expected_s: float
) -> None:
    headers = {} if header is None else {TIMEOUT_HEADER: header}

    assert scrape_timeout(headers, offset_s) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    "header", ["", "ten", "nan", "inf", "-inf", "0", "-1", "10s", "1,5", "१०", "0x10", "1e999"]
)
def test_a_time_out_that_is_no_positive_number_is_refused(header: str) -> None:
    with pytest.raises(BadRequest, match=TIMEOUT_HEADER):
        scrape_timeout({TIMEOUT_HEADER: header}, 0.5)


async def test_a_refused_time_out_asks_nothing_of_the_device(client: Any, device: Any) -> None:
    answer = await client.get("/probe?target=gx", headers={TIMEOUT_HEADER: "soon"})

    assert answer.status == 400
    assert not device.reads


async def test_a_client_that_goes_away_leaves_the_read_to_the_next(
    client: Any, device: Any, settle: Any
) -> None:
    device.hold()
    leaving = asyncio.create_task(client.get("/probe?target=gx"))
    await device.begun.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    staying = asyncio.create_task(client.get("/probe?target=gx"))
    await settle()
    device.release()

    assert (await staying).status == 200
    assert len(device.reads) == 1
    assert device.cancelled == 0


async def test_a_crash_is_a_bare_500_for_this_device_only(
    client: Any, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    device.crash = RuntimeError("a mistake of ours, with a password")
    answer = await client.get("/probe?target=gx")

    assert answer.status == 500
    text = await answer.text()
    assert "Traceback" not in text
    assert "password" not in text
    device.crash = None
    assert (await client.get("/probe?target=gx")).status == 200
