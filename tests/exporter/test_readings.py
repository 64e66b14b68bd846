from __future__ import annotations

import json
from typing import Any

import pytest

from sunhelm.devices.errors import Reason


async def test_a_reading_as_json_is_that_of_the_page(client: Any, device: Any, series_of: Any) -> None:
    page = series_of(await (await client.get("/probe?target=gx")).text())
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


async def test_json_of_a_reading_is_valid_whatever_a_device_says(client: Any, device: Any) -> None:
    text = await (await client.get("/api/v1/readings/gx")).text()

    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
