"""Readings of the house: from the JSON of an exporter, and what is made of the powers of any family."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controllers.evcharging.house import Implausible, house_of
from controllers.evcharging.readings import ExporterReadings, NoReading, reading_of
from controllers.evcharging.section import HouseSection
from sunhelm.devices.clock import SYSTEM_CLOCK, Deadline

NOW = 1_782_019_200.0


def answer(taken_at: float = NOW - 4, **values: float) -> dict[str, Any]:
    samples = [
        {"quantity": name, "labels": {}, "value": value, "group": "live"} for name, value in values.items()
    ]
    return {"up": True, "taken_at": NOW, "groups": {"live": {"taken_at": taken_at}}, "samples": samples}


def test_the_age_is_that_of_the_groups_which_are_needed() -> None:
    told = answer(pv_power=3000.0, load_power=500.0)
    told["groups"]["identity"] = {"taken_at": NOW - 3000}
    told["samples"].append({"quantity": "device", "labels": {}, "value": 1, "group": "identity"})

    reading = reading_of(told, NOW)

    assert reading.age_s == 4
    assert reading.values == {("pv_power",): 3000.0, ("load_power",): 500.0}


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"samples": "x"},
        {"samples": [{"quantity": "pv_power", "value": "3000"}]},
        answer(),
        answer(pv_power=True),
        answer(taken_at=NOW + 60, pv_power=1.0),
        answer(taken_at=math.nan, pv_power=1.0),
    ],
    ids=str,
)
def test_what_is_no_reading_of_now_is_refused(told: Any) -> None:
    with pytest.raises((ValueError, NoReading)):
        reading_of(told, NOW)


@pytest.mark.parametrize(
    ("values", "spare", "import_a"),
    [
        ({("pv_power",): 3000.0, ("load_power",): 2400.0}, 600.0, None),
        ({("pv_power",): -20.0, ("load_power",): 400.0}, -400.0, None),
        ({("grid_power",): -900.0}, 900.0, 0.0),
        ({("grid_power",): 2300.0}, -2300.0, 10.0),
        ({("grid_power",): 0.0, ("battery_power",): -1500.0}, 1500.0, 0.0),
        (
            {("grid_power",): 0.0, ("grid_phase_power", "L1"): 4600.0, ("grid_phase_power", "L2"): -4600.0},
            0.0,
            20.0,
        ),
        (
            {("grid_phase_power", "L1"): 2400.0, ("grid_phase_voltage", "L1"): 240.0},
            -2400.0,
            10.0,
        ),
        ({("grid_power",): 2300.0, ("grid_phase_voltage", "L1"): 0.0}, -2300.0, 10.0),
    ],
    ids=str,
)
def test_powers_become_what_is_to_spare_and_what_is_taken(
    values: dict[tuple[str, ...], float], spare: float | None, import_a: float | None
) -> None:
    house = house_of(values, 0.0)
    assert house.spare_w == spare
    assert house.import_a == import_a


def test_what_is_spare_is_not_known_without_the_battery_that_was_there_before() -> None:
    """One that discharges unseen would go on into the vehicle: the grid alone shows nothing of it."""
    balanced = {("grid_power",): 0.0, ("pv_power",): 500.0}

    with pytest.raises(Implausible, match="battery"):
        house_of(balanced, 0.0, has_battery=True)
    assert house_of(balanced, 0.0).spare_w == 0
    assert house_of({**balanced, ("battery_power",): 3000.0}, 0.0, has_battery=True).spare_w == -3000
    assert house_of({**balanced, ("load_power",): 3500.0}, 0.0, has_battery=True).spare_w == -3000


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e9])
def test_powers_that_cannot_be_are_refused(value: float) -> None:
    with pytest.raises(Implausible):
        house_of({("pv_power",): value}, 0.0)


@dataclass
class Exporter:
    """An exporter that answers as it is told."""

    status: int = 200
    body: str = ""
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=self.status, text=self.body, headers={"Location": "http://192.0.2.1/"})


@pytest.mark.parametrize(
    ("status", "body"), [(500, ""), (302, ""), (200, "no JSON"), (200, "[" * 100_000), (404, "no such")]
)
async def test_an_exporter_that_does_not_answer_rightly_is_no_reading(status: int, body: str) -> None:
    exporter = Exporter(status, body)
    app = web.Application()
    app.router.add_get("/api/v1/readings/roof", exporter.answer)
    async with TestServer(app) as server:
        url = urlsplit(str(server.make_url("/api/v1/readings/roof")))
        readings = ExporterReadings(HouseSection(reading=url), SYSTEM_CLOCK)
        with pytest.raises(NoReading):
            await readings.read(Deadline.after(9))
        await readings.close()


async def test_an_exporter_is_asked_with_user_and_password(tmp_path: Any) -> None:
    now = SYSTEM_CLOCK.time()
    exporter = Exporter(body=json.dumps(answer(taken_at=now - 3, pv_power=2000.0, load_power=100.0)))
    app = web.Application()
    app.router.add_get("/api/v1/readings/roof", exporter.answer)
    (tmp_path / "secret").write_text("hush\n")
    async with TestServer(app) as server:
        house = HouseSection.model_construct(
            device=None,
            reading=urlsplit(str(server.make_url("/api/v1/readings/roof"))),
            username="anna",
            password_file=type("File", (), {"reveal": lambda _: "hush"})(),
        )
        readings = ExporterReadings(house, SYSTEM_CLOCK)
        reading = await readings.read(Deadline.after(9))
        await readings.close()

    assert reading.values["pv_power",] == 2000
    assert 2 < reading.age_s < 60
    assert exporter.seen == ["Basic YW5uYTpodXNo"]


async def test_nobody_at_the_address_is_no_reading() -> None:
    readings = ExporterReadings(HouseSection(reading=urlsplit("http://127.0.0.1:1/x")), SYSTEM_CLOCK)
    with pytest.raises(NoReading):
        await readings.read(Deadline.after(9))
    await readings.close()
