from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.exposition import json_response
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Sample

OPENMETRICS = "application/openmetrics-text"
WORK = {"_put_all", "collect", "_sample", "generate_latest"}
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


@pytest.mark.parametrize(
    "path", ["/probe?target=gx", "/probe?target=gx&debug=true", "/api/v1/readings/gx", "/metrics"]
)
async def test_large_pages_are_made_beside_the_event_loop(
    client: Any, exporter: Any, device: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter.all_devices = True
    cells = [(str(battery), str(cell)) for battery in range(10) for cell in range(150)]
    device.more = tuple(Sample(CATALOGUE["battery_cell_voltage"], 3.3, labels) for labels in cells)
    here = threading.get_ident()
    threads: list[int] = []

    def note(profiled: Any, event: str, argument: object) -> None:
        if event == "call" and profiled.f_code.co_name in {
            "_put_all",
            "collect",
            "_sample",
            "generate_latest",
        }:
            threads.append(threading.get_ident())

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        answer = await client.get(path)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)

    assert answer.status == 200
    assert "battery_cell_voltage" in await answer.text()
    assert threads
    assert here not in threads


async def test_small_pages_need_no_thread(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "to_thread", None)

    assert (await client.get("/probe?target=gx")).status == 200


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(content=st.dictionaries(st.text(), JSON_VALUES, max_size=3), many=st.integers(0, 1_700))
async def test_json_says_the_same_however_long_its_lists_are(content: dict[str, Any], many: int) -> None:
    content["many"] = [content.copy() for _ in range(many)]
    request = make_mocked_request("GET", "/")
    answer = await json_response(request, lambda: content)

    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == json.loads(json.dumps(content))


async def test_no_json_holds_a_number_that_is_none() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        await json_response(make_mocked_request("GET", "/"), lambda: {"many": [float("nan")] * 2_000})
