"""`sunhelm ev-mode`: choosing a mode, claiming one for some time, and looking at the regulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]

CHARGING = {
    "mode": "hybrid",
    "own_mode": "solar",
    "reason": "",
    "changes_left": 290,
    "desired_a": 14.0,
    "limit_a": 14.0,
    "power_w": 3300.0,
    "excess_w": 1900.0,
    "session_j": 9_000_000.0,
    "session_cap_j": 72_000_000.0,
    "failing": "",
    "house_failing": "",
    "stands_back": "",
}


def test_a_mode_is_chosen_until_another_one_is(run: Run, controller: Any) -> None:
    state = {"key": "ev_mode", "desired": "solar"}
    controller.answers["PUT", "/devices/roof/baseline"] = state

    assert run("ev-mode", "roof", "solar")[:2] == (0, "roof: solar from now on\n")
    assert controller.bodies("/devices/roof/baseline") == [{"action": "ev_mode", "with": {"mode": "solar"}}]
    assert "solar is asked for first" in run("ev-mode", "roof", "grid")[1]


def test_a_mode_for_some_time_is_a_claim(run: Run, controller: Any) -> None:
    _, claim = controller.answers["POST", "/claims"]
    controller.answers["POST", "/claims"] = (201, {**claim, "value": "hybrid"})

    status, out, _ = run("ev-mode", "roof", "hybrid", "--for=2h")

    assert status == 0
    assert out.startswith("c1: roof, hybrid until 2026-07-01")
    (body,) = controller.bodies("/claims")
    assert (body["action"], body["with"], body["for"]) == ("ev_mode", {"mode": "hybrid"}, "2h")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "roof: hybrid, then solar again; charging."),
        ({}, "2.5 of 20 kWh"),
        ({"reason": "too_little_sun"}, "too little sun"),
        ({"stands_back": "changed_by_someone_else"}, "choose a mode to go on"),
        ({"failing": "timeout"}, "the charger cannot be reached: timeout"),
        ({"house_failing": "unreadable"}, "the house cannot be read: unreadable"),
    ],
)
def test_without_a_mode_it_tells_how_the_charger_is_regulated(
    run: Run, controller: Any, more: dict[str, Any], words: str
) -> None:
    device = controller.answers["GET", "/devices/roof"]
    controller.answers["GET", "/devices/roof"] = {**device, "charging": {**CHARGING, **more}}

    status, out, _ = run("ev-mode", "roof")

    assert status == 0
    assert words in out


def test_what_is_not_regulated_says_so(run: Run, controller: Any) -> None:
    device = controller.answers["GET", "/devices/roof"]
    controller.answers["GET", "/devices/roof"] = {**device, "charging": None}

    assert run("ev-mode", "roof")[0] == 1
