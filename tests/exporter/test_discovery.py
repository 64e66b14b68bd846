from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery import duration, target_groups


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


async def test_behind_a_proxy_discovery_tells_its_address_and_path(client: Any, exporter: Any) -> None:
    exporter.external_url = urlsplit("https://solar.example.org:8443/sunhelm/")
    (group,) = await (await client.get("/sd")).json()

    assert group["targets"] == ["solar.example.org:8443"]
    assert group["labels"]["__scheme__"] == "https"
    assert group["labels"]["__metrics_path__"] == "/sunhelm/probe"


@pytest.mark.parametrize("host", ["", "a b", "evil/path", "user@host", "host:port", "[::1", "<b>", "a" * 300])
async def test_a_host_header_that_is_no_host_is_refused(client: Any, host: str) -> None:
    answer = await client.get("/sd", headers={"Host": host})

    assert answer.status == 400


async def test_no_devices_is_an_empty_list(client: Any, exporter: Any) -> None:
    exporter.targets.replace({})
    answer = await client.get("/sd")

    assert (answer.status, await answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("interval_s", "timeout_s", "expected"),
    [(15.0, 10.0, ("15s", "10s")), (5.0, 10.0, ("5s", "5s")), (1.5, 0.25, ("1500ms", "250ms"))],
)
def test_a_time_out_is_never_longer_than_the_interval(
    make_target: Any, device: Any, interval_s: float, timeout_s: float, expected: tuple[str, str]
) -> None:
    target = replace(make_target(device), interval_s=interval_s, timeout_s=timeout_s)
    (group,) = target_groups([target], urlsplit("http://localhost"))

    assert (group["labels"]["__scrape_interval__"], group["labels"]["__scrape_timeout__"]) == expected


@given(st.floats(0.001, 1e6))
def test_durations_are_what_prometheus_reads(seconds: float) -> None:
    match = re.fullmatch(r"([1-9][0-9]*)(ms|s)", duration(seconds))

    assert match is not None
    assert int(match[1]) * (1 if match[2] == "s" else 0.001) == pytest.approx(seconds, abs=0.00051)
