from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.probe import TIMEOUT_HEADER
from exporter.targets import target_labels
from sunhelm.devices.errors import Reason

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
        (PROMETHEUS_2, f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores"),
        (PROMETHEUS_3, f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores"),
        (
            f"{OPENMETRICS};version=1.0.0;escaping=values",
            f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (f"{OPENMETRICS};version=99", f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores"),
        (f"{OPENMETRICS};version=latest", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.x", "text/plain; version=0.0.4; charset=utf-8"),
        (";;;,,,=", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["/probe?target=gx", "/metrics"])
async def test_the_format_is_negotiated(
    client: Any, path: str, accept: str | None, content_type: str
) -> None:
    answer = await client.get(path, headers={} if accept is None else {"Accept": accept})

    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    page = await answer.text()
    parse = parse_openmetrics if OPENMETRICS in content_type else parse_text
    assert list(parse(page))
    assert page.endswith("# EOF\n") == (OPENMETRICS in content_type)


async def test_both_formats_of_a_probe_say_the_same(client: Any) -> None:
    plain = await (await client.get("/probe?target=gx")).text()
    strict = await (await client.get("/probe?target=gx", headers={"Accept": OPENMETRICS})).text()

    def samples(families: Any) -> dict[Any, float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
            if sample.name != "solar_probe_served_again"
        }

    assert samples(parse_text(plain)) == samples(parse_openmetrics(strict))


@pytest.mark.parametrize(
    ("accept_encoding", "coded"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("deflate", False),
        ("gzipped", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/probe?target=gx", "/metrics", "/api/v1/readings/gx"])
async def test_pages_are_compressed_for_who_asks(
    raw_client: Any, path: str, accept_encoding: str, coded: bool
) -> None:
    answer = await raw_client.get(path, headers={"Accept-Encoding": accept_encoding})
    body = await answer.read()

    assert answer.headers.get("Content-Encoding") == ("gzip" if coded else None)
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert b"grid_power" in (gzip.decompress(body) if coded else body) or path == "/metrics"


@pytest.mark.parametrize("path", ["/probe?target=gx", "/metrics"])
@pytest.mark.parametrize("all_devices", [False, True])
@pytest.mark.integration
async def test_promtool_has_nothing_to_say(
    client: Any, exporter: Any, promtool: str, path: str, all_devices: bool
) -> None:
    exporter.all_devices = all_devices
    page = await (await client.get(path)).read()
    result = subprocess.run(  # noqa: ASYNC221 - the page is here already, nobody else waits
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False
    )

    assert (result.returncode, result.stderr) == (0, b"")


def series(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in parse_text(page)
        for sample in family.samples
    }


async def test_its_own_metrics_count_probes_reads_and_guards(client: Any, clock: Any, device: Any) -> None:
    for _ in range(3):
        await client.get("/probe?target=gx")
    await clock.advance(1.0)
    device.groups = ("live",)
    await client.get("/probe?target=gx")
    page = series(await (await client.get("/metrics")).text())

    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=complete"] == 4
    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=down"] == 0
    assert page["sunhelm_exporter_reads_total", "device=gx"] == 2
    assert page["sunhelm_exporter_held_values_total", "device=gx", "guard=sentinel"] == 2
    assert page["sunhelm_exporter_dropped_samples_total", "device=gx"] == 0
    assert [name for name, *_ in page if name == "sunhelm_exporter_build_info"]
    assert page["process_resident_memory_bytes",] > 0
    assert not [name for name, *_ in page if name.endswith("_created") or name.startswith("solar_")]


async def test_all_devices_stand_on_metrics_with_their_labels(
    client: Any, exporter: Any, make_device: Any, make_target: Any, clock: Any
) -> None:
    shed = make_device("shed", clock=clock)
    exporter.targets.replace({**exporter.targets, "shed": make_target(shed)})
    exporter.all_devices = True
    page = series(await (await client.get("/metrics")).text())

    for name in ("gx", "shed"):
        labels = (f"device={name}", "family=victron", "site=home")
        assert page["solar_device_up", *labels] == 1
        assert page["solar_grid_power_watts", *labels] == 1
        assert page["solar_group_success", labels[0], labels[1], "group=live", labels[2]] == 1
    assert page["sunhelm_exporter_probes_total", "device=gx", "outcome=complete"] == 1


async def test_a_device_that_crashes_is_down_and_costs_the_others_nothing(
    client: Any, exporter: Any, make_device: Any, make_target: Any, clock: Any
) -> None:
    shed = make_device("shed", clock=clock)
    shed.crash = RuntimeError("a mistake of ours")
    exporter.targets.replace({**exporter.targets, "shed": make_target(shed)})
    exporter.all_devices = True
    answer = await client.get("/metrics")

    assert answer.status == 200
    page = series(await answer.text())
    assert page["solar_device_up", "device=gx", "family=victron", "site=home"] == 1
    assert page["solar_device_up", "device=shed", "family=victron", "site=home"] == 0


async def test_a_wrong_time_out_matters_on_metrics_only_where_devices_are_read(
    client: Any, exporter: Any
) -> None:
    headers = {TIMEOUT_HEADER: "soon"}
    assert (await client.get("/metrics", headers=headers)).status == 200
    exporter.all_devices = True
    assert (await client.get("/metrics", headers=headers)).status == 400


async def test_a_reading_as_json_is_that_of_the_page(client: Any, device: Any) -> None:
    page = series(await (await client.get("/probe?target=gx")).text())
    answer = await client.get("/api/v1/readings/gx")
    reading = await answer.json()

    assert len(device.reads) == 1
    assert (reading["device"], reading["site"], reading["family"]) == ("gx", "home", "victron")
    assert reading["up"] is True
    assert reading["served_again"] is True
    assert reading["groups"]["live"]["success"] is True
    assert reading["held"] == [
        {"guard": "sentinel", "group": "live", "source": "holding 843 battery_soc", "detail": "0xFFFF"}
    ]
    for sample in reading["samples"]:
        labels = sorted(f"{name}={value}" for name, value in sample["labels"].items())
        assert page[sample["metric"], *labels] == sample["value"]


async def test_a_reading_of_a_device_that_is_down_says_why(client: Any, device: Any) -> None:
    device.fails = Reason.BUSY
    reading = await (await client.get("/api/v1/readings/gx?group=live")).json()

    assert reading["up"] is False
    assert reading["samples"] == []
    assert reading["groups"] == {
        "live": {
            "success": False,
            "reason": "busy",
            "detail": "the device does not answer",
            "taken_at": None,
            "requests": 1,
            "duration_s": 3.0,
        }
    }


async def test_an_unknown_reading_is_not_found(client: Any) -> None:
    assert (await client.get("/api/v1/readings/nobody")).status == 404
    assert (await client.get("/api/v1/readings/gx?gruop=live")).status == 400


async def test_the_landing_page_leads_everywhere(client: Any) -> None:
    answer = await client.get("/")
    page = await answer.text()

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for link in ("/metrics", "/sd", "/probe?target=gx"):
        assert f'href="{link}"' in page
        assert (await client.get(link)).status == 200


async def test_a_site_with_a_tricky_name_cannot_break_the_landing_page(
    client: Any, exporter: Any, device: Any
) -> None:
    target = replace(exporter.targets["gx"], labels=target_labels("gx", "<script>alert(1)</script>", "x"))
    exporter.targets.replace({"gx": target})
    page = await (await client.get("/")).text()

    assert "<script" not in page


async def test_discovery_names_every_device_with_all_that_a_scrape_needs(client: Any) -> None:
    answer = await client.get("/sd")

    assert answer.headers["Content-Type"] == "application/json"
    host = f"{client.host}:{client.port}"
    assert await answer.json() == [
        {
            "targets": [host],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": "/probe",
                "__param_target": "gx",
                "__scrape_interval__": "15s",
                "__scrape_timeout__": "10s",
                "instance": "gx",
                "device": "gx",
                "site": "home",
                "family": "victron",
            },
        }
    ]


async def test_debug_shows_how_the_probe_went_and_the_metrics(client: Any, device: Any) -> None:
    answer = await client.get("/probe?target=gx&debug=true")
    page = await answer.text()

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Probe of gx, family victron, site home" in page
    assert "read for this probe" in page
    assert "live: read, 2 requests, 0.250 s" in page
    assert "sentinel: holding 843 battery_soc (0xFFFF)" in page
    assert "\nsolar_grid_power_watts 1.0\n" in page


async def test_debug_names_the_reason_of_a_failed_group(client: Any, device: Any) -> None:
    device.fails = Reason.RATE_LIMITED
    page = await (await client.get("/probe?target=gx&debug=true")).text()

    assert "live: rate_limited: the device does not answer" in page


async def test_a_removed_device_is_not_found_and_its_read_ends_before_it_is_closed(
    client: Any, exporter: Any, device: Any, settle: Any
) -> None:
    device.hold()
    scrape = asyncio.create_task(client.get("/probe?target=gx"))
    await device.begun.wait()
    exporter.targets.replace({})
    await settle()
    assert device.closed == 0
    assert (await client.get("/probe?target=gx")).status == 404
    device.release()

    assert (await scrape).status == 200
    await settle()
    assert device.closed == 1


async def test_shutting_down_cancels_the_read_and_closes_the_device(
    exporter: Any, device: Any, client: Any
) -> None:
    device.hold()
    scrape = asyncio.create_task(client.get("/probe?target=gx"))
    await device.begun.wait()
    await exporter.targets.close()

    assert (await scrape).status == 503
    assert (device.cancelled, device.closed) == (1, 1)


async def test_json_of_a_reading_is_valid_whatever_a_device_says(client: Any, device: Any) -> None:
    text = await (await client.get("/api/v1/readings/gx")).text()

    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
