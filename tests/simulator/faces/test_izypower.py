"""The simulated cloud, held against the worked examples and what is known of its rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sunhelm.simulator.faces.izypower import EMAIL, PASSWORD, IzypowerCloud
from sunhelm.simulator.faces.izypower.cloud import ROOT
from sunhelm.simulator.faces.izypower.station import MASTER, METER, SLAVE, House, Refused
from sunhelm.simulator.faces.izypower.telemetry import energies, powers
from sunhelm.simulator.http_server import HttpRequest
from sunhelm.simulator.plant import Plant

NOON = 1_782_036_000.0  # 21 June 2026, 12:00 in Paris
HEADERS = {"app-platform": "izy", "content-type": "application/json"}


@pytest.fixture
def plant() -> Plant:
    return Plant(seed=3, start=NOON)


@pytest.fixture
def cloud(plant: Plant) -> IzypowerCloud:
    return IzypowerCloud(plant, neighbours=True)


def ask(cloud: IzypowerCloud, method: str, path: str, query: Any = None, body: Any = None) -> Any:
    """Return status and content of an answer to somebody who is signed in."""
    login = {"username": EMAIL, "password": PASSWORD}
    granted: Any = cloud._answer(
        HttpRequest("POST", f"{ROOT}/api/login", {}, HEADERS, json.dumps(login).encode())
    ).content
    headers = {**HEADERS, "x-tts-access-token": granted["data"]["token"]}
    request = HttpRequest(method, f"{ROOT}{path}", query or {}, headers, json.dumps(body).encode())
    response = cloud._answer(request)
    return response.status, json.loads(json.dumps(response.content))


def same_keys(ours: Any, theirs: Any, place: str = "") -> int:
    """Fail where the keys differ; return how many were compared."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert set(ours) == set(theirs), place
        return len(ours) + sum(same_keys(ours[key], theirs[key], f"{place}.{key}") for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = zip(ours, theirs, strict=False)
        return sum(same_keys(one, other, f"{place}[]") for one, other in pairs)
    assert isinstance(ours, str) == isinstance(theirs, str) or "rate" in place or None in (ours, theirs), (
        place
    )
    return 0


@pytest.mark.captures
def test_what_it_tells_has_the_keys_of_the_examples(captures: Path, cloud: IzypowerCloud) -> None:
    folder = captures.parent / "facts" / "izypower"
    if not folder.is_dir():
        pytest.skip("no worked examples of Izypower here")
    compared, answers = 0, 0
    for file in sorted(folder.glob("*.json")):
        for exchange in json.loads(file.read_text())["exchanges"] if file.stem != "errors" else ():
            request, response = exchange["request"], exchange["response"]
            if request["method"] == "GET":
                status, content = ask(cloud, "GET", request["path"], request["query"])
                assert status == response["status"], request["path"]
                compared += same_keys(content, response["body"], request["path"])
                answers += 1
    print(f"{compared} members of {answers} answers are called as in the examples")
    assert answers >= 25
    assert compared >= 300


@pytest.mark.captures
def test_it_takes_the_orders_of_the_examples(captures: Path, cloud: IzypowerCloud) -> None:
    folder = captures.parent / "facts" / "izypower"
    if not folder.is_dir():
        pytest.skip("no worked examples of Izypower here")
    orders = [
        exchange["request"]
        for file in sorted(folder.glob("*.json"))
        for exchange in json.loads(file.read_text())["exchanges"]
        if exchange["request"]["method"] == "POST" and "login" not in exchange["request"]["path"]
    ]
    for order in orders:
        status, _ = ask(cloud, "POST", order["path"], body=order["body"])
        assert status in (200, 204), order
    assert len(orders) == 25
    assert not cloud.house.faux_pas


def test_powers_balance_and_energies_grow(plant: Plant) -> None:
    house, before = House(plant), energies(plant, "all")
    for _ in range(20):
        plant.advance(180)
        told = powers(house)
        assert told["power"] + told["grid_power"] == told["consumption"] + told["battery_power"]
        now = energies(plant, "all")
        assert all(now[word] >= before[word] for word in now)
        before = now


@pytest.mark.parametrize(
    ("what", "serial", "body"),
    [
        ("yz/battery/min_soc", SLAVE, {"value": 10}),
        ("yz/battery/min_soc", MASTER, {"value": 12}),
        ("yz/battery/mode", MASTER, {"ctr_mode": 3}),
        ("yz/battery/manual_mode_value", MASTER, {"mode": 0, "power": 100}),
        ("yz/battery/manual_mode_value", MASTER, {"mode": 1, "power": 75}),
        (
            "yz/battery/power",
            MASTER,
            {"max_in_power": 0, "max_out_power": 0, "type": "in", "isCluster": False},
        ),
        ("yz/battery/toggleOffGrid", MASTER, {"value": 1}),
        ("yz/battery/format", MASTER, {"value": 1}),
        ("meter/control", MASTER, {"isControl": True, "feedThreshold": 0}),
        ("meter/control", METER, {"isControl": 1, "feedThreshold": 0}),
    ],
)
def test_nonsense_is_refused(plant: Plant, what: str, serial: str, body: Any) -> None:
    with pytest.raises(Refused):
        House(plant).order(what, serial, body)


def test_a_positive_threshold_is_taken_and_remembered_as_a_mistake(plant: Plant) -> None:
    house = House(plant)
    house.order("meter/control", METER, {"isControl": True, "feedThreshold": 300})
    assert house.faux_pas


def test_nobody_is_answered_without_a_token(cloud: IzypowerCloud) -> None:
    request = HttpRequest("GET", f"{ROOT}/api/powerStations/page", {}, HEADERS, b"")
    assert cloud._answer(request).status == 401
