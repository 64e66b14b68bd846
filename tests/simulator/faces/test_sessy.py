"""The simulated dongles hold to the answers of the sheet, and to what it says of orders."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from sunhelm.simulator.faces.sessy import BatteryDongle, P1Dongle
from sunhelm.simulator.faces.sessy.dongle import BATTERY_SERIAL, P1_SERIAL, PASSWORD
from sunhelm.simulator.http_server import HttpRequest
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0

ANSWERS = {
    "active_strategy": (BatteryDongle, "/api/v1/power/active_strategy"),
    "dynamic_schedule_v2": (BatteryDongle, "/api/v2/dynamic/schedule"),
    "energy_status": (BatteryDongle, "/api/v1/energy/status"),
    "grid_target": (P1Dongle, "/api/v1/meter/grid_target"),
    "network_status": (BatteryDongle, "/api/v1/network/status"),
    "ota_status": (BatteryDongle, "/api/v1/ota/status"),
    "p1_details_v2": (P1Dongle, "/api/v2/p1/details"),
    "power_status": (BatteryDongle, "/api/v1/power/status"),
    "system_settings": (BatteryDongle, "/api/v1/system/settings"),
}
"""The worked examples of what our dongles answer, by the dongle and the address."""


@pytest.fixture
def battery() -> BatteryDongle:
    return BatteryDongle(Plant(start=NOON, seed=3))


def ask(dongle: Any, method: str, path: str, *, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Return status and content of an answer."""
    serial = BATTERY_SERIAL if isinstance(dongle, BatteryDongle) else P1_SERIAL
    word = b64encode(f"{serial}:{PASSWORD}".encode()).decode()
    told = {"authorization": f"Basic {word}", "content-type": "application/json", **headers}
    response = dongle._answered(HttpRequest(method, path, {}, told, json.dumps(body).encode()))
    return response.status, response.content


def shape(value: Any) -> Any:
    """Return the members of a value and the kinds of what they hold; a list has that of its first entry."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


@pytest.mark.captures
@pytest.mark.parametrize("name", ANSWERS)
def test_it_answers_with_the_members_of_the_sheet(captures: Path, name: str) -> None:
    file = captures.parent / "facts" / "sessy" / f"{name}.json"
    if not file.is_file():
        pytest.skip("no worked examples of Sessy here")
    kind, path = ANSWERS[name]

    status, content = ask(kind(Plant(start=NOON, seed=3)), "GET", path)

    assert status == 200
    assert shape(content) == shape({"status": "ok", **json.loads(file.read_text())})


def test_a_setpoint_acts_under_the_strategy_of_the_api_alone(battery: BatteryDongle) -> None:
    assert ask(battery, "POST", "/api/v1/power/setpoint", body={"setpoint": 1500})[0] == 200
    assert battery.setpoint_w == 0
    order = {"strategy": "POWER_STRATEGY_API"}
    assert ask(battery, "POST", "/api/v1/power/active_strategy", body=order) == (200, {"status": "ok"})
    assert ask(battery, "POST", "/api/v1/power/setpoint", body={"setpoint": 1500}) == (200, {"status": "ok"})

    battery.plant.advance(60)

    assert battery.plant.state.battery.power_w == pytest.approx(1500, abs=50)  # positive is discharging
    assert ask(battery, "GET", "/api/v1/power/status")[1]["sessy"]["power_setpoint"] == 1500


def test_settings_are_taken_as_a_whole_object_and_no_other_way(battery: BatteryDongle) -> None:
    path = "/api/v1/system/settings"
    before = ask(battery, "GET", path)[1]
    assert ask(battery, "POST", path, body={"min_soc": 20})[0] == 500
    assert ask(battery, "POST", path, body={**before, "min_soc": 120})[0] == 500
    assert ask(battery, "GET", path)[1] == before
    assert ask(battery, "POST", path, body={**before, "min_soc": 20})[0] == 200
    assert ask(battery, "GET", path)[1] == {**before, "min_soc": 20}


@pytest.mark.parametrize(
    ("word", "status"),
    [(f"{BATTERY_SERIAL}:{PASSWORD}", 200), (f"{BATTERY_SERIAL}:{PASSWORD}".lower(), 401), ("x:y", 401)],
)
def test_name_and_password_are_compared_in_capitals(battery: BatteryDongle, word: str, status: int) -> None:
    header = f"Basic {b64encode(word.encode()).decode()}"
    assert ask(battery, "GET", "/api/v1/power/status", authorization=header)[0] == status


def test_what_this_kind_of_dongle_does_not_have_is_not_found(battery: BatteryDongle) -> None:
    assert ask(battery, "GET", "/api/v2/p1/details")[0] == 404
    assert ask(battery, "POST", "/api/v1/meter/grid_target", body={"grid_target": 0})[0] == 404
